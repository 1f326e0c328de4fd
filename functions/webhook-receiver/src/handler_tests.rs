//! The handler over the in-memory table, with requests in API Gateway's own form.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::SignedDuration;
use lambda_kit::secrets::SecretError;
use lambda_kit::testing::Tally;
use models::change::Change;
use models::decline::Decline;
use models::ids::ContentHash;
use models::intake;
use models::merchant::Merchant;
use models::order::{Due, Order};
use models::screening::Screened;
use models::status::Status;
use order_store::capability::TakeDecline;
use order_store::memory::MemoryTable;
use order_store::{Changed, DueSince, Inserted, StoreError, Table};
use serde_json::json;
use sha2::Sha512;

use super::*;

#[path = "key_tests.rs"]
mod key_tests;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==";
const NEW_KEY: &str =
    "PwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==";
const HOST: &str = "hooks.example";
const NOW: &str = "2026-11-25T10:00:00Z";

/// A clock that stands but for a millisecond a look, so that no two deliveries come at one moment.
#[derive(Default)]
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        let now: Timestamp = NOW.parse().unwrap();
        now + SignedDuration::from_millis(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

/// The secret as it was cached, and as it is in Secrets Manager by now.
struct Secrets {
    cached: Arc<MerchantSecret>,
    newest: Arc<MerchantSecret>,
    is_down: AtomicBool,
}

fn secret(keys: &[&str]) -> Arc<MerchantSecret> {
    let json = json!({"app_key": "k", "app_secret": "s", "webhook_keys": keys}).to_string();
    Arc::new(MerchantSecret::parse(&json).unwrap())
}

impl FindSecret for Secrets {
    async fn secret(&self, _: &MerchantId) -> Result<Arc<MerchantSecret>, SecretError> {
        Ok(self.cached.clone())
    }
    async fn newer(
        &self,
        _: &MerchantId,
        _: &Arc<MerchantSecret>,
    ) -> Result<Option<Arc<MerchantSecret>>, SecretError> {
        match self.is_down.load(Ordering::SeqCst) {
            true => Err(SecretError::Unavailable("down".to_owned())),
            false => Ok(Some(self.newest.clone())),
        }
    }
}

/// A table that can be down.
#[derive(Default)]
struct Store {
    table: MemoryTable,
    is_down: AtomicBool,
    writes: Mutex<u32>,
    /// How often the use of a key was noted, which may be refused.
    notes: AtomicU32,
    keeps_no_notes: AtomicBool,
}

impl Store {
    fn up(&self) -> Result<&MemoryTable, StoreError> {
        *self.writes.lock().unwrap() += 1;
        match self.is_down.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable("down".into())),
            false => Ok(&self.table),
        }
    }
}

impl Table for Store {
    async fn insert(&self, order: &Order) -> Result<Inserted, StoreError> {
        self.up()?.insert(order).await
    }
    async fn change(&self, key: &OrderKey, change: &Change) -> Result<Changed, StoreError> {
        self.up()?.change(key, change).await
    }
    async fn read(&self, key: &OrderKey) -> Result<Option<Order>, StoreError> {
        self.up()?.read(key).await
    }
    async fn park(&self, parked: &Parked) -> Result<(), StoreError> {
        Table::park(self.up()?, parked).await
    }
    async fn read_parked(&self, key: &ParkedKey) -> Result<Option<Parked>, StoreError> {
        self.up()?.read_parked(key).await
    }
    async fn settle_parked(
        &self,
        key: &ParkedKey,
        was_due: Due,
        fate: Fate,
        due: Option<Due>,
    ) -> Result<bool, StoreError> {
        self.up()?.settle_parked(key, was_due, fate, due).await
    }
    async fn due(&self, shard: u8, as_of: Timestamp, limit: usize) -> Result<Vec<DueSince>, StoreError> {
        self.up()?.due(shard, as_of, limit).await
    }
    async fn merchant(&self, id: &MerchantId) -> Result<Option<Merchant>, StoreError> {
        // Cached in life, so that it is neither down nor counted.
        self.table.merchant(id).await
    }
}

type TestReceiver = Receiver<&'static Store, &'static Store, Secrets, Ticking>;

async fn receiver() -> TestReceiver {
    let store: &'static Store = Box::leak(Box::default());
    let merchant = json!({"enabled": true, "mode": "managed", "environment": "sandbox", "mid": "m"});
    store.table.put_merchant("acme".parse().unwrap(), serde_json::from_value(merchant).unwrap());
    let decline: Decline = serde_json::from_str(include_str!("../../../events/decline.json")).unwrap();
    let screened = Screened { decline, window_days: 21 };
    let content = ContentHash::of(&serde_json::Value::Null);
    let order = intake::open(
        screened,
        content,
        SignedDuration::from_mins(15),
        "2026-11-21T10:00:00Z".parse().unwrap(),
    );
    store.table.take(&order).await.unwrap();
    Receiver {
        store,
        merchants: store,
        secrets: Secrets { cached: secret(&[KEY]), newest: secret(&[KEY]), is_down: AtomicBool::new(false) },
        clock: Ticking::default(),
        noted: KeysNoted::default(),
        rules: ReceiverRules {
            host: HOST.to_owned(),
            date_window: SignedDuration::from_secs(300),
            parked_copy: SignedDuration::from_hours(24 * 90),
        },
    }
}

/// A webhook as FlexFactor sends it, to be spoilt by tests.
#[derive(Clone)]
struct Webhook {
    body: String,
    key: String,
    host: String,
    date: String,
    nonce: String,
    path: String,
    is_base64: bool,
    content_type: String,
}

fn webhook(event: &str, order_id: &str) -> Webhook {
    let body = json!({
        "Event": event, "TimeStamp": "2026-11-25T09:59:59.898703Z", "EventData": null, "ExternalOrderId": order_id,
        "OrderId": "ac9674ed-cbfe-49aa-bc8b-eb1d2b74c429", "ConfirmationId": "22ACD1D9", "IsTestMode": true, "IsResent": false
    });
    Webhook {
        body: body.to_string(),
        key: KEY.to_owned(),
        host: HOST.to_owned(),
        date: "Wed, 25 Nov 2026 10:00:00 GMT".to_owned(),
        nonce: "5f1c2de28a76457c9cb79d1740f2260a".to_owned(),
        path: "/webhooks/acme".to_owned(),
        is_base64: false,
        content_type: "text/plain".to_owned(),
    }
}

fn completed() -> Webhook {
    webhook("order.completed", "INV-1001-r1")
}

impl Webhook {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The request as API Gateway hands it to the function.
    fn request(&self) -> Request {
        let hash = STANDARD.encode(Sha512::digest(&self.body));
        let mut mac = Hmac::<Sha512>::new_from_slice(&STANDARD.decode(&self.key).unwrap()).unwrap();
        mac.update(format!("POST\n{};{};{};{hash}", self.nonce, self.date, self.host).as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        let authorization = format!(
            "HMAC-SHA512 SignedHeaders=x-fc-nonce;x-fc-date;host;x-fc-content-sha512&Signature={signature}"
        );
        let event = json!({
            "version": "2.0", "routeKey": "POST /webhooks/{merchant}", "rawPath": self.path, "rawQueryString": "",
            "headers": {
                "host": "abc.execute-api.us-east-1.amazonaws.com", "content-type": self.content_type,
                "x-fc-authorization": authorization, "x-fc-content-sha512": hash, "x-fc-date": self.date, "x-fc-nonce": self.nonce
            },
            "requestContext": {
                "accountId": "1", "apiId": "abc", "domainName": "abc", "domainPrefix": "abc", "requestId": "r",
                "routeKey": "POST /webhooks/{merchant}", "stage": "$default", "time": "t", "timeEpoch": 1,
                "http": {"method": "POST", "path": self.path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "x"}
            },
            "body": if self.is_base64 { STANDARD.encode(&self.body) } else { self.body.clone() },
            "isBase64Encoded": self.is_base64
        });
        lambda_http::request::from_str(&event.to_string()).unwrap()
    }
}

impl TestReceiver {
    async fn send(&self, webhook: &Webhook) -> u16 {
        self.receive(&webhook.request()).await.status()
    }

    async fn order(&self) -> Order {
        let key = OrderKey { merchant: "acme".parse().unwrap(), order_id: "INV-1001-r1".parse().unwrap() };
        Table::read(&self.store.table, &key).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn a_genuine_webhook_is_applied_with_one_write() {
    let receiver = receiver().await;
    assert_eq!(receiver.send(&completed()).await, 200);
    let order = receiver.order().await;
    assert_eq!((order.status, order.confirmation.as_deref()), (Status::Approved, Some("22ACD1D9")));
    assert_eq!(*receiver.store.writes.lock().unwrap(), 1);
}

#[tokio::test]
async fn content_type_encoding_and_trailing_slash_do_not_matter() {
    for is_base64 in [false, true] {
        for content_type in ["application/json", "text/plain; charset=utf-8", "application/octet-stream", ""]
        {
            let webhook = completed().with(|webhook| {
                webhook.is_base64 = is_base64;
                webhook.content_type = content_type.to_owned();
                webhook.path = "/webhooks/acme/".to_owned();
            });
            assert_eq!(receiver().await.send(&webhook).await, 200, "{content_type} base64: {is_base64}");
        }
    }
}

#[tokio::test]
async fn nothing_forged_is_accepted_and_nothing_is_written_for_it() {
    let live = |webhook: &mut Webhook| {
        webhook.body = webhook.body.replace("\"IsTestMode\":true", "\"IsTestMode\":false")
    };
    let forgeries: [(&str, Webhook); 6] = [
        ("another key", completed().with(|w| w.key = NEW_KEY.into())),
        ("another host", completed().with(|w| w.host = "abc.execute-api.us-east-1.amazonaws.com".into())),
        ("too early", completed().with(|w| w.date = "Wed, 25 Nov 2026 09:54:58 GMT".into())),
        ("too late", completed().with(|w| w.date = "Wed, 25 Nov 2026 10:05:02 GMT".into())),
        ("no date", completed().with(|w| w.date = "now".into())),
        ("live event for a test merchant", completed().with(live)),
    ];
    let tally = Tally::default();
    let _counting = tally.start();
    let receiver = receiver().await;
    for (name, forgery) in forgeries {
        assert_eq!(receiver.send(&forgery).await, 401, "{name}");
    }
    assert_eq!(receiver.order().await.status, Status::Received);
    assert_eq!(*receiver.store.writes.lock().unwrap(), 0);
    assert_eq!(tally.of(Metric::ForgedWebhooks), 6);
}

#[tokio::test]
async fn a_header_that_comes_twice_counts_as_missing() {
    let receiver = receiver().await;
    let mut request = completed().request();
    request.headers_mut().append("x-fc-nonce", "ffff".parse().unwrap());
    assert_eq!(receiver.receive(&request).await, Answer::NotVerified(Forged::HeaderMissing));
    // An HTTP API joins the two.
    let joined = completed().with(|w| w.nonce.push_str(",ffff"));
    assert_eq!(receiver.receive(&joined.request()).await, Answer::NotVerified(Forged::Nonce));
}

#[tokio::test]
async fn an_event_counts_once_and_a_delivery_is_taken_once() {
    let receiver = receiver().await;
    assert_eq!(receiver.send(&completed()).await, 200);
    assert_eq!(receiver.send(&completed()).await, 409, "the same delivery");
    let resent = completed().with(|w| {
        w.nonce = "0a".repeat(16);
        w.body = w.body.replace("\"IsResent\":false", "\"IsResent\":true");
    });
    assert_eq!(receiver.send(&resent).await, 200, "the same event, delivered anew");
    assert_eq!(receiver.send(&resent).await, 409, "the second delivery, replayed");
    assert_eq!(receiver.order().await.status, Status::Approved);
}

#[tokio::test]
async fn what_cannot_be_applied_is_parked_once_and_acknowledged() {
    let cases = [
        (webhook("order.completed", "INV-404"), ParkedKind::OrphanEvent),
        (webhook("order.paused", "INV-1001-r1"), ParkedKind::UnknownEvent),
        (webhook("payout.created", ""), ParkedKind::AccountEvent),
        (completed().with(|w| w.body = "{\"Event\":1}".into()), ParkedKind::UnknownEvent),
        (completed().with(|w| w.body = "pan 4111111111111111".into()), ParkedKind::UnknownEvent),
    ];
    let tally = Tally::default();
    let _counting = tally.start();
    for (webhook, kind) in cases {
        let receiver = receiver().await;
        assert_eq!(receiver.send(&webhook).await, 200, "{kind:?}");
        let again = webhook.with(|w| {
            w.nonce = "0b".repeat(16);
            w.body = w.body.replace("\"IsResent\":false", "\"IsResent\":true");
        });
        assert_eq!(receiver.send(&again).await, 200, "{kind:?}");
        let parked = receiver.store.table.parked();
        assert_eq!(parked.iter().map(|parked| parked.key.kind).collect::<Vec<_>>(), [kind]);
        assert!(!parked[0].copy.contains("4111"), "{}", parked[0].copy);
        assert_eq!(receiver.order().await.status, Status::Received);
    }
    // Each came twice; an event about the account is kept and no alarm.
    assert_eq!(tally.of(Metric::ParkedEvents), 8);
    assert_eq!(tally.of(Metric::UnknownProviderValues), 6);
}

#[tokio::test]
async fn a_verified_body_that_is_not_understood_is_kept_raw_and_under_its_order() {
    let receiver = receiver().await;
    let text = "order 17 was paused on 2026-11-25";
    assert_eq!(receiver.send(&completed().with(|w| w.body = text.into())).await, 200);
    assert_eq!(receiver.store.table.parked()[0].copy, text);
    let unknown = webhook("order.paused", "INV-1001-r1").with(|w| w.nonce = "0c".repeat(16));
    assert_eq!(receiver.send(&unknown).await, 200);
    let parked = receiver.store.table.parked();
    let named = parked.iter().find_map(|parked| parked.order_id.as_ref());
    assert_eq!(named.map(OrderId::as_str), Some("INV-1001-r1"));
}

#[tokio::test]
async fn every_documented_event_is_accepted() {
    for name in flexfactor::mapping::EventName::KNOWN {
        let receiver = receiver().await;
        assert_eq!(receiver.send(&webhook(name, "INV-1001-r1")).await, 200, "{name}");
        let kinds: Vec<_> = receiver.store.table.parked().iter().map(|parked| parked.key.kind).collect();
        match name.starts_with("payout.") {
            true => assert_eq!(kinds, [ParkedKind::AccountEvent], "{name}"),
            false => assert_eq!((kinds.len(), receiver.order().await.seen.len()), (0, 2), "{name}"),
        }
    }
}

#[tokio::test]
async fn while_the_store_is_down_nothing_is_acknowledged() {
    let receiver = receiver().await;
    receiver.store.is_down.store(true, Ordering::SeqCst);
    assert_eq!(receiver.send(&completed()).await, 503);
    assert_eq!(receiver.send(&webhook("order.completed", "INV-404")).await, 503);
    receiver.store.is_down.store(false, Ordering::SeqCst);
    assert_eq!(receiver.send(&completed()).await, 200, "what was not taken is no replay");
}

#[tokio::test]
async fn addresses_and_sizes_that_no_webhook_has_are_refused() {
    let receiver = receiver().await;
    for path in ["/webhooks/nobody", "/webhooks/", "/webhooks/Acme", "/other", "/webhooks/acme/x"] {
        assert_eq!(receiver.send(&completed().with(|w| w.path = path.into())).await, 404, "{path}");
    }
    let sized = |bytes: usize| completed().with(|w| w.body = " ".repeat(bytes - w.body.len()) + &w.body);
    assert_eq!(receiver.send(&sized(BODY_BYTES_MAX + 1)).await, 413);
    assert_eq!(receiver.send(&sized(BODY_BYTES_MAX)).await, 200);
}
