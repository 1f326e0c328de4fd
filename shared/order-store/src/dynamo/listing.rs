//! The line that lists show of an order: an item beside it, found by the index `listed`.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use models::ids::{MerchantId, OrderKey};
use models::listing::{Listing, Stretch};
use models::money::Money;
use models::status::{Instruction, Status};
use serde::Deserialize as _;
use serde::de::value::{Error as WordError, StrDeserializer};

use super::history::to_entry;
use super::item::{Item, SCHEMA, attr, key_item, number, text, time, to_key, to_order};
use super::key;
use super::reader::Reader;
use super::table::{DynamoTable, unavailable};
use crate::capability::{KeepListing, ListOrders, ReadHistory, Whole};
use crate::table::StoreError;

/// The name of the index of listed orders.
const LIST_INDEX: &str = "listed";

fn from_listing(listing: &Listing) -> Result<Item, StoreError> {
    let Listing { key, status, instruction, reason, amount, received_at, updated_at, version } = listing;
    let mut item = key_item(key::listing(key));
    let mut set = |name: &str, value| item.insert(name.to_owned(), value);
    set(attr::SCHEMA, number(SCHEMA));
    set(attr::LIST_KEY, text(key::list_partition(&key.merchant, *status)));
    set(attr::LIST_AT, text(listing.place().to_string()));
    set(attr::STATUS, text(status.word()));
    set(attr::INSTRUCTION, text(word(*instruction).map_err(|error| corrupt(key, error))?));
    set(attr::AMOUNT, number(amount.minor.get()));
    set(attr::CURRENCY, text(amount.currency.code()));
    set(attr::RECEIVED_AT, time(*received_at));
    set(attr::UPDATED_AT, time(*updated_at));
    set(attr::VERSION, number(version));
    if let Some(reason) = reason {
        set(attr::REASON, text(reason.word()));
    }
    Ok(item)
}

fn to_listing(item: &Item) -> Result<Listing, StoreError> {
    let key = to_key(item)?;
    let read = Reader::of(item, key.to_string())?;
    let word: String = read.parsed(attr::INSTRUCTION)?;
    let instruction = Instruction::deserialize(StrDeserializer::<WordError>::new(&word))
        .map_err(|_| read.corrupt("instruction is malformed"))?;
    Ok(Listing {
        status: read.parsed(attr::STATUS)?,
        instruction,
        reason: read.optional(attr::REASON)?,
        amount: Money::new(read.parsed(attr::AMOUNT)?, read.parsed(attr::CURRENCY)?),
        received_at: read.parsed(attr::RECEIVED_AT)?,
        updated_at: read.parsed(attr::UPDATED_AT)?,
        version: read.parsed(attr::VERSION)?,
        key,
    })
}

/// An instruction's word, as everybody is told it.
fn word(instruction: Instruction) -> Result<String, String> {
    let value = serde_json::to_value(instruction).map_err(|error| error.to_string())?;
    value.as_str().map(str::to_owned).ok_or_else(|| "the instruction is no word".to_owned())
}

fn corrupt(key: &OrderKey, why: String) -> StoreError {
    StoreError::Corrupt { item: key.to_string(), why }
}

impl KeepListing for DynamoTable {
    async fn list(&self, listing: &Listing) -> Result<(), StoreError> {
        let sent = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(from_listing(listing)?))
            .condition_expression("attribute_not_exists(pk) OR #version < :version")
            .expression_attribute_names("#version", attr::VERSION)
            .expression_attribute_values(":version", number(listing.version))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                // As new as this, or newer.
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(unavailable(error)),
            },
        }
    }
}

impl ListOrders for DynamoTable {
    async fn listed(
        &self,
        merchant: &MerchantId,
        status: Status,
        stretch: &Stretch,
        limit: usize,
    ) -> Result<Vec<Listing>, StoreError> {
        let Some((from, to)) = stretch.bounds() else { return Ok(Vec::new()) };
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(LIST_INDEX)
            .key_condition_expression("#key = :key AND #at BETWEEN :from AND :to")
            .expression_attribute_names("#key", attr::LIST_KEY)
            .expression_attribute_names("#at", attr::LIST_AT)
            .expression_attribute_values(":key", text(key::list_partition(merchant, status)))
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":to", text(to))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(unavailable)?;
        output.items().iter().map(to_listing).collect()
    }
}

impl ReadHistory for DynamoTable {
    async fn whole(&self, key: &OrderKey) -> Result<Option<Whole>, StoreError> {
        let (mut order, mut history) = (None, Vec::new());
        let mut pages = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", attr::PK)
            .expression_attribute_values(":pk", text(key::order(key).pk))
            .consistent_read(true)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            for item in page.map_err(unavailable)?.items() {
                match item.get(attr::SK).and_then(|sk| sk.as_s().ok()).map(String::as_str) {
                    Some(key::ORDER) => order = Some(to_order(item)?),
                    // Sorted by their sort key, which is sorted as the versions are.
                    Some(sk) if sk.starts_with(key::HISTORY) => history.push(to_entry(item)?),
                    Some(_) | None => {}
                }
            }
        }
        Ok(order.map(|order| Whole { order, history }))
    }
}
