//! What the tests share: an order on its way, and what can be asked of a running rig.

use std::time::Duration;

use jiff::Timestamp;
use models::order::Order;
use models::status::Status;
use rig::{Books, Decline, Rig, RigOptions};
use serde_json::{Value, json};

/// How long anything may take that takes a second.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) const DAY_SECONDS: u64 = 86_400;

/// A rig whose FlexFactor follows these rules.
pub(crate) async fn rig(options: RigOptions, rules: Value) -> Rig {
    let rig = Rig::up(options).await.unwrap();
    rig.control().put_scenario(&json!({ "rules": rules })).await.unwrap();
    rig
}

/// A fresh decline.
pub(crate) fn decline(merchant: &str, order_id: &str) -> Decline {
    Decline::new(merchant, order_id, Timestamp::now()).unwrap()
}

/// The order, if it is in the table.
pub(crate) fn find<'a>(books: &'a Books, order_id: &str) -> Option<&'a Order> {
    books.orders.iter().find(|order| order.key.order_id.as_str() == order_id)
}

/// Waits until the order stands as wanted.
pub(crate) async fn until_status(rig: &Rig, order_id: &str, status: Status) -> Order {
    let books = rig
        .until(LIMIT, |books| match find(books, order_id) {
            Some(order) if order.status == status => Ok(()),
            Some(order) => Err(format!("{order_id} is {}, not {status}", order.status)),
            None => Err(format!("{order_id} is not there")),
        })
        .await
        .unwrap();
    find(&books, order_id).unwrap().clone()
}

/// Waits until so many things are parked.
pub(crate) async fn until_parked(rig: &Rig, count: usize) -> Books {
    let wanted = |books: &Books| match books.parked.len() {
        parked if parked >= count => Ok(()),
        parked => Err(format!("{parked} of {count} are parked")),
    };
    rig.until(LIMIT, wanted).await.unwrap()
}

/// The order as FlexFactor has it.
pub(crate) async fn at_provider(rig: &Rig, order_id: &str) -> rig::OrderEntry {
    let ledger = rig.ledger().await.unwrap();
    ledger
        .orders
        .into_iter()
        .find(|entry| entry.external_order_id == order_id)
        .expect("FlexFactor has the order")
}
