//! The sweep over the in-memory table and a FlexFactor that knows each order's status.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use flexfactor::mapping::OrderStatus;
use flexfactor::{Account, Lost, OrderAnswer, Outcome};
use jiff::SignedDuration;
use lambda_kit::queue::QueueError;
use lambda_kit::secrets::{MerchantSecret, SecretError};
use models::decline::Decline;
use models::event::{EventKind, OrderEvent};
use models::ids::{ContentHash, IdempotencyKey, MerchantId, ProviderOrderId};
use models::intake;
use models::order::{DueReason, Facet, Order};
use models::screening::Screened;
use models::status::Status;
use models::submission::{Claim, Outcome as Submitted, Times, Verdict};
use models::sweep::CancelledPastExpiry;
use order_store::Table;
use order_store::capability::{ApplyEvent, Submit, TakeDecline};
use order_store::memory::MemoryTable;
use serde_json::json;

use super::*;
use crate::settings::LookRules;

const START: &str = "2026-11-21T10:00:00Z";

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        START.parse().unwrap()
    }
}

#[derive(Default)]
struct Queue(Mutex<Vec<String>>);

impl HandOn for Queue {
    async fn hand_on(&self, key: &OrderKey) -> Result<(), QueueError> {
        self.0.lock().unwrap().push(key.order_id.to_string());
        Ok(())
    }
}

struct Secret;

impl FindSecret for Secret {
    async fn secret(&self, _: &MerchantId) -> Result<Arc<MerchantSecret>, SecretError> {
        MerchantSecret::parse(r#"{"app_key":"k","app_secret":"s","webhook_keys":[]}"#).map(Arc::new)
    }
    async fn newer(
        &self,
        _: &MerchantId,
        _: &Arc<MerchantSecret>,
    ) -> Result<Option<Arc<MerchantSecret>>, SecretError> {
        Ok(None)
    }
}

/// The status of each order; what is not listed does not answer.
#[derive(Default)]
struct Provider {
    statuses: Mutex<HashMap<String, &'static str>>,
    reads: Mutex<Vec<String>>,
}

impl ReadOrder for Provider {
    async fn read_order(&self, _: &Account, id: &ProviderOrderId, _: Timestamp) -> Outcome<OrderAnswer> {
        self.reads.lock().unwrap().push(id.to_string());
        match self.statuses.lock().unwrap().get(id.as_str()) {
            Some(word) => {
                Outcome::Done(OrderAnswer { status: OrderStatus::parse(word), word: (*word).to_owned() })
            }
            None => Outcome::Unknown(Lost::TimedOut),
        }
    }
}

type TestSweep = Sweep<&'static MemoryTable, Queue, &'static MemoryTable, Secret, Provider, Fixed>;

fn times() -> Times {
    Times {
        lease: SignedDuration::from_secs(90),
        submission_overdue: SignedDuration::from_mins(15),
        replay_window: SignedDuration::from_hours(24),
        expiry_grace: SignedDuration::from_hours(6),
    }
}

fn sweep() -> TestSweep {
    let table: &'static MemoryTable = Box::leak(Box::default());
    let merchant = json!({"enabled": true, "mode": "managed", "environment": "sandbox", "mid": "m"});
    table.put_merchant("acme".parse().unwrap(), serde_json::from_value(merchant).unwrap());
    Sweep {
        looker: Looker {
            store: table,
            queue: Queue::default(),
            merchants: table,
            secrets: Secret,
            provider: Provider::default(),
            clock: Fixed,
            rules: LookRules { times: times(), cancelled_past_expiry: CancelledPastExpiry::Expired },
        },
        rules: SweepRules {
            orders_max: 500,
            ahead_max: SignedDuration::from_hours(24 * 40),
            look_time: Duration::from_millis(1),
        },
    }
}

fn start() -> Timestamp {
    START.parse().unwrap()
}

fn day(days: i64) -> Timestamp {
    start() + SignedDuration::from_hours(24 * days)
}

/// The end of window and grace.
fn window_over() -> Timestamp {
    day(21) + SignedDuration::from_hours(6)
}

/// An event of an order that FlexFactor knows as `p-1`.
fn event(key: &OrderKey, kind: EventKind, name: &str) -> OrderEvent {
    OrderEvent {
        kind,
        name: name.to_owned(),
        occurred_at: "t".to_owned(),
        order_id: key.order_id.clone(),
        provider_order: "p-1".parse().unwrap(),
        confirmation: None,
        nonce: name.to_owned(),
    }
}

impl TestSweep {
    async fn received(&self, order_id: &str) -> OrderKey {
        let json = include_str!("../../../events/decline.json").replace("INV-1001-r1", order_id);
        let decline: Decline = serde_json::from_str(&json).unwrap();
        let screened = Screened { decline, window_days: 21 };
        let order =
            intake::open(screened, ContentHash::of(&json.into()), times().submission_overdue, start());
        self.looker.store.take(&order).await.unwrap();
        order.key
    }

    async fn claimed(&self, order_id: &str) -> Order {
        let key = self.received(order_id).await;
        let claim = Claim {
            key: IdempotencyKey::from_random([1; 16]),
            account: "sandbox/m".to_owned(),
            now: start(),
        };
        self.looker.store.claim(&key, &claim, &times()).await.unwrap();
        self.order(&key).await
    }

    /// An order that FlexFactor works on, under an id of the same name.
    async fn pending(&self, order_id: &str) -> OrderKey {
        let order = self.claimed(order_id).await;
        let provider_order = order_id.parse().unwrap();
        let answer =
            Submitted::Answered { verdict: Verdict::Working, provider_order, word: "SUBMITTED".into() };
        self.looker.store.record(&order, &answer, &times(), start()).await.unwrap();
        order.key
    }

    fn says(&self, order_id: &str, word: &'static str) {
        self.looker.provider.statuses.lock().unwrap().insert(order_id.to_owned(), word);
    }

    async fn order(&self, key: &OrderKey) -> Order {
        Table::read(self.looker.store, key).await.unwrap().unwrap()
    }

    async fn run_at(&self, as_of: Timestamp) -> Swept {
        let deadline = SystemTime::now() + Duration::from_secs(60);
        self.run(Scheduled { scheduled_at: Some(as_of) }, deadline).await.unwrap()
    }

    fn reads(&self) -> usize {
        self.looker.provider.reads.lock().unwrap().len()
    }
}

#[tokio::test]
async fn what_the_provider_says_after_the_window_is_applied() {
    for (word, status) in [
        ("Completed", Status::Approved),
        ("Returned", Status::Approved),
        ("Chargeback", Status::Approved),
        ("CANCELLED", Status::Expired),
        ("Draft", Status::Expired),
        ("Processing", Status::Expired),
        ("Onhold", Status::Expired),
        ("Problem", Status::Escalated),
        ("CAPTUREREQUIRED", Status::Escalated),
    ] {
        let sweep = sweep();
        let key = sweep.pending("p-1").await;
        sweep.says("p-1", word);
        let swept = sweep.run_at(window_over()).await;
        assert_eq!((swept.examined, swept.closed), (1, 1), "{word}");
        let order = sweep.order(&key).await;
        assert_eq!((order.status, order.due), (status, None), "{word}");
        assert_eq!(sweep.run_at(day(30)).await.examined, 0, "a terminal order is never looked at again");
    }
}

#[tokio::test]
async fn how_an_expired_order_shows_at_the_provider_is_a_setting() {
    let mut sweep = sweep();
    sweep.looker.rules.cancelled_past_expiry = CancelledPastExpiry::Cancelled;
    let key = sweep.pending("p-1").await;
    sweep.says("p-1", "Cancelled");
    sweep.run_at(window_over()).await;
    assert_eq!(sweep.order(&key).await.status, Status::Cancelled);
}

#[tokio::test]
async fn nobody_is_asked_before_window_and_grace_are_over() {
    let sweep = sweep();
    sweep.pending("p-1").await;
    assert_eq!(sweep.run_at(window_over() - SignedDuration::from_secs(1)).await.examined, 0);
    assert_eq!(sweep.reads(), 0);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_asked_again_until_the_bound_and_then_people_are_told() {
    let sweep = sweep();
    let key = sweep.pending("p-1").await;
    assert_eq!(sweep.run_at(window_over()).await.rearmed, 1);
    let order = sweep.order(&key).await;
    assert_eq!(order.status, Status::Pending);
    assert_eq!(order.due.unwrap().at, window_over() + models::sweep::READ_RETRY);
    sweep.says("p-1", "SomethingNew");
    assert_eq!(sweep.run_at(window_over() + SignedDuration::from_hours(71)).await.rearmed, 1);
    assert_eq!(
        sweep.order(&key).await.reason.unwrap().detail,
        "SomethingNew",
        "an unknown word is kept as it came"
    );
    assert_eq!(sweep.run_at(window_over() + SignedDuration::from_hours(72)).await.closed, 1);
    assert_eq!(sweep.order(&key).await.status, Status::Escalated);
}

#[tokio::test]
async fn an_order_that_waits_for_its_submission_is_handed_on_again_within_bounds() {
    let sweep = sweep();
    let received = sweep.received("late").await;
    let lost = sweep.claimed("lost").await.key;
    assert_eq!(sweep.run_at(start() + SignedDuration::from_mins(15)).await.rearmed, 2);
    let mut handed_on = sweep.looker.queue.0.lock().unwrap().clone();
    handed_on.sort();
    assert_eq!(handed_on, ["late", "lost"]);
    // A claimed order past the provider's memory of its key is not submitted again; one that was never claimed still may.
    assert_eq!(sweep.run_at(day(1)).await.closed, 1);
    assert_eq!(sweep.order(&lost).await.status, Status::Escalated);
    assert_eq!(sweep.order(&received).await.status, Status::Received);
    assert_eq!(sweep.run_at(day(21)).await.closed, 1);
    assert_eq!(sweep.order(&received).await.status, Status::Expired);
}

#[tokio::test]
async fn a_money_signal_is_read_and_the_order_goes_on_as_before() {
    let sweep = sweep();
    let key = sweep.pending("p-1").await;
    let event = |kind, name: &str| event(&key, kind, name);
    sweep.looker.store.apply(&key, &event(EventKind::Refunded, "order.refunded"), start()).await.unwrap();
    sweep.says("p-1", "Processing");
    assert_eq!(sweep.run_at(day(1)).await.rearmed, 1);
    let order = sweep.order(&key).await;
    assert_eq!((order.status, order.refund), (Status::Pending, Facet::Confirmed));
    assert_eq!(order.due.map(|due| (due.at, due.reason)), Some((window_over(), DueReason::WindowOver)));

    sweep.looker.store.apply(&key, &event(EventKind::Completed, "order.completed"), start()).await.unwrap();
    sweep
        .looker
        .store
        .apply(&key, &event(EventKind::Chargeback, "payment.chargeback.received"), day(2))
        .await
        .unwrap();
    sweep.says("p-1", "Completed");
    sweep.run_at(day(2)).await;
    let order = sweep.order(&key).await;
    assert_eq!((order.status, order.dispute, order.due), (Status::Approved, Facet::Confirmed, None));
}

#[tokio::test]
async fn a_money_signal_that_cannot_be_read_is_asked_for_at_growing_intervals_and_not_for_ever() {
    let sweep = sweep();
    let key = sweep.pending("p-1").await;
    for (kind, name) in [(EventKind::Completed, "order.completed"), (EventKind::Refunded, "order.refunded")] {
        let event = event(&key, kind, name);
        sweep.looker.store.apply(&key, &event, start()).await.unwrap();
    }
    let mut looks = Vec::new();
    while let Some(due) = sweep.order(&key).await.due {
        sweep.run_at(due.at).await;
        looks.push(due.at.duration_since(start()).as_mins());
        assert!(looks.len() < 20, "{looks:?}");
    }
    assert_eq!(looks[..5], [0, 15, 45, 105, 225]);
    let order = sweep.order(&key).await;
    assert_eq!((order.status, order.refund), (Status::Approved, Facet::Signalled), "people see what is open");
}

#[tokio::test]
async fn a_run_is_bounded_and_the_next_one_goes_on() {
    let mut sweep = sweep();
    sweep.rules.orders_max = 16;
    for number in 0..60 {
        let id = format!("p-{number}");
        sweep.pending(&id).await;
        sweep.looker.provider.statuses.lock().unwrap().insert(id, "Completed");
    }
    let mut closed = 0;
    for _ in 0..60 {
        let swept = sweep.run_at(window_over()).await;
        assert!(swept.examined <= 16);
        closed += swept.closed;
        if !swept.more {
            break;
        }
    }
    assert_eq!((closed, sweep.reads()), (60, 60), "each order is looked at once");
}

#[tokio::test]
async fn no_look_is_begun_when_the_time_is_over() {
    let sweep = sweep();
    sweep.pending("p-1").await;
    let swept = sweep.run(Scheduled { scheduled_at: Some(window_over()) }, SystemTime::now()).await.unwrap();
    assert_eq!((swept.examined, swept.more), (0, true));
}

#[tokio::test]
async fn a_run_too_far_ahead_of_the_clock_is_refused() {
    let mut sweep = sweep();
    sweep.rules.ahead_max = SignedDuration::from_secs(300);
    let deadline = SystemTime::now() + Duration::from_secs(60);
    let ahead = Scheduled { scheduled_at: Some(start() + SignedDuration::from_secs(301)) };
    let told = lambda_runtime::Diagnostic::from(sweep.run(ahead, deadline).await.unwrap_err());
    assert_eq!(told.error_type, "as_of_ahead");
    assert!(told.error_message.contains("2026-11-21T10:05:01Z"), "{}", told.error_message);
    let edge = Scheduled { scheduled_at: Some(start() + SignedDuration::from_secs(300)) };
    assert!(sweep.run(edge, deadline).await.is_ok());
    assert!(sweep.run(Scheduled::default(), deadline).await.is_ok());
}
