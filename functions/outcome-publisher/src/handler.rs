//! One batch of the table's stream: what each change is told as goes to the bus, in sequence.
//!
//! The stream delivers at least once, and so do we: an event is made from its record alone, so a record that comes again
//! makes it again, under the same id. A record counts as done only when all its events are on the bus. The first that is
//! not is told to Lambda, which delivers the batch again from there, and when its retries are used up, tells the on-failure
//! queue and goes on. Nothing behind the first failed record is begun, so that one order's events come in their order as
//! long as nothing fails; where something did, their versions tell.

use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use lambda_kit::telemetry::{Metric, count_many};
use models::outcome::{self, OutcomeEvent};
use order_store::StoreError;
use order_store::dynamo::stream::{self, Seen};
use serde::Deserialize;
use serde_json::Value;

use crate::bus::{BusError, PUBLISH_MAX, Publish};

/// A batch of the stream. Its records are read one by one, so that one that can't be read fails alone.
#[derive(Debug, Deserialize)]
pub struct StreamEvent {
    /// The records, oldest first.
    #[serde(rename = "Records")]
    pub records: Vec<Value>,
}

/// What the function does its work with.
#[derive(Debug)]
pub struct Publisher<B> {
    /// The bus.
    pub bus: B,
}

/// A record's place in its batch.
type Place = usize;

impl<B: Publish> Publisher<B> {
    /// Publishes a batch.
    ///
    /// # Errors
    /// The bus was out of reach. That is no record's fault: the whole batch comes again.
    pub async fn publish(&self, event: StreamEvent) -> Result<DynamoDbEventResponse, BusError> {
        let (due, unread) = read(&event.records);
        let failed = match self.publish_all(&due).await? {
            Some(place) => Some(place),
            None => unread,
        };
        Ok(answer(failed, &event.records))
    }

    /// Publishes events up to the call in which one is refused; the first refused one's record.
    async fn publish_all(&self, due: &[(Place, OutcomeEvent)]) -> Result<Option<Place>, BusError> {
        for call in due.chunks(PUBLISH_MAX) {
            let (places, events): (Vec<Place>, Vec<OutcomeEvent>) = call.iter().cloned().unzip();
            // The runtime logs what fails an invocation.
            let failed = |_: &BusError| count_many(Metric::FailedOutcomes, events.len());
            let refused = self.bus.publish(&events).await.inspect_err(failed)?;
            count_many(Metric::PublishedOutcomes, events.len().saturating_sub(refused.len()));
            count_many(Metric::FailedOutcomes, refused.len());
            for refused in &refused {
                let event = events.get(refused.place);
                let (id, kind) = (event.map(|event| event.id().as_str()), event.map(OutcomeEvent::word));
                tracing::error!(id, kind, code = refused.code, "the bus refused an event");
            }
            if !refused.is_empty() {
                let first = refused.iter().filter_map(|refused| places.get(refused.place)).min();
                return Ok(first.or(places.first()).copied());
            }
        }
        Ok(None)
    }
}

/// What is to be published, up to the first record that can't be read; that record.
fn read(records: &[Value]) -> (Vec<(Place, OutcomeEvent)>, Option<Place>) {
    let mut due = Vec::new();
    for (place, record) in records.iter().enumerate() {
        match events(record) {
            Ok(events) => due.extend(events.into_iter().map(|event| (place, event))),
            Err(error) => {
                count_many(Metric::FailedOutcomes, 1);
                tracing::error!(sequence_number = sequence_number(record), %error, "a change could not be read");
                return (due, Some(place));
            }
        }
    }
    (due, None)
}

fn events(record: &Value) -> Result<Vec<OutcomeEvent>, StoreError> {
    match stream::read(record)? {
        Seen::Step(step) => Ok(outcome::of_order(step.before.as_ref(), &step.after)),
        // No function does that, and order-history raises the alarm: it is no outcome.
        Seen::Deleted => Ok(Vec::new()),
        Seen::Other => {
            let parked = stream::parked(record)?;
            Ok(parked.as_ref().and_then(outcome::of_parked).into_iter().collect())
        }
    }
}

fn sequence_number(record: &Value) -> &str {
    record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default()
}

/// Lambda goes on from the record that is told.
fn answer(failed: Option<Place>, records: &[Value]) -> DynamoDbEventResponse {
    let mut response = DynamoDbEventResponse::default();
    if let Some(record) = failed.and_then(|place| records.get(place)) {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = Some(sequence_number(record).to_owned());
        response.batch_item_failures.push(failure);
    }
    response
}

#[cfg(test)]
#[path = "handler_tests.rs"]
mod tests;
