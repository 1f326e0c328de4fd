//! Histories beside the orders, on both tables, and the stream they are written from.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::SignedDuration;
use models::change::Change;
use models::history::{Entry, Flaw, verify};
use models::order::{Due, DueReason, Order, Tag};
use models::status::Transition;
use order_store::capability::KeepHistory;
use order_store::dynamo::key::{self, due_shard};
use order_store::dynamo::stream::{self, Seen, Step};
use order_store::dynamo::{DynamoTable, export};
use order_store::memory::MemoryTable;
use order_store::{Appended, Changed, DueKey, StoreError, Table};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::agreement::any_change;
use crate::fixtures::{order, start};
use crate::tables;

async fn an_entry_is_written_once(table: &(impl Table + KeepHistory)) {
    let order = order("INV-1");
    let entry = Entry::of(None, &order, None).unwrap();
    assert_eq!(table.entry(&order.key, 1).await.unwrap(), None);
    assert_eq!(table.append(&entry).await.unwrap(), Appended::New);
    assert_eq!(table.append(&entry).await.unwrap(), Appended::Again);
    let mut other = entry.clone();
    other.at += SignedDuration::from_millis(1);
    let stored = Appended::Differs(Box::new(entry.clone()));
    assert_eq!(table.append(&other).await.unwrap(), stored);
    assert_eq!(table.entry(&order.key, 1).await.unwrap(), Some(entry));
    assert_eq!(table.read(&order.key).await.unwrap(), None, "a history is no order");
}

#[tokio::test]
async fn an_entry_is_written_once_and_never_replaced() {
    an_entry_is_written_once(&MemoryTable::default()).await;
    an_entry_is_written_once(&tables::dynoxide().await).await;
}

#[tokio::test]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn an_entry_is_written_once_on_ministack() {
    an_entry_is_written_once(&tables::ministack("an_entry_is_written_once").await).await;
}

/// Stores an order, makes the changes that hold, and writes the history from the images before and after each.
async fn live(table: &(impl Table + KeepHistory), order: &Order, changes: &[Change]) -> Vec<Entry> {
    table.insert(order).await.unwrap();
    let mut entries = vec![Entry::of(None, order, None).unwrap()];
    let mut before = order.clone();
    for change in changes {
        let Changed::Made(after) = table.change(&order.key, change).await.unwrap() else { continue };
        let previous = entries.last().map(|entry| entry.hash);
        entries.push(Entry::of(Some(&before), &after, previous.as_ref()).unwrap());
        before = *after;
    }
    for entry in &entries {
        assert_eq!(table.append(entry).await.unwrap(), Appended::New);
    }
    let mut stored = Vec::new();
    for entry in &entries {
        stored.extend(table.entry(&order.key, entry.version).await.unwrap());
    }
    assert_eq!(stored, entries, "entries read back as they were");
    assert_eq!(verify(&stored, table.read(&order.key).await.unwrap().as_ref()), Ok(()));
    stored
}

#[test]
fn histories_of_random_lives_read_back_and_verify() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let dynamo = runtime.block_on(tables::dynoxide());
    let number = std::sync::atomic::AtomicU32::new(0);
    let mut runner = TestRunner::new(Config { cases: 100, failure_persistence: None, ..Config::default() });
    let lives = prop::collection::vec(any_change(), 0..8);
    let outcome = runner.run(&lives, |changes| {
        let case = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let order = order(&format!("INV-{case}"));
        runtime.block_on(async {
            let in_memory = live(&MemoryTable::default(), &order, &changes).await;
            prop_assert_eq!(live(&dynamo, &order, &changes).await, in_memory);
            Ok(())
        })
    });
    outcome.unwrap();
}

fn notes(count: i64) -> Vec<Change> {
    let note = |second| Change::new(Transition::Note, start() + SignedDuration::from_secs(second));
    (0..count).map(note).collect()
}

#[tokio::test]
async fn the_export_has_the_histories_in_order_and_the_due_index_does_not_have_them() {
    let (client, table) = tables::dynoxide_with_client().await;
    let order = order("INV-1");
    let written = live(&table, &order, &notes(11)).await;
    assert!(written.iter().all(|entry| entry.state.due.is_some()));
    let books = export(&client, "orders").await.unwrap();
    assert_eq!(books.orders.len(), 1);
    assert_eq!(books.histories.get(&order.key), Some(&written));
    assert_eq!(verify(&written, books.orders.first()), Ok(()));
    let as_of = order.due.unwrap().at;
    let due = Table::due(&table, due_shard(&key::order(&order.key)), as_of, 100).await.unwrap();
    let due: Vec<_> = due.into_iter().map(|due| due.key).collect();
    assert_eq!(due, [DueKey::Order(order.key.clone())]);

    // What somebody does to the table is seen.
    let second = key::history(&order.key, 2);
    let delete = client.delete_item().table_name("orders").key("pk", AttributeValue::S(second.pk));
    delete.key("sk", AttributeValue::S(second.sk)).send().await.unwrap();
    let books = export(&client, "orders").await.unwrap();
    let broken = verify(&books.histories[&order.key], books.orders.first()).unwrap_err();
    assert_eq!((broken.version, broken.flaw), (2, Flaw::OutOfPlace(3)));
}

/// An item as it stands in a record of the stream.
fn as_json(value: &AttributeValue) -> Value {
    let text = value.as_s().map(|text| json!({ "S": text })).ok();
    let number = value.as_n().map(|number| json!({ "N": number })).ok();
    let texts = value.as_ss().map(|texts| json!({ "SS": texts })).ok();
    let boolean = value.as_bool().map(|boolean| json!({ "BOOL": boolean })).ok();
    let bytes = value.as_b().map(|bytes| json!({ "B": BASE64.encode(bytes) })).ok();
    text.or(number).or(texts).or(boolean).or(bytes).unwrap()
}

pub(crate) async fn image(client: &Client, key: key::ItemKey) -> Value {
    let get = client.get_item().table_name("orders").key("pk", AttributeValue::S(key.pk));
    let item = get.key("sk", AttributeValue::S(key.sk)).send().await.unwrap().item.unwrap();
    item.iter().map(|(name, value)| (name.clone(), as_json(value))).collect()
}

fn record(sk: &str, old: &Value, new: &Value) -> Value {
    let keys = json!({ "pk": { "S": "ORDER#acme#INV-1" }, "sk": { "S": sk } });
    json!({ "eventName": "MODIFY", "dynamodb": { "Keys": keys, "OldImage": old, "NewImage": new } })
}

async fn stored(client: &Client, table: &DynamoTable, order: &Order) -> Value {
    let mut order = order.clone();
    order.key.order_id = format!("INV-{}", order.version).parse().unwrap();
    table.insert(&order).await.unwrap();
    image(client, key::order(&order.key)).await
}

#[tokio::test]
async fn a_record_of_the_stream_is_read_as_the_table_is() {
    let (client, table) = tables::dynoxide_with_client().await;
    let before = order("INV-1");
    let mut after = Order { version: 2, ..order("INV-2") };
    after.due = Some(Due::new(start(), DueReason::WindowOver));
    after.seen = [Tag::nonce("n1"), Tag::nonce("n2")].into();
    let (old, new) = (stored(&client, &table, &before).await, stored(&client, &table, &after).await);
    let step = |before, after| Seen::Step(Box::new(Step { before, after }));
    let read = |sk, old, new| stream::read(&record(sk, old, new)).unwrap();
    assert_eq!(read("ORDER", &old, &new), step(Some(before.clone()), after));
    assert_eq!(read("ORDER", &Value::Null, &old), step(None, before.clone()));
    assert_eq!(read("ORDER", &old, &Value::Null), Seen::Deleted);
    let made = stream::record("1", Some(&before), Some(&before)).unwrap();
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&made["dynamodb"]["NewImage"]), names(&old));
    assert_eq!(stream::read(&made).unwrap(), step(Some(before.clone()), before.clone()));

    let entry = Entry::of(None, &before, None).unwrap();
    table.append(&entry).await.unwrap();
    let history = image(&client, key::history(&before.key, 1)).await;
    for sk in ["HISTORY#0000000001", "CONFIG", "2026-11-21T10:00:00.000Z#refused#m-1"] {
        assert_eq!(read(sk, &Value::Null, &history), Seen::Other, "{sk}");
    }
    assert_eq!(stream::parked(&record("ORDER", &Value::Null, &old)).unwrap(), None);
    let mut foreign = new.clone();
    foreign["seen"] = json!({ "L": [] });
    for bad in [json!({}), record("ORDER", &Value::Null, &Value::Null), record("ORDER", &old, &foreign)] {
        assert!(matches!(stream::read(&bad), Err(StoreError::Corrupt { .. })), "{bad}");
    }
}
