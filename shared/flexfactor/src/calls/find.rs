//! Finding an order by our own id: `GET /orders` (documented: ff/orders-1).
//!
//! What the `query` of the list looks at, the name of the array in its answer and the field that holds the merchant's
//! order id are not documented (docs/flexfactor.md): the names are settings, and an order counts as found only if its
//! field is our id to the letter. That none is found therefore never proves that FlexFactor has none.

use std::future::Future;

use jiff::Timestamp;
use models::ids::{OrderId, ProviderOrderId};
use serde_json::Value;
use tokio::time::timeout;

use crate::account::Account;
use crate::client::Client;
use crate::outcome::{Lost, Outcome};

/// Orders asked for in one page.
pub(super) const PAGE_ORDERS: usize = 100;
/// Most pages read. A query for one order id should fit on the first.
const PAGES_MAX: usize = 10;

/// Names in the answer of the list that are not documented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListNames {
    /// The array of orders.
    pub orders: String,
    /// The field of an order that holds the merchant's order id.
    pub reference: String,
}

/// Which order is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Lookup<'a> {
    /// The merchant's order id.
    pub order_id: &'a OrderId,
    /// The merchant's account.
    pub mid: &'a str,
    /// FlexFactor can't have it from before.
    pub since: Timestamp,
    /// The names in the answer.
    pub names: &'a ListNames,
}

/// Asking FlexFactor whether it has an order.
pub trait FindOrder: Send + Sync {
    /// FlexFactor's ids of all orders that have ours; more than one if it took the order more than once. All pages together
    /// take no longer than one call.
    fn find_order(
        &self,
        account: &Account,
        lookup: Lookup<'_>,
        now: Timestamp,
    ) -> impl Future<Output = Outcome<Vec<ProviderOrderId>>> + Send;
}

impl FindOrder for Client {
    async fn find_order(
        &self,
        account: &Account,
        lookup: Lookup<'_>,
        now: Timestamp,
    ) -> Outcome<Vec<ProviderOrderId>> {
        let reading = read_pages(self, account, lookup, now);
        timeout(self.call_time(), reading).await.unwrap_or(Outcome::Unknown(Lost::TimedOut))
    }
}

async fn read_pages(
    client: &Client,
    account: &Account,
    lookup: Lookup<'_>,
    now: Timestamp,
) -> Outcome<Vec<ProviderOrderId>> {
    let mut found = Vec::new();
    for number in 1..=PAGES_MAX {
        let mut url = client.url(account.environment, &["orders"]);
        url.query_pairs_mut()
            .append_pair("query", lookup.order_id.as_str())
            .append_pair("mid", lookup.mid)
            .append_pair("from", &lookup.since.to_string())
            .append_pair("orderBy", "createdOn")
            .append_pair("sort", "asc")
            .append_pair("pageSize", &PAGE_ORDERS.to_string())
            .append_pair("pageNumber", &number.to_string());
        let call = || client.http().get(url.clone());
        let page = client.call_json::<Value>(account, now, call).await;
        let page = match page.understood(|page| read_page(&page, &lookup)) {
            Outcome::Done(page) => page,
            Outcome::Refused(refused) => return Outcome::Refused(refused),
            Outcome::Unknown(lost) => return Outcome::Unknown(lost),
        };
        found.extend(page.found);
        if !page.has_next {
            return Outcome::Done(found);
        }
    }
    // A list that does not end is no answer to the question.
    Outcome::Unknown(Lost::Malformed)
}

struct Page {
    found: Vec<ProviderOrderId>,
    has_next: bool,
}

/// `None` where the page has not the shape that the settings say: that is no "not found".
fn read_page(page: &Value, lookup: &Lookup<'_>) -> Option<Page> {
    let orders = page.get(&lookup.names.orders)?.as_array()?;
    let is_ours = |order: &&Value| {
        order.get(&lookup.names.reference).and_then(Value::as_str) == Some(lookup.order_id.as_str())
    };
    let found = orders.iter().filter(is_ours).map(read_found).collect::<Option<_>>()?;
    let has_next = page.get("hasNextPage").and_then(Value::as_bool).unwrap_or(false);
    Some(Page { found, has_next })
}

/// Only the id: what else a listed order holds is not documented.
fn read_found(order: &Value) -> Option<ProviderOrderId> {
    order.get("id")?.as_str()?.parse().ok()
}
