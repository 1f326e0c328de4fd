//! The present functions over a table, with a clock that is set.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use evaluate_submission::handler::{Submission, SubmitError};
use evaluate_submission::settings::SubmissionRules;
use expiry_sweep::settings::SweepRules;
use expiry_sweep::sweep::{Scheduled, Sweep};
use flexfactor::ListNames;
use jiff::{SignedDuration, Timestamp};
use lambda_kit::batch::Record;
use lambda_kit::clock::{Clock, Random};
use lambda_kit::queue::{DueMessage, DueThing, FanOut, HandOn, OrderMessage, Postpone, QueueError};
use lambda_kit::secrets::{FindSecret, MerchantSecret, SecretError};
use models::event::OrderEvent;
use models::ids::{MerchantId, OrderKey};
use models::order::Order;
use models::parked::ParkedKey;
use models::reconcile::{CancelledPastExpiry, LookRules};
use order_reconcile::handler::{Reconcile, ReconcileError};
use order_reconcile::settings::ReconcileRules;
use order_store::Table;
use sandbox::webhook::sign;
use serde_json::json;
use webhook_receiver::handler::Receiver;
use webhook_receiver::keys::KeysNoted;
use webhook_receiver::settings::ReceiverRules;

use crate::flexfactor::FlexFactor;
use crate::lives::{key, merchant, times};
use crate::table::Store;

const HOST: &str = "hooks.example.com";
const WEBHOOK_KEY: [u8; 64] = [42; 64];

/// The clock; and chance, of which there is none.
#[derive(Debug, Clone)]
pub(crate) struct Set(Arc<Mutex<Timestamp>>);

impl Clock for Set {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Random for Set {
    fn bytes(&self) -> [u8; 16] {
        [255; 16]
    }
}

/// All queues: what is handed on is kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue(Arc<Mutex<Vec<DueThing>>>);

impl Queue {
    fn take(&self) -> Vec<DueThing> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, thing: DueThing) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(thing);
    }
}

impl FanOut for Queue {
    async fn fan_out(&self, messages: &[DueMessage]) -> Result<(), QueueError> {
        messages.iter().for_each(|message| self.put(message.what.clone()));
        Ok(())
    }
}

impl HandOn for Queue {
    async fn hand_on(&self, key: &OrderKey) -> Result<(), QueueError> {
        self.put(DueThing::Order(OrderMessage::of(key)));
        Ok(())
    }
    async fn hand_on_all(&self, keys: &[OrderKey]) -> Vec<Result<(), QueueError>> {
        keys.iter().for_each(|key| self.put(DueThing::Order(OrderMessage::of(key))));
        vec![Ok(()); keys.len()]
    }
}

impl Postpone for Queue {
    async fn postpone(&self, _: &str, _: SignedDuration) -> Result<(), QueueError> {
        Ok(())
    }
}

#[derive(Debug)]
pub(crate) struct Secret;

impl FindSecret for Secret {
    async fn secret(&self, _: &MerchantId) -> Result<Arc<MerchantSecret>, SecretError> {
        let secret =
            json!({ "app_key": "k", "app_secret": "s", "webhook_keys": [BASE64.encode(WEBHOOK_KEY)] });
        MerchantSecret::parse(&secret.to_string()).map(Arc::new)
    }
    async fn newer(
        &self,
        _: &MerchantId,
        _: &Arc<MerchantSecret>,
    ) -> Result<Option<Arc<MerchantSecret>>, SecretError> {
        Ok(None)
    }
}

/// The functions.
pub(crate) struct Functions {
    pub(crate) store: Store,
    pub(crate) flexfactor: FlexFactor,
    clock: Set,
    queue: Queue,
}

impl Functions {
    pub(crate) fn on(store: Store, now: Timestamp) -> Self {
        let clock = Set(Arc::new(Mutex::new(now)));
        Self { store, flexfactor: FlexFactor::default(), clock, queue: Queue::default() }
    }

    pub(crate) fn now_is(&self, now: Timestamp) {
        *self.clock.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    pub(crate) async fn order(&self, order_id: &str) -> Order {
        order_of(&self.store, order_id).await
    }

    /// evaluate-submission gets the order's message.
    pub(crate) async fn submit(&self, order_id: &str) -> Result<(), SubmitError> {
        let submission = Submission {
            store: self.store.clone(),
            queue: self.queue.clone(),
            merchants: self.store.clone(),
            secrets: Secret,
            provider: self.flexfactor.clone(),
            surroundings: self.clock.clone(),
            rules: SubmissionRules {
                times: times(),
                retries: [90, 120, 300, 600].map(SignedDuration::from_secs).to_vec(),
            },
        };
        let body = serde_json::to_string(&OrderMessage::of(&key(order_id))).unwrap();
        submission.submit(record(body)).await
    }

    /// order-reconcile looks at the order, now.
    pub(crate) async fn look(&self, order_id: &str) -> Result<(), ReconcileError> {
        self.reconcile(DueThing::Order(OrderMessage::of(&key(order_id)))).await
    }

    /// order-reconcile looks at the parked thing, now.
    pub(crate) async fn look_at_parked(&self, parked: ParkedKey) -> Result<(), ReconcileError> {
        self.reconcile(DueThing::Parked(parked)).await
    }

    async fn reconcile(&self, what: DueThing) -> Result<(), ReconcileError> {
        let list = ListNames { orders: "orders".to_owned(), reference: "referenceNumber".to_owned() };
        let reconcile = Reconcile {
            store: self.store.clone(),
            queue: self.queue.clone(),
            merchants: self.store.clone(),
            secrets: Secret,
            provider: self.flexfactor.clone(),
            clock: self.clock.clone(),
            rules: ReconcileRules {
                look: LookRules { times: times(), cancelled_past_expiry: CancelledPastExpiry::Expired },
                list,
            },
        };
        let body = serde_json::to_string(&DueMessage { what, as_of: self.clock.now() }).unwrap();
        reconcile.reconcile(record(body)).await
    }

    /// webhook-receiver gets the event, signed as FlexFactor signs; the HTTP status.
    pub(crate) async fn receive(&self, event: &OrderEvent) -> u16 {
        let receiver = Receiver {
            store: self.store.clone(),
            merchants: self.store.clone(),
            secrets: Secret,
            clock: self.clock.clone(),
            noted: KeysNoted::default(),
            rules: ReceiverRules {
                host: HOST.to_owned(),
                date_window: SignedDuration::from_secs(300),
                parked_copy: SignedDuration::from_hours(24 * 90),
            },
        };
        let body = json!({
            "Event": event.name, "TimeStamp": event.occurred_at, "EventData": null, "ExternalOrderId": event.order_id,
            "OrderId": event.provider_order, "ConfirmationId": event.confirmation, "IsTestMode": true, "IsResent": false
        })
        .to_string();
        receiver.receive(&self.signed(&body, &event.nonce)).await.status()
    }

    fn signed(&self, body: &str, nonce: &str) -> lambda_http::Request {
        let (date, hash) = (sign::http_date(self.clock.now()), sign::content_hash(body.as_bytes()));
        let signature = sign::signature(&WEBHOOK_KEY, nonce, &date, HOST, &hash);
        let path = format!("/webhooks/{}", merchant());
        let event = json!({
            "version": "2.0", "routeKey": "POST /webhooks/{merchant}", "rawPath": path, "rawQueryString": "",
            "headers": {
                "content-type": "text/plain", "x-fc-authorization": sign::authorization(&signature),
                "x-fc-content-sha512": hash, "x-fc-date": date, "x-fc-nonce": nonce
            },
            "requestContext": {
                "accountId": "1", "apiId": "abc", "domainName": "abc", "domainPrefix": "abc", "requestId": "r",
                "routeKey": "POST /webhooks/{merchant}", "stage": "$default", "time": "t", "timeEpoch": 1,
                "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "x"}
            },
            "body": body, "isBase64Encoded": false
        });
        lambda_http::request::from_str(&event.to_string()).unwrap()
    }

    /// expiry-sweep runs now: what it found due.
    pub(crate) async fn sweep(&self) -> Vec<DueThing> {
        let sweep = Sweep {
            store: self.store.clone(),
            queue: self.queue.clone(),
            clock: self.clock.clone(),
            rules: SweepRules { orders_max: 2_000, ahead_max: SignedDuration::from_secs(300) },
        };
        let deadline = SystemTime::now() + Duration::from_secs(60);
        let swept = sweep.run(Scheduled::default(), deadline).await.unwrap();
        assert!(!swept.more && swept.sent == swept.due, "{swept:?}");
        self.queue.take()
    }

    /// What was handed on to be submitted since the last time.
    pub(crate) fn handed_on(&self) -> Vec<DueThing> {
        self.queue.take()
    }
}

/// An order as it is stored.
pub(crate) async fn order_of(store: &Store, order_id: &str) -> Order {
    Table::read(store, &key(order_id)).await.unwrap().unwrap()
}

fn record(body: String) -> Record {
    Record { id: "m".to_owned(), body, receipt: "r".to_owned(), sent_at_millis: None, deliveries: None }
}
