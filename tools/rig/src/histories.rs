//! Holding every order's history against the order.

use std::collections::BTreeSet;

use models::history::verify;
use order_store::dynamo::Books;

use crate::compare::{Finding, FindingKind};

/// The orders whose history is not whole or does not end where the order stands, and the histories without an order. The
/// table's stream takes a moment: see [`crate::Rig::until_histories_verify`].
#[must_use]
pub fn broken_histories(books: &Books) -> Vec<Finding> {
    let finding = |order: String, why: String| Finding { kind: FindingKind::History, order, why };
    let broken = books.orders.iter().filter_map(|order| {
        let history = books.histories.get(&order.key).map_or(&[][..], Vec::as_slice);
        let broken = verify(history, Some(order)).err()?;
        Some(finding(order.key.to_string(), format!("its history is broken: {broken}")))
    });
    let orders: BTreeSet<_> = books.orders.iter().map(|order| &order.key).collect();
    let deleted = books.histories.keys().filter(|key| !orders.contains(key));
    let deleted = deleted.map(|key| finding(key.to_string(), "it has a history and is not there".to_owned()));
    let mut findings: Vec<_> = broken.chain(deleted).collect();
    findings.sort();
    findings
}
