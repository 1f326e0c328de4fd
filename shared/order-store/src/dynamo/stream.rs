//! The table's stream, as Lambda hands it on: the images of an order before and after one change, and what is parked.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use models::ids::OrderKey;
use models::order::Order;
use models::parked::{Parked, ParkedDecline};
use serde_json::{Value, json};

use super::item::{Item, attr, from_order, key_item, to_order};
use super::key::{self, ItemKey};
use super::parked::{from_parked, to_parked_decline};
use crate::table::StoreError;

/// One change of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The order before; `None` for its arrival.
    pub before: Option<Order>,
    /// The order after.
    pub after: Order,
}

/// What a record of the stream is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// An order was stored or changed.
    Step(Box<Step>),
    /// An order was deleted, which no function does.
    Deleted,
    /// No order's own item: an entry of a history, something parked, a merchant.
    Other,
}

/// Reads a record of the stream. Images are read by the code that reads the table.
///
/// # Errors
/// It is no record of a stream with both images, or an image can't be read.
pub fn read(record: &Value) -> Result<Seen, StoreError> {
    let change = &record["dynamodb"];
    let keys = image(&change["Keys"])?.ok_or_else(|| malformed("it has no keys"))?;
    let sort_key = keys.get(attr::SK).and_then(|value| value.as_s().ok());
    if sort_key.is_none_or(|sort_key| sort_key != key::ORDER) {
        return Ok(Seen::Other);
    }
    let before = image(&change["OldImage"])?.as_ref().map(to_order).transpose()?;
    let after = image(&change["NewImage"])?.as_ref().map(to_order).transpose()?;
    match (before, after) {
        (before, Some(after)) => Ok(Seen::Step(Box::new(Step { before, after }))),
        (Some(_), None) => Ok(Seen::Deleted),
        (None, None) => Err(malformed("it has no image")),
    }
}

/// What a record says of something parked, where it is the record of its arrival. What becomes of it later, its deletion
/// included, is none.
///
/// # Errors
/// It is no record of a stream with both images, or the image can't be read.
pub fn parked(record: &Value) -> Result<Option<ParkedDecline>, StoreError> {
    let change = &record["dynamodb"];
    let keys = image(&change["Keys"])?.ok_or_else(|| malformed("it has no keys"))?;
    let part = |name| keys.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
    let key = ItemKey { pk: part(attr::PK), sk: part(attr::SK) };
    if !key.pk.starts_with(key::PARKED) || !change["OldImage"].is_null() {
        return Ok(None);
    }
    let item = image(&change["NewImage"])?.ok_or_else(|| malformed("it has no image"))?;
    let key = key::parse_parked(&key).ok_or_else(|| malformed("its key is of nothing that is parked"))?;
    to_parked_decline(key, &item).map(Some)
}

/// Whose record it is, as far as even one that can't be read tells.
#[must_use]
pub fn order_of(record: &Value) -> Option<OrderKey> {
    key::parse_order(record["dynamodb"]["Keys"][attr::PK]["S"].as_str()?)
}

/// The record of a parked thing's arrival as the stream has it, for tests.
///
/// # Errors
/// It can't be written as an item.
pub fn parked_record(sequence_number: &str, parked: &Parked) -> Result<Value, StoreError> {
    let keys = to_json(&key_item(key::parked(&parked.key)));
    let image = to_json(&from_parked(parked)?);
    Ok(json!({ "dynamodb": { "SequenceNumber": sequence_number, "Keys": keys, "NewImage": image } }))
}

/// A record as the stream has it, for tests and simulation.
///
/// # Errors
/// An order can't be written as an item.
pub fn record(
    sequence_number: &str,
    before: Option<&Order>,
    after: Option<&Order>,
) -> Result<Value, StoreError> {
    let mut change = json!({ "SequenceNumber": sequence_number });
    for (name, order) in [("OldImage", before), ("NewImage", after)] {
        let Some(order) = order else { continue };
        change["Keys"] = to_json(&key_item(key::order(&order.key)));
        change[name] = to_json(&from_order(order)?);
    }
    Ok(json!({ "dynamodb": change }))
}

fn to_json(item: &Item) -> Value {
    // The kinds that orders have; a reader refuses what is none of them.
    let attribute = |value: &AttributeValue| {
        let text = value.as_s().map(|text| json!({ "S": text }));
        let number = || value.as_n().map(|number| json!({ "N": number }));
        let texts = |_| value.as_ss().map(|texts| json!({ "SS": texts }));
        let bytes = |_| value.as_b().map(|bytes| json!({ "B": BASE64.encode(bytes) }));
        text.or_else(|_| number()).or_else(texts).or_else(bytes).unwrap_or_default()
    };
    item.iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

fn malformed(why: &str) -> StoreError {
    StoreError::Corrupt { item: "record of the stream".to_owned(), why: why.to_owned() }
}

fn image(value: &Value) -> Result<Option<Item>, StoreError> {
    if value.is_null() {
        return Ok(None);
    }
    let attributes = value.as_object().ok_or_else(|| malformed("an image is no object"))?;
    let item = attributes.iter().map(|(name, value)| {
        let value = attribute(value).ok_or_else(|| malformed(&format!("{name} can't be read")))?;
        Ok((name.clone(), value))
    });
    item.collect::<Result<Item, _>>().map(Some)
}

/// An attribute of one of the kinds that orders have.
fn attribute(value: &Value) -> Option<AttributeValue> {
    let (kind, value) = value.as_object()?.iter().next()?;
    let text = || value.as_str().map(str::to_owned);
    match kind.as_str() {
        "S" => text().map(AttributeValue::S),
        "N" => text().map(AttributeValue::N),
        "B" => BASE64.decode(value.as_str()?).ok().map(|bytes| AttributeValue::B(Blob::new(bytes))),
        "SS" => {
            let members = value.as_array()?.iter().map(|member| member.as_str().map(str::to_owned));
            members.collect::<Option<_>>().map(AttributeValue::Ss)
        }
        _ => None,
    }
}
