//! Every call through [`Counted`], ended in every way.

use std::sync::atomic::{AtomicU64, Ordering};

use flexfactor::{Credentials, ListNames, Refused};
use jiff::SignedDuration;
use models::decline::Decline;
use models::ids::{IdempotencyKey, MerchantId};
use models::merchant::{Environment, Merchant};
use models::money::{Currency, Money};
use models::transmission::Transmission;

use super::*;
use crate::testing::Tally;

/// Answers every call alike.
struct Fixed(Option<Lost>);

impl Fixed {
    fn end<T>(&self) -> Outcome<T> {
        match self.0 {
            Some(lost) => Outcome::Unknown(lost),
            None => Outcome::Refused(Refused { http: 400, words: String::new() }),
        }
    }
}

impl Evaluate for Fixed {
    async fn evaluate(&self, _: &Account, _: &EvaluateRequest<'_>, _: Timestamp) -> Outcome<EvaluateAnswer> {
        self.end()
    }
}

impl ReadOrder for Fixed {
    async fn read_order(&self, _: &Account, _: &ProviderOrderId, _: Timestamp) -> Outcome<OrderAnswer> {
        self.end()
    }
}

impl ReadOutcome for Fixed {
    async fn read_outcome(&self, _: &Account, _: &ProviderOrderId, _: Timestamp) -> Outcome<OutcomeAnswer> {
        self.end()
    }
}

impl FindOrder for Fixed {
    async fn find_order(&self, _: &Account, _: Lookup<'_>, _: Timestamp) -> Outcome<Vec<ProviderOrderId>> {
        self.end()
    }
}

impl CancelExternally for Fixed {
    async fn cancel_externally(&self, _: &Account, _: &OrderId, _: Timestamp) -> Outcome<()> {
        self.end()
    }
}

impl CancelOrder for Fixed {
    async fn cancel_order(&self, _: &Account, _: &ProviderOrderId, _: Timestamp) -> Outcome<()> {
        self.end()
    }
}

impl CaptureOrder for Fixed {
    async fn capture_order(&self, _: &Account, _: Capturing<'_>, _: Timestamp) -> Outcome<()> {
        self.end()
    }
}

impl RefundOrder for Fixed {
    async fn refund_order(&self, _: &Account, _: Refunding<'_>, _: Timestamp) -> Outcome<()> {
        self.end()
    }
}

impl Transmit for Fixed {
    async fn transmit(&self, _: &Account, _: &TransmitRequest<'_>, _: Timestamp) -> Outcome<TransmitAnswer> {
        self.end()
    }
}

/// Counts what was refused.
#[derive(Default)]
struct Renewals(AtomicU64);

impl RenewCredentials for Renewals {
    async fn renew(&self, _: &MerchantId, _: &Credentials) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Makes each of the calls once; how many there are, and how many had the secret read again.
async fn call_all(lost: Option<Lost>) -> (u64, u64) {
    let renewals = Renewals::default();
    let provider = Counted { provider: Fixed(lost), secrets: &renewals };
    let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    let account = Account {
        merchant: "acme".parse().unwrap(),
        environment: Environment::Sandbox,
        credentials: Credentials { app_key: "key".to_owned().into(), app_secret: "secret".to_owned().into() },
    };
    let merchant: Merchant = serde_json::from_str(
        r#"{"enabled":true,"mode":"managed","environment":"sandbox","mid":"m","sites":{"plans":{}}}"#,
    )
    .unwrap();
    let site = merchant.site(Some("plans")).unwrap();
    let decline: Decline = serde_json::from_str(include_str!("../../../events/decline.json")).unwrap();
    let transmission: Transmission =
        serde_json::from_str(include_str!("../../../events/transmission.json")).unwrap();
    let key = IdempotencyKey::from_random([1; 16]);
    let evaluation = flexfactor::evaluate_request(&decline, &merchant, &site, key, now).unwrap();
    let transmit = flexfactor::transmit_request(&transmission, &merchant, &site).unwrap();
    let names = ListNames { orders: "orders".to_owned(), reference: "referenceNumber".to_owned() };
    let since = now - SignedDuration::from_hours(1);
    let lookup = Lookup { order_id: &decline.order_id, mid: &merchant.mid, since, names: &names };
    let id: ProviderOrderId = "p-1".parse().unwrap();
    let amount = Money::new(1999, "USD".parse::<Currency>().unwrap());
    let is_answered = |is_done: bool| assert!(!is_done);
    is_answered(matches!(provider.evaluate(&account, &evaluation, now).await, Outcome::Done(_)));
    is_answered(matches!(provider.read_order(&account, &id, now).await, Outcome::Done(_)));
    is_answered(matches!(provider.read_outcome(&account, &id, now).await, Outcome::Done(_)));
    is_answered(matches!(provider.find_order(&account, lookup, now).await, Outcome::Done(_)));
    let order_id = &decline.order_id;
    is_answered(matches!(provider.cancel_externally(&account, order_id, now).await, Outcome::Done(())));
    is_answered(matches!(provider.cancel_order(&account, &id, now).await, Outcome::Done(())));
    let capture = Capturing { key, order: &id, amount };
    is_answered(matches!(provider.capture_order(&account, capture, now).await, Outcome::Done(())));
    let refund = Refunding { order: &id, amount, message: None };
    is_answered(matches!(provider.refund_order(&account, refund, now).await, Outcome::Done(())));
    is_answered(matches!(provider.transmit(&account, &transmit, now).await, Outcome::Done(_)));
    (9, renewals.0.into_inner())
}

#[tokio::test]
async fn a_call_without_an_answer_is_counted_by_whose_fault_it_is() {
    let ends = [
        (Lost::TimedOut, Metric::ProviderErrors),
        (Lost::Disconnected, Metric::ProviderErrors),
        (Lost::ServerFailed(503), Metric::ProviderErrors),
        (Lost::Busy(429), Metric::ProviderErrors),
        (Lost::Malformed, Metric::ProviderErrors),
        (Lost::Unauthorized, Metric::TokenFailures),
    ];
    for (lost, expected) in ends {
        let tally = Tally::default();
        let _counting = tally.start();
        let (calls, renewals) = call_all(Some(lost)).await;
        assert_eq!(tally.all(), [(expected.name().to_owned(), calls)].into(), "{lost:?}");
        let is_ours = lost == Lost::Unauthorized;
        assert_eq!(renewals, if is_ours { calls } else { 0 }, "{lost:?} and the secret");
    }
}

#[tokio::test]
async fn a_refusal_is_an_answer() {
    let tally = Tally::default();
    let _counting = tally.start();
    assert_eq!(call_all(None).await.1, 0);
    assert!(tally.all().is_empty());
}
