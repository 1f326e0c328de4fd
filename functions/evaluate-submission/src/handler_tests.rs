//! The handler over the in-memory table and a provider that answers as told.

use std::collections::VecDeque;
use std::sync::Mutex;

use flexfactor::mapping::EvaluateStatus;
use flexfactor::wire::evaluate::EvaluateRequest;
use flexfactor::{Outcome as Answer, Refused};
use jiff::Timestamp;
use lambda_kit::queue::QueueError;
use lambda_kit::testing::Tally;
use models::decline::Decline;
use models::event::{EventKind, OrderEvent};
use models::ids::{ContentHash, MerchantId};
use models::intake;
use models::order::DueReason;
use models::screening::Screened;
use models::status::Status;
use models::submission::Times;
use order_store::Table;
use order_store::capability::{ApplyEvent, TakeDecline};
use order_store::memory::MemoryTable;
use serde_json::{Value, json};

use super::*;

#[path = "delivery_tests.rs"]
mod deliveries;

struct Surroundings(Mutex<(Timestamp, u8)>);

impl Clock for Surroundings {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().0
    }
}

impl Random for Surroundings {
    fn bytes(&self) -> [u8; 16] {
        let mut state = self.0.lock().unwrap();
        state.1 += 1;
        [state.1; 16]
    }
}

#[derive(Default)]
struct Queue(Mutex<Vec<i64>>);

impl Postpone for Queue {
    async fn postpone(&self, _: &str, delay: SignedDuration) -> Result<(), QueueError> {
        self.0.lock().unwrap().push(delay.as_secs());
        Ok(())
    }
}

struct Secret;

impl FindSecret for Secret {
    async fn secret(&self, _: &MerchantId) -> Result<Arc<MerchantSecret>, SecretError> {
        let json = r#"{"app_key":"k","app_secret":"s","webhook_keys":[]}"#;
        MerchantSecret::parse(json).map(Arc::new)
    }
    async fn newer(
        &self,
        _: &MerchantId,
        _: &Arc<MerchantSecret>,
    ) -> Result<Option<Arc<MerchantSecret>>, SecretError> {
        Ok(None)
    }
}

/// Answers in turn, and may let an event happen first.
#[derive(Default)]
struct Provider {
    answers: Mutex<VecDeque<Answer<EvaluateAnswer>>>,
    requests: Mutex<Vec<Value>>,
    event_before_answer: Option<(&'static MemoryTable, EventKind)>,
    event_order: &'static str,
}

impl Evaluate for Provider {
    async fn evaluate(
        &self,
        _: &Account,
        request: &EvaluateRequest<'_>,
        now: Timestamp,
    ) -> Answer<EvaluateAnswer> {
        let request = serde_json::to_value(request).unwrap();
        if let Some((table, kind)) = self.event_before_answer {
            let event = OrderEvent {
                kind,
                name: "order.completed".into(),
                occurred_at: "t".into(),
                order_id: "INV-1001-r1".parse().unwrap(),
                provider_order: self.event_order.parse().unwrap(),
                confirmation: None,
                nonce: "n".into(),
            };
            table.apply(&key(), &event, now).await.unwrap();
        }
        self.requests.lock().unwrap().push(request);
        self.answers.lock().unwrap().pop_front().expect("a call more than the test expects")
    }
}

fn key() -> OrderKey {
    OrderKey { merchant: "acme".parse().unwrap(), order_id: "INV-1001-r1".parse().unwrap() }
}

/// A claim that another process made now.
fn held(submission: &TestSubmission) -> Claim {
    let key = IdempotencyKey::from_random([9; 16]);
    Claim { key, account: "sandbox/m".to_owned(), now: submission.surroundings.now() }
}

fn done(word: &str) -> Answer<EvaluateAnswer> {
    Answer::Done(EvaluateAnswer {
        provider_order: "p-1".parse().unwrap(),
        status: EvaluateStatus::parse(word),
        word: word.to_owned(),
    })
}

type TestSubmission =
    Submission<&'static MemoryTable, Queue, &'static MemoryTable, Secret, Provider, Surroundings>;

async fn submission(mode: &str, answers: impl IntoIterator<Item = Answer<EvaluateAnswer>>) -> TestSubmission {
    let table: &'static MemoryTable = Box::leak(Box::default());
    let merchant =
        json!({"enabled": true, "mode": mode, "environment": "sandbox", "mid": "m", "sites": {"plans": {}}});
    table.put_merchant("acme".parse().unwrap(), serde_json::from_value(merchant).unwrap());
    let decline: Decline = serde_json::from_str(include_str!("../../../events/decline.json")).unwrap();
    let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    let screened = Screened { decline, window_days: 21 };
    let order = intake::open(screened, ContentHash::of(&Value::Null), SignedDuration::from_mins(15), now);
    table.take(&order).await.unwrap();
    let times = Times {
        lease: SignedDuration::from_secs(90),
        repeat_after: SignedDuration::from_secs(5),
        submission_overdue: SignedDuration::from_mins(15),
        replay_window: SignedDuration::from_hours(24),
        webhook_cycle: SignedDuration::from_hours(24),
        expiry_grace: SignedDuration::from_hours(6),
    };
    Submission {
        store: table,
        queue: Queue::default(),
        merchants: table,
        secrets: Secret,
        provider: Provider {
            answers: Mutex::new(answers.into_iter().collect()),
            event_order: "p-1",
            ..Provider::default()
        },
        surroundings: Surroundings(Mutex::new((now, 0))),
        rules: SubmissionRules { times, retries: [5, 30, 120].map(SignedDuration::from_secs).to_vec() },
    }
}

fn delivery(order_id: &str, deliveries: Option<u32>) -> Record {
    let body = json!({ "merchant": "acme", "order_id": order_id }).to_string();
    Record { id: "m".into(), body, receipt: "r".into(), sent_at_millis: None, deliveries }
}

impl TestSubmission {
    async fn run(&self) -> Result<(), SubmitError> {
        self.submit(delivery("INV-1001-r1", None)).await
    }

    async fn order(&self) -> Order {
        Table::read(self.store, &key()).await.unwrap().unwrap()
    }

    fn pass(&self, time: SignedDuration) {
        self.surroundings.0.lock().unwrap().0 += time;
    }

    fn keys_sent(&self) -> Vec<Value> {
        self.provider
            .requests
            .lock()
            .unwrap()
            .iter()
            .map(|request| request["idempotencyKey"].clone())
            .collect()
    }
}

#[tokio::test]
async fn every_documented_answer_leads_where_it_should() {
    for (mode, word, status) in [
        ("managed", "SUBMITTED", Status::Pending),
        ("managed", "PROCESSING", Status::Pending),
        ("managed", "APPROVED", Status::Approved),
        ("managed", "DECLINED", Status::Declined),
        ("managed", "CHALLENGE", Status::Declined),
        ("managed", "CAPTUREREQUIRED", Status::CaptureRequired),
        ("managed", "EXPIRED", Status::Expired),
        ("managed", "CANCELLED", Status::Cancelled),
        ("unmanaged", "APPROVED", Status::Approved),
        ("unmanaged", "DECLINED", Status::Pending),
    ] {
        let submission = submission(mode, [done(word)]).await;
        submission.run().await.unwrap();
        let order = submission.order().await;
        assert_eq!(order.status, status, "{mode} {word}");
        assert_eq!(
            order.due.is_none(),
            status.is_terminal(),
            "{word}: a terminal order has no due date, an open one has"
        );
        assert_eq!(order.request, None, "{word}: personal data goes with the answer");
        assert_eq!(order.provider_order.unwrap().as_str(), "p-1");
    }
}

#[tokio::test]
async fn a_word_that_is_not_known_is_kept_and_never_an_outcome() {
    let tally = Tally::default();
    let _counting = tally.start();
    for word in ["RESCUED", "NOTFOUND"] {
        let submission = submission("managed", [done(word)]).await;
        submission.run().await.unwrap();
        let order = submission.order().await;
        assert_eq!(order.status, Status::Unknown);
        assert_eq!(order.reason.unwrap().detail, word);
        assert_eq!(order.provider_order.unwrap().as_str(), "p-1", "the sweep can ask about it");
    }
    assert_eq!(tally.of(Metric::UnknownProviderValues), 2);
}

#[tokio::test]
async fn an_unknown_outcome_is_retried_with_the_same_key_after_growing_waits() {
    let lost =
        [Lost::TimedOut, Lost::ServerFailed(500), Lost::Busy(429), Lost::Malformed].map(Answer::Unknown);
    let submission = submission("managed", lost.into_iter().chain([done("SUBMITTED")])).await;
    for _ in 0..4 {
        assert!(matches!(submission.run().await, Err(SubmitError::Unknown(_))));
        let order = submission.order().await;
        assert_eq!(order.status, Status::Unknown);
        assert!(order.due.is_some() && order.request.is_some());
        submission.pass(SignedDuration::from_secs(5));
    }
    submission.run().await.unwrap();
    assert_eq!(submission.order().await.status, Status::Pending);
    assert_eq!(*submission.queue.0.lock().unwrap(), [5, 30, 120, 120]);
    let keys = submission.keys_sent();
    assert_eq!(keys.len(), 5);
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[tokio::test]
async fn a_refusal_is_final_and_in_the_provider_s_words() {
    let refused = Refused { http: 400, words: "Transaction.Id: The Id field is required.".into() };
    let submission = submission("managed", [Answer::Refused(refused)]).await;
    submission.run().await.unwrap();
    let order = submission.order().await;
    assert_eq!(order.status, Status::Rejected);
    assert_eq!(order.reason.unwrap().detail, "HTTP 400: Transaction.Id: The Id field is required.");
}

/// After an attempt that may have been taken, a refusal proves nothing: FlexFactor is to be asked what it has.
#[tokio::test]
async fn a_refusal_after_an_unknown_outcome_is_not_taken_for_there_is_no_order() {
    let refused = Refused { http: 400, words: "OrderId: already exists".into() };
    let submission = submission("managed", [Answer::Unknown(Lost::TimedOut), Answer::Refused(refused)]).await;
    assert!(submission.run().await.is_err());
    submission.pass(SignedDuration::from_secs(5));
    submission.run().await.unwrap();
    let order = submission.order().await;
    assert_eq!(order.status, Status::Unknown);
    assert_eq!(order.due.map(|due| due.reason), Some(DueReason::OutcomeUnknown));
    assert!(order.reason.unwrap().detail.contains("already exists"));
}

/// Without a token nothing was sent: the order waits as if it had not been tried, and no clock runs.
#[tokio::test]
async fn what_was_certainly_not_sent_is_not_an_unknown_outcome() {
    let refused = Refused { http: 400, words: "bad".into() };
    let answers =
        [Answer::Unknown(Lost::Unauthorized), Answer::Unknown(Lost::Unauthorized), Answer::Refused(refused)];
    let submission = submission("managed", answers).await;
    for _ in 0..2 {
        assert!(matches!(submission.run().await, Err(SubmitError::NotSent(_))));
        let order = submission.order().await;
        assert_eq!((order.status, order.submission.first_attempt_at), (Status::Received, None));
        assert!(order.due.is_some() && order.request.is_some());
        submission.pass(SignedDuration::from_hours(25));
    }
    submission.run().await.unwrap();
    assert_eq!(
        submission.order().await.status,
        Status::Rejected,
        "the first that was sent is the first attempt"
    );
}

/// The call that timed out here may still be under way there: a second copy of the message must wait for it as well.
#[tokio::test]
async fn nobody_repeats_a_call_that_may_still_be_under_way() {
    let submission = submission("managed", [Answer::Unknown(Lost::TimedOut), done("SUBMITTED")]).await;
    assert!(matches!(submission.run().await, Err(SubmitError::Unknown(_))));
    submission.pass(SignedDuration::from_millis(4_999));
    assert!(matches!(submission.run().await, Err(SubmitError::Held)));
    assert_eq!(submission.keys_sent().len(), 1);
    submission.pass(SignedDuration::from_millis(1));
    submission.run().await.unwrap();
    assert_eq!(submission.keys_sent().len(), 2);
}

#[tokio::test]
async fn a_repeat_never_goes_to_another_account() {
    let tally = Tally::default();
    let _counting = tally.start();
    let submission = submission("managed", [Answer::Unknown(Lost::TimedOut)]).await;
    assert!(submission.run().await.is_err());
    let moved = json!({"enabled": true, "mode": "managed", "environment": "sandbox", "mid": "other", "sites": {"plans": {}}});
    submission.store.put_merchant("acme".parse().unwrap(), serde_json::from_value(moved).unwrap());
    submission.pass(SignedDuration::from_secs(5));
    submission.run().await.unwrap();
    assert_eq!(submission.order().await.status, Status::Escalated);
    assert_eq!((submission.keys_sent().len(), tally.of(Metric::EscalatedOrders)), (1, 1));
}

#[tokio::test]
async fn two_ids_of_one_order_are_told_and_the_first_is_kept() {
    let mut submission = submission("managed", [done("SUBMITTED")]).await;
    submission.provider.event_before_answer = Some((submission.store, EventKind::Progress));
    submission.provider.event_order = "p-0";
    submission.run().await.unwrap();
    let order = submission.order().await;
    assert_eq!((order.status, order.provider_order.unwrap().as_str()), (Status::Escalated, "p-0"));
}

#[tokio::test]
async fn the_webhook_that_came_before_the_answer_stays() {
    for answer in [done("SUBMITTED"), done("DECLINED"), Answer::Unknown(Lost::TimedOut)] {
        let mut submission = submission("managed", [answer.clone()]).await;
        submission.provider.event_before_answer = Some((submission.store, EventKind::Completed));
        submission.run().await.unwrap();
        assert_eq!(submission.order().await.status, Status::Approved, "{answer:?}");
    }
}

#[tokio::test]
async fn a_message_that_comes_twice_submits_once() {
    let submission = submission("managed", [done("SUBMITTED")]).await;
    submission.run().await.unwrap();
    submission.run().await.unwrap();
    assert_eq!(submission.keys_sent().len(), 1);
}

#[tokio::test]
async fn a_claim_that_somebody_holds_is_waited_for() {
    let submission = submission("managed", []).await;
    let claim = held(&submission);
    submission.store.claim(&key(), &claim, &submission.rules.times).await.unwrap();
    assert!(matches!(submission.run().await, Err(SubmitError::Held)));
    assert_eq!(*submission.queue.0.lock().unwrap(), [91]);
}

#[tokio::test]
async fn a_crash_after_the_call_repeats_it_with_the_same_key() {
    let submission = submission("managed", [done("SUBMITTED")]).await;
    // The process that held this claim died after its call.
    let claim = held(&submission);
    submission.store.claim(&key(), &claim, &submission.rules.times).await.unwrap();
    submission.pass(SignedDuration::from_secs(90));
    submission.run().await.unwrap();
    assert_eq!(submission.keys_sent(), [json!(IdempotencyKey::from_random([9; 16]).to_string())]);
}

#[tokio::test]
async fn past_the_replay_window_nothing_is_sent_and_the_order_stays_due() {
    let submission = submission("managed", [Answer::Unknown(Lost::TimedOut)]).await;
    assert!(submission.run().await.is_err());
    submission.pass(SignedDuration::from_hours(24) - SignedDuration::from_secs(90));
    submission.run().await.unwrap();
    let order = submission.order().await;
    assert_eq!(order.status, Status::Unknown);
    assert_eq!(order.due.map(|due| due.reason), Some(DueReason::OutcomeUnknown));
    assert_eq!(submission.keys_sent().len(), 1);
}

#[tokio::test]
async fn a_poison_message_fails_and_nothing_is_claimed_for_a_merchant_that_is_gone() {
    let submission = submission("managed", []).await;
    for (body, expected) in [
        ("{", "not an order's"),
        (r#"{"merchant":"nobody","order_id":"INV-1001-r1"}"#, "not configured"),
        (r#"{"merchant":"acme","order_id":"INV-404"}"#, "not stored"),
    ] {
        let record = Record { body: body.into(), ..delivery("", None) };
        let error = submission.submit(record).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(submission.order().await.submission.attempts, 0);
}
