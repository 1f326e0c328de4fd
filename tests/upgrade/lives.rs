//! Orders in every status and with everything that can be under way, made through the store's own capabilities. Every id and
//! time is fixed, so that the same code writes the same items.

use jiff::{SignedDuration, Timestamp};
use models::decline::Decline;
use models::event::{EventKind, OrderEvent};
use models::ids::{IdempotencyKey, MerchantId, OrderKey};
use models::intake;
use models::money::{MinorUnits, Money};
use models::order::{Order, Reason, ReasonCode};
use models::refund::{self, RefundId, RefundOutcome, RefundRequest, Reserve};
use models::screening::Screened;
use models::submission::{self, Claim, Outcome, Times, Verdict};
use models::wish::{self, Asked, WishRefused};
use order_store::Table;
use order_store::capability::{Applied, ApplyEvent, AskOf, Claimed, Submit, TakeDecline};

use crate::table::Store;

/// Another account than the merchant's has no part in this.
pub(crate) const ACCOUNT: &str = "sandbox/3f8a1c42-9b07-4e5d-bc6a-1d2e3f4a5b6c";

/// The moment at which every order arrives.
pub(crate) fn start() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

/// So many seconds after it.
pub(crate) fn after(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

/// The deployment's times (infra/template.yaml).
pub(crate) fn times() -> Times {
    Times {
        lease: SignedDuration::from_secs(90),
        repeat_after: SignedDuration::from_secs(90),
        submission_overdue: SignedDuration::from_mins(15),
        replay_window: SignedDuration::from_hours(24),
        webhook_cycle: SignedDuration::from_hours(24),
        expiry_grace: SignedDuration::from_hours(6),
    }
}

pub(crate) fn merchant() -> MerchantId {
    "acme".parse().unwrap()
}

pub(crate) fn key(order_id: &str) -> OrderKey {
    OrderKey { merchant: merchant(), order_id: order_id.parse().unwrap() }
}

/// Sixteen bytes that follow from a text.
pub(crate) fn bytes(text: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (place, byte) in text.bytes().enumerate() {
        bytes[place % 16] ^= byte.rotate_left((place / 16) as u32);
    }
    bytes
}

/// FlexFactor's id of an order.
pub(crate) fn at_provider(order_id: &str) -> String {
    format!("ff-{order_id}")
}

/// The published sample under another id; its transaction is named after it.
pub(crate) fn decline(order_id: &str) -> Decline {
    let mut value: serde_json::Value =
        serde_json::from_str(include_str!("../../events/decline.json")).unwrap();
    value["order_id"] = order_id.into();
    value["transaction"]["id"] = format!("txn-{order_id}").into();
    serde_json::from_value(value).unwrap()
}

/// An order as it arrives.
pub(crate) fn arriving(order_id: &str) -> Order {
    let decline = decline(order_id);
    let content = decline.content().unwrap();
    intake::open(Screened { decline, window_days: 21 }, content, times().submission_overdue, start())
}

pub(crate) fn event(order_id: &str, kind: EventKind, name: &str, seconds: i64) -> OrderEvent {
    OrderEvent {
        kind,
        name: name.to_owned(),
        occurred_at: after(seconds).to_string(),
        order_id: order_id.parse().unwrap(),
        provider_order: at_provider(order_id).parse().unwrap(),
        confirmation: (kind == EventKind::Completed).then(|| "22ACD1D9".to_owned()),
        nonce: format!("nonce-{order_id}-{}", name.replace('.', "-")),
    }
}

/// An order that lives through one thing after the other.
struct Life<'a> {
    store: &'a Store,
    id: &'static str,
}

impl Life<'_> {
    async fn order(&self) -> Order {
        Table::read(self.store, &key(self.id)).await.unwrap().unwrap()
    }

    async fn claimed(&self) -> &Self {
        let idempotency = IdempotencyKey::from_random(bytes(self.id));
        let claim = Claim { key: idempotency, account: ACCOUNT.to_owned(), now: after(1) };
        let claimed = self.store.claim(&key(self.id), &claim, &times()).await.unwrap();
        assert!(matches!(claimed, Claimed::Granted(_)), "{}", self.id);
        self
    }

    async fn ended(&self, outcome: Outcome) -> &Self {
        self.claimed().await;
        let order = self.order().await;
        self.store.record(&order, &outcome, &times(), after(3)).await.unwrap();
        self
    }

    async fn answered(&self, verdict: Verdict, word: &str) -> &Self {
        let provider_order = at_provider(self.id).parse().unwrap();
        self.ended(Outcome::Answered { verdict, provider_order, word: word.to_owned() }).await
    }

    async fn lost(&self) -> &Self {
        self.ended(Outcome::Lost(Reason::new(
            ReasonCode::SubmissionTimedOut,
            "FlexFactor did not answer in time",
        )))
        .await
    }

    async fn told(&self, kind: EventKind, name: &str, seconds: i64) -> &Self {
        let event = event(self.id, kind, name, seconds);
        let applied = self.store.apply(&key(self.id), &event, after(seconds + 1)).await.unwrap();
        assert_eq!(applied, Applied::Done, "{}", self.id);
        self
    }

    async fn wished(
        &self,
        wish: fn(&Order, IdempotencyKey, Timestamp) -> Result<Asked, WishRefused>,
    ) -> &Self {
        let asked = wish(&self.order().await, IdempotencyKey::from_random(bytes("wish")), after(7_200));
        let Ok(Asked::Change(change)) = asked else { panic!("{}: {asked:?}", self.id) };
        assert!(self.store.act(&key(self.id), &change).await.unwrap().is_some());
        self
    }

    async fn reserved(&self) -> &Self {
        let order = self.order().await;
        let request = RefundRequest {
            id: RefundId::of(&order.key, "refund-1"),
            amount: Money { minor: MinorUnits::new(500), currency: order.amount.currency },
            asking: IdempotencyKey::from_random(bytes("asking")),
        };
        let Ok(Reserve::Change(change)) = refund::reserve(&order, &request, None, after(90_000)) else {
            panic!("{} can't be refunded", self.id)
        };
        assert!(self.store.act(&order.key, &change).await.unwrap().is_some());
        self
    }

    async fn refund_ended(&self, outcome: RefundOutcome) -> &Self {
        let order = self.order().await;
        let change = refund::settle(&order, &order.refunds[0].id, &outcome, after(90_001)).unwrap();
        assert!(self.store.act(&order.key, &change).await.unwrap().is_some());
        self
    }

    async fn handed_back(&self) -> &Self {
        let reason = Reason::new(ReasonCode::OutcomeUnknown, "FlexFactor could not be asked.");
        let change = submission::escalate(reason, after(137_700)).knowing(&self.order().await);
        assert!(self.store.escalate(&key(self.id), &change).await.unwrap());
        self
    }
}

/// Writes every order, with its history and its line.
pub(crate) async fn write(store: &Store) {
    let life = async |id: &'static str| {
        store.take(&arriving(id)).await.unwrap();
        Life { store, id }
    };
    life("received").await;
    let nothing_sent = Reason::new(ReasonCode::MerchantNotReady, "FlexFactor accepted no token");
    life("received-unsent").await.ended(Outcome::NotSent(nothing_sent)).await;
    life("submitting").await.claimed().await;
    life("unknown").await.lost().await;
    life("unknown-word").await.answered(Verdict::NotUnderstood, "RESCUED").await;
    life("unknown-cancel").await.lost().await.wished(wish::cancel).await;
    life("rejected").await.ended(Outcome::Refused { words: "HTTP 400: OrderId: invalid".to_owned() }).await;
    life("pending").await.answered(Verdict::Working, "SUBMITTED").await;
    life("pending-cancel").await.answered(Verdict::Working, "SUBMITTED").await.wished(wish::cancel).await;
    let refunded = life("pending-refunded").await;
    refunded
        .answered(Verdict::Working, "SUBMITTED")
        .await
        .told(EventKind::Refunded, "order.refunded", 600)
        .await;
    life("capture").await.answered(Verdict::CaptureRequired, "CAPTUREREQUIRED").await;
    let capture = life("capture-wished").await;
    capture.answered(Verdict::CaptureRequired, "CAPTUREREQUIRED").await.wished(wish::capture).await;
    life("escalated").await.lost().await.handed_back().await;
    life("expired")
        .await
        .answered(Verdict::Working, "SUBMITTED")
        .await
        .told(EventKind::Expired, "order.expired", 86_400)
        .await;
    life("cancelled").await.wished(wish::cancel).await;
    life("declined").await.answered(Verdict::NotRescued, "DECLINED").await;
    life("approved-at-once").await.answered(Verdict::Rescued, "APPROVED").await;
    let approved = async |id: &'static str| {
        let life = life(id).await;
        life.answered(Verdict::Working, "SUBMITTED").await;
        life.told(EventKind::Completed, "order.completed", 86_400).await;
        life
    };
    approved("approved").await;
    approved("disputed").await.told(EventKind::Chargeback, "payment.chargeback.received", 90_000).await;
    approved("refund-reserved").await.reserved().await;
    approved("refund-lost")
        .await
        .reserved()
        .await
        .refund_ended(RefundOutcome::Lost("no answer".to_owned()))
        .await;
    approved("refund-made").await.reserved().await.refund_ended(RefundOutcome::Made).await;
    store.read_stream().await;
}
