//! One batch of the table's stream: every change of an order becomes one entry of its history, in sequence, and the line
//! that lists show of the order becomes what the newest of them made of it.
//!
//! The stream delivers at least once and each order's changes in order. An entry is made of a record and the hash of the
//! entry before it alone, so a record that comes again makes the same entry again, which changes nothing. What can't be
//! entered fails its record: Lambda delivers the batch again from there, and when its retries are used up, tells the
//! on-failure queue and goes on; the order's history then ends at the gap, which `models::history::verify` reports.

use std::collections::{BTreeMap, BTreeSet};

use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use futures_util::future::join_all;
use lambda_kit::telemetry::{Metric, count};
use models::history::{Entry, Hash, Unlinked};
use models::ids::OrderKey;
use models::listing::Listing;
use models::order::Order;
use order_store::capability::{KeepHistory, KeepListing};
use order_store::dynamo::stream::{self, Seen, Step};
use order_store::{Appended, StoreError};
use serde::Deserialize;
use serde_json::Value;

/// A batch of the stream. Its records are read one by one, so that one that can't be read fails alone.
#[derive(Debug, Deserialize)]
pub struct StreamEvent {
    /// The records, oldest first.
    #[serde(rename = "Records")]
    pub records: Vec<Value>,
}

/// What the function does its work with.
#[derive(Debug)]
pub struct History<S> {
    /// The histories.
    pub store: S,
}

/// Why a change could not be entered.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The store did not do as asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The record is not one versioned change: somebody wrote to the order by hand.
    #[error("the record is no change of an order: {0}")]
    Unlinked(#[from] Unlinked),
}

/// A record's place in its batch.
type Place = usize;

impl<S: KeepHistory + KeepListing> History<S> {
    /// Enters a batch. Orders side by side, each order's changes one after the other.
    ///
    /// # Errors
    /// The store was out of reach. That is no record's fault: the whole batch comes again.
    pub async fn keep(&self, event: StreamEvent) -> Result<DynamoDbEventResponse, StoreError> {
        let mut failed: Vec<(Place, HistoryError)> = Vec::new();
        let mut unread: BTreeSet<OrderKey> = BTreeSet::new();
        let mut orders: BTreeMap<OrderKey, Vec<(Place, Step)>> = BTreeMap::new();
        for (place, record) in event.records.iter().enumerate() {
            match stream::read(record) {
                // What follows one that can't be read must not close over it.
                Ok(Seen::Step(step)) if unread.contains(&step.after.key) => {}
                Ok(Seen::Step(step)) => {
                    orders.entry(step.after.key.clone()).or_default().push((place, *step));
                }
                Ok(Seen::Deleted) => deleted(),
                Ok(Seen::Other) => {}
                Err(error) => {
                    unread.extend(stream::order_of(record));
                    failed.push((place, error.into()));
                }
            }
        }
        let entered = join_all(orders.values().map(|steps| self.keep_all(steps))).await;
        failed.extend(entered.into_iter().flatten());
        answer(failed, &event.records)
    }

    /// Enters an order's changes, and lists the order as the newest of them left it, whatever becomes of the entries: what is
    /// wrong with a history does not keep its order out of lists.
    async fn keep_all(&self, steps: &[(Place, Step)]) -> Option<(Place, HistoryError)> {
        let failed = self.enter_all(steps).await;
        let (place, newest) = steps.last()?;
        match self.store.list(&Listing::of(&newest.after)).await {
            Ok(()) => failed,
            // The whole batch comes again then.
            Err(error) => Some((*place, error.into())),
        }
    }

    /// Enters an order's changes up to the first that fails: what follows it has nothing to be chained to.
    async fn enter_all(&self, steps: &[(Place, Step)]) -> Option<(Place, HistoryError)> {
        let mut last: Option<(u64, Hash)> = None;
        for (place, step) in steps {
            match self.enter(step, last).await {
                Ok(entry) => last = Some((entry.version, entry.hash)),
                Err(error) => return Some((*place, error)),
            }
        }
        None
    }

    /// Enters a change. `last` is the version and the hash of the entry that this batch wrote last for the order.
    async fn enter(&self, step: &Step, last: Option<(u64, Hash)>) -> Result<Entry, HistoryError> {
        let Step { before, after } = step;
        let previous = match (before, last) {
            (None, _) => None,
            (Some(before), Some((version, hash))) if version == before.version => Some(hash),
            (Some(before), _) => match self.store.entry(&before.key, before.version).await? {
                Some(predecessor) => Some(predecessor.hash),
                None => Some(gap(before)),
            },
        };
        let entry = Entry::of(before.as_ref(), after, previous.as_ref())?;
        match self.store.append(&entry).await? {
            Appended::New | Appended::Again => Ok(entry),
            // The first one stays, and trying again would not change that: the history goes on from it.
            Appended::Differs(stored) => {
                count(Metric::BrokenHistories);
                tracing::error!(order = %entry.key, version = entry.version, "another entry is in the history already");
                Ok(*stored)
            }
        }
    }
}

/// What an entry is chained to whose predecessor is not there. The stream's order rules that out unless the predecessor's
/// retries were used up, so waiting would not bring it, and would hold up every other order of the shard: the history goes
/// on from its start, and `models::history::verify` names the gap for good.
fn gap(before: &Order) -> Hash {
    count(Metric::BrokenHistories);
    tracing::error!(order = %before.key, version = before.version, "an entry is missing in the order's history");
    Entry::start(&before.key)
}

/// No function deletes orders. The history stays, for people to find.
fn deleted() {
    count(Metric::BrokenHistories);
    tracing::error!("an order was deleted from the table");
}

/// Lambda goes on from the first record that failed, so that one is told; what of the later ones was entered already
/// is entered again without effect.
fn answer(
    mut failed: Vec<(Place, HistoryError)>,
    records: &[Value],
) -> Result<DynamoDbEventResponse, StoreError> {
    failed.sort_by_key(|(place, _)| *place);
    let mut response = DynamoDbEventResponse::default();
    let mut first = None;
    for (place, error) in failed {
        if let HistoryError::Store(error @ StoreError::Unavailable(_)) = error {
            return Err(error);
        }
        let sequence_number = records[place]["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default();
        count(Metric::BrokenHistories);
        tracing::error!(sequence_number, %error, "a change could not be entered into its order's history");
        first = first.or(Some(sequence_number));
    }
    if let Some(sequence_number) = first {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = Some(sequence_number.to_owned());
        response.batch_item_failures.push(failure);
    }
    Ok(response)
}

#[cfg(test)]
#[path = "handler_tests.rs"]
mod tests;
