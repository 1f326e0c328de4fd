//! Reading the whole table, for tools that compare the books. No function does this, and no function's role may.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use models::facts::Facts;
use models::history::Entry;
use models::ids::{MerchantId, OrderKey};
use models::merchant::Merchant;
use models::order::Order;
use models::parked::{Parked, ParkedKey};
use models::status::Status;
use models::transmission::Relayed;

use super::facts;
use super::history::to_entry;
use super::item::{Item, attr, to_merchant, to_order};
use super::key::{self, ItemKey};
use super::parked::{parked_attr as name, to_parked};
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
    /// What is kept of the orders' declines; an order that was stored before this was kept has none.
    pub facts: BTreeMap<OrderKey, Facts>,
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
                let order = to_order(item)?;
                books.facts.extend(facts::read(item).map(|facts| (order.key.clone(), facts)));
                books.orders.push(order);
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

/// How many orders stand where. It reads the whole table for it, as every tool here does.
///
/// # Errors
/// The table can't be read, or a status is not one of this version.
pub async fn count_by_status(client: &Client, table: &str) -> Result<BTreeMap<Status, u64>, StoreError> {
    let request = client
        .scan()
        .table_name(table)
        .filter_expression("#sk = :order")
        .projection_expression("#status")
        .expression_attribute_names("#sk", attr::SK)
        .expression_attribute_names("#status", attr::STATUS)
        .expression_attribute_values(":order", super::item::text(key::ORDER));
    let (mut pages, mut counts) = (request.into_paginator().send(), BTreeMap::new());
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| StoreError::Unavailable(describe(&error)))?;
        for item in page.items() {
            let status = field(item, attr::STATUS).and_then(|word| word.parse::<Status>().ok());
            let unknown = || StoreError::Corrupt {
                item: "an order".to_owned(),
                why: "its status is not one of this version".to_owned(),
            };
            *counts.entry(status.ok_or_else(unknown)?).or_default() += 1;
        }
    }
    Ok(counts)
}

/// Every order, in no order.
///
/// # Errors
/// The table can't be read. What can't be read by this version is an error of its own and hides nothing else.
pub async fn orders(client: &Client, table: &str) -> Result<Vec<Result<Order, StoreError>>, StoreError> {
    let items = scan(client, table, "ORDER#").await?;
    Ok(items.iter().filter(|item| item_key(item).sk == key::ORDER).map(to_order).collect())
}

/// Everything that is parked, oldest first, with the keys that name each thing.
///
/// # Errors
/// The table can't be read. What can't be read by this version is an error of its own and hides nothing else.
pub async fn parked_things(
    client: &Client,
    table: &str,
) -> Result<Vec<Result<Parked, StoreError>>, StoreError> {
    let mut things = Vec::new();
    for item in scan(client, table, "PARKED#").await? {
        let item_key = item_key(&item);
        let key: Option<ParkedKey> = key::parse_parked(&item_key);
        let unreadable = || StoreError::Corrupt {
            item: format!("{} {}", item_key.pk, item_key.sk),
            why: "its key is not of a known kind".to_owned(),
        };
        things.push(key.ok_or_else(unreadable).and_then(|key| to_parked(key, &item)));
    }
    things.sort_by_key(|thing| thing.as_ref().ok().map(|parked| parked.key.arrived_at));
    Ok(things)
}

/// All merchants that are configured, each with its configuration or with what is wrong with that.
///
/// # Errors
/// The table can't be read.
pub async fn merchants(
    client: &Client,
    table: &str,
) -> Result<BTreeMap<String, Result<Merchant, StoreError>>, StoreError> {
    let mut merchants = BTreeMap::new();
    for item in scan(client, table, "MERCHANT#").await? {
        let ItemKey { pk, .. } = item_key(&item);
        let name = pk.strip_prefix("MERCHANT#").unwrap_or_default();
        let merchant = match name.parse::<MerchantId>() {
            Ok(id) => to_merchant(&id, &item),
            Err(error) => Err(StoreError::Corrupt { item: pk.clone(), why: format!("the id {error}") }),
        };
        merchants.insert(name.to_owned(), merchant);
    }
    Ok(merchants)
}

/// All items whose partition key begins so. It reads the whole table for them.
async fn scan(client: &Client, table: &str, prefix: &str) -> Result<Vec<Item>, StoreError> {
    let request = client
        .scan()
        .table_name(table)
        .consistent_read(true)
        .filter_expression("begins_with(#pk, :prefix)")
        .expression_attribute_names("#pk", attr::PK)
        .expression_attribute_values(":prefix", super::item::text(prefix));
    let (mut pages, mut items) = (request.into_paginator().send(), Vec::new());
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| StoreError::Unavailable(describe(&error)))?;
        items.extend(page.items.unwrap_or_default());
    }
    Ok(items)
}

fn item_key(item: &Item) -> ItemKey {
    let part = |name: &str| field(item, name).unwrap_or_default();
    ItemKey { pk: part(attr::PK), sk: part(attr::SK) }
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
