//! The intake over the in-memory table: every kind of message, and the crash between write and hand-on.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::SignedDuration;
use lambda_kit::testing::Tally;
use models::merchant::Merchant;
use models::refusal::Rule;
use models::screening::Limits;
use models::status::Status;
use order_store::memory::MemoryTable;
use serde_json::json;

use super::*;

const NOW: &str = "2026-11-21T10:00:00Z";

struct Fixed(Mutex<Timestamp>);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

#[derive(Default)]
struct Queue {
    sent: Mutex<Vec<String>>,
    is_down: AtomicBool,
}

impl HandOn for Queue {
    async fn hand_on(&self, key: &OrderKey) -> Result<(), QueueError> {
        assert!(!self.is_down.load(Ordering::SeqCst), "the process dies before the hand-on");
        self.sent.lock().unwrap().push(key.to_string());
        Ok(())
    }

    async fn hand_on_all(&self, _: &[OrderKey]) -> Vec<Result<(), QueueError>> {
        unreachable!("what is taken alone is handed on alone")
    }
}

/// Lends the one table to both roles.
#[derive(Clone, Copy)]
struct Merchants<'a>(&'a MemoryTable);

impl FindMerchant for Merchants<'_> {
    async fn find_merchant(&self, id: &MerchantId) -> Result<Option<Merchant>, StoreError> {
        self.0.find_merchant(id).await
    }
}

fn decline() -> Value {
    serde_json::from_str(include_str!("../../../events/decline.json")).unwrap()
}

fn table() -> MemoryTable {
    let table = MemoryTable::default();
    let merchant = json!({"enabled": true, "mode": "managed", "environment": "sandbox", "mid": "m", "sites": {"plans": {}}});
    table.put_merchant("acme".parse().unwrap(), serde_json::from_value(merchant.clone()).unwrap());
    let mut off = merchant;
    off["enabled"] = false.into();
    table.put_merchant("closed".parse().unwrap(), serde_json::from_value(off).unwrap());
    table
}

type TestIntake = Intake<&'static MemoryTable, Queue, Merchants<'static>, Fixed>;

fn intake() -> TestIntake {
    let table: &'static MemoryTable = Box::leak(Box::new(table()));
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
    Intake {
        store: table,
        queue: Queue::default(),
        merchants: Merchants(table),
        clock: Fixed(Mutex::new(NOW.parse().unwrap())),
        rules,
    }
}

fn message(id: &str, body: impl ToString) -> Message {
    Message {
        id: id.to_owned(),
        body: body.to_string(),
        sent_at: Some("2026-11-21T10:00:00Z".parse().unwrap()),
    }
}

impl TestIntake {
    fn sent(&self) -> Vec<String> {
        self.queue.sent.lock().unwrap().clone()
    }

    /// Takes one message that must be refused, and says why it was.
    async fn refusal(&self, body: impl ToString) -> (ParkedKind, Refusal, Parked) {
        let taken = self.take(message("m-1", body)).await.unwrap();
        assert_eq!(self.store.orders(), [], "a refused message is no order");
        assert_eq!(self.sent(), [""; 0]);
        let parked = self.store.parked().remove(0);
        let Why::Refusal(refusal) = parked.why.clone() else { panic!("{parked:?}") };
        assert_eq!(taken, Taken::Refused(refusal.clone()), "whoever waits is told what is kept");
        (parked.key.kind, refusal, parked)
    }
}

#[tokio::test]
async fn a_decline_becomes_an_order_and_is_handed_on() {
    let intake = intake();
    let taken = intake.take(message("m-1", decline())).await.unwrap();
    let order = intake.store.orders().remove(0);
    assert_eq!(taken, Taken::New(order.key.clone()));
    assert_eq!(order.status, Status::Received);
    assert_eq!(order.expires_at, "2026-12-12T10:00:00Z".parse().unwrap());
    assert!(order.due.is_some() && order.request.is_some());
    assert_eq!(intake.sent(), ["acme/INV-1001-r1"]);
}

#[tokio::test]
async fn the_same_decline_again_changes_nothing_and_another_is_kept_as_a_conflict() {
    let tally = Tally::default();
    let _counting = tally.start();
    let intake = intake();
    intake.take(message("m-1", decline())).await.unwrap();
    let stored = intake.store.orders();
    // Another layout, and a field that is absent written as null: the same content.
    let mut same = decline();
    same["card"]["holder"].take();
    let mut again = same.clone();
    again["card"].as_object_mut().unwrap().remove("holder");
    same["order_id"] = "INV-2".into();
    again["order_id"] = "INV-2".into();
    let taken = intake.take(message("m-2", serde_json::to_string_pretty(&decline()).unwrap())).await.unwrap();
    assert_eq!((taken, intake.store.orders()), (Taken::Same(stored[0].key.clone()), stored));
    intake.take(message("m-2a", same)).await.unwrap();
    intake.take(message("m-2b", again)).await.unwrap();
    assert_eq!(intake.store.orders().len(), 2);
    assert!(intake.store.parked().is_empty());
    let stored = intake.store.orders();

    let mut other = decline();
    other["amount"]["minor"] = 2999.into();
    let taken = intake.take(message("m-3", other)).await.unwrap();
    let key = OrderKey { merchant: "acme".parse().unwrap(), order_id: "INV-1001-r1".parse().unwrap() };
    assert_eq!((taken, intake.store.orders()), (Taken::Conflict(key), stored));
    let parked = intake.store.parked().remove(0);
    assert_eq!(parked.key.kind, ParkedKind::Conflict);
    assert!(parked.copy.contains("2999"), "{}", parked.copy);
    assert_eq!(tally.of(Metric::DeclineConflicts), 1);
}

#[tokio::test]
async fn a_crash_between_write_and_hand_on_is_healed_by_the_redelivery_even_when_it_is_stale() {
    let intake = intake();
    intake.queue.is_down.store(true, Ordering::SeqCst);
    let crashed = {
        use futures_util::FutureExt as _;
        std::panic::AssertUnwindSafe(intake.take(message("m-1", decline()))).catch_unwind().await
    };
    assert!(crashed.is_err());
    intake.queue.is_down.store(false, Ordering::SeqCst);
    *intake.clock.0.lock().unwrap() += SignedDuration::from_hours(48);
    intake.take(message("m-1", decline())).await.unwrap();
    assert_eq!(intake.sent(), ["acme/INV-1001-r1"]);
    assert!(intake.store.parked().is_empty(), "what was taken is not refused later");
}

#[tokio::test]
async fn what_is_not_json_is_kept_without_its_digits() {
    let tally = Tally::default();
    let _counting = tally.start();
    let intake = intake();
    let (kind, refusal, parked) = intake.refusal("{\"pan\": 4111111111111111, \"cvv\": 123").await;
    assert_eq!((kind, refusal.rule), (ParkedKind::Unparseable, Rule::NotJson));
    assert_eq!(parked.key.merchant, None);
    assert!(parked.copy.contains("################") && !parked.copy.contains("123"), "{}", parked.copy);
    assert_eq!(tally.of(Metric::RejectedDeclines), 1);
}

#[tokio::test]
async fn each_rule_names_the_field_and_keeps_a_redacted_copy() {
    let set = |pointer: &str, value: Value| {
        let mut decline = decline();
        *decline.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
        decline
    };
    let cases = [
        (set("/version", json!(2)), Rule::Version, "version"),
        (set("/customer/email", json!("4111 1111 1111 1111")), Rule::CardNumber, "customer.email"),
        (set("/card/token", json!("4000002760003184")), Rule::CardNumber, "card.token"),
        (set("/metadata", json!({"cvv": "123"})), Rule::CardSecret, "metadata.cvv"),
        (set("/card/token", json!("not-a-token")), Rule::Schema, "card.token"),
        (set("/amount/minor", json!("19.99")), Rule::Schema, "amount.minor"),
        (set("/amount/minor", json!(19.99)), Rule::Schema, "amount.minor"),
        (set("/amount/minor", json!(-5)), Rule::Schema, "amount.minor"),
        (set("/order_id", json!("a b")), Rule::Schema, "order_id"),
        (set("/merchant", json!("nobody")), Rule::MerchantUnknown, "merchant"),
        (set("/merchant", json!("closed")), Rule::MerchantDisabled, "merchant"),
        (set("/merchant_initiated", json!(false)), Rule::MitFlags, "merchant_initiated"),
        (set("/recurring", json!(false)), Rule::MitFlags, "recurring"),
        (set("/amount/currency", json!("EUR")), Rule::Currency, "amount.currency"),
        (set("/subscription/price/currency", json!("EUR")), Rule::Currency, "subscription.price.currency"),
        (set("/amount/minor", json!(10)), Rule::Amount, "amount.minor"),
        (set("/amount/minor", json!(20_000)), Rule::Amount, "amount.minor"),
        (set("/declined_at", json!("2026-11-20T09:59:59Z")), Rule::Stale, "declined_at"),
        (set("/declined_at", json!("2026-11-21T10:05:01Z")), Rule::DeclinedInFuture, "declined_at"),
        (set("/window_days", json!(13)), Rule::Window, "window_days"),
        (set("/window_days", json!(22)), Rule::Window, "window_days"),
        (set("/site", json!("elsewhere")), Rule::SiteUnknown, "site"),
        (set("/card/last4", json!("31844")), Rule::Card, "card.last4"),
        (set("/card/bin", json!("4000")), Rule::Card, "card.bin"),
        (set("/card/expiry_month", json!(13)), Rule::Card, "card.expiry_month"),
        (set("/billing_address/country_code", json!("usa")), Rule::Country, "billing_address.country_code"),
    ];
    for (decline, rule, path) in cases {
        let (kind, refusal, parked) = intake().refusal(&decline).await;
        assert_eq!((kind, refusal.rule, refusal.path.as_str()), (ParkedKind::Refused, rule, path));
        assert!(refusal.sentence.ends_with('.'), "{}", refusal.sentence);
        for secret in ["4111", "4000002760003184", "\"123\""] {
            let shown = format!("{} {} {}", refusal.sentence, refusal.path, parked.copy);
            assert!(!shown.contains(secret), "{rule:?} shows {secret}: {shown}");
        }
        let known = rule != Rule::MerchantUnknown;
        assert_eq!(parked.key.merchant.is_some(), known, "{rule:?}");
    }
}

#[tokio::test]
async fn the_edges_of_the_limits_are_inside() {
    for (pointer, value) in [
        ("/amount/minor", json!(11)),
        ("/amount/minor", json!(19_999)),
        ("/declined_at", json!("2026-11-20T10:00:00Z")),
        ("/declined_at", json!("2026-11-21T10:05:00Z")),
        ("/window_days", json!(14)),
        ("/window_days", json!(21)),
    ] {
        let intake = intake();
        let mut decline = decline();
        *decline.pointer_mut(pointer).unwrap() = value;
        intake.take(message("m-1", decline)).await.unwrap();
        assert_eq!(intake.store.orders().len(), 1, "{pointer}");
    }
}

#[tokio::test]
async fn unknown_and_missing_fields_are_named() {
    let mut misspelt = decline();
    misspelt["windowdays"] = 21.into();
    let (_, refusal, _) = intake().refusal(&misspelt).await;
    assert_eq!((refusal.rule, refusal.path.as_str()), (Rule::Schema, "windowdays"));
    let mut missing = decline();
    missing["transaction"].as_object_mut().unwrap().remove("avs_result");
    let (_, refusal, _) = intake().refusal(&missing).await;
    assert_eq!((refusal.rule, refusal.path.as_str()), (Rule::Schema, "transaction"));
    assert!(refusal.sentence.contains("avs_result"), "{}", refusal.sentence);
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_and_cut() {
    let (_, refusal, _) = intake().refusal("x".repeat(models::decline::DECLINE_BYTES_MAX)).await;
    assert_eq!(refusal.rule, Rule::NotJson, "read up to its limit");
    let (kind, refusal, parked) = intake().refusal("x".repeat(models::decline::DECLINE_BYTES_MAX + 1)).await;
    assert_eq!((kind, refusal.rule), (ParkedKind::Unparseable, Rule::TooLarge));
    assert!(parked.copy.len() <= COPY_BYTES_MAX);
}
