//! The handler over a bus that keeps what it is given, fed with records as the stream has them.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use lambda_kit::testing::Tally;
use models::decline::Decline;
use models::intake;
use models::order::{Facet, Order};
use models::parked::{Fate, Parked, ParkedKey, ParkedKind, Why};
use models::refusal::{Refusal, Rule};
use models::screening::Screened;
use models::status::Status;
use serde_json::json;

use super::*;
use crate::bus::Refused;

/// A bus that keeps its calls, refuses events of some orders, and is out of reach from a call on.
#[derive(Default)]
struct Bus {
    calls: Mutex<Vec<Vec<OutcomeEvent>>>,
    refused: BTreeSet<String>,
    calls_left: Option<AtomicUsize>,
}

impl Publish for Bus {
    async fn publish(&self, events: &[OutcomeEvent]) -> Result<Vec<Refused>, BusError> {
        assert!((1..=PUBLISH_MAX).contains(&events.len()), "{} events in a call", events.len());
        if let Some(left) = &self.calls_left
            && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err()
        {
            return Err(BusError("down".to_owned()));
        }
        let is_refused = |event: &OutcomeEvent| self.refused.contains(&name(event));
        let refused = events.iter().enumerate().filter(|(_, event)| is_refused(event));
        let refused: Vec<_> =
            refused.map(|(place, _)| Refused { place, code: "InternalFailure".to_owned() }).collect();
        let taken = events.iter().filter(|event| !is_refused(event)).cloned().collect();
        self.calls.lock().unwrap().push(taken);
        Ok(refused)
    }
}

/// An event as these tests tell it: its order and what happened.
fn name(event: &OutcomeEvent) -> String {
    let order_id = match event {
        OutcomeEvent::Order(event) => event.order_id.to_string(),
        OutcomeEvent::Decline(event) => event.order_id.as_ref().map_or("-".to_owned(), ToString::to_string),
    };
    format!("{order_id} {}", event.word())
}

impl Publisher<Bus> {
    fn new(bus: Bus) -> Self {
        Self { bus }
    }

    fn names(&self) -> Vec<String> {
        self.bus.calls.lock().unwrap().iter().flatten().map(name).collect()
    }

    /// The sequence number from which the batch is to come again.
    async fn failed(&self, records: &[Value]) -> Option<String> {
        let event = serde_json::from_value(json!({ "Records": records })).unwrap();
        let response = self.publish(event).await.unwrap();
        assert!(response.batch_item_failures.len() <= 1);
        response.batch_item_failures.into_iter().next().map(|failure| failure.item_identifier.unwrap())
    }
}

fn start() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

/// An order's versions by their statuses, the first of them its arrival.
fn life(order_id: &str, statuses: &[Status]) -> Vec<Order> {
    let mut decline: Decline = serde_json::from_str(include_str!("../../../events/decline.json")).unwrap();
    decline.order_id = order_id.parse().unwrap();
    let content = decline.content().unwrap();
    let screened = Screened { decline, window_days: 21 };
    let mut versions = vec![intake::open(screened, content, SignedDuration::from_mins(15), start())];
    for status in statuses {
        let before = &versions[versions.len() - 1];
        versions.push(Order { status: *status, version: before.version + 1, ..before.clone() });
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

const RESCUED: [Status; 3] = [Status::Submitting, Status::Pending, Status::Approved];

fn approved(order_id: &str) -> Vec<Value> {
    records(&life(order_id, &RESCUED))
}

fn parked(kind: ParkedKind, id: &str) -> Value {
    let parked = Parked {
        key: ParkedKey {
            merchant: Some("acme".parse().unwrap()),
            arrived_at: start(),
            kind,
            id: id.to_owned(),
        },
        order_id: Some(id.parse().unwrap()),
        why: Why::Refusal(Refusal::new(Rule::Stale, "declined_at", "It is older than Jane's.")),
        copy: "the copy of Jane Doe".to_owned(),
        keep_until: start(),
        event: None,
        due: None,
        fate: Fate::Parked,
    };
    stream::parked_record(id, &parked).unwrap()
}

#[tokio::test]
async fn every_change_that_is_told_is_published_once_and_in_sequence() {
    let records = [approved("A"), approved("B")].concat();
    for size in 1..=records.len() {
        let publisher = Publisher::new(Bus::default());
        for batch in records.chunks(size) {
            assert_eq!(publisher.failed(batch).await, None);
        }
        let expected = ["A order.pending", "A order.approved", "B order.pending", "B order.approved"];
        assert_eq!(publisher.names(), expected, "batches of {size}");
    }
}

#[tokio::test]
async fn declines_that_are_no_orders_are_published_and_nothing_else_that_is_parked() {
    let publisher = Publisher::new(Bus::default());
    let kinds =
        [ParkedKind::Conflict, ParkedKind::OrphanEvent, ParkedKind::Refused, ParkedKind::UnknownEvent];
    let records: Vec<_> =
        kinds.iter().enumerate().map(|(number, kind)| parked(*kind, &format!("P{number}"))).collect();
    assert_eq!(publisher.failed(&records).await, None);
    assert_eq!(publisher.names(), ["P0 decline.conflict", "P2 decline.refused"]);
}

/// The filter keeps them away on AWS; the code does not depend on it.
#[tokio::test]
async fn what_is_no_outcome_is_passed_over_and_calls_nobody() {
    let item = |pk: &str, sk: &str| {
        json!({ "dynamodb": { "SequenceNumber": "1", "Keys": { "pk": { "S": pk }, "sk": { "S": sk } },
                "NewImage": { "holds_request": { "BOOL": true } } } })
    };
    let mut batch = records(&life("A", &[]));
    batch.push(stream::record("d", Some(&life("B", &[])[0]), None).unwrap());
    // Their images have attributes of a kind that orders do not have: nobody reads them.
    for (pk, sk) in [("MERCHANT#acme", "CONFIG"), ("ORDER#acme#A", "HISTORY#0000000001")] {
        batch.push(item(pk, sk));
    }
    let publisher = Publisher::new(Bus::default());
    assert_eq!(publisher.failed(&batch).await, None);
    assert_eq!(publisher.failed(&[]).await, None);
    assert_eq!(publisher.bus.calls.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_call_has_at_most_ten_events_and_none_is_left_out() {
    let publisher = Publisher::new(Bus::default());
    let batch: Vec<_> = (0..11).flat_map(|number| approved(&format!("A{number}"))).collect();
    assert_eq!(publisher.failed(&batch).await, None);
    let sizes: Vec<_> = publisher.bus.calls.lock().unwrap().iter().map(Vec::len).collect();
    assert_eq!(sizes, [10, 10, 2]);
    assert_eq!(publisher.names().into_iter().collect::<BTreeSet<_>>().len(), 22);
}

#[tokio::test]
async fn the_first_record_of_which_an_event_was_refused_is_told_and_nothing_behind_its_call_is_begun() {
    let tally = Tally::default();
    let _counting = tally.start();
    let batch: Vec<_> = (0..9).flat_map(|number| approved(&format!("A{number}"))).collect();
    let refused = ["A3 order.approved", "A2 order.pending"].map(str::to_owned).into();
    let publisher = Publisher::new(Bus { refused, ..Bus::default() });
    assert_eq!(publisher.failed(&batch).await.as_deref(), Some("A2-3"));
    assert_eq!(publisher.names().len(), 8, "one call, and two of it refused");
    assert_eq!((tally.of(Metric::PublishedOutcomes), tally.of(Metric::FailedOutcomes)), (8, 2));

    // From there it comes again, and then nothing is missing.
    let from = batch.iter().position(|record| sequence_number(record) == "A2-3").unwrap();
    let publisher = Publisher { bus: Bus { calls: publisher.bus.calls, ..Bus::default() } };
    assert_eq!(publisher.failed(&batch[from..]).await, None);
    let names: BTreeSet<_> = publisher.names().into_iter().collect();
    assert_eq!(names.len(), 18);
    // What came twice came under the same id.
    let calls = publisher.bus.calls.lock().unwrap();
    let ids: BTreeSet<_> = calls.iter().flatten().map(|event| event.id().clone()).collect();
    assert_eq!(ids.len(), 18);
}

/// A change that is told as two events is done when both are published.
#[tokio::test]
async fn a_record_is_told_when_one_of_its_events_was_refused() {
    let mut versions = life("A", &RESCUED);
    versions[3].dispute = Facet::Signalled;
    let refused = ["A order.disputed".to_owned()].into();
    let publisher = Publisher::new(Bus { refused, ..Bus::default() });
    assert_eq!(publisher.failed(&records(&versions)).await.as_deref(), Some("A-4"));
    assert_eq!(publisher.names(), ["A order.pending", "A order.approved"]);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_told_once_what_is_before_it_is_published() {
    let tally = Tally::default();
    let _counting = tally.start();
    let mut batch = [approved("A"), approved("B"), approved("C")].concat();
    batch[6]["dynamodb"]["NewImage"]["status"]["S"] = json!("a status of tomorrow");
    let publisher = Publisher::new(Bus::default());
    assert_eq!(publisher.failed(&batch).await.as_deref(), Some("B-3"));
    assert_eq!(publisher.names(), ["A order.pending", "A order.approved"]);
    assert_eq!(tally.of(Metric::FailedOutcomes), 1);

    let mut refused = parked(ParkedKind::Refused, "P1");
    refused["dynamodb"]["NewImage"]["rule"]["S"] = json!("a rule of tomorrow");
    let publisher = Publisher::new(Bus::default());
    assert_eq!(publisher.failed(&[refused]).await.as_deref(), Some("P1"));

    // One that was refused is before it.
    let refused = ["A order.pending".to_owned()].into();
    let publisher = Publisher::new(Bus { refused, ..Bus::default() });
    assert_eq!(publisher.failed(&batch).await.as_deref(), Some("A-3"));
}

#[tokio::test]
async fn while_the_bus_is_out_of_reach_the_whole_batch_comes_again() {
    let tally = Tally::default();
    let _counting = tally.start();
    let batch: Vec<_> = (0..9).flat_map(|number| approved(&format!("A{number}"))).collect();
    for calls in 0..2 {
        let bus = Bus { calls_left: Some(calls.into()), ..Bus::default() };
        let publisher = Publisher::new(bus);
        let event = StreamEvent { records: batch.clone() };
        assert_eq!(publisher.publish(event).await.unwrap_err(), BusError("down".to_owned()));
        let publisher = Publisher { bus: Bus { calls: publisher.bus.calls, ..Bus::default() } };
        assert_eq!(publisher.failed(&batch).await, None);
        assert_eq!(publisher.names().into_iter().collect::<BTreeSet<_>>().len(), 18);
    }
    assert_eq!(tally.of(Metric::FailedOutcomes), 10 + 8, "what was in the call that failed");
}

#[tokio::test]
async fn nothing_of_a_parked_copy_or_of_a_request_is_published() {
    let publisher = Publisher::new(Bus::default());
    let batch = [approved("A"), vec![parked(ParkedKind::Refused, "P1")]].concat();
    assert!(serde_json::to_string(&batch).unwrap().contains("Jane"), "the records have some");
    assert_eq!(publisher.failed(&batch).await, None);
    let published = serde_json::to_string(&*publisher.bus.calls.lock().unwrap()).unwrap();
    assert!(published.contains("P1") && !published.contains("Jane"), "{published}");
}

#[test]
fn the_answer_is_spelled_as_lambda_reads_it() {
    let records = [json!({ "dynamodb": { "SequenceNumber": "111" } })];
    let told = serde_json::to_value(answer(Some(0), &records)).unwrap();
    assert_eq!(told, json!({ "batchItemFailures": [{ "itemIdentifier": "111" }] }));
}

/// A bus at whose so many-th call the process dies, before or after the call's effect.
struct Dying {
    bus: Bus,
    calls_left: AtomicUsize,
    is_after: bool,
}

impl Publish for Dying {
    async fn publish(&self, events: &[OutcomeEvent]) -> Result<Vec<Refused>, BusError> {
        let dies = self.calls_left.fetch_sub(1, Ordering::SeqCst) == 1;
        if !dies || self.is_after {
            let answer = self.bus.publish(events).await;
            if !dies {
                return answer;
            }
        }
        std::future::pending().await
    }
}

#[tokio::test]
async fn wherever_the_process_dies_the_batch_that_comes_again_publishes_what_is_missing() {
    let batch: Vec<_> = (0..11).flat_map(|number| approved(&format!("A{number}"))).collect();
    let mut deaths = 0;
    for is_after in [false, true] {
        for call in 1.. {
            let dying = Publisher { bus: Dying { bus: Bus::default(), calls_left: call.into(), is_after } };
            if dying.publish(StreamEvent { records: batch.clone() }).now_or_never().is_some() {
                break;
            }
            deaths += 1;
            let again = Publisher::new(dying.bus.bus);
            assert_eq!(again.failed(&batch).await, None);
            assert_eq!(again.names().into_iter().collect::<BTreeSet<_>>().len(), 22, "at call {call}");
        }
    }
    assert_eq!(deaths, 6, "three calls");
}
