//! Batches over the in-memory table: what is handed on together, and what of it comes again.

use std::sync::Mutex;

use intake::IntakeRules;
use jiff::SignedDuration;
use lambda_kit::queue::QueueError;
use models::screening::Limits;
use order_store::memory::MemoryTable;
use serde_json::{Value, json};

use super::*;

#[derive(Debug)]
struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        "2026-11-21T10:00:00Z".parse().unwrap()
    }
}

/// Notes each call, and refuses the orders that it is told to.
#[derive(Debug, Default)]
struct Queue {
    calls: Mutex<Vec<Vec<String>>>,
    refused: Mutex<Vec<&'static str>>,
}

impl HandOn for Queue {
    async fn hand_on(&self, key: &OrderKey) -> Result<(), QueueError> {
        unreachable!("{key} is handed on alone")
    }

    async fn hand_on_all(&self, keys: &[OrderKey]) -> Vec<Result<(), QueueError>> {
        let ids: Vec<String> = keys.iter().map(|key| key.order_id.to_string()).collect();
        let refused = self.refused.lock().unwrap();
        let fared = ids.iter().map(|id| match refused.contains(&id.as_str()) {
            true => Err(QueueError::new("refused")),
            false => Ok(()),
        });
        let fared = fared.collect();
        self.calls.lock().unwrap().push(ids);
        fared
    }
}

type TestIntake = Intake<&'static MemoryTable, Queue, &'static MemoryTable, Fixed>;

fn intake() -> TestIntake {
    let table: &'static MemoryTable = Box::leak(Box::default());
    let merchant = json!({"enabled": true, "mode": "managed", "environment": "sandbox", "mid": "m", "sites": {"plans": {}}});
    table.put_merchant("acme".parse().unwrap(), serde_json::from_value(merchant).unwrap());
    let limits = Limits {
        decline_age_max: SignedDuration::from_hours(24),
        window_days_min: 14,
        window_days_max: 21,
        window_days_default: 21,
    };
    let rules = IntakeRules {
        limits,
        submission_overdue: SignedDuration::from_mins(15),
        rejected_copy: SignedDuration::from_hours(24 * 30),
    };
    Intake { store: table, queue: Queue::default(), merchants: table, clock: Fixed, rules }
}

fn decline(order_id: &str) -> String {
    let mut decline: Value = serde_json::from_str(include_str!("../../../events/decline.json")).unwrap();
    decline["order_id"] = order_id.into();
    decline.to_string()
}

fn event(bodies: &[String]) -> SqsEvent {
    let records: Vec<_> = bodies
        .iter()
        .enumerate()
        .map(|(number, body)| {
            json!({
                "messageId": format!("m-{number}"), "body": body, "receiptHandle": "r",
                "attributes": {"SentTimestamp": "1795255200000"}, "messageAttributes": {}
            })
        })
        .collect();
    serde_json::from_value(json!({ "Records": records })).unwrap()
}

fn failed(response: &SqsBatchResponse) -> Vec<&str> {
    response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect()
}

#[tokio::test]
async fn a_batch_s_orders_are_handed_on_in_one_call_and_what_was_not_comes_again() {
    let intake = intake();
    intake.queue.refused.lock().unwrap().push("B");
    let batch = [decline("A"), "no decline".to_owned(), decline("B"), decline("C")];
    let response = take(&intake, event(&batch)).await;
    assert_eq!(failed(&response), ["m-2"], "what breaks a rule is parked, not delivered again");
    assert_eq!(*intake.queue.calls.lock().unwrap(), [["A", "B", "C"]]);
    assert_eq!((intake.store.orders().len(), intake.store.parked().len()), (3, 1));

    // The redelivery finds its order still waiting; a repeat of one that is still waiting is handed on again, too.
    intake.queue.refused.lock().unwrap().clear();
    let response = take(&intake, event(&[decline("B")])).await;
    assert_eq!(failed(&response), [""; 0]);
    assert_eq!(intake.queue.calls.lock().unwrap()[1..], [["B"]]);
}

#[tokio::test]
async fn a_batch_that_leaves_nothing_to_hand_on_calls_nobody() {
    let intake = intake();
    let response = take(&intake, event(&["no decline".to_owned()])).await;
    assert_eq!(failed(&response), [""; 0]);
    assert!(intake.queue.calls.lock().unwrap().is_empty());
}

#[test]
fn what_is_the_same_on_each_delivery_names_the_message() {
    let record = |receipt: &str| Record {
        id: "m-1".to_owned(),
        body: "{}".to_owned(),
        receipt: receipt.to_owned(),
        sent_at_millis: Some(1_795_255_200_000),
        deliveries: None,
    };
    let first = message(record("first"));
    assert_eq!(first, message(record("second")));
    assert_eq!(first.sent_at, Some("2026-11-21T10:00:00Z".parse().unwrap()));
}
