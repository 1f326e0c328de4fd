//! The handler over the in-memory table and a FlexFactor that answers as told.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use flexfactor::mapping::OrderStatus;
use flexfactor::{Account, Lost, OrderAnswer, Outcome, Refunding, Refused};
use intake::IntakeRules;
use jiff::{SignedDuration, Timestamp};
use lambda_http::http::Method;
use lambda_http::{Body, RequestExt as _};
use lambda_kit::queue::{DueMessage, QueueError};
use lambda_kit::secrets::{MerchantSecret, SecretError};
use models::change::{Change, Effect};
use models::decline::Decline;
use models::history::Entry;
use models::ids::{ContentHash, ProviderOrderId};
use models::listing::Listing;
use models::money::MinorUnits;
use models::order::{Facet, Order};
use models::refund::Totals;
use models::screening::{Limits, Screened};
use models::status::Transition;
use order_store::Table;
use order_store::capability::{KeepHistory, KeepListing};
use order_store::memory::MemoryTable;
use serde_json::{Value, json};

use super::*;

mod http;
mod reads;
mod refunds;
mod told;
mod wishes;

const NOW: &str = "2026-11-21T10:00:00Z";

/// A clock that stands still until it is told to go on; what is drawn is never the same.
#[derive(Default)]
struct Fixed {
    passed_seconds: AtomicI64,
    drawn: AtomicU64,
}

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        let start: Timestamp = NOW.parse().unwrap();
        start + SignedDuration::from_secs(self.passed_seconds.load(Ordering::SeqCst))
    }
}

impl Random for Fixed {
    fn bytes(&self) -> [u8; 16] {
        u128::from(self.drawn.fetch_add(1, Ordering::SeqCst)).to_be_bytes()
    }
}

/// Both queues.
#[derive(Default)]
struct Queue {
    sent: Mutex<Vec<String>>,
    is_down: AtomicBool,
}

impl Queue {
    fn send(&self, what: String) -> Result<(), QueueError> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(QueueError::new("down"));
        }
        self.sent.lock().unwrap().push(what);
        Ok(())
    }
}

impl HandOn for &Queue {
    async fn hand_on(&self, key: &OrderKey) -> Result<(), QueueError> {
        self.send(format!("submit {key}"))
    }

    async fn hand_on_all(&self, _: &[OrderKey]) -> Vec<Result<(), QueueError>> {
        unreachable!("one call submits one order")
    }
}

impl FanOut for &Queue {
    async fn fan_out(&self, messages: &[DueMessage]) -> Result<(), QueueError> {
        messages.iter().try_for_each(|message| self.send(serde_json::to_string(message).unwrap()))
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

/// FlexFactor with one order's money.
struct Provider {
    captured: u64,
    refunded: Mutex<u64>,
    /// How a refund ends; as the money says where it is `None`.
    ends: Mutex<Option<Outcome<()>>>,
    /// Whether it has its effect nevertheless.
    is_made_all_the_same: AtomicBool,
    /// How its orders can't be read, where they can't.
    reads_fail: Mutex<Option<Lost>>,
    /// How its order shows.
    word: Mutex<&'static str>,
    /// Whether a second refund of the same amount is taken for a repeat of the first: yes is said, and nothing moves.
    repeats: AtomicBool,
    made: Mutex<Vec<u64>>,
    refunds: AtomicUsize,
    reads: AtomicUsize,
    messages: Mutex<Vec<String>>,
}

impl RefundOrder for &Provider {
    async fn refund_order(&self, _: &Account, refund: Refunding<'_>, _: Timestamp) -> Outcome<()> {
        self.refunds.fetch_add(1, Ordering::SeqCst);
        self.messages.lock().unwrap().extend(refund.message.map(str::to_owned));
        // Others get on meanwhile.
        tokio::task::yield_now().await;
        let mut refunded = self.refunded.lock().unwrap();
        let told = self.ends.lock().unwrap().clone();
        let is_effective = told.is_none() || self.is_made_all_the_same.load(Ordering::SeqCst);
        if is_effective && *refunded + refund.amount.minor.get() > self.captured {
            let words = "2001: The amount exceeds what is refundable".to_owned();
            return Outcome::Refused(Refused { http: 200, words });
        }
        let mut made = self.made.lock().unwrap();
        let is_repeat = self.repeats.load(Ordering::SeqCst) && made.contains(&refund.amount.minor.get());
        if is_effective && !is_repeat {
            made.push(refund.amount.minor.get());
            *refunded += refund.amount.minor.get();
        }
        told.unwrap_or(Outcome::Done(()))
    }
}

impl ReadOrder for &Provider {
    async fn read_order(&self, _: &Account, _: &ProviderOrderId, _: Timestamp) -> Outcome<OrderAnswer> {
        tokio::task::yield_now().await;
        self.reads.fetch_add(1, Ordering::SeqCst);
        if let Some(lost) = *self.reads_fail.lock().unwrap() {
            return Outcome::Unknown(lost);
        }
        let word = *self.word.lock().unwrap();
        let refunded = MinorUnits::new(*self.refunded.lock().unwrap());
        let totals = Totals { captured: MinorUnits::new(self.captured), refunded };
        Outcome::Done(OrderAnswer {
            status: OrderStatus::parse(word),
            word: word.to_owned(),
            totals: Some(totals),
        })
    }
}

type Tested<S = &'static MemoryTable> =
    Api<S, &'static Queue, &'static MemoryTable, &'static Queue, Secret, &'static Provider, Fixed>;

/// What is amiss in a test is amiss for ever.
fn leaked<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// An API whose FlexFactor has captured 1999.
fn tested() -> Tested {
    let table: &'static MemoryTable = leaked(MemoryTable::default());
    let merchant = json!({"enabled": true, "mode": "managed", "environment": "sandbox", "mid": "m", "sites": {"plans": {}}});
    table.put_merchant("acme".parse().unwrap(), serde_json::from_value(merchant).unwrap());
    let queue = leaked(Queue::default());
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
    let provider = Provider {
        captured: 1999,
        refunded: Mutex::new(0),
        ends: Mutex::new(None),
        is_made_all_the_same: AtomicBool::new(false),
        reads_fail: Mutex::new(None),
        word: Mutex::new("COMPLETED"),
        repeats: AtomicBool::new(false),
        made: Mutex::default(),
        refunds: AtomicUsize::new(0),
        reads: AtomicUsize::new(0),
        messages: Mutex::default(),
    };
    Api {
        store: table,
        intake: Intake { store: table, queue, merchants: table, clock: Fixed::default(), rules },
        reconciliations: queue,
        secrets: Secret,
        provider: leaked(provider),
        refunds: RefundRules {
            repeated: RepeatedRefund::Confirm,
            reads_totals: true,
            call_time: SignedDuration::from_secs(9),
        },
        authorization: Authorization::Iam,
    }
}

fn decline(order_id: &str) -> Value {
    let mut decline: Value = serde_json::from_str(include_str!("../../../../events/decline.json")).unwrap();
    decline["order_id"] = order_id.into();
    decline
}

/// A request below `/merchants/acme/`, with a key and a content type.
fn request(method: &str, rest: &str, body: impl ToString) -> Request {
    let mut request = Request::new(Body::Text(body.to_string()));
    *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
    request.headers_mut().insert("idempotency-key", "key-1".parse().unwrap());
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    request.with_raw_http_path(format!("/merchants/acme/{rest}"))
}

fn keyed(mut request: Request, key: &str) -> Request {
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    request
}

impl Tested {
    async fn call(&self, request: &Request) -> (u16, Value) {
        let answer = self.answer(request).await;
        let is_problem = answer.status >= 400;
        let expected = if is_problem { "application/problem+json" } else { "application/json" };
        assert_eq!(answer.content_type, expected);
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        if is_problem {
            assert_eq!(body["status"], answer.status);
            assert_eq!(body["type"], format!("urn:rebill-rescue:problem:{}", body["code"].as_str().unwrap()));
            assert!(body["detail"].as_str().unwrap().ends_with('.'), "{body}");
        }
        (answer.status, body)
    }

    /// The status and the code of a problem.
    async fn problem(&self, request: &Request) -> (u16, String) {
        let (status, body) = self.call(request).await;
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    }

    async fn get(&self, rest: &str) -> (u16, Value) {
        self.call(&request("GET", rest, "")).await
    }

    async fn post(&self, rest: &str, body: impl ToString) -> (u16, Value) {
        self.call(&request("POST", rest, body)).await
    }

    fn order(&self, order_id: &str) -> Order {
        let orders = self.store.orders();
        orders.into_iter().find(|order| order.key.order_id.as_str() == order_id).unwrap()
    }

    fn sent(&self) -> Vec<String> {
        self.reconciliations.sent.lock().unwrap().clone()
    }
}

/// An order with its history and its line, moved by these steps a minute apart.
async fn stored(api: &Tested, order_id: &str, received_at: Timestamp, steps: &[Transition]) -> Order {
    let decline: Decline = serde_json::from_value(decline(order_id)).unwrap();
    let content = ContentHash::of(&json!(order_id));
    let screened = Screened { decline, window_days: 21 };
    let mut order = models::intake::open(screened, content, SignedDuration::from_mins(15), received_at);
    api.store.insert(&order).await.unwrap();
    let mut entry = Entry::of(None, &order, None).unwrap();
    api.store.append(&entry).await.unwrap();
    for (minute, step) in (1..).zip(steps) {
        let before = order.clone();
        let mut change = Change::new(*step, received_at + SignedDuration::from_mins(minute));
        if matches!(step, Transition::Accept | Transition::Approve | Transition::RequireCapture) {
            change = change.effect(Effect::ProviderOrder("p-1".parse().unwrap())).effect(Effect::Due(None));
        }
        api.store.change(&order.key, &change).await.unwrap();
        change.apply(&mut order);
        entry = Entry::of(Some(&before), &order, Some(&entry.hash)).unwrap();
        api.store.append(&entry).await.unwrap();
    }
    api.store.list(&Listing::of(&order)).await.unwrap();
    order
}

fn start() -> Timestamp {
    "2026-11-21T08:00:00Z".parse().unwrap()
}
