//! Which webhook keys are in use, on each table.

use jiff::SignedDuration;
use models::fingerprint::Fingerprint;
use order_store::capability::{KEY_SEEN_KEPT, NoteKey, ReadKey};
use order_store::dynamo::key;
use order_store::memory::MemoryTable;

use crate::fixtures::start;
use crate::history::image;
use crate::tables;

fn fingerprint(text: &str) -> Fingerprint {
    text.parse().unwrap()
}

async fn each_key_of_each_merchant_is_kept_with_its_last_time(table: impl NoteKey + ReadKey) {
    let (acme, globex) = ("acme".parse().unwrap(), "globex".parse().unwrap());
    let (old, new) = (fingerprint("00000001"), fingerprint("00000002"));
    let later = start() + SignedDuration::from_hours(1);
    assert_eq!(table.key_seen(&acme, old).await.unwrap(), None);
    table.note_key(&acme, old, start()).await.unwrap();
    table.note_key(&acme, new, start()).await.unwrap();
    table.note_key(&acme, old, later).await.unwrap();
    assert_eq!(table.key_seen(&acme, old).await.unwrap(), Some(later));
    assert_eq!(table.key_seen(&acme, new).await.unwrap(), Some(start()));
    assert_eq!(table.key_seen(&globex, new).await.unwrap(), None);
}

#[tokio::test]
async fn keys_are_kept_in_memory() {
    each_key_of_each_merchant_is_kept_with_its_last_time(MemoryTable::default()).await;
}

#[tokio::test]
async fn keys_are_kept_in_dynoxide() {
    each_key_of_each_merchant_is_kept_with_its_last_time(tables::dynoxide().await).await;
}

#[tokio::test]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn keys_are_kept_in_ministack() {
    each_key_of_each_merchant_is_kept_with_its_last_time(tables::ministack("keys").await).await;
}

/// What is noted is bounded: DynamoDB deletes it by its time.
#[tokio::test]
async fn a_key_that_is_no_longer_used_is_forgotten() {
    let (client, table) = tables::dynoxide_with_client().await;
    let (acme, used) = ("acme".parse().unwrap(), fingerprint("00000001"));
    table.note_key(&acme, used, start()).await.unwrap();
    let item = image(&client, key::webhook_key(&acme, used)).await;
    let ends = (start() + KEY_SEEN_KEPT).as_second().to_string();
    assert_eq!(item["ttl"]["N"], ends.as_str());
}
