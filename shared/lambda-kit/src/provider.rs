//! FlexFactor's client as the functions use it: every call that ends without an answer is counted, whoever made it, and
//! credentials that are refused have the merchant's secret read again.

use std::future::Future;

use flexfactor::wire::evaluate::EvaluateRequest;
use flexfactor::wire::transmit::TransmitRequest;
use flexfactor::{
    Account, CancelExternally, CancelOrder, CaptureOrder, Capturing, Client, ClientConfig, ClientError,
    Evaluate, EvaluateAnswer, FindOrder, Lookup, Lost, OrderAnswer, Outcome, OutcomeAnswer, ReadOrder,
    ReadOutcome, RefundOrder, Refunding, Transmit, TransmitAnswer,
};
use jiff::Timestamp;
use models::ids::{OrderId, ProviderOrderId};

use crate::secrets::RenewCredentials;
use crate::telemetry::{Metric, count};

/// FlexFactor, counted. `secrets` is where the handler has its credentials from.
///
/// # Errors
/// An address is malformed, or TLS can't be set up.
pub fn client<K>(config: &ClientConfig, secrets: K) -> Result<Counted<Client, K>, ClientError> {
    Client::new(config).map(|provider| Counted { provider, secrets })
}

/// Makes the calls of `P`, and counts those that end without an answer. A refusal is an answer.
#[derive(Debug)]
pub struct Counted<P, K> {
    /// Who makes the calls.
    pub provider: P,
    /// What is told of credentials that FlexFactor does not take.
    pub secrets: K,
}

/// Whose fault it is decides who must do something: [`Metric::TokenFailures`] is for us, the other for FlexFactor.
fn metric_of(lost: Lost) -> Metric {
    match lost {
        Lost::Unauthorized => Metric::TokenFailures,
        Lost::TimedOut | Lost::Disconnected | Lost::ServerFailed(_) | Lost::Busy(_) | Lost::Malformed => {
            Metric::ProviderErrors
        }
    }
}

impl<P, K: RenewCredentials> Counted<P, K> {
    async fn counted<T>(
        &self,
        name: &'static str,
        account: &Account,
        call: impl Future<Output = Outcome<T>>,
    ) -> Outcome<T> {
        let outcome = call.await;
        match &outcome {
            Outcome::Unknown(lost) => {
                count(metric_of(*lost));
                tracing::warn!(merchant = %account.merchant, call = name, %lost, "FlexFactor gave no answer");
                // For the next try, which comes by itself: this one has used up its time.
                if *lost == Lost::Unauthorized {
                    self.secrets.renew(&account.merchant, &account.credentials).await;
                }
            }
            Outcome::Done(_) | Outcome::Refused(_) => {}
        }
        outcome
    }
}

impl<P: Evaluate, K: RenewCredentials> Evaluate for Counted<P, K> {
    async fn evaluate(
        &self,
        account: &Account,
        request: &EvaluateRequest<'_>,
        now: Timestamp,
    ) -> Outcome<EvaluateAnswer> {
        self.counted("evaluate", account, self.provider.evaluate(account, request, now)).await
    }
}

impl<P: ReadOrder, K: RenewCredentials> ReadOrder for Counted<P, K> {
    async fn read_order(
        &self,
        account: &Account,
        id: &ProviderOrderId,
        now: Timestamp,
    ) -> Outcome<OrderAnswer> {
        self.counted("read_order", account, self.provider.read_order(account, id, now)).await
    }
}

impl<P: ReadOutcome, K: RenewCredentials> ReadOutcome for Counted<P, K> {
    async fn read_outcome(
        &self,
        account: &Account,
        id: &ProviderOrderId,
        now: Timestamp,
    ) -> Outcome<OutcomeAnswer> {
        self.counted("read_outcome", account, self.provider.read_outcome(account, id, now)).await
    }
}

impl<P: FindOrder, K: RenewCredentials> FindOrder for Counted<P, K> {
    async fn find_order(
        &self,
        account: &Account,
        lookup: Lookup<'_>,
        now: Timestamp,
    ) -> Outcome<Vec<ProviderOrderId>> {
        self.counted("find_order", account, self.provider.find_order(account, lookup, now)).await
    }
}

impl<P: CancelExternally, K: RenewCredentials> CancelExternally for Counted<P, K> {
    async fn cancel_externally(&self, account: &Account, order_id: &OrderId, now: Timestamp) -> Outcome<()> {
        self.counted("cancel_externally", account, self.provider.cancel_externally(account, order_id, now))
            .await
    }
}

impl<P: CancelOrder, K: RenewCredentials> CancelOrder for Counted<P, K> {
    async fn cancel_order(&self, account: &Account, id: &ProviderOrderId, now: Timestamp) -> Outcome<()> {
        self.counted("cancel_order", account, self.provider.cancel_order(account, id, now)).await
    }
}

impl<P: CaptureOrder, K: RenewCredentials> CaptureOrder for Counted<P, K> {
    async fn capture_order(&self, account: &Account, capture: Capturing<'_>, now: Timestamp) -> Outcome<()> {
        self.counted("capture_order", account, self.provider.capture_order(account, capture, now)).await
    }
}

impl<P: RefundOrder, K: RenewCredentials> RefundOrder for Counted<P, K> {
    async fn refund_order(&self, account: &Account, refund: Refunding<'_>, now: Timestamp) -> Outcome<()> {
        self.counted("refund_order", account, self.provider.refund_order(account, refund, now)).await
    }
}

impl<P: Transmit, K: RenewCredentials> Transmit for Counted<P, K> {
    async fn transmit(
        &self,
        account: &Account,
        request: &TransmitRequest<'_>,
        now: Timestamp,
    ) -> Outcome<TransmitAnswer> {
        self.counted("transmit", account, self.provider.transmit(account, request, now)).await
    }
}

#[cfg(test)]
#[path = "provider_tests.rs"]
mod tests;
