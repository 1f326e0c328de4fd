//! What the stream shows of what is parked.

use models::order::{Due, DueReason};
use models::parked::{Fate, Parked, ParkedDecline, ParkedKey, ParkedKind, Why};
use models::refusal::{Refusal, Rule};
use order_store::dynamo::key;
use order_store::dynamo::stream::{self, Seen};
use order_store::{StoreError, Table};
use serde_json::{Value, json};

use crate::fixtures::{event, start};
use crate::history::image;
use crate::tables;

fn parked(kind: ParkedKind, why: Why) -> Parked {
    Parked {
        key: ParkedKey {
            merchant: Some("acme".parse().unwrap()),
            arrived_at: start(),
            kind,
            id: "m-1".to_owned(),
        },
        order_id: Some("INV-1".parse().unwrap()),
        why,
        copy: "a copy".to_owned(),
        keep_until: start(),
        event: None,
        due: None,
        fate: Fate::Parked,
    }
}

fn refused() -> Parked {
    parked(ParkedKind::Refused, Why::Refusal(Refusal::new(Rule::Stale, "declined_at", "It is too old.")))
}

fn told(parked: &Parked, rule: Option<Rule>) -> Option<ParkedDecline> {
    Some(ParkedDecline { key: parked.key.clone(), order_id: parked.order_id.clone(), rule })
}

#[tokio::test]
async fn what_is_parked_is_shown_as_it_arrives() {
    let (client, table) = tables::dynoxide_with_client().await;
    let conflict = parked(ParkedKind::Conflict, Why::Sentence("Another one is stored.".to_owned()));
    let mut orphan = parked(ParkedKind::OrphanEvent, Why::Sentence("It is of no order.".to_owned()));
    orphan.event = Some(event("INV-1", models::event::EventKind::Completed, "order.completed", "n-1"));
    orphan.due = Some(Due::new(start(), DueReason::Orphan));
    for (parked, rule) in [(refused(), Some(Rule::Stale)), (conflict, None), (orphan, None)] {
        table.park(&parked).await.unwrap();
        let stored = image(&client, key::parked(&parked.key)).await;
        let record = stream::parked_record("1", &parked).unwrap();
        assert_eq!(record["dynamodb"]["NewImage"], stored, "a record is made as the stream makes it");
        assert_eq!(stream::parked(&record).unwrap(), told(&parked, rule));
        assert_eq!(stream::read(&record).unwrap(), Seen::Other, "it is no order's");
    }
}

/// Settled, matched or deleted: it was told when it arrived.
#[test]
fn what_becomes_of_it_later_is_not_shown() {
    let arrived = stream::parked_record("1", &refused()).unwrap();
    let mut changed = arrived.clone();
    changed["dynamodb"]["OldImage"] = arrived["dynamodb"]["NewImage"].clone();
    let mut deleted = changed.clone();
    deleted["dynamodb"]["NewImage"].take();
    for record in [changed, deleted] {
        assert_eq!(stream::parked(&record).unwrap(), None);
    }
}

#[test]
fn what_cannot_be_read_is_told() {
    let arrived = stream::parked_record("1", &refused()).unwrap();
    let broken = |pointer: &str, value: Value| {
        let mut record = arrived.clone();
        *record.pointer_mut(pointer).unwrap() = value;
        record
    };
    for record in [
        json!({}),
        broken("/dynamodb/NewImage", Value::Null),
        broken("/dynamodb/NewImage/rule/S", json!("a rule of tomorrow")),
        broken("/dynamodb/NewImage/order_id/S", json!("two words")),
        broken("/dynamodb/Keys/sk/S", json!("2026-11-21T10:00:00.000Z#a kind of tomorrow#m-1")),
    ] {
        assert!(matches!(stream::parked(&record), Err(StoreError::Corrupt { .. })), "{record}");
    }
}
