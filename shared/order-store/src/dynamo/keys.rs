//! When a webhook key last made a signature, as an item of its own. Keys that are no longer used go by the table's TTL.

use jiff::Timestamp;
use models::fingerprint::Fingerprint;
use models::ids::MerchantId;
use models::time::later;

use super::item::{SCHEMA, attr, key_item, number, time};
use super::key;
use super::reader::Reader;
use super::table::{DynamoTable, unavailable};
use crate::capability::{KEY_SEEN_KEPT, NoteKey, ReadKey};
use crate::table::StoreError;

/// The attribute's name.
const SEEN_AT: &str = "seen_at";

impl NoteKey for DynamoTable {
    async fn note_key(
        &self,
        merchant: &MerchantId,
        key: Fingerprint,
        seen_at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut item = key_item(key::webhook_key(merchant, key));
        item.insert(attr::SCHEMA.to_owned(), number(SCHEMA));
        item.insert(SEEN_AT.to_owned(), time(seen_at));
        item.insert(attr::TTL.to_owned(), number(later(seen_at, KEY_SEEN_KEPT).as_second()));
        let sent = self.client.put_item().table_name(&self.name).set_item(Some(item)).send().await;
        sent.map(drop).map_err(unavailable)
    }
}

impl ReadKey for DynamoTable {
    async fn key_seen(
        &self,
        merchant: &MerchantId,
        key: Fingerprint,
    ) -> Result<Option<Timestamp>, StoreError> {
        let item = self.get(key::webhook_key(merchant, key)).await?;
        let read = |item| Reader::of(item, format!("webhook key {key} of {merchant}"))?.parsed(SEEN_AT);
        item.as_ref().map(read).transpose()
    }
}
