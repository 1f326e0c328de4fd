//! Reading the whole table, for tools that compare the books. No function does this, and no function's role may.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use models::history::Entry;
use models::ids::OrderKey;
use models::order::Order;
use models::transmission::Relayed;

use super::history::to_entry;
use super::item::{Item, attr, to_order};
use super::key;
use super::parked::parked_attr as name;
use super::transmission::to_relayed;
use crate::sdk::describe;
use crate::table::StoreError;

/// Something parked, as tools show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedItem {
    /// The merchant's id, or `-` for a merchant that is not ours.
    pub merchant: String,
    /// The order id, where the message names one.
    pub order_id: Option<String>,
    /// What kind of thing it is (`models::parked::ParkedKind`'s words).
    pub kind: String,
    /// The rule it broke, for what a merchant sent.
    pub rule: Option<String>,
    /// Why it was parked.
    pub sentence: String,
    /// The redacted copy.
    pub copy: String,
    /// What became of it (`models::parked::Fate`'s words).
    pub fate: String,
}

/// All orders with their histories, all that is parked, and what is kept of transmissions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    /// The orders.
    pub orders: Vec<Order>,
    /// The orders' histories, first entry first.
    pub histories: BTreeMap<OrderKey, Vec<Entry>>,
    /// What is parked.
    pub parked: Vec<ParkedItem>,
    /// What is kept of transmissions.
    pub transmissions: Vec<Relayed>,
}

/// Reads the whole table.
///
/// # Errors
/// The table can't be read, or an item of it can't.
pub async fn export(client: &Client, table: &str) -> Result<Books, StoreError> {
    let mut books = Books::default();
    let mut pages = client.scan().table_name(table).consistent_read(true).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| StoreError::Unavailable(describe(&error)))?;
        for item in page.items() {
            let pk = field(item, attr::PK).unwrap_or_default();
            let sk = field(item, attr::SK).unwrap_or_default();
            if pk.starts_with("ORDER#") && sk.starts_with(key::HISTORY) {
                let entry = to_entry(item)?;
                books.histories.entry(entry.key.clone()).or_default().push(entry);
            } else if pk.starts_with("ORDER#") && sk == key::LISTING {
                // Shows what the order's own item says.
            } else if pk.starts_with("ORDER#") {
                books.orders.push(to_order(item)?);
            } else if let Some(merchant) = pk.strip_prefix("PARKED#") {
                books.parked.push(parked(merchant, item));
            } else if key::parse_transmission(&pk).is_some() {
                books.transmissions.push(to_relayed(item)?);
            }
        }
    }
    for history in books.histories.values_mut() {
        history.sort_by_key(|entry| entry.version);
    }
    Ok(books)
}

fn field(item: &Item, attribute: &str) -> Option<String> {
    item.get(attribute).and_then(|value| value.as_s().ok()).cloned()
}

fn parked(merchant: &str, item: &Item) -> ParkedItem {
    ParkedItem {
        merchant: merchant.to_owned(),
        order_id: field(item, name::ORDER_ID),
        kind: field(item, name::KIND).unwrap_or_default(),
        rule: field(item, name::RULE),
        sentence: field(item, name::SENTENCE).unwrap_or_default(),
        copy: field(item, name::COPY).unwrap_or_default(),
        fate: field(item, name::FATE).unwrap_or_default(),
    }
}
