//! Looks over the in-memory table and a FlexFactor that answers as told.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use flexfactor::mapping::{EvaluateStatus, OrderStatus};
use flexfactor::{ListNames, Lookup, Lost, OrderAnswer, Outcome, OutcomeAnswer, Refused};
use jiff::SignedDuration;
use lambda_kit::queue::OrderMessage;
use lambda_kit::secrets::SecretError;
use models::decline::Decline;
use models::event::{EventKind, OrderEvent};
use models::ids::{ContentHash, IdempotencyKey, MerchantId, OrderId};
use models::intake;
use models::order::{DueReason, Facet, ReasonCode};
use models::parked::{Parked, ParkedKind, Why, orphan_due};
use models::reconcile::{CancelledPastExpiry, LookRules};
use models::schedule::{ORPHAN, OUTCOME, SUBMISSION, WINDOW};
use models::screening::Screened;
use models::status::Status;
use models::submission::{Claim, ClaimRefused, Outcome as Submitted, Times, Verdict};
use order_store::Table;
use order_store::capability::{Claimed, Park, Submit, TakeDecline};
use order_store::memory::MemoryTable;
use serde_json::json;

use super::*;

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

/// What FlexFactor has; what is not listed does not answer, or is not found.
#[derive(Default)]
struct Provider {
    statuses: Mutex<HashMap<String, &'static str>>,
    outcomes: Mutex<HashMap<String, &'static str>>,
    /// FlexFactor's ids by ours.
    ids: Mutex<BTreeMap<String, Vec<&'static str>>>,
    is_down: Mutex<bool>,
    calls: Mutex<Vec<String>>,
}

impl Provider {
    fn called(&self, call: String) {
        self.calls.lock().unwrap().push(call);
    }

    fn is_down(&self) -> bool {
        *self.is_down.lock().unwrap()
    }
}

impl ReadOrder for Provider {
    async fn read_order(&self, _: &Account, id: &ProviderOrderId, _: Timestamp) -> Outcome<OrderAnswer> {
        self.called(format!("read {id}"));
        match self.statuses.lock().unwrap().get(id.as_str()) {
            Some(&"404") => Outcome::Refused(Refused { http: 404, words: "unknown".to_owned() }),
            Some(word) => {
                Outcome::Done(OrderAnswer { status: OrderStatus::parse(word), word: (*word).to_owned() })
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
        match self.is_down() {
            true => Outcome::Unknown(Lost::ServerFailed(503)),
            false => Outcome::Refused(Refused { http: 404, words: "unknown order".to_owned() }),
        }
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
    Record { id: "m".to_owned(), body, receipt: "r".to_owned(), sent_at_millis: None }
}

impl Tested {
    fn decline(order_id: &str) -> Order {
        let json = include_str!("../../../events/decline.json").replace("INV-1001-r1", order_id);
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
        let order = OrderMessage { merchant: key.merchant.clone(), order_id: key.order_id.clone() };
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

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut *self.provider.calls.lock().unwrap())
    }

    fn handed_on(&self) -> usize {
        std::mem::take(&mut *self.queue.0.lock().unwrap()).len()
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
        let tested = tested();
        let key = tested.pending("p-1").await;
        tested.says("p-1", word);
        let order = tested.look(&key, window_over()).await;
        assert_eq!((order.status, order.due), (status, None), "{word}");
    }
}

#[tokio::test]
async fn how_an_expired_order_shows_at_the_provider_is_a_setting() {
    let mut tested = tested();
    tested.rules.look.cancelled_past_expiry = CancelledPastExpiry::Cancelled;
    let key = tested.pending("p-1").await;
    tested.says("p-1", "Cancelled");
    assert_eq!(tested.look(&key, window_over()).await.status, Status::Cancelled);
}

/// One word stands for three ends; the older call tells which.
#[tokio::test]
async fn an_order_that_is_over_is_made_exact_by_its_outcome() {
    for (outcome, status) in [
        ("DECLINED", Status::Declined),
        ("CANCELLED", Status::Cancelled),
        ("EXPIRED", Status::Expired),
        // What contradicts the order's own word is not believed.
        ("APPROVED", Status::Expired),
        ("NOTFOUND", Status::Expired),
    ] {
        let tested = tested();
        let key = tested.pending("p-1").await;
        tested.says("p-1", "Cancelled");
        tested.provider.outcomes.lock().unwrap().insert("p-1".to_owned(), outcome);
        assert_eq!(tested.look(&key, window_over()).await.status, status, "{outcome}");
        assert_eq!(tested.calls(), ["read p-1", "outcome p-1"]);
    }
}

#[tokio::test]
async fn where_an_order_cannot_be_read_its_outcome_is_asked_for() {
    for word in ["404", "SomethingNew"] {
        let tested = tested();
        let key = tested.pending("p-1").await;
        tested.says("p-1", word);
        tested.provider.outcomes.lock().unwrap().insert("p-1".to_owned(), "APPROVED");
        assert_eq!(tested.look(&key, hours(24)).await.status, Status::Approved, "{word}");
    }
}

#[tokio::test]
async fn a_lost_webhook_is_found_within_one_cycle() {
    let tested = tested();
    let key = tested.pending("p-1").await;
    let due = tested.order(&key).await.due.unwrap();
    assert_eq!((due.at, due.reason), (hours(24), DueReason::WebhookOverdue));
    tested.says("p-1", "Processing");
    for day in 1..21 {
        let order = tested.look(&key, hours(24 * day)).await;
        assert_eq!(order.status, Status::Pending);
        assert_eq!(order.due.map(|due| due.at), Some(hours(24 * (day + 1)).min(window_over())));
    }
    tested.says("p-1", "Completed");
    let order = tested.look(&key, hours(24 * 21)).await;
    assert_eq!((order.status, order.due), (Status::Approved, None));
}

#[tokio::test]
async fn nothing_is_asked_before_it_is_due() {
    let tested = tested();
    let key = tested.pending("p-1").await;
    tested.look(&key, hours(24) - SignedDuration::from_secs(1)).await;
    assert_eq!(tested.calls(), [""; 0]);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_asked_until_the_bound_and_then_people_are_told() {
    let tested = tested();
    let key = tested.pending("p-1").await;
    let (order, looks) = tested.look_to_the_end(&key).await;
    assert_eq!((order.status, order.due), (Status::Escalated, None));
    // In each cycle a few times, and after window and grace by the schedule, to its end.
    assert_eq!(looks[..6], [24, 24, 24, 25, 27, 31], "{looks:?}");
    let end = window_over() + WINDOW.bound();
    assert_eq!(looks.last(), Some(&end.duration_since(start()).as_hours()));
    assert_eq!(order.reason.unwrap().detail, Lost::TimedOut.to_string());
}

#[tokio::test]
async fn an_order_of_which_nothing_was_sent_is_handed_on_within_its_bound_and_then_given_back() {
    let tested = tested();
    let key = tested.received("late").await;
    let (order, looks) = tested.look_to_the_end(&key).await;
    assert_eq!((order.status, order.reason.unwrap().code), (Status::Rejected, ReasonCode::NeverSubmitted));
    assert_eq!(looks.len(), SUBMISSION.waits().count() + 1);
    assert_eq!(tested.handed_on(), SUBMISSION.waits().count());
    assert!(looks.last().is_some_and(|hour| *hour < 24), "{looks:?}");
    assert_eq!(tested.calls(), [""; 0], "nobody is asked about what was never sent");
}

#[tokio::test]
async fn an_unanswered_submission_is_looked_for_by_our_own_id() {
    let tested = tested();
    let key = tested.lost("lost").await;
    tested.provider.ids.lock().unwrap().insert("lost".to_owned(), vec!["p-9"]);
    tested.says("p-9", "Processing");
    let order = tested.look(&key, hours(1)).await;
    assert_eq!((order.status, order.provider_order.unwrap().as_str()), (Status::Pending, "p-9"));
    assert!(order.request.is_none() && order.due.is_some());
    assert_eq!(
        (tested.calls().as_slice(), tested.handed_on()),
        (["find lost", "read p-9"].map(str::to_owned).as_slice(), 0)
    );
}

#[tokio::test]
async fn an_id_that_was_found_is_kept_though_the_order_cannot_be_read() {
    let tested = tested();
    let key = tested.lost("lost").await;
    tested.provider.ids.lock().unwrap().insert("lost".to_owned(), vec!["p-9"]);
    let order = tested.look(&key, hours(1)).await;
    assert_eq!((order.status, order.provider_order.unwrap().as_str()), (Status::Unknown, "p-9"));
}

#[tokio::test]
async fn two_orders_under_our_id_are_for_people() {
    let tested = tested();
    let key = tested.lost("lost").await;
    tested.provider.ids.lock().unwrap().insert("lost".to_owned(), vec!["p-8", "p-9"]);
    let order = tested.look(&key, hours(1)).await;
    assert_eq!(
        (order.status, order.reason.unwrap().code),
        (Status::Escalated, ReasonCode::TwoProviderOrders)
    );
}

/// Within the replay window the same key is used again; past it nothing is sent, the order is cancelled by our own id and
/// handed back.
#[tokio::test]
async fn past_the_replay_window_an_order_is_called_off_and_handed_back() {
    let tested = tested();
    let key = tested.lost("lost").await;
    let (order, looks) = tested.look_to_the_end(&key).await;
    assert_eq!(order.status, Status::Escalated);
    assert!(order.reason.unwrap().detail.contains("HTTP 404: unknown order"), "what FlexFactor said is kept");
    let (last, before) = looks.split_last().unwrap();
    assert!(before.iter().all(|hour| *hour < 24) && *last >= 24, "{looks:?}");
    assert_eq!(tested.handed_on(), looks.len() - 1);
    let calls = tested.calls();
    assert_eq!(calls.iter().filter(|call| *call == "cancel lost").count(), 1, "{calls:?}");
    assert_eq!(calls.last().unwrap(), "cancel lost");
}

/// Attempts that fail between the looks must not move the schedule's bound, nor bring the looks closer together.
#[tokio::test]
async fn attempts_between_the_looks_do_not_move_the_bound() {
    let tested = tested();
    let key = tested.lost("lost").await;
    *tested.provider.is_down.lock().unwrap() = true;
    let mut looks = Vec::new();
    while let Some(due) = tested.order(&key).await.due {
        looks.push(due.at);
        tested.look(&key, due.at).await;
        if tested.handed_on() > 0 {
            let now = due.at + SignedDuration::from_secs(60);
            let claim =
                Claim { key: IdempotencyKey::from_random([2; 16]), account: "sandbox/m".to_owned(), now };
            tested.store.claim(&key, &claim, &times()).await.unwrap();
            let order = tested.order(&key).await;
            let lost = Submitted::Lost(models::order::Reason::new(ReasonCode::ProviderFailed, "503"));
            tested.store.record(&order, &lost, &times(), now).await.unwrap();
        }
        assert!(looks.len() < 100);
    }
    let lasted = looks.last().unwrap().duration_since(looks[0]);
    assert_eq!(looks.len(), OUTCOME.waits().count() + 1);
    assert!(
        lasted >= OUTCOME.bound() && lasted < OUTCOME.bound() + SignedDuration::from_mins(10),
        "{lasted:#}"
    );
}

/// What is rejected is over until FlexFactor shows to have it: then it is open, and due.
#[tokio::test]
async fn an_order_that_shows_to_be_there_after_its_refusal_is_open_and_due() {
    let tested = tested();
    let order = tested.claimed("p-1").await;
    let refused = Submitted::Refused { words: "HTTP 400".to_owned() };
    tested.store.record(&order, &refused, &times(), start()).await.unwrap();
    let refunded = event("p-1", EventKind::Refunded, "order.refunded");
    tested.store.apply(&order.key, &refunded, start()).await.unwrap();
    tested.says("p-1", "Processing");
    let order = tested.look(&order.key, start()).await;
    assert_eq!((order.status, order.refund), (Status::Pending, Facet::Confirmed));
    assert_eq!(order.due.map(|due| due.reason), Some(DueReason::WebhookOverdue));
}

#[tokio::test]
async fn a_cancel_without_an_answer_is_tried_again_until_the_bound() {
    let tested = tested();
    let key = tested.lost("lost").await;
    *tested.provider.is_down.lock().unwrap() = true;
    let (order, looks) = tested.look_to_the_end(&key).await;
    assert_eq!(order.status, Status::Escalated);
    assert_eq!(looks.len(), OUTCOME.waits().count() + 1);
    let cancels = tested.calls().iter().filter(|call| *call == "cancel lost").count();
    assert!(cancels > 1, "{cancels}");
}

/// A second copy of the evaluation message must not submit what is being called off.
#[tokio::test]
async fn nothing_is_submitted_any_more_once_an_order_is_called_off() {
    let mut tested = tested();
    tested.rules.look.times.replay_window = SignedDuration::ZERO;
    let key = tested.lost("lost").await;
    *tested.provider.is_down.lock().unwrap() = true;
    let order = tested.look(&key, hours(1)).await;
    assert_eq!(order.status, Status::Unknown, "the cancel was not answered");
    let claim =
        Claim { key: IdempotencyKey::from_random([2; 16]), account: "sandbox/m".to_owned(), now: hours(2) };
    let claimed = tested.store.claim(&key, &claim, &times()).await.unwrap();
    let called_off = Claimed::Refused(ClaimRefused::CalledOff);
    assert_eq!(format!("{claimed:?}"), format!("{called_off:?}"));
    let (order, _) = tested.look_to_the_end(&key).await;
    assert_eq!((order.status, order.submission.lease_until), (Status::Escalated, None));
}

/// Its worker died and its replay window is over: it is called off like any other.
#[tokio::test]
async fn an_order_whose_claim_was_never_given_back_is_called_off_and_ends() {
    let mut tested = tested();
    tested.rules.look.times.replay_window = SignedDuration::ZERO;
    let order = tested.claimed("died").await;
    *tested.provider.is_down.lock().unwrap() = true;
    let looked = tested.look(&order.key, hours(1)).await;
    assert_eq!(looked.status, Status::Unknown);
    let (order, looks) = tested.look_to_the_end(&order.key).await;
    assert_eq!(order.status, Status::Escalated);
    assert!(looks.len() > 2, "{looks:?}");
}

#[tokio::test]
async fn a_refused_repeat_is_not_repeated() {
    let tested = tested();
    let order = tested.claimed("lost").await;
    let lost = Submitted::Lost(models::order::Reason::new(ReasonCode::SubmissionTimedOut, "no answer"));
    tested.store.record(&order, &lost, &times(), start()).await.unwrap();
    let claim = Claim {
        key: IdempotencyKey::from_random([2; 16]),
        account: "sandbox/m".to_owned(),
        now: start() + SignedDuration::from_secs(5),
    };
    tested.store.claim(&order.key, &claim, &times()).await.unwrap();
    let second = tested.order(&order.key).await;
    let refused = Submitted::Refused { words: "HTTP 400: OrderId exists".to_owned() };
    tested.store.record(&second, &refused, &times(), claim.now).await.unwrap();
    assert_eq!(tested.order(&order.key).await.status, Status::Unknown);
    let order = tested.look(&order.key, hours(1)).await;
    assert_eq!((order.status, tested.handed_on()), (Status::Escalated, 0));
    assert_eq!(tested.calls(), ["find lost", "cancel lost"]);
}

#[tokio::test]
async fn a_claim_that_is_held_is_left_alone() {
    let tested = tested();
    let order = tested.claimed("held").await;
    let looked = tested.look(&order.key, start() + SignedDuration::from_mins(15)).await;
    assert_eq!(tested.calls(), ["find held"], "the lease was over");
    assert_eq!((looked.status, tested.handed_on()), (Status::Submitting, 1));

    let mut tested = self::tested();
    tested.rules.look.times.submission_overdue = SignedDuration::ZERO;
    let order = tested.claimed("held").await;
    let change = Change::new(Transition::Note, start()).effect(models::change::Effect::Due(Some(
        models::order::Due::new(start(), DueReason::SubmissionOverdue),
    )));
    tested.store.settle(&order.key, &change).await.unwrap();
    let looked = tested.look(&order.key, start()).await;
    assert_eq!((tested.calls().len(), looked.due.unwrap().at), (0, start() + SignedDuration::from_secs(90)));
}

#[tokio::test]
async fn a_money_signal_waits_for_the_end_of_a_claim_without_being_looked_at_at_every_sweep() {
    let tested = tested();
    let order = tested.claimed("p-1").await;
    let disputed = event("p-1", EventKind::Chargeback, "payment.chargeback.received");
    tested.store.apply(&order.key, &disputed, start()).await.unwrap();
    let looked = tested.look(&order.key, start()).await;
    let due = looked.due.unwrap();
    assert_eq!((due.at, due.reason), (start() + SignedDuration::from_secs(90), DueReason::MoneySignal));
    assert_eq!(tested.calls(), [""; 0]);
    tested.says("p-1", "Completed");
    let order = tested.look(&order.key, due.at).await;
    assert_eq!((order.status, order.dispute, order.due), (Status::Approved, Facet::Confirmed, None));
}

#[tokio::test]
async fn an_account_that_was_changed_is_not_asked_about_another_one_s_order() {
    let tested = tested();
    let key = tested.pending("p-1").await;
    tested.says("p-1", "Completed");
    put_merchant(tested.store, "another");
    let order = tested.look(&key, hours(24)).await;
    assert_eq!((order.status, tested.calls().len()), (Status::Pending, 0));
    assert!(order.reason.unwrap().detail.contains("another account"));
}

#[tokio::test]
async fn a_money_signal_is_read_and_the_order_goes_on_as_before() {
    let tested = tested();
    let key = tested.pending("p-1").await;
    let refunded = event("p-1", EventKind::Refunded, "order.refunded");
    tested.store.apply(&key, &refunded, start()).await.unwrap();
    tested.says("p-1", "Processing");
    let order = tested.look(&key, hours(1)).await;
    assert_eq!((order.status, order.refund), (Status::Pending, Facet::Confirmed));
    assert_eq!(order.due.map(|due| (due.at, due.reason)), Some((hours(25), DueReason::WebhookOverdue)));

    let completed = event("p-1", EventKind::Completed, "order.completed");
    let disputed = event("p-1", EventKind::Chargeback, "payment.chargeback.received");
    tested.store.apply(&key, &completed, start()).await.unwrap();
    tested.store.apply(&key, &disputed, hours(48)).await.unwrap();
    tested.says("p-1", "Completed");
    let order = tested.look(&key, hours(48)).await;
    assert_eq!((order.status, order.dispute, order.due), (Status::Approved, Facet::Confirmed, None));
}

#[tokio::test]
async fn a_money_signal_that_cannot_be_read_is_asked_for_at_growing_intervals_and_not_for_ever() {
    let tested = tested();
    let key = tested.pending("p-1").await;
    for (kind, name) in [(EventKind::Completed, "order.completed"), (EventKind::Refunded, "order.refunded")] {
        tested.store.apply(&key, &event("p-1", kind, name), start()).await.unwrap();
    }
    let (order, looks) = tested.look_to_the_end(&key).await;
    assert_eq!(looks[..6], [0, 0, 0, 1, 3, 7], "{looks:?}");
    assert_eq!((order.status, order.refund), (Status::Approved, Facet::Signalled), "people see what is open");
}

fn orphan(order_id: &str) -> Parked {
    let event = event(order_id, EventKind::Completed, "order.completed");
    Parked {
        key: ParkedKey {
            merchant: Some("acme".parse().unwrap()),
            arrived_at: start(),
            kind: ParkedKind::OrphanEvent,
            id: "e-1".to_owned(),
        },
        order_id: Some(event.order_id.clone()),
        why: Why::Sentence("No order of ours has this id.".to_owned()),
        copy: "{}".to_owned(),
        keep_until: hours(90 * 24),
        event: Some(event),
        due: orphan_due(start()),
        fate: Fate::Parked,
    }
}

#[tokio::test]
async fn an_event_that_came_before_its_order_is_applied_when_the_order_is_there() {
    let tested = tested();
    let parked = orphan("INV-7");
    Park::park(&tested.store, &parked).await.unwrap();
    let due = parked.due.unwrap();
    tested.reconcile(record(DueThing::Parked(parked.key.clone()), due.at)).await.unwrap();
    let next = tested.store.read_parked(&parked.key).await.unwrap().unwrap().due.unwrap();
    assert!(next.at > due.at && next.looks == 2);

    let key = tested.received("INV-7").await;
    tested.reconcile(record(DueThing::Parked(parked.key.clone()), due.at)).await.unwrap();
    assert_eq!(tested.order(&key).await.status, Status::Received, "it is not due yet");
    tested.reconcile(record(DueThing::Parked(parked.key.clone()), next.at)).await.unwrap();
    let order = tested.order(&key).await;
    assert_eq!((order.status, order.due), (Status::Approved, None));
    let settled = tested.store.read_parked(&parked.key).await.unwrap().unwrap();
    assert_eq!((settled.fate, settled.due), (Fate::Matched, None), "it is kept, and says so");
}

#[tokio::test]
async fn an_event_that_fits_no_order_stays_parked_when_its_schedule_is_used_up() {
    let tested = tested();
    let parked = orphan("INV-7");
    Park::park(&tested.store, &parked).await.unwrap();
    let mut looks = 0;
    while let Some(due) = tested.store.read_parked(&parked.key).await.unwrap().unwrap().due {
        tested.reconcile(record(DueThing::Parked(parked.key.clone()), due.at)).await.unwrap();
        looks += 1;
        assert!(looks < 50);
    }
    assert_eq!(looks, ORPHAN.waits().count());
    assert_eq!(tested.store.read_parked(&parked.key).await.unwrap().unwrap().fate, Fate::Parked);
}

#[tokio::test]
async fn a_message_that_names_nothing_is_an_error_and_an_order_that_is_gone_is_not() {
    let tested = tested();
    let nonsense = Record { id: "m".into(), body: "{}".into(), receipt: "r".into(), sent_at_millis: None };
    assert!(matches!(tested.reconcile(nonsense).await, Err(ReconcileError::Message(_))));
    let gone = OrderMessage { merchant: "acme".parse().unwrap(), order_id: "gone".parse().unwrap() };
    assert!(tested.reconcile(record(DueThing::Order(gone), start())).await.is_ok());
}
