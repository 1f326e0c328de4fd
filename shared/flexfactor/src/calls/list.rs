//! All orders of an account: `GET /orders` (documented: ff/orders-1), for tools that compare the books.

use std::future::Future;

use jiff::Timestamp;
use models::ids::ProviderOrderId;
use serde_json::Value;

use super::find::{ListNames, PAGE_ORDERS};
use crate::account::Account;
use crate::client::Client;
use crate::outcome::{Lost, Outcome};

/// Most pages read: a hundred thousand orders.
const PAGES_MAX: usize = 1_000;

/// Which orders are listed.
#[derive(Debug, Clone, Copy)]
pub struct Listing<'a> {
    /// The merchant's account.
    pub mid: &'a str,
    /// Only those from then on.
    pub since: Timestamp,
    /// The names in the answer.
    pub names: &'a ListNames,
}

/// An order as it is listed: what else a listed order holds is not documented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// FlexFactor's id of it.
    pub id: ProviderOrderId,
    /// The merchant's order id, as it came.
    pub reference: Option<String>,
}

/// Asking FlexFactor for all orders that it has of an account. No function does this.
pub trait ListOrders: Send + Sync {
    /// All of them, oldest first. Each page takes as long as one call may.
    fn list_orders(
        &self,
        account: &Account,
        listing: Listing<'_>,
        now: Timestamp,
    ) -> impl Future<Output = Outcome<Vec<Listed>>> + Send;
}

impl ListOrders for Client {
    async fn list_orders(
        &self,
        account: &Account,
        listing: Listing<'_>,
        now: Timestamp,
    ) -> Outcome<Vec<Listed>> {
        let mut listed = Vec::new();
        for number in 1..=PAGES_MAX {
            let mut url = self.url(account.environment, &["orders"]);
            url.query_pairs_mut()
                .append_pair("mid", listing.mid)
                .append_pair("from", &listing.since.to_string())
                .append_pair("orderBy", "createdOn")
                .append_pair("sort", "asc")
                .append_pair("pageSize", &PAGE_ORDERS.to_string())
                .append_pair("pageNumber", &number.to_string());
            let call = || self.http().get(url.clone());
            let page = self.call_json::<Value>(account, now, call).await;
            let (orders, has_next) = match page.understood(|page| read_page(&page, listing.names)) {
                Outcome::Done(page) => page,
                Outcome::Refused(refused) => return Outcome::Refused(refused),
                Outcome::Unknown(lost) => return Outcome::Unknown(lost),
            };
            listed.extend(orders);
            if !has_next {
                return Outcome::Done(listed);
            }
        }
        // A list that does not end is no answer to the question.
        Outcome::Unknown(Lost::Malformed)
    }
}

/// `None` where the page has not the shape that the settings say.
fn read_page(page: &Value, names: &ListNames) -> Option<(Vec<Listed>, bool)> {
    let read = |order: &Value| {
        let reference = order.get(&names.reference).and_then(Value::as_str).map(str::to_owned);
        Some(Listed { id: order.get("id")?.as_str()?.parse().ok()?, reference })
    };
    let orders = page.get(&names.orders)?.as_array()?.iter().map(read).collect::<Option<_>>()?;
    Some((orders, page.get("hasNextPage").and_then(Value::as_bool).unwrap_or(false)))
}
