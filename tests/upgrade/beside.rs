//! What the table holds beside orders: things of every kind that are parked, transmissions in every stage, a merchant.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;
use models::event::EventKind;
use models::fingerprint::Fingerprint;
use models::parked::{Fate, Parked, ParkedKey, ParkedKind, Why, orphan_due};
use models::refusal::{Refusal, Rule};
use models::transmission::{Relayed, Stage, Transmission, take};
use order_store::Table;
use order_store::capability::{KeepTransmission, MatchOrphan, NoteKey, Park, Took};
use serde_json::{Value, json};

use crate::lives::{ACCOUNT, after, event, merchant, start};
use crate::table::{NAME, Store};

/// The order whose event came before it.
pub(crate) const LATE: &str = "late";

/// A webhook key that was seen in use.
pub(crate) fn key_seen() -> Fingerprint {
    Fingerprint::of("webhook key", b"of nobody")
}

/// Writes all of it.
pub(crate) async fn write(store: &Store) {
    put_merchant(store).await;
    NoteKey::note_key(store, &merchant(), key_seen(), start()).await.unwrap();
    for kind in ParkedKind::ALL {
        Park::park(store, &parked(*kind)).await.unwrap();
    }
    // One that has found its order.
    let mut matched = parked(ParkedKind::OrphanEvent);
    matched.key.id = "matched".to_owned();
    Park::park(store, &matched).await.unwrap();
    assert!(store.settle_orphan(&matched.key, matched.due.unwrap(), Fate::Matched, None).await.unwrap());
    put_transmissions(store).await;
}

fn parked(kind: ParkedKind) -> Parked {
    let is_orphan = kind == ParkedKind::OrphanEvent;
    let why = match kind {
        ParkedKind::Refused => Why::Refusal(Refusal::new(Rule::Stale, "declined_at", "It is too old.")),
        ParkedKind::TransmissionRefused => {
            Why::Refusal(Refusal::new(Rule::Schema, "amount.minor", "It is no whole number."))
        }
        ParkedKind::Unparseable
        | ParkedKind::Conflict
        | ParkedKind::OrphanEvent
        | ParkedKind::MismatchedEvent
        | ParkedKind::UnknownEvent
        | ParkedKind::AccountEvent
        | ParkedKind::Check
        | ParkedKind::TransmissionConflict
        | ParkedKind::TransmissionUndelivered => Why::Sentence("It can't be applied.".to_owned()),
    };
    Parked {
        key: ParkedKey {
            // Of what can't be parsed no merchant is known.
            merchant: (kind != ParkedKind::Unparseable).then(merchant),
            arrived_at: start(),
            kind,
            id: format!("m-{}", kind.word()),
        },
        order_id: (kind != ParkedKind::Unparseable).then(|| LATE.parse().unwrap()),
        why,
        copy: json!({ "kept": kind.word() }).to_string(),
        keep_until: after(90 * 86_400),
        event: is_orphan.then(|| event(LATE, EventKind::Completed, "order.completed", 60)),
        due: if is_orphan { orphan_due(start()) } else { None },
        fate: Fate::Parked,
    }
}

/// A transaction that is to be transmitted.
pub(crate) fn taken(transaction: &str) -> Relayed {
    let mut value: Value = serde_json::from_str(include_str!("../../events/transmission.json")).unwrap();
    value["transaction"]["id"] = transaction.into();
    let transmission: Transmission = serde_json::from_value(value).unwrap();
    let content = transmission.content().unwrap();
    take(&transmission, content, start() + SignedDuration::from_hours(24 * 180), after(1))
}

async fn put_transmissions(store: &Store) {
    let transmitted = |id: Option<&str>| Stage::Transmitted {
        id: id.map(|id| id.parse().unwrap()),
        account: ACCOUNT.to_owned(),
        at: after(2),
    };
    for (transaction, stage) in [
        ("txn-taken", None),
        ("txn-transmitted", Some(transmitted(Some("c5a1e3a0-3b0e-4c43-8c4e-7d1f6c2b9a10")))),
        ("txn-without-key", Some(transmitted(None))),
        ("txn-refused", Some(Stage::Refused { at: after(2) })),
        ("txn-undelivered", Some(Stage::Undelivered { at: after(86_000) })),
    ] {
        let taken = taken(transaction);
        assert_eq!(store.dynamo.take_transmission(&taken).await.unwrap(), Took::New);
        if let Some(stage) = stage {
            assert!(store.dynamo.settle_transmission(&taken, &stage).await.unwrap(), "{transaction}");
        }
    }
}

/// As people write it (README).
async fn put_merchant(store: &Store) {
    let config = json!({
        "enabled": true, "mode": "managed", "environment": "sandbox", "mid": ACCOUNT.trim_start_matches("sandbox/"),
        "sites": { "plans": { "site_id": "a1b2c3d4-e5f6-4789-9abc-def012345678" } }, "window_days": 21
    });
    let text = |text: String| AttributeValue::S(text);
    let request =
        store.client.put_item().table_name(NAME).item("pk", text(format!("MERCHANT#{}", merchant())));
    request
        .item("sk", text("CONFIG".to_owned()))
        .item("config", text(config.to_string()))
        .send()
        .await
        .unwrap();
    assert!(Table::merchant(store, &merchant()).await.unwrap().is_some());
}
