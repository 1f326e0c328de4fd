//! Entries of histories as items, beside the order they are about.

use aws_sdk_dynamodb::types::AttributeValue;
use models::history::Entry;

use super::item::{Item, SCHEMA, attr, key_item, number, set_state, tags, text, time, to_key};
use super::key;
use super::reader::Reader;
use crate::table::StoreError;

/// An entry as an item. It has no shard of the due index, so that index never lists it.
pub(super) fn from_entry(entry: &Entry) -> Item {
    let Entry { key, version, at, from, state, remembered, facts, previous, hash } = entry;
    let mut item = key_item(key::history(key, *version));
    set_state(&mut item, state);
    let mut set = |name: &str, value: AttributeValue| item.insert(name.to_owned(), value);
    set(attr::SCHEMA, number(SCHEMA));
    set(attr::VERSION, number(version));
    set(attr::AT, time(*at));
    if let Some(from) = from {
        set(attr::FROM, text(from.word()));
    }
    set(attr::HOLDS_REQUEST, AttributeValue::Bool(state.holds_request));
    if !remembered.is_empty() {
        set(attr::REMEMBERED, tags(remembered));
    }
    for (name, hash) in [(attr::FACTS, facts), (attr::PREVIOUS, previous), (attr::HASH, hash)] {
        set(name, text(hash.to_string()));
    }
    item
}

/// Reads an entry from its item. Whether it is genuine is for `models::history::verify` to say.
pub(super) fn to_entry(item: &Item) -> Result<Entry, StoreError> {
    let key = to_key(item)?;
    let read = Reader::of(item, key.to_string())?;
    let holds_request = item.get(attr::HOLDS_REQUEST).and_then(|value| value.as_bool().ok());
    let holds_request = holds_request.ok_or_else(|| read.corrupt("holds_request is malformed"))?;
    Ok(Entry {
        version: read.parsed(attr::VERSION)?,
        at: read.parsed(attr::AT)?,
        from: read.optional(attr::FROM)?,
        state: read.state(*holds_request)?,
        remembered: read.tags(attr::REMEMBERED)?,
        facts: read.parsed(attr::FACTS)?,
        previous: read.parsed(attr::PREVIOUS)?,
        hash: read.parsed(attr::HASH)?,
        key: key.clone(),
    })
}
