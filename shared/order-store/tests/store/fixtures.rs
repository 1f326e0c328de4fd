use jiff::{SignedDuration, Timestamp};
use models::decline::Decline;
use models::event::{EventKind, OrderEvent};
use models::ids::{ContentHash, IdempotencyKey};
use models::intake;
use models::order::Order;
use models::screening::Screened;
use models::submission::Times;

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn start() -> Timestamp {
    at("2026-11-21T10:00:00Z")
}

pub(crate) fn decline(order_id: &str) -> Decline {
    let mut value: serde_json::Value =
        serde_json::from_str(include_str!("../../../../events/decline.json")).unwrap();
    value["order_id"] = order_id.into();
    serde_json::from_value(value).unwrap()
}

pub(crate) fn content(decline: &Decline) -> ContentHash {
    ContentHash::of(&serde_json::to_value(decline).unwrap())
}

pub(crate) fn order(order_id: &str) -> Order {
    let decline = decline(order_id);
    let content = content(&decline);
    intake::open(Screened { decline, window_days: 21 }, content, SignedDuration::from_mins(15), start())
}

pub(crate) fn times() -> Times {
    Times {
        lease: SignedDuration::from_secs(90),
        repeat_after: SignedDuration::from_secs(60),
        submission_overdue: SignedDuration::from_mins(15),
        replay_window: SignedDuration::from_hours(24),
        webhook_cycle: SignedDuration::from_hours(24),
        expiry_grace: SignedDuration::from_hours(6),
    }
}

pub(crate) fn key(byte: u8) -> IdempotencyKey {
    IdempotencyKey::from_random([byte; 16])
}

pub(crate) fn event(order_id: &str, kind: EventKind, name: &str, nonce: &str) -> OrderEvent {
    OrderEvent {
        kind,
        name: name.to_owned(),
        occurred_at: "2026-11-25T10:00:00.000000Z".to_owned(),
        order_id: order_id.parse().unwrap(),
        provider_order: "ac9674ed-cbfe-49aa-bc8b-eb1d2b74c429".parse().unwrap(),
        confirmation: Some("22ACD1D9".to_owned()),
        nonce: nonce.to_owned(),
    }
}
