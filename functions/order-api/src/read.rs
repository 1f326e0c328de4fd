//! Reading one order, and pages of a merchant's orders.

use flexfactor::{ReadOrder, RefundOrder};
use lambda_http::Request;
use lambda_kit::clock::{Clock, Random};
use lambda_kit::queue::{FanOut, HandOn};
use lambda_kit::secrets::FindSecret;
use models::ids::{MerchantId, OrderId, OrderKey};
use models::listing::Listing;
use models::status::Status;
use models::view::{OrderPage, OrderView};
use order_store::capability::{AskOf, FindMerchant, ListOrders, Park, ReadHistory, TakeDecline, Whole, list};

use crate::answer::{Answer, Failure};
use crate::call::{cursor, page_query};
use crate::handler::{Api, no_order};

impl<S, Q, M, F, K, P, C> Api<S, Q, M, F, K, P, C>
where
    S: AskOf + ReadHistory + ListOrders + TakeDecline + Park,
    Q: HandOn,
    M: FindMerchant,
    F: FanOut,
    K: FindSecret,
    P: RefundOrder + ReadOrder,
    C: Clock + Random,
{
    pub(crate) async fn list(&self, request: &Request, merchant: &MerchantId) -> Result<Answer, Failure> {
        let page = page_query(request)?;
        let statuses = page.status.as_ref().map_or(Status::ALL, std::slice::from_ref);
        let (found, has_more) = list(&self.store, merchant, statuses, &page.stretch, page.limit).await?;
        let last = found.last().filter(|_| has_more).map(Listing::place);
        let page = OrderPage {
            next_cursor: last.map(|place| cursor(&place)),
            orders: found.into_iter().map(Into::into).collect(),
        };
        Ok(Answer::ok(200, &page))
    }

    /// `None` where there is no such order.
    pub(crate) async fn read(
        &self,
        merchant: &MerchantId,
        order_id: Option<OrderId>,
    ) -> Result<Option<Answer>, Failure> {
        let Some(order_id) = order_id else { return Ok(None) };
        let key = OrderKey { merchant: merchant.clone(), order_id };
        let whole = self.store.whole(&key).await?;
        Ok(whole.map(|whole| shown(200, &whole)))
    }

    /// Answers with the order as it now is.
    pub(crate) async fn show(&self, status: u16, key: &OrderKey) -> Result<Answer, Failure> {
        let whole = self.store.whole(key).await?.ok_or_else(no_order)?;
        Ok(shown(status, &whole))
    }
}

/// The order as the answer.
pub(crate) fn shown(status: u16, whole: &Whole) -> Answer {
    Answer::ok(status, &OrderView::of(&whole.order, &whole.history))
}
