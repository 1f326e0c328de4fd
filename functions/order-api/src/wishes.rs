//! Cancelling and capturing: the wish is kept in the order, and order-reconcile pursues it. The answer is 202.

use flexfactor::{ReadOrder, RefundOrder};
use jiff::Timestamp;
use lambda_http::Request;
use lambda_kit::clock::{Clock, Random};
use lambda_kit::queue::{DueMessage, FanOut, HandOn};
use lambda_kit::secrets::FindSecret;
use models::ids::{IdempotencyKey, OrderKey};
use models::money::Money;
use models::order::{DueReason, Order};
use models::view::{Problem, ProblemCode};
use models::wish::{Asked, WishRefused};
use order_store::DueKey;
use order_store::capability::{
    AskOf, FindMerchant, ListOrders, Park, RACES_MAX, ReadHistory, TakeDecline, raced,
};

use crate::answer::{Answer, Failure};
use crate::call::{idempotency_key, no_body};
use crate::handler::{Api, no_order};

/// Decides on a wish.
type Decide = fn(&Order, IdempotencyKey, Timestamp) -> Result<Asked, WishRefused>;

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
    /// Takes a wish. The same wish again finds itself in the order: the caller's key is not needed to tell.
    pub(crate) async fn wish(
        &self,
        request: &Request,
        key: &OrderKey,
        decide: Decide,
    ) -> Result<Answer, Failure> {
        idempotency_key(request)?;
        no_body(request)?;
        let own_key = IdempotencyKey::from_random(self.intake.clock.bytes());
        for _ in 0..RACES_MAX {
            let order = self.store.order(key).await?.ok_or_else(no_order)?;
            let now = self.intake.clock.now();
            let change = match decide(&order, own_key, now) {
                Ok(Asked::Already) => return self.show(202, key).await,
                Ok(Asked::Change(change)) => change,
                Err(refused) => return Err(refusal(&order, refused).into()),
            };
            if let Some(order) = self.store.act(key, &change).await? {
                tracing::info!(order = %key, "a wish was taken");
                self.hurry(&order, now).await;
                return self.show(202, key).await;
            }
        }
        Err(raced(key).into())
    }

    /// Has the order looked at now. Without this the next sweep finds it.
    async fn hurry(&self, order: &Order, now: Timestamp) {
        if order.due.is_none_or(|due| due.reason != DueReason::Wish || due.at > now) {
            return;
        }
        let message = DueMessage::new(DueKey::Order(order.key.clone()), now);
        if let Err(error) = self.reconciliations.fan_out(&[message]).await {
            tracing::warn!(order = %order.key, %error, "a wish waits for the sweep");
        }
    }
}

fn refusal(order: &Order, refused: WishRefused) -> Problem {
    let detail = sentence(&refused.to_string());
    match refused {
        WishRefused::Approved => {
            let left = order.refundable();
            let proposed = Money { minor: left, currency: order.amount.currency };
            let proposed_refund = (left.get() > 0).then_some(proposed);
            Problem { proposed_refund, ..Problem::new(ProblemCode::OrderApproved, detail) }
        }
        WishRefused::NotCapturable(_) | WishRefused::CancelAsked => {
            Problem::new(ProblemCode::NotCapturable, detail)
        }
    }
}

/// What an error says, as a sentence.
pub(crate) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).chain(['.']).collect()
}
