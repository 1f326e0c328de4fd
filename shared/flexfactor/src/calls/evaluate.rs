//! `POST /evaluate`.

use std::future::Future;

use jiff::Timestamp;
use models::ids::ProviderOrderId;

use super::bounded;
use crate::account::Account;
use crate::client::Client;
use crate::mapping::EvaluateStatus;
use crate::outcome::Outcome;
use crate::wire::evaluate::{EvaluateRequest, EvaluateResponse};

/// An answer of `/evaluate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluateAnswer {
    /// FlexFactor's id of the order.
    pub provider_order: ProviderOrderId,
    /// The status.
    pub status: EvaluateStatus,
    /// The status as it came.
    pub word: String,
}

/// Asking FlexFactor to rescue.
pub trait Evaluate: Send + Sync {
    /// Sends an order to `/evaluate`. The request carries its idempotency key.
    fn evaluate(
        &self,
        account: &Account,
        request: &EvaluateRequest<'_>,
        now: Timestamp,
    ) -> impl Future<Output = Outcome<EvaluateAnswer>> + Send;
}

impl Evaluate for Client {
    async fn evaluate(
        &self,
        account: &Account,
        request: &EvaluateRequest<'_>,
        now: Timestamp,
    ) -> Outcome<EvaluateAnswer> {
        let url = self.url(account.environment, &["evaluate"]);
        let call = || self.http().post(url.clone()).json(request);
        self.call_json::<EvaluateResponse>(account, now, call).await.understood(understand)
    }
}

fn understand(answer: EvaluateResponse) -> Option<EvaluateAnswer> {
    let id = answer.order_session_key.or(answer.order_id)?;
    let word = bounded(answer.status?);
    Some(EvaluateAnswer { provider_order: id.parse().ok()?, status: EvaluateStatus::parse(&word), word })
}
