//! The handler over the in-memory table, fed with records as the stream has them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use lambda_kit::testing::Tally;
use models::change::Change;
use models::decline::Decline;
use models::history::{Flaw, verify};
use models::ids::ContentHash;
use models::intake;
use models::listing::Stretch;
use models::order::Order;
use models::screening::Screened;
use models::status::{Status, Transition};
use order_store::capability::list;
use order_store::memory::MemoryTable;
use serde_json::json;

use super::*;

/// A table that may be out of reach, and counts what it is asked.
#[derive(Default)]
struct Store {
    table: MemoryTable,
    is_down: AtomicBool,
    reads: AtomicUsize,
}

impl Store {
    fn up(&self) -> Result<&MemoryTable, StoreError> {
        match self.is_down.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable("down".to_owned())),
            false => Ok(&self.table),
        }
    }
}

impl KeepHistory for Store {
    async fn append(&self, entry: &Entry) -> Result<Appended, StoreError> {
        self.up()?.append(entry).await
    }
    async fn entry(&self, key: &OrderKey, version: u64) -> Result<Option<Entry>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.up()?.entry(key, version).await
    }
}

impl KeepListing for Store {
    async fn list(&self, listing: &Listing) -> Result<(), StoreError> {
        self.up()?.list(listing).await
    }
}

fn start() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

fn history() -> History<Store> {
    History { store: Store::default() }
}

/// An order's versions: its arrival, and as many notes.
fn life(order_id: &str, notes: i64) -> Vec<Order> {
    let mut decline: Decline = serde_json::from_str(include_str!("../../../events/decline.json")).unwrap();
    decline.order_id = order_id.parse().unwrap();
    let content = ContentHash::of(&json!(order_id));
    let screened = Screened { decline, window_days: 21 };
    let mut versions = vec![intake::open(screened, content, SignedDuration::from_mins(15), start())];
    for minutes in 1..=notes {
        let mut order = versions[versions.len() - 1].clone();
        Change::new(Transition::Note, start() + SignedDuration::from_mins(minutes)).apply(&mut order);
        versions.push(order);
    }
    versions
}

/// The records of an order's life; their sequence numbers are the order id and the version.
fn records(versions: &[Order]) -> Vec<Value> {
    let record = |at: usize| {
        let (before, after) = (at.checked_sub(1).map(|before| &versions[before]), &versions[at]);
        let number = format!("{}-{}", after.key.order_id, after.version);
        stream::record(&number, before, Some(after)).unwrap()
    };
    (0..versions.len()).map(record).collect()
}

fn event(records: &[Value]) -> StreamEvent {
    serde_json::from_value(json!({ "Records": records })).unwrap()
}

/// The sequence number from which the batch is to come again.
async fn failed(history: &History<Store>, records: &[Value]) -> Option<String> {
    let response = history.keep(event(records)).await.unwrap();
    assert!(response.batch_item_failures.len() <= 1);
    response.batch_item_failures.into_iter().next().map(|failure| failure.item_identifier.unwrap())
}

fn verified(history: &History<Store>, order: &Order) -> Result<(), String> {
    let entries = history.store.table.history(&order.key);
    verify(&entries, Some(order)).map_err(|broken| broken.to_string())
}

#[tokio::test]
async fn every_change_becomes_an_entry_whether_batches_are_large_or_small() {
    let versions = life("INV-1", 4);
    let records = records(&versions);
    for size in 1..=records.len() {
        let history = history();
        for batch in records.chunks(size) {
            assert_eq!(failed(&history, batch).await, None);
        }
        assert_eq!(verified(&history, &versions[4]), Ok(()), "batches of {size}");
        // A batch needs one read at most: what it wrote itself it does not read.
        let batches = records.len().div_ceil(size);
        assert_eq!(history.store.reads.load(Ordering::SeqCst), batches - 1, "batches of {size}");
    }
}

#[tokio::test]
async fn a_batch_that_comes_again_changes_nothing() {
    let versions = life("INV-1", 3);
    let records = records(&versions);
    let history = history();
    for batch in [&records[..2], &records[..], &records[1..], &records[..1]] {
        assert_eq!(failed(&history, batch).await, None);
    }
    assert_eq!(verified(&history, &versions[3]), Ok(()));
}

#[tokio::test]
async fn orders_in_one_batch_do_not_disturb_one_another() {
    let lives = ["INV-1", "INV-2", "INV-3"].map(|id| life(id, 2));
    let history = history();
    let mut batch: Vec<Value> = Vec::new();
    for version in 0..3 {
        batch.extend(lives.iter().map(|versions| records(versions).remove(version)));
    }
    assert_eq!(failed(&history, &batch).await, None);
    for versions in &lives {
        assert_eq!(verified(&history, &versions[2]), Ok(()));
    }
}

/// Waiting would not bring the missing one, and would hold up the other orders: the gap is told and never closed over.
#[tokio::test]
async fn a_record_without_its_predecessor_starts_a_new_chain_and_is_told() {
    let (gap, good) = (life("INV-1", 4), life("INV-2", 1));
    let history = history();
    assert_eq!(failed(&history, &records(&gap)[..1]).await, None);
    let batch = [&records(&good)[..1], &records(&gap)[2..4], &records(&good)[1..]].concat();
    assert_eq!(failed(&history, &batch).await, None);
    assert_eq!(verified(&history, &good[1]), Ok(()));
    let broken = verified(&history, &gap[3]);
    assert!(broken.as_ref().is_err_and(|why| why.starts_with("entry 2: it is missing")), "{broken:?}");
    // Its followers go on from there, also in a batch of their own.
    assert_eq!(failed(&history, &records(&gap)[4..]).await, None);
    assert_eq!(verified(&history, &gap[4]), broken);
    // When the missing one comes after all, the chain still does not close over it.
    assert_eq!(failed(&history, &records(&gap)[1..]).await, None);
    assert!(verified(&history, &gap[4]).is_err_and(|why| why.starts_with("entry 3: its link")));
}

/// It comes again, perhaps to a version of this code that can read it: what follows it must not have closed over it.
#[tokio::test]
async fn what_follows_a_record_that_cannot_be_read_waits_for_it() {
    let versions = life("INV-1", 4);
    let history = history();
    assert_eq!(failed(&history, &records(&versions)[..2]).await, None);
    let mut batch = records(&versions)[2..].to_vec();
    let read = batch[0].clone();
    batch[0]["dynamodb"]["NewImage"]["status"]["S"] = json!("a status of tomorrow");
    assert_eq!(failed(&history, &batch).await.as_deref(), Some("INV-1-3"));
    batch[0] = read;
    assert_eq!(failed(&history, &batch).await, None);
    assert_eq!(verified(&history, &versions[4]), Ok(()));
}

#[tokio::test]
async fn another_entry_for_the_same_version_is_refused_and_the_first_one_stays() {
    let tally = Tally::default();
    let _counting = tally.start();
    let versions = life("INV-1", 1);
    let history = history();
    assert_eq!(failed(&history, &records(&versions)).await, None);
    let mut other = versions.clone();
    other[1].updated_at += SignedDuration::from_millis(1);
    assert_eq!(failed(&history, &records(&other)).await, None, "trying again would not help");
    assert_eq!(verified(&history, &versions[1]), Ok(()));
    assert_eq!(tally.of(Metric::BrokenHistories), 1);
}

#[tokio::test]
async fn a_write_by_hand_is_told() {
    let tally = Tally::default();
    let _counting = tally.start();
    let versions = life("INV-1", 1);
    let history = history();
    assert_eq!(failed(&history, &records(&versions)).await, None);
    let mut edited = versions[1].clone();
    edited.confirmation = Some("FORGED".to_owned());
    let record = stream::record("7", Some(&versions[1]), Some(&edited)).unwrap();
    assert_eq!(failed(&history, &[record]).await.as_deref(), Some("7"));
    let flaw = verify(&history.store.table.history(&edited.key), Some(&edited)).unwrap_err().flaw;
    assert_eq!(flaw, Flaw::Order);
    assert_eq!(tally.of(Metric::BrokenHistories), 1);
}

#[tokio::test]
async fn what_is_no_order_is_passed_over_and_what_can_t_be_read_fails_alone() {
    let tally = Tally::default();
    let _counting = tally.start();
    let versions = life("INV-1", 1);
    let mut batch = records(&versions);
    let parked = json!({ "dynamodb": { "SequenceNumber": "p", "Keys": {
        "pk": { "S": "PARKED#acme" }, "sk": { "S": "2026-11-21T10:00:00.000Z#refused#m-1" } } } });
    let deleted = stream::record("d", Some(&life("INV-9", 0)[0]), None).unwrap();
    batch.splice(0..0, [parked, deleted]);
    let history = history();
    assert_eq!(failed(&history, &batch).await, None);
    let mut broken = stream::record("b", None, Some(&life("INV-2", 0)[0])).unwrap();
    broken["dynamodb"]["NewImage"]["status"] = json!({ "S": "done" });
    let later = life("INV-3", 0);
    assert_eq!(failed(&history, &[&[broken][..], &records(&later)].concat()).await.as_deref(), Some("b"));
    assert_eq!(verified(&history, &versions[1]), Ok(()));
    assert_eq!(verified(&history, &later[0]), Ok(()));
    assert_eq!(history.store.table.history(&life("INV-9", 0)[0].key), []);
    assert_eq!(tally.of(Metric::BrokenHistories), 2, "the deleted order and the one that can't be read");
}

#[tokio::test]
async fn while_the_table_is_out_of_reach_the_whole_batch_comes_again() {
    let versions = life("INV-1", 2);
    let history = history();
    history.store.is_down.store(true, Ordering::SeqCst);
    for batch in [&records(&versions)[..], &records(&versions)[1..]] {
        assert!(matches!(history.keep(event(batch)).await, Err(StoreError::Unavailable(_))));
    }
    history.store.is_down.store(false, Ordering::SeqCst);
    assert_eq!(failed(&history, &records(&versions)).await, None);
    assert_eq!(verified(&history, &versions[2]), Ok(()));
}

#[test]
fn the_answer_is_spelled_as_lambda_reads_it() {
    let records = [json!({ "dynamodb": { "SequenceNumber": "111" } })];
    let answer =
        answer(vec![(0, HistoryError::Unlinked(models::history::Unlinked::OtherOrder))], &records).unwrap();
    let told = serde_json::to_value(answer).unwrap();
    assert_eq!(told, json!({ "batchItemFailures": [{ "itemIdentifier": "111" }] }));
}

/// A table at whose so many-th call the process dies, before or after the call's effect.
struct Dying {
    table: MemoryTable,
    calls_left: AtomicUsize,
    is_after: bool,
}

impl Dying {
    /// Never comes back from the call at which it dies: whoever waits for it is dropped.
    async fn reach<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        if self.calls_left.fetch_sub(1, Ordering::SeqCst) > 1 {
            return call.await;
        }
        if self.is_after {
            drop(call.await);
        }
        std::future::pending().await
    }
}

impl KeepHistory for Dying {
    async fn append(&self, entry: &Entry) -> Result<Appended, StoreError> {
        self.reach(self.table.append(entry)).await
    }
    async fn entry(&self, key: &OrderKey, version: u64) -> Result<Option<Entry>, StoreError> {
        self.reach(self.table.entry(key, version)).await
    }
}

impl KeepListing for Dying {
    async fn list(&self, listing: &Listing) -> Result<(), StoreError> {
        self.reach(self.table.list(listing)).await
    }
}

/// The orders that a list shows, with their versions.
async fn listed(history: &History<Store>) -> Vec<(String, u64)> {
    let (all, merchant) = (Stretch::default(), "acme".parse().unwrap());
    let (listed, has_more) = list(&history.store.table, &merchant, Status::ALL, &all, 100).await.unwrap();
    assert!(!has_more);
    listed.into_iter().map(|listing| (listing.key.order_id.to_string(), listing.version)).collect()
}

#[tokio::test]
async fn a_list_shows_each_order_as_its_newest_change_left_it_whatever_comes_again() {
    let (one, other) = (life("INV-1", 3), life("INV-2", 1));
    let history = history();
    assert_eq!(failed(&history, &[records(&one), records(&other)].concat()).await, None);
    let newest = [("INV-1".to_owned(), 4), ("INV-2".to_owned(), 2)];
    assert_eq!(listed(&history).await, newest);
    // Old records again, as when a later one of their batch failed.
    assert_eq!(failed(&history, &records(&one)[..2]).await, None);
    assert_eq!(listed(&history).await, newest);
}

#[tokio::test]
async fn an_order_whose_entry_was_written_before_the_process_died_is_listed_when_the_record_comes_again() {
    let versions = life("INV-1", 1);
    let history = history();
    for (place, order) in versions.iter().enumerate() {
        let before = place.checked_sub(1).map(|before| &versions[before]);
        let previous = history.store.table.history(&order.key).last().map(|entry| entry.hash);
        let entry = Entry::of(before, order, previous.as_ref()).unwrap();
        history.store.table.append(&entry).await.unwrap();
    }
    assert_eq!(listed(&history).await, []);
    assert_eq!(failed(&history, &records(&versions)).await, None);
    assert_eq!(listed(&history).await, [("INV-1".to_owned(), 2)]);
}

#[tokio::test]
async fn an_order_whose_history_is_broken_is_listed_as_it_is() {
    let versions = life("INV-1", 3);
    let history = history();
    let by_hand = stream::record("7", Some(&versions[0]), Some(&versions[3])).unwrap();
    assert_eq!(failed(&history, &[records(&versions)[0].clone(), by_hand]).await.as_deref(), Some("7"));
    assert_eq!(listed(&history).await, [("INV-1".to_owned(), 4)]);
}

#[tokio::test]
async fn wherever_the_process_dies_the_batch_that_comes_again_ends_the_same() {
    let (one, other) = (life("INV-1", 3), life("INV-2", 2));
    let batch = [records(&one), records(&other)].concat();
    let mut deaths = 0;
    for is_after in [false, true] {
        for call in 1.. {
            let store = Dying { table: MemoryTable::default(), calls_left: call.into(), is_after };
            let dying = History { store };
            if dying.keep(event(&batch)).now_or_never().is_some() {
                break;
            }
            deaths += 1;
            let again = History { store: Store { table: dying.store.table, ..Store::default() } };
            assert_eq!(failed(&again, &batch).await, None);
            assert_eq!(
                listed(&again).await,
                [("INV-1".to_owned(), 4), ("INV-2".to_owned(), 3)],
                "at call {call}"
            );
            assert_eq!(
                (verified(&again, &one[3]), verified(&again, &other[2])),
                (Ok(()), Ok(())),
                "at call {call}"
            );
        }
    }
    assert_eq!(
        deaths,
        2 * (batch.len() + 2),
        "one write for each record and for each order, and nothing to read"
    );
}
