//! Parked things as items.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use models::order::Due;
use models::parked::{Fate, Parked, ParkedDecline, ParkedKey, Why};
use models::refusal::{Refusal, Rule};
use serde_json::Value;

use super::item::{Item, SCHEMA, attr, indexed_due_attributes, key_item, number, text, time};
use super::key;
use super::reader::Reader;
use crate::table::StoreError;

/// Attribute names.
pub(super) mod parked_attr {
    pub(in crate::dynamo) const KIND: &str = "kind";
    pub(in crate::dynamo) const ARRIVED_AT: &str = "arrived_at";
    pub(in crate::dynamo) const COPY: &str = "copy";
    pub(in crate::dynamo) const ORDER_ID: &str = "order_id";
    pub(in crate::dynamo) const RULE: &str = "rule";
    pub(in crate::dynamo) const SENTENCE: &str = "sentence";
    pub(in crate::dynamo) const PATH: &str = "path";
    pub(in crate::dynamo) const EVENT: &str = "event";
    pub(in crate::dynamo) const FATE: &str = "fate";
}
use parked_attr as name;

/// What is parked, as an item that may be deleted after its time.
pub(super) fn from_parked(parked: &Parked) -> Result<Item, StoreError> {
    let item_key = key::parked(&parked.key);
    let shard = key::due_shard(&item_key);
    let mut item = key_item(item_key);
    let mut set = |name: &str, value: AttributeValue| item.insert(name.to_owned(), value);
    set(attr::SCHEMA, number(SCHEMA));
    set(name::KIND, text(parked.key.kind.word()));
    set(name::ARRIVED_AT, time(parked.key.arrived_at));
    set(name::COPY, text(&parked.copy));
    set(name::FATE, text(parked.fate.word()));
    set(attr::TTL, number(parked.keep_until.as_second()));
    if let Some(order_id) = &parked.order_id {
        set(name::ORDER_ID, text(order_id.as_str()));
    }
    if let Some(event) = &parked.event {
        let json = serde_json::to_string(event)
            .map_err(|error| StoreError::Corrupt { item: parked.key.id.clone(), why: error.to_string() })?;
        set(name::EVENT, text(json));
    }
    match &parked.why {
        Why::Refusal(refusal) => {
            set(name::RULE, text(refusal.rule.code()));
            set(name::SENTENCE, text(&refusal.sentence));
            set(name::PATH, text(&refusal.path));
        }
        Why::Sentence(sentence) => {
            set(name::SENTENCE, text(sentence));
        }
    }
    item.extend(parked.due.map(|due| indexed_due_attributes(shard, due)).into_iter().flatten());
    Ok(item)
}

/// Reads a parked thing from its item.
pub(super) fn to_parked(key: ParkedKey, item: &Item) -> Result<Parked, StoreError> {
    let read = Reader::of(item, format!("parked {}", key.id))?;
    let sentence: String = read.parsed(name::SENTENCE)?;
    let why = match rule(&read)? {
        None => Why::Sentence(sentence),
        Some(rule) => Why::Refusal(Refusal::new(
            rule,
            read.optional::<String>(name::PATH)?.unwrap_or_default(),
            sentence,
        )),
    };
    let keep_until: i64 = read.parsed(attr::TTL)?;
    Ok(Parked {
        order_id: read.optional(name::ORDER_ID)?,
        why,
        copy: read.parsed(name::COPY)?,
        keep_until: jiff::Timestamp::from_second(keep_until).map_err(|error| read.corrupt(error))?,
        event: read.json(name::EVENT)?,
        due: read.due()?,
        fate: match read.optional::<String>(name::FATE)? {
            None => Fate::default(),
            Some(fate) => word(&read, name::FATE, fate)?,
        },
        key,
    })
}

/// Reads from its item what is told of a parked thing; the copy is not looked at.
pub(super) fn to_parked_decline(key: ParkedKey, item: &Item) -> Result<ParkedDecline, StoreError> {
    let read = Reader::of(item, format!("parked {}", key.id))?;
    Ok(ParkedDecline { order_id: read.optional(name::ORDER_ID)?, rule: rule(&read)?, key })
}

fn rule(read: &Reader<'_>) -> Result<Option<Rule>, StoreError> {
    let code: Option<String> = read.optional(name::RULE)?;
    code.map(|code| word(read, name::RULE, code)).transpose()
}

/// A stored word of an enum.
fn word<T: serde::de::DeserializeOwned>(
    read: &Reader<'_>,
    name: &str,
    word: String,
) -> Result<T, StoreError> {
    serde_json::from_value(Value::String(word))
        .map_err(|_| read.corrupt(format!("{name} is not a known word")))
}

/// The expressions that settle a parked thing that is due as it was when it was read.
pub(super) struct Settle {
    pub(super) update: String,
    pub(super) condition: String,
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
}

/// Compiles what becomes of a parked thing.
pub(super) fn settle(key: &ParkedKey, was_due: Due, fate: Fate, due: Option<Due>) -> Settle {
    let mut names = HashMap::from([
        ("#fate".to_owned(), name::FATE.to_owned()),
        ("#was_due".to_owned(), attr::DUE_AT.to_owned()),
    ]);
    let mut values = HashMap::from([
        (":fate".to_owned(), text(fate.word())),
        (":was_due".to_owned(), number(was_due.at.as_second())),
    ]);
    names.extend(attr::DUE.map(|name| (format!("#{name}"), name.to_owned())));
    let update = match due {
        Some(due) => {
            let attributes = indexed_due_attributes(key::due_shard(&key::parked(key)), due);
            let clauses: Vec<_> = attributes.iter().map(|(name, _)| format!("#{name} = :{name}")).collect();
            values.extend(attributes.into_iter().map(|(name, value)| (format!(":{name}"), value)));
            format!("SET #fate = :fate, {}", clauses.join(", "))
        }
        None => format!("SET #fate = :fate REMOVE {}", attr::DUE.map(|name| format!("#{name}")).join(", ")),
    };
    Settle { update, condition: "#was_due = :was_due".to_owned(), names, values }
}

/// Makes due what is still parked and due as it was when it was read, or was not due at all any more.
pub(super) fn rearm(key: &ParkedKey, was_due: Option<Due>, due: Due) -> Settle {
    let mut settle = settle(key, was_due.unwrap_or(due), Fate::Parked, Some(due));
    let unchanged = match was_due {
        Some(_) => "#was_due = :was_due",
        None => "attribute_not_exists(#was_due)",
    };
    if was_due.is_none() {
        settle.values.remove(":was_due");
    }
    settle.condition = format!("#fate = :fate AND {unchanged}");
    settle
}
