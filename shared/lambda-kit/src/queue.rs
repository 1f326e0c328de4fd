//! The queue between the functions: which order is to be submitted.

use std::future::Future;

use aws_sdk_sqs::Client;
use jiff::SignedDuration;
use models::ids::{MerchantId, OrderId, OrderKey};
use order_store::sdk::describe;
use serde::{Deserialize, Serialize};

/// Longest time for which SQS can hide a message.
const VISIBILITY_SECONDS_MAX: i64 = 43_200;

/// SQS did not do as asked.
#[derive(Debug, thiserror::Error)]
#[error("the queue is unavailable: {0}")]
pub struct QueueError(String);

/// The body of a message on the evaluations queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderMessage {
    /// The merchant.
    pub merchant: MerchantId,
    /// The merchant's order id.
    pub order_id: OrderId,
}

impl OrderMessage {
    /// What names the order.
    #[must_use]
    pub fn key(self) -> OrderKey {
        OrderKey { merchant: self.merchant, order_id: self.order_id }
    }
}

/// Handing an order on to be submitted.
pub trait HandOn: Send + Sync {
    /// Puts the order on the evaluations queue.
    fn hand_on(&self, key: &OrderKey) -> impl Future<Output = Result<(), QueueError>> + Send;
}

/// Choosing when a message that will fail is delivered again.
pub trait Postpone: Send + Sync {
    /// Hides the delivery `receipt` for `delay`.
    fn postpone(
        &self,
        receipt: &str,
        delay: SignedDuration,
    ) -> impl Future<Output = Result<(), QueueError>> + Send;
}

/// The evaluations queue.
#[derive(Debug, Clone)]
pub struct EvaluationsQueue {
    client: Client,
    url: String,
}

impl EvaluationsQueue {
    /// The queue at `url`.
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }
}

impl HandOn for EvaluationsQueue {
    async fn hand_on(&self, key: &OrderKey) -> Result<(), QueueError> {
        let message = OrderMessage { merchant: key.merchant.clone(), order_id: key.order_id.clone() };
        let body = serde_json::to_string(&message).map_err(|error| QueueError(error.to_string()))?;
        let sent = self.client.send_message().queue_url(&self.url).message_body(body).send().await;
        sent.map(|_| ()).map_err(|error| QueueError(describe(&error)))
    }
}

impl Postpone for EvaluationsQueue {
    async fn postpone(&self, receipt: &str, delay: SignedDuration) -> Result<(), QueueError> {
        let seconds = i32::try_from(delay.as_secs().clamp(0, VISIBILITY_SECONDS_MAX)).unwrap_or(0);
        let sent = self
            .client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt)
            .visibility_timeout(seconds)
            .send()
            .await;
        sent.map(|_| ()).map_err(|error| QueueError(describe(&error)))
    }
}
