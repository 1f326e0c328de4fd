//! Looks over the in-memory table and a FlexFactor that answers as told.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use flexfactor::mapping::{EvaluateStatus, OrderStatus};
use flexfactor::{Capturing, ListNames, Lookup, Lost, OrderAnswer, Outcome, OutcomeAnswer, Refused};
use jiff::SignedDuration;
use lambda_kit::queue::OrderMessage;
use lambda_kit::secrets::SecretError;
use lambda_kit::testing::Tally;
use models::decline::Decline;
use models::event::{EventKind, OrderEvent};
use models::ids::{ContentHash, IdempotencyKey, MerchantId, OrderId};
use models::intake;
use models::money::MinorUnits;
use models::order::{DueReason, Facet, ReasonCode};
use models::parked::{Parked, ParkedKind, Why, orphan_due};
use models::reconcile::{CancelledPastExpiry, LookRules};
use models::refund::Totals;
use models::schedule::{ORPHAN, OUTCOME, SUBMISSION, WINDOW};
use models::screening::Screened;
use models::status::Status;
use models::submission::{Claim, ClaimRefused, Outcome as Submitted, Times, Verdict};
use order_store::Table;
use order_store::capability::{Claimed, Park, Submit, TakeDecline};
use order_store::memory::MemoryTable;
use serde_json::json;

use super::*;

mod money;
mod open;
mod orphan;
mod refunds;
mod unknown;
mod unreadable;
mod wishes;

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

    async fn hand_on_all(&self, _: &[OrderKey]) -> Vec<Result<(), QueueError>> {
        unreachable!("a look hands on one order")
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

/// What FlexFactor has; what is not listed does not answer, or is not found.
#[derive(Default)]
struct Provider {
    statuses: Mutex<HashMap<String, &'static str>>,
    outcomes: Mutex<HashMap<String, &'static str>>,
    /// FlexFactor's ids by ours.
    ids: Mutex<BTreeMap<String, Vec<&'static str>>>,
    is_down: Mutex<bool>,
    /// Whether it does as it is told when an order is to be cancelled or captured; it refuses otherwise.
    takes_wishes: Mutex<bool>,
    totals: Mutex<Option<Totals>>,
    calls: Mutex<Vec<String>>,
}

impl Provider {
    fn called(&self, call: String) {
        self.calls.lock().unwrap().push(call);
    }

    fn is_down(&self) -> bool {
        *self.is_down.lock().unwrap()
    }

    fn wished(&self) -> Outcome<()> {
        match (self.is_down(), *self.takes_wishes.lock().unwrap()) {
            (true, _) => Outcome::Unknown(Lost::ServerFailed(503)),
            (false, true) => Outcome::Done(()),
            (false, false) => Outcome::Refused(Refused { http: 400, words: "not now".to_owned() }),
        }
    }
}

impl ReadOrder for Provider {
    async fn read_order(&self, _: &Account, id: &ProviderOrderId, _: Timestamp) -> Outcome<OrderAnswer> {
        self.called(format!("read {id}"));
        match self.statuses.lock().unwrap().get(id.as_str()) {
            Some(&"404") => Outcome::Refused(Refused { http: 404, words: "unknown".to_owned() }),
            Some(word) => {
                let totals = *self.totals.lock().unwrap();
                Outcome::Done(OrderAnswer {
                    status: OrderStatus::parse(word),
                    word: (*word).to_owned(),
                    totals,
                })
            }
            None => Outcome::Unknown(Lost::TimedOut),
        }
    }
}

impl ReadOutcome for Provider {
    async fn read_outcome(&self, _: &Account, id: &ProviderOrderId, _: Timestamp) -> Outcome<OutcomeAnswer> {
        self.called(format!("outcome {id}"));
        match self.outcomes.lock().unwrap().get(id.as_str()) {
            Some(word) => {
                Outcome::Done(OutcomeAnswer { status: EvaluateStatus::parse(word), word: (*word).to_owned() })
            }
            None => Outcome::Refused(Refused { http: 410, words: "gone".to_owned() }),
        }
    }
}

impl FindOrder for Provider {
    async fn find_order(
        &self,
        _: &Account,
        lookup: Lookup<'_>,
        now: Timestamp,
    ) -> Outcome<Vec<ProviderOrderId>> {
        self.called(format!("find {}", lookup.order_id));
        assert!(lookup.since < now && lookup.mid == "m");
        if self.is_down() {
            return Outcome::Unknown(Lost::ServerFailed(503));
        }
        let ids = self.ids.lock().unwrap().get(lookup.order_id.as_str()).cloned().unwrap_or_default();
        Outcome::Done(ids.into_iter().map(|id| id.parse().unwrap()).collect())
    }
}

impl CancelExternally for Provider {
    async fn cancel_externally(&self, _: &Account, order_id: &OrderId, _: Timestamp) -> Outcome<()> {
        self.called(format!("cancel {order_id}"));
        match (self.is_down(), *self.takes_wishes.lock().unwrap()) {
            (true, _) => Outcome::Unknown(Lost::ServerFailed(503)),
            (false, true) => Outcome::Done(()),
            (false, false) => Outcome::Refused(Refused { http: 404, words: "unknown order".to_owned() }),
        }
    }
}

impl CancelOrder for Provider {
    async fn cancel_order(&self, _: &Account, id: &ProviderOrderId, _: Timestamp) -> Outcome<()> {
        self.called(format!("cancel by id {id}"));
        self.wished()
    }
}

impl CaptureOrder for Provider {
    async fn capture_order(&self, _: &Account, capture: Capturing<'_>, _: Timestamp) -> Outcome<()> {
        self.called(format!("capture {} {} {}", capture.order, capture.amount, capture.key));
        self.wished()
    }
}

type Tested = Reconcile<&'static MemoryTable, Queue, &'static MemoryTable, Secret, Provider, Fixed>;

fn times() -> Times {
    Times {
        lease: SignedDuration::from_secs(90),
        repeat_after: SignedDuration::from_secs(5),
        submission_overdue: SignedDuration::from_mins(15),
        replay_window: SignedDuration::from_hours(24),
        webhook_cycle: SignedDuration::from_hours(24),
        expiry_grace: SignedDuration::from_hours(6),
    }
}

fn tested() -> Tested {
    let table: &'static MemoryTable = Box::leak(Box::default());
    put_merchant(table, "m");
    Reconcile {
        store: table,
        queue: Queue::default(),
        merchants: table,
        secrets: Secret,
        provider: Provider::default(),
        clock: Fixed,
        rules: ReconcileRules {
            look: LookRules { times: times(), cancelled_past_expiry: CancelledPastExpiry::Expired },
            list: ListNames { orders: "orders".to_owned(), reference: "referenceNumber".to_owned() },
        },
    }
}

fn put_merchant(table: &MemoryTable, mid: &str) {
    let merchant = json!({"enabled": true, "mode": "managed", "environment": "sandbox", "mid": mid});
    table.put_merchant("acme".parse().unwrap(), serde_json::from_value(merchant).unwrap());
}

fn start() -> Timestamp {
    START.parse().unwrap()
}

fn hours(hours: i64) -> Timestamp {
    start() + SignedDuration::from_hours(hours)
}

/// The end of window and grace.
fn window_over() -> Timestamp {
    hours(21 * 24 + 6)
}

/// An event of an order that FlexFactor knows as `p-1`.
fn event(order_id: &str, kind: EventKind, name: &str) -> OrderEvent {
    OrderEvent {
        kind,
        name: name.to_owned(),
        occurred_at: "t".to_owned(),
        order_id: order_id.parse().unwrap(),
        provider_order: "p-1".parse().unwrap(),
        confirmation: None,
        nonce: name.to_owned(),
    }
}

fn record(what: DueThing, as_of: Timestamp) -> Record {
    let body = serde_json::to_string(&DueMessage { what, as_of }).unwrap();
    Record { id: "m".to_owned(), body, receipt: "r".to_owned(), sent_at_millis: None, deliveries: None }
}

impl Tested {
    fn decline(order_id: &str) -> Order {
        let json = include_str!("../../../../events/decline.json").replace("INV-1001-r1", order_id);
        let decline: Decline = serde_json::from_str(&json).unwrap();
        let screened = Screened { decline, window_days: 21 };
        intake::open(screened, ContentHash::of(&json.into()), times().submission_overdue, start())
    }

    async fn received(&self, order_id: &str) -> OrderKey {
        let order = Self::decline(order_id);
        self.store.take(&order).await.unwrap();
        order.key
    }

    async fn claimed(&self, order_id: &str) -> Order {
        let key = self.received(order_id).await;
        let claim = Claim {
            key: IdempotencyKey::from_random([1; 16]),
            account: "sandbox/m".to_owned(),
            now: start(),
        };
        self.store.claim(&key, &claim, &times()).await.unwrap();
        self.order(&key).await
    }

    /// An order that FlexFactor works on, under an id of the same name.
    async fn pending(&self, order_id: &str) -> OrderKey {
        let order = self.claimed(order_id).await;
        let provider_order = order_id.parse().unwrap();
        let answer =
            Submitted::Answered { verdict: Verdict::Working, provider_order, word: "SUBMITTED".into() };
        self.store.record(&order, &answer, &times(), start()).await.unwrap();
        order.key
    }

    /// An order whose submission was never answered.
    async fn lost(&self, order_id: &str) -> OrderKey {
        let order = self.claimed(order_id).await;
        let lost = Submitted::Lost(models::order::Reason::new(ReasonCode::SubmissionTimedOut, "no answer"));
        self.store.record(&order, &lost, &times(), start()).await.unwrap();
        order.key
    }

    fn says(&self, order_id: &str, word: &'static str) {
        self.provider.statuses.lock().unwrap().insert(order_id.to_owned(), word);
    }

    async fn order(&self, key: &OrderKey) -> Order {
        Table::read(self.store, key).await.unwrap().unwrap()
    }

    async fn look(&self, key: &OrderKey, as_of: Timestamp) -> Order {
        let order = OrderMessage::of(key);
        self.reconcile(record(DueThing::Order(order), as_of)).await.unwrap();
        self.order(key).await
    }

    /// Looks whenever the order is due, until it is not; the order, and when it was looked at, in hours.
    async fn look_to_the_end(&self, key: &OrderKey) -> (Order, Vec<i64>) {
        let mut looks = Vec::new();
        while let Some(due) = self.order(key).await.due {
            looks.push(due.at.duration_since(start()).as_hours());
            self.look(key, due.at).await;
            assert!(looks.len() < 200, "the looks do not end: {looks:?}");
        }
        (self.order(key).await, looks)
    }

    /// Makes a change that people asked for.
    async fn ask(&self, key: &OrderKey, change: &Change) -> Order {
        assert!(self.store.settle(key, change).await.unwrap());
        self.order(key).await
    }

    fn takes_wishes(&self) {
        *self.provider.takes_wishes.lock().unwrap() = true;
    }

    fn tells(&self, captured: u64, refunded: u64) {
        let totals = Totals { captured: MinorUnits::new(captured), refunded: MinorUnits::new(refunded) };
        *self.provider.totals.lock().unwrap() = Some(totals);
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut *self.provider.calls.lock().unwrap())
    }

    fn handed_on(&self) -> usize {
        std::mem::take(&mut *self.queue.0.lock().unwrap()).len()
    }
}
