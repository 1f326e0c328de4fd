//! What is published: a sample of each event, as EventBridge delivers it.

use jiff::{SignedDuration, Timestamp};
use models::decline::Decline;
use models::intake;
use models::money::MinorUnits;
use models::order::{Facet, Order, Reason, ReasonCode};
use models::outcome::{self, DeclineOutcomeKind, OrderOutcomeKind, OutcomeEvent};
use models::parked::{ParkedDecline, ParkedKey, ParkedKind};
use models::refund::Totals;
use models::refusal::Rule;
use models::screening::Screened;
use models::status::Status;
use serde_json::{Value, json};

use crate::{files, schemas};

/// Every type of event, by its word and its schema.
pub(crate) fn types() -> Vec<(&'static str, &'static str)> {
    let orders = OrderOutcomeKind::ALL.iter().map(|kind| (kind.word(), "outcome-order"));
    let declines = DeclineOutcomeKind::ALL.iter().map(|kind| (kind.word(), "outcome-decline"));
    orders.chain(declines).collect()
}

pub(crate) fn generated() -> Vec<(String, String)> {
    samples().into_iter().map(|(word, sample)| (path(word), files::pretty(&sample))).collect()
}

/// A sample of each type, made by the code that publishes.
pub(crate) fn samples() -> Vec<(&'static str, Value)> {
    let of_orders = OrderOutcomeKind::ALL.iter().map(|kind| of_order(*kind));
    let of_declines = DeclineOutcomeKind::ALL.iter().map(|kind| of_decline(*kind));
    of_orders.chain(of_declines).map(|event| (event.word(), envelope(&event))).collect()
}

/// A sample's path below `events/`.
pub(crate) fn path(word: &str) -> String {
    format!("outcomes/{word}.json")
}

/// What EventBridge puts around an event. Its own id is another one on each delivery.
fn envelope(event: &OutcomeEvent) -> Value {
    json!({
        "version": "0",
        "id": "6f7a1c2e-93b4-4d0e-8a55-1c9e7b2d4f60",
        "detail-type": event.word(),
        "source": "rebill-rescue",
        "account": "123456789012",
        // In whole seconds, as EventBridge tells it; the detail has it to the millisecond.
        "time": Timestamp::from_second(event.occurred_at().as_second()).unwrap(),
        "region": "us-east-1",
        "resources": [],
        "detail": event,
    })
}

fn start() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

/// The published decline as an order of this status, two changes after it arrived.
fn order(status: Status, reason: ReasonCode) -> Order {
    let decline: Decline = serde_json::from_str(&files::repository("events/decline.json")).unwrap();
    let content = decline.content().unwrap();
    let screened = Screened { decline, window_days: 21 };
    let order = intake::open(screened, content, SignedDuration::from_mins(15), start());
    Order {
        status,
        reason: Some(Reason::new(reason, "for people")),
        provider_order: Some("ac9674ed-cbfe-49aa-bc8b-eb1d2b74c429".parse().unwrap()),
        updated_at: start() + SignedDuration::from_millis(2_250),
        version: 3,
        ..order
    }
}

fn approved() -> Order {
    let confirmation = Some("22ACD1D9".to_owned());
    Order { confirmation, version: 4, ..order(Status::Approved, ReasonCode::Webhook) }
}

fn of_order(kind: OrderOutcomeKind) -> OutcomeEvent {
    let after = match kind {
        OrderOutcomeKind::Pending => order(Status::Pending, ReasonCode::EvaluateAnswer),
        OrderOutcomeKind::CaptureRequired => order(Status::CaptureRequired, ReasonCode::EvaluateAnswer),
        OrderOutcomeKind::Approved => approved(),
        OrderOutcomeKind::Declined => order(Status::Declined, ReasonCode::EvaluateAnswer),
        OrderOutcomeKind::Expired => order(Status::Expired, ReasonCode::Webhook),
        OrderOutcomeKind::Cancelled => order(Status::Cancelled, ReasonCode::Webhook),
        OrderOutcomeKind::Rejected => {
            Order { provider_order: None, ..order(Status::Rejected, ReasonCode::ProviderRefused) }
        }
        OrderOutcomeKind::Escalated => {
            Order { provider_order: None, ..order(Status::Escalated, ReasonCode::OutcomeUnknown) }
        }
        OrderOutcomeKind::Refunded => {
            let totals = Some(Totals { captured: approved().amount.minor, refunded: MinorUnits::new(500) });
            Order { refund: Facet::Confirmed, totals, version: 7, ..approved() }
        }
        OrderOutcomeKind::Disputed => Order { dispute: Facet::Signalled, version: 5, ..approved() },
    };
    // What happened is the one thing in which the order before differs.
    let before = match kind {
        OrderOutcomeKind::Refunded | OrderOutcomeKind::Disputed => approved(),
        OrderOutcomeKind::Pending
        | OrderOutcomeKind::CaptureRequired
        | OrderOutcomeKind::Approved
        | OrderOutcomeKind::Declined
        | OrderOutcomeKind::Expired
        | OrderOutcomeKind::Cancelled
        | OrderOutcomeKind::Rejected
        | OrderOutcomeKind::Escalated => Order { status: Status::Submitting, ..after.clone() },
    };
    only(outcome::of_order(Some(&before), &after))
}

fn of_decline(kind: DeclineOutcomeKind) -> OutcomeEvent {
    let (kind, rule) = match kind {
        DeclineOutcomeKind::Conflict => (ParkedKind::Conflict, None),
        DeclineOutcomeKind::Refused => (ParkedKind::Refused, Some(Rule::Stale)),
    };
    let order = order(Status::Received, ReasonCode::Webhook);
    let id = "5b1f0c9e-7d42-4e6a-9c3b-a0d4c8f2e6b1".to_owned();
    let key = ParkedKey { merchant: Some(order.key.merchant), arrived_at: start(), kind, id };
    let parked = ParkedDecline { key, order_id: Some(order.key.order_id), rule };
    only(outcome::of_parked(&parked).into_iter().collect())
}

fn only(mut events: Vec<OutcomeEvent>) -> OutcomeEvent {
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

/// A sample is what its name says, valid by its schema, and read back as the event it is.
pub(crate) fn check(name: &str) {
    let word = name.strip_suffix(".json").unwrap();
    let event = files::json(&path(word));
    let schema = types().into_iter().find(|(known, _)| *known == word);
    let (_, schema) = schema.unwrap_or_else(|| panic!("no event is called {word}"));
    assert_eq!((&event["detail-type"], &event["detail"]["type"]), (&json!(word), &json!(word)));
    schemas::validator(schema).validate(&event["detail"]).unwrap_or_else(|error| panic!("{name}: {error}"));
    let read: OutcomeEvent = serde_json::from_value(event["detail"].clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), event["detail"]);
}

/// A consumer can rely on every field being there, and `null` stands only where the schema says so.
#[test]
fn every_field_is_always_there() {
    for (word, schema) in types() {
        let detail = files::json(&path(word))["detail"].clone();
        let validator = schemas::validator(schema);
        for name in detail.as_object().unwrap().keys() {
            let mut without = detail.clone();
            without.as_object_mut().unwrap().remove(name);
            assert!(!validator.is_valid(&without), "{word} without {name}");
            let mut nulled = detail.clone();
            nulled[name].take();
            let may_be_null = ["provider_order_id", "confirmation", "reason", "cancel"]
                .contains(&name.as_str())
                || (name == "order_id" && schema == "outcome-decline");
            assert_eq!(validator.is_valid(&nulled), may_be_null, "{word}: {name} is null");
        }
        // Fields may be added.
        let mut more = detail.clone();
        more["later"] = json!(1);
        assert!(validator.is_valid(&more), "{word}");
    }
}

#[test]
fn limits_in_the_schemas_hold_at_the_edge() {
    let detail = files::json(&path("order.approved"))["detail"].clone();
    let validator = schemas::validator("outcome-order");
    for (name, value) in [
        ("version", json!(2)),
        ("id", json!("0".repeat(63))),
        ("id", json!("G".repeat(64))),
        ("type", json!("order.done")),
        ("status", json!("done")),
        ("instruction", json!("retry")),
        ("reason", json!("because")),
        ("captured_minor", json!(-1)),
        ("provider_order_id", json!("two words")),
        ("merchant", json!("Acme")),
    ] {
        let mut wrong = detail.clone();
        wrong[name] = value.clone();
        assert!(!validator.is_valid(&wrong), "{name} = {value}");
    }
}

/// docs/messages.md has a row for each type, with what it asks for.
#[test]
fn every_type_has_its_row() {
    let page = files::repository("docs/messages.md");
    let section = page.split_once("\n## What is published\n").expect("the section").1;
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(rows.len(), types().len());
    for (word, _) in types() {
        let row = rows.iter().find(|row| row.starts_with(&format!("| `{word}` |")));
        let row = row.unwrap_or_else(|| panic!("docs/messages.md does not tell {word}"));
        let instruction = files::json(&path(word))["detail"]["instruction"].as_str().unwrap().to_owned();
        assert!(row.contains(&format!("`{instruction}`")), "{word}: {instruction}");
    }
}
