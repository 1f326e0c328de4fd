//! The handler over the in-memory table and a provider that answers as told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use flexfactor::wire::transmit::TransmitRequest;
use flexfactor::{Lost, Refused, TransmitAnswer};
use lambda_kit::queue::QueueError;
use lambda_kit::secrets::{MerchantSecret, SecretError};
use lambda_kit::testing::Tally;
use models::transmission::TransmissionKey;
use order_store::memory::MemoryTable;
use serde_json::json;

use super::*;

mod crashes;
mod refusals;

const NOW: &str = "2026-11-21T10:00:00Z";

struct Fixed(Mutex<Timestamp>);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
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

#[derive(Default)]
struct Secret {
    is_missing: AtomicBool,
}

impl FindSecret for Secret {
    async fn secret(&self, _: &MerchantId) -> Result<Arc<MerchantSecret>, SecretError> {
        let is_missing = self.is_missing.load(Ordering::SeqCst);
        let json = if is_missing { "{}" } else { r#"{"app_key":"k","app_secret":"s","webhook_keys":[]}"# };
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

/// Answers in turn.
#[derive(Default)]
struct Provider {
    answers: Mutex<VecDeque<Outcome<TransmitAnswer>>>,
    requests: Mutex<Vec<Value>>,
}

impl Transmit for Provider {
    async fn transmit(
        &self,
        account: &Account,
        request: &TransmitRequest<'_>,
        _: Timestamp,
    ) -> Outcome<TransmitAnswer> {
        assert_eq!(account.merchant.as_str(), "acme");
        self.requests.lock().unwrap().push(serde_json::to_value(request).unwrap());
        self.answers.lock().unwrap().pop_front().expect("a call more than the test expects")
    }
}

/// The table, whose process may die before a write.
#[derive(Clone, Copy)]
struct Store {
    table: &'static MemoryTable,
    dies_before_settling: &'static AtomicBool,
    dies_before_parking: &'static AtomicBool,
}

fn down(is_down: &AtomicBool) -> Result<(), StoreError> {
    match is_down.swap(false, Ordering::SeqCst) {
        true => Err(StoreError::Unavailable("the process dies here".to_owned())),
        false => Ok(()),
    }
}

impl KeepTransmission for Store {
    async fn take_transmission(&self, taken: &Relayed) -> Result<Took, StoreError> {
        self.table.take_transmission(taken).await
    }
    async fn transmission(&self, key: &TransmissionKey) -> Result<Option<Relayed>, StoreError> {
        self.table.transmission(key).await
    }
    async fn settle_transmission(&self, taken: &Relayed, stage: &Stage) -> Result<bool, StoreError> {
        down(self.dies_before_settling)?;
        self.table.settle_transmission(taken, stage).await
    }
}

impl Park for Store {
    async fn park(&self, parked: &Parked) -> Result<(), StoreError> {
        down(self.dies_before_parking)?;
        Park::park(self.table, parked).await
    }
}

type TestRelay = Relay<Store, Queue, &'static MemoryTable, Secret, Provider, Fixed>;

fn done(id: Option<&str>) -> Outcome<TransmitAnswer> {
    Outcome::Done(TransmitAnswer { transmit_id: id.map(|id| id.parse().unwrap()) })
}

fn refused() -> Outcome<TransmitAnswer> {
    let words = "PaymentMethod.CardBinNumber: The field is required.".to_owned();
    Outcome::Refused(Refused { http: 400, words })
}

fn relay(answers: impl IntoIterator<Item = Outcome<TransmitAnswer>>) -> TestRelay {
    let table: &'static MemoryTable = Box::leak(Box::default());
    for (id, transmit) in [("acme", "all"), ("globex", "approvals"), ("closed", "none")] {
        let merchant = json!({"enabled": true, "mode": "managed", "environment": "sandbox", "mid": "m",
            "sites": {"plans": {}}, "transmit": transmit});
        table.put_merchant(id.parse().unwrap(), serde_json::from_value(merchant).unwrap());
    }
    let switch = || -> &'static AtomicBool { Box::leak(Box::default()) };
    Relay {
        store: Store { table, dies_before_settling: switch(), dies_before_parking: switch() },
        queue: Queue::default(),
        merchants: table,
        secrets: Secret::default(),
        provider: Provider { answers: Mutex::new(answers.into_iter().collect()), ..Provider::default() },
        clock: Fixed(Mutex::new(NOW.parse().unwrap())),
        rules: RelayRules {
            age_max: SignedDuration::from_hours(24),
            retries: [60, 300, 900, 3600].map(SignedDuration::from_secs).to_vec(),
            transmission_copy: SignedDuration::from_hours(24 * 180),
            rejected_copy: SignedDuration::from_hours(24 * 30),
        },
    }
}

fn message() -> Value {
    serde_json::from_str(include_str!("../../../../events/transmission.json")).unwrap()
}

impl TestRelay {
    async fn deliver(&self, id: &str, body: impl ToString) -> Result<(), RelayError> {
        let record = Record {
            id: id.to_owned(),
            body: body.to_string(),
            receipt: "r".to_owned(),
            sent_at_millis: Some(1_795_255_200_000),
            deliveries: None,
        };
        self.relay(record).await
    }

    fn pass(&self, time: SignedDuration) {
        *self.clock.0.lock().unwrap() += time;
    }

    fn sent(&self) -> usize {
        self.provider.requests.lock().unwrap().len()
    }

    fn stage(&self) -> Stage {
        let mut kept = self.store.table.transmissions();
        assert_eq!(kept.len(), 1, "{kept:?}");
        kept.remove(0).stage
    }

    /// The one thing that is parked.
    fn the_parked(&self) -> Parked {
        let mut parked = self.store.table.parked();
        assert_eq!(parked.len(), 1, "{parked:?}");
        parked.remove(0)
    }
}

fn sentence(parked: &Parked) -> &str {
    match &parked.why {
        Why::Sentence(sentence) => sentence,
        Why::Refusal(refusal) => panic!("{refusal:?}"),
    }
}

#[tokio::test]
async fn a_transaction_is_transmitted_and_flexfactor_s_key_is_kept() {
    let relay = relay([done(Some("t-1"))]);
    relay.deliver("m-1", message()).await.unwrap();
    let expected = Stage::Transmitted {
        id: Some("t-1".parse().unwrap()),
        account: "sandbox/m".to_owned(),
        at: NOW.parse().unwrap(),
    };
    assert_eq!(relay.stage(), expected);
    let kept = relay.store.table.transmissions().remove(0);
    assert_eq!((kept.order_id.as_str(), kept.approved), ("INV-2001", true));
    assert_eq!(kept.keep_until, "2027-05-20T10:00:00Z".parse().unwrap());
    let request = relay.provider.requests.lock().unwrap()[0].clone();
    assert_eq!((&request["isDeclined"], &request["orderId"]), (&json!(false), &json!("INV-2001")));
    assert_eq!(request["paymentMethod"]["cardNumber"], Value::Null);
}

#[tokio::test]
async fn the_same_again_is_not_sent_again_even_when_it_is_too_old_by_now() {
    let relay = relay([done(Some("t-1"))]);
    relay.deliver("m-1", message()).await.unwrap();
    relay.deliver("m-1", message()).await.unwrap();
    relay.deliver("m-2", serde_json::to_string_pretty(&message()).unwrap()).await.unwrap();
    relay.pass(SignedDuration::from_hours(48));
    relay.deliver("m-1", message()).await.unwrap();
    assert_eq!(relay.sent(), 1);
    assert!(relay.store.table.parked().is_empty());
}

#[tokio::test]
async fn another_under_the_same_id_is_parked_and_the_first_one_stays() {
    let tally = Tally::default();
    let _counting = tally.start();
    let relay = relay([done(Some("t-1"))]);
    relay.deliver("m-1", message()).await.unwrap();
    let first = relay.stage();
    let mut other = message();
    other["amount"]["minor"] = 2999.into();
    relay.deliver("m-2", other).await.unwrap();
    assert_eq!((relay.sent(), relay.stage()), (1, first));
    let parked = relay.the_parked();
    assert_eq!(parked.key.kind, ParkedKind::TransmissionConflict);
    assert!(parked.copy.contains("2999"), "{}", parked.copy);
    assert_eq!(tally.of(Metric::TransmissionConflicts), 1);
}

#[tokio::test]
async fn what_was_not_delivered_is_tried_again_after_growing_waits() {
    let lost = [Lost::TimedOut, Lost::ServerFailed(503), Lost::Busy(409), Lost::Unauthorized];
    let relay = relay(lost.map(Outcome::Unknown).into_iter().chain([done(Some("t-1"))]));
    for wait in [60, 300, 900, 3600] {
        assert!(matches!(relay.deliver("m-1", message()).await, Err(RelayError::NotYet(_))));
        assert_eq!(relay.stage(), Stage::Taken);
        assert_eq!(relay.queue.0.lock().unwrap().pop(), Some(wait));
        relay.pass(SignedDuration::from_secs(wait));
    }
    relay.deliver("m-1", message()).await.unwrap();
    assert!(matches!(relay.stage(), Stage::Transmitted { .. }));
    assert_eq!(relay.sent(), 5);
}

/// The last try comes shortly before the time is over; its reason is the one that is parked.
#[tokio::test]
async fn what_cannot_be_delivered_in_time_is_parked_with_the_last_reason() {
    let tally = Tally::default();
    let _counting = tally.start();
    let relay = relay((0..40).map(|_| Outcome::Unknown(Lost::ServerFailed(500))));
    let mut tries = 0;
    while relay.deliver("m-1", message()).await.is_err() {
        tries += 1;
        let wait = relay.queue.0.lock().unwrap().pop().unwrap();
        relay.pass(SignedDuration::from_secs(wait));
    }
    assert!((25..30).contains(&tries), "{tries}");
    let parked = relay.the_parked();
    assert_eq!(parked.key.kind, ParkedKind::TransmissionUndelivered);
    let told = "It could not be delivered in time. The last try failed: FlexFactor failed with HTTP 500.";
    assert_eq!(sentence(&parked), told);
    assert_eq!(parked.order_id.as_ref().map(OrderId::as_str), Some("INV-2001"));
    // 24 hours after it happened, less a minute.
    assert_eq!(relay.stage(), Stage::Undelivered { at: "2026-11-22T09:57:12Z".parse().unwrap() });
    relay.pass(SignedDuration::from_mins(2));
    relay.deliver("m-1", message()).await.unwrap();
    assert_eq!((relay.sent(), relay.store.table.parked().len()), (tries + 1, 1), "that was the end of it");
    assert_eq!(tally.of(Metric::UndeliveredTransmissions), 1);
}

#[tokio::test]
async fn what_is_found_open_when_its_time_is_over_is_parked_as_undelivered_and_not_as_refused() {
    let relay = relay([Outcome::Unknown(Lost::TimedOut)]);
    assert!(relay.deliver("m-1", message()).await.is_err());
    relay.pass(SignedDuration::from_hours(30));
    relay.deliver("m-1", message()).await.unwrap();
    let parked = relay.the_parked();
    assert_eq!(parked.key.kind, ParkedKind::TransmissionUndelivered);
    assert!(sentence(&parked).contains("30 hours old"), "{}", sentence(&parked));
    assert!(matches!(relay.stage(), Stage::Undelivered { .. }));
    assert_eq!(relay.sent(), 1);
}

#[tokio::test]
async fn missing_credentials_are_waited_for() {
    let relay = relay([done(None)]);
    relay.secrets.is_missing.store(true, Ordering::SeqCst);
    assert!(matches!(relay.deliver("m-1", message()).await, Err(RelayError::NotYet(_))));
    assert_eq!(*relay.queue.0.lock().unwrap(), [60]);
    relay.secrets.is_missing.store(false, Ordering::SeqCst);
    relay.deliver("m-1", message()).await.unwrap();
    assert!(matches!(relay.stage(), Stage::Transmitted { id: None, .. }), "a key that was not given is none");
}

#[tokio::test]
async fn a_refusal_of_flexfactor_s_is_parked_in_its_words_and_a_corrected_message_may_follow() {
    let tally = Tally::default();
    let _counting = tally.start();
    let relay = relay([refused(), done(Some("t-1"))]);
    relay.deliver("m-1", message()).await.unwrap();
    let parked = relay.the_parked();
    assert_eq!(parked.key.kind, ParkedKind::TransmissionRefused);
    let told = "FlexFactor refused it, HTTP 400: PaymentMethod.CardBinNumber: The field is required.";
    assert_eq!(sentence(&parked), told);
    assert!(matches!(relay.stage(), Stage::Refused { .. }));
    let mut corrected = message();
    corrected["card"]["bin"] = "40000000".into();
    relay.deliver("m-2", corrected).await.unwrap();
    assert!(matches!(relay.stage(), Stage::Transmitted { .. }));
    assert_eq!(relay.sent(), 2);
    assert_eq!(tally.of(Metric::RefusedTransmissions), 1);
}
