//! FlexFactor's client as the functions use it: every call that ends without an answer is counted, whoever made it.

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

use crate::telemetry::{Metric, count};

/// FlexFactor, counted.
///
/// # Errors
/// An address is malformed, or TLS can't be set up.
pub fn client(config: &ClientConfig) -> Result<Counted<Client>, ClientError> {
    Client::new(config).map(Counted)
}

/// Makes the calls of `P`, and counts those that end without an answer. A refusal is an answer.
#[derive(Debug)]
pub struct Counted<P>(pub P);

/// Whose fault it is decides who must do something: [`Metric::TokenFailures`] is for us, the other for FlexFactor.
fn metric_of(lost: Lost) -> Metric {
    match lost {
        Lost::Unauthorized => Metric::TokenFailures,
        Lost::TimedOut | Lost::Disconnected | Lost::ServerFailed(_) | Lost::Busy(_) | Lost::Malformed => {
            Metric::ProviderErrors
        }
    }
}

async fn counted<T>(
    name: &'static str,
    account: &Account,
    call: impl Future<Output = Outcome<T>>,
) -> Outcome<T> {
    let outcome = call.await;
    match &outcome {
        Outcome::Unknown(lost) => {
            count(metric_of(*lost));
            tracing::warn!(merchant = %account.merchant, call = name, %lost, "FlexFactor gave no answer");
        }
        Outcome::Done(_) | Outcome::Refused(_) => {}
    }
    outcome
}

impl<P: Evaluate> Evaluate for Counted<P> {
    async fn evaluate(
        &self,
        account: &Account,
        request: &EvaluateRequest<'_>,
        now: Timestamp,
    ) -> Outcome<EvaluateAnswer> {
        counted("evaluate", account, self.0.evaluate(account, request, now)).await
    }
}

impl<P: ReadOrder> ReadOrder for Counted<P> {
    async fn read_order(
        &self,
        account: &Account,
        id: &ProviderOrderId,
        now: Timestamp,
    ) -> Outcome<OrderAnswer> {
        counted("read_order", account, self.0.read_order(account, id, now)).await
    }
}

impl<P: ReadOutcome> ReadOutcome for Counted<P> {
    async fn read_outcome(
        &self,
        account: &Account,
        id: &ProviderOrderId,
        now: Timestamp,
    ) -> Outcome<OutcomeAnswer> {
        counted("read_outcome", account, self.0.read_outcome(account, id, now)).await
    }
}

impl<P: FindOrder> FindOrder for Counted<P> {
    async fn find_order(
        &self,
        account: &Account,
        lookup: Lookup<'_>,
        now: Timestamp,
    ) -> Outcome<Vec<ProviderOrderId>> {
        counted("find_order", account, self.0.find_order(account, lookup, now)).await
    }
}

impl<P: CancelExternally> CancelExternally for Counted<P> {
    async fn cancel_externally(&self, account: &Account, order_id: &OrderId, now: Timestamp) -> Outcome<()> {
        counted("cancel_externally", account, self.0.cancel_externally(account, order_id, now)).await
    }
}

impl<P: CancelOrder> CancelOrder for Counted<P> {
    async fn cancel_order(&self, account: &Account, id: &ProviderOrderId, now: Timestamp) -> Outcome<()> {
        counted("cancel_order", account, self.0.cancel_order(account, id, now)).await
    }
}

impl<P: CaptureOrder> CaptureOrder for Counted<P> {
    async fn capture_order(&self, account: &Account, capture: Capturing<'_>, now: Timestamp) -> Outcome<()> {
        counted("capture_order", account, self.0.capture_order(account, capture, now)).await
    }
}

impl<P: RefundOrder> RefundOrder for Counted<P> {
    async fn refund_order(&self, account: &Account, refund: Refunding<'_>, now: Timestamp) -> Outcome<()> {
        counted("refund_order", account, self.0.refund_order(account, refund, now)).await
    }
}

impl<P: Transmit> Transmit for Counted<P> {
    async fn transmit(
        &self,
        account: &Account,
        request: &TransmitRequest<'_>,
        now: Timestamp,
    ) -> Outcome<TransmitAnswer> {
        counted("transmit", account, self.0.transmit(account, request, now)).await
    }
}

#[cfg(test)]
#[path = "provider_tests.rs"]
mod tests;
