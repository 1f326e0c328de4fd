//! The queues between the functions: which order is to be submitted, and what is due for a look.

use std::future::Future;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use jiff::{SignedDuration, Timestamp};
use models::ids::{MerchantId, OrderId, OrderKey};
use models::parked::ParkedKey;
use order_store::DueKey;
use order_store::sdk::describe;
use serde::{Deserialize, Serialize};

/// Most messages in one call: SQS's own limit.
pub const FAN_OUT_MAX: usize = 10;

/// Longest time for which SQS can hide a message.
const VISIBILITY_SECONDS_MAX: i64 = 43_200;

/// SQS did not do as asked.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the queue is unavailable: {0}")]
pub struct QueueError(
    /// What kind of failure it was.
    pub String,
);

impl QueueError {
    /// The error of a queue that failed as `why` says, which holds nothing of a message.
    #[must_use]
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

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
    /// The message about this order.
    #[must_use]
    pub fn of(key: &OrderKey) -> Self {
        Self { merchant: key.merchant.clone(), order_id: key.order_id.clone() }
    }

    /// What names the order.
    #[must_use]
    pub fn key(self) -> OrderKey {
        OrderKey { merchant: self.merchant, order_id: self.order_id }
    }
}

/// The body of a message on the reconciliations queue: what is due, and as of when. The index of what is due is the
/// truth; a message that is lost or comes twice changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueMessage {
    /// What is due.
    #[serde(flatten)]
    pub what: DueThing,
    /// The sweep's own time.
    pub as_of: Timestamp,
}

/// What a [`DueMessage`] is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DueThing {
    /// An order.
    Order(OrderMessage),
    /// Something parked.
    Parked(ParkedKey),
}

impl DueMessage {
    /// A message about what was found due.
    #[must_use]
    pub fn new(key: DueKey, as_of: Timestamp) -> Self {
        let what = match key {
            DueKey::Order(OrderKey { merchant, order_id }) => {
                DueThing::Order(OrderMessage { merchant, order_id })
            }
            DueKey::Parked(key) => DueThing::Parked(key),
        };
        Self { what, as_of }
    }
}

/// Fanning out what is due.
pub trait FanOut: Send + Sync {
    /// Puts at most [`FAN_OUT_MAX`] messages on the reconciliations queue, in one call. On an error some of them may be on it.
    fn fan_out(&self, messages: &[DueMessage]) -> impl Future<Output = Result<(), QueueError>> + Send;
}

/// Handing an order on to be submitted.
pub trait HandOn: Send + Sync {
    /// Puts the order on the evaluations queue.
    fn hand_on(&self, key: &OrderKey) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Puts several orders on it, in as few calls as the queue can; how each of them fared, in their order. One that is told
    /// as failed may be on the queue all the same.
    fn hand_on_all(&self, keys: &[OrderKey]) -> impl Future<Output = Vec<Result<(), QueueError>>> + Send;
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
        let body = body(&OrderMessage::of(key))?;
        let sent = self.client.send_message().queue_url(&self.url).message_body(body).send().await;
        sent.map(|_| ()).map_err(|error| QueueError(describe(&error)))
    }

    async fn hand_on_all(&self, keys: &[OrderKey]) -> Vec<Result<(), QueueError>> {
        let mut fared = Vec::with_capacity(keys.len());
        for keys in keys.chunks(FAN_OUT_MAX) {
            let messages: Vec<_> = keys.iter().map(OrderMessage::of).collect();
            match send_batch(&self.client, &self.url, &messages).await {
                Ok(refused) => fared.extend((0..keys.len()).map(|number| refused.of(number))),
                Err(error) => fared.extend(keys.iter().map(|_| Err(error.clone()))),
            }
        }
        fared
    }
}

impl Postpone for EvaluationsQueue {
    async fn postpone(&self, receipt: &str, delay: SignedDuration) -> Result<(), QueueError> {
        hide(&self.client, &self.url, receipt, delay).await
    }
}

/// The transmissions queue.
#[derive(Debug, Clone)]
pub struct TransmissionsQueue {
    client: Client,
    url: String,
}

impl TransmissionsQueue {
    /// The queue at `url`.
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }
}

impl Postpone for TransmissionsQueue {
    async fn postpone(&self, receipt: &str, delay: SignedDuration) -> Result<(), QueueError> {
        hide(&self.client, &self.url, receipt, delay).await
    }
}

/// Hides a delivery, for at most as long as SQS can.
async fn hide(client: &Client, url: &str, receipt: &str, delay: SignedDuration) -> Result<(), QueueError> {
    let seconds = i32::try_from(delay.as_secs().clamp(0, VISIBILITY_SECONDS_MAX)).unwrap_or(0);
    let request = client.change_message_visibility().queue_url(url).receipt_handle(receipt);
    let sent = request.visibility_timeout(seconds).send().await;
    sent.map(|_| ()).map_err(|error| QueueError(describe(&error)))
}

/// The reconciliations queue.
#[derive(Debug, Clone)]
pub struct ReconciliationsQueue {
    client: Client,
    url: String,
}

impl ReconciliationsQueue {
    /// The queue at `url`.
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }
}

impl FanOut for ReconciliationsQueue {
    async fn fan_out(&self, messages: &[DueMessage]) -> Result<(), QueueError> {
        let refused = send_batch(&self.client, &self.url, messages).await?;
        (0..messages.len()).try_for_each(|number| refused.of(number))
    }
}

/// What SQS refused of a batch: the numbers of messages and its codes.
struct Refused(Vec<(String, String)>);

impl Refused {
    /// How the message of this number fared.
    fn of(&self, number: usize) -> Result<(), QueueError> {
        let number = number.to_string();
        match self.0.iter().find(|(refused, _)| *refused == number) {
            Some((_, code)) => Err(QueueError(format!("SQS refused a message: {code}"))),
            None => Ok(()),
        }
    }
}

/// Sends at most [`FAN_OUT_MAX`] messages in one call. On an error any of them may have been sent.
async fn send_batch(client: &Client, url: &str, messages: &[impl Serialize]) -> Result<Refused, QueueError> {
    let entries: Result<Vec<_>, _> = messages.iter().enumerate().map(entry).collect();
    let sent = client.send_message_batch().queue_url(url).set_entries(Some(entries?)).send().await;
    let sent = sent.map_err(|error| QueueError(describe(&error)))?;
    let refused = sent.failed().iter().map(|failed| (failed.id().to_owned(), failed.code().to_owned()));
    Ok(Refused(refused.collect()))
}

fn entry((number, message): (usize, &impl Serialize)) -> Result<SendMessageBatchRequestEntry, QueueError> {
    let entry =
        SendMessageBatchRequestEntry::builder().id(number.to_string()).message_body(body(message)?).build();
    entry.map_err(|error| QueueError(error.to_string()))
}

fn body(message: &impl Serialize) -> Result<String, QueueError> {
    serde_json::to_string(message).map_err(|error| QueueError(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_is_said_in_stable_words() {
        let order = OrderKey { merchant: "acme".parse().unwrap(), order_id: "INV-1".parse().unwrap() };
        let as_of = "2026-11-21T10:00:00Z".parse().unwrap();
        let message = DueMessage::new(DueKey::Order(order), as_of);
        let json = r#"{"order":{"merchant":"acme","order_id":"INV-1"},"as_of":"2026-11-21T10:00:00Z"}"#;
        assert_eq!(serde_json::to_string(&message).unwrap(), json);
        assert_eq!(serde_json::from_str::<DueMessage>(json).unwrap(), message);
        let json = r#"{"parked":{"merchant":"acme","arrived_at":"2026-11-21T10:00:00Z","kind":"orphan_event","id":"a"},
                       "as_of":"2026-11-21T10:00:00Z"}"#;
        assert!(matches!(serde_json::from_str::<DueMessage>(json).unwrap().what, DueThing::Parked(_)));
    }
}
