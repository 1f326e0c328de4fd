//! One decline: parse, screen, store, hand on. A message is done with only after a durable write; whatever it is, it is
//! kept as an order, as a repeat of one, or parked with its reason.
//!
//! If the process dies between the write and the hand-on, the redelivered message finds its own order still waiting and
//! hands it on: no outbox is needed.

use jiff::Timestamp;
use lambda_kit::batch::Record;
use lambda_kit::clock::Clock;
use lambda_kit::queue::{HandOn, QueueError};
use lambda_kit::telemetry::{count, metric};
use models::card_guard::{redact, redact_unparsed};
use models::decline::Decline;
use models::ids::{MerchantId, OrderId, OrderKey};
use models::intake::{self, Repeat};
use models::parked::{COPY_BYTES_MAX, Fate, Parked, ParkedKey, ParkedKind, Why, cut};
use models::refusal::Refusal;
use models::screening;
use models::time::{later, to_millis};
use order_store::StoreError;
use order_store::capability::{FindMerchant, Park, TakeDecline, Taken};
use serde_json::Value;

use crate::settings::IntakeRules;

/// What the function does its work with.
#[derive(Debug)]
pub struct Intake<S, Q, M, C> {
    /// The orders.
    pub store: S,
    /// The evaluations queue.
    pub queue: Q,
    /// Merchants' configuration.
    pub merchants: M,
    /// The clock.
    pub clock: C,
    /// The settings.
    pub rules: IntakeRules,
}

/// Why a record must be delivered again.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// The store did not do as asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The order is stored and could not be handed on.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A decline that was read from JSON can be written as JSON; should it ever not be, it is kept.
    #[error("the decline can't be hashed: {0}")]
    Content(#[from] serde_json::Error),
}

/// A message that is being taken.
struct Arrival {
    record: Record,
    now: Timestamp,
}

impl<S, Q, M, C> Intake<S, Q, M, C>
where
    S: TakeDecline + Park,
    Q: HandOn,
    M: FindMerchant,
    C: Clock,
{
    /// Takes one message. Returns once it is kept for good.
    ///
    /// # Errors
    /// See [`TakeError`]: nothing is lost, the message must be delivered again.
    pub async fn take(&self, record: Record) -> Result<(), TakeError> {
        let arrival = Arrival { record, now: self.clock.now() };
        let value = match screening::parse(&arrival.record.body) {
            Ok(value) => value,
            Err(refusal) => {
                let copy = redact_unparsed(&arrival.record.body, COPY_BYTES_MAX);
                return self.park(&arrival, Named::default(), ParkedKind::Unparseable, refusal, copy).await;
            }
        };
        match screening::read(&value) {
            Ok(decline) => self.screen(&arrival, &value, decline).await,
            Err(refusal) => self.refuse(&arrival, &value, refusal).await,
        }
    }

    async fn screen(&self, arrival: &Arrival, value: &Value, decline: Decline) -> Result<(), TakeError> {
        let content = decline.content()?;
        let key = decline.key();
        let merchant = self.merchants.find_merchant(&decline.merchant).await?;
        match screening::screen(decline, merchant.as_ref(), &self.rules.limits, arrival.now) {
            Ok(screened) => {
                let order = intake::open(screened, content, self.rules.submission_overdue, arrival.now);
                match self.store.take(&order).await? {
                    Taken::New => {
                        tracing::info!(order = %key, "a decline was taken");
                        Ok(self.queue.hand_on(&key).await?)
                    }
                    Taken::Repeat(repeat) => self.repeat(arrival, value, &key, repeat).await,
                }
            }
            // What was taken when it was fresh is not refused because its redelivery is stale.
            Err(refusal) => match self.store.known(&key, &content).await? {
                Some(repeat @ (Repeat::Same | Repeat::SameToHandOn)) => {
                    self.repeat(arrival, value, &key, repeat).await
                }
                Some(Repeat::Conflict) | None => self.refuse(arrival, value, refusal).await,
            },
        }
    }

    async fn repeat(
        &self,
        arrival: &Arrival,
        value: &Value,
        key: &OrderKey,
        repeat: Repeat,
    ) -> Result<(), TakeError> {
        match repeat {
            Repeat::Same => {
                tracing::info!(order = %key, "the same decline came again");
                Ok(())
            }
            Repeat::SameToHandOn => {
                tracing::info!(order = %key, "the same decline came again and is handed on");
                Ok(self.queue.hand_on(key).await?)
            }
            Repeat::Conflict => {
                tracing::warn!(order = %key, "another decline came under an id that is taken");
                count(metric::DECLINE_CONFLICTS);
                let sentence =
                    "Another decline is stored under this merchant and order id; an id names one order only.";
                let named =
                    Named { merchant: Some(key.merchant.clone()), order_id: Some(key.order_id.clone()) };
                let parked = self.parked(
                    arrival,
                    named,
                    ParkedKind::Conflict,
                    Why::Sentence(sentence.to_owned()),
                    redact(value).to_string(),
                );
                Ok(self.store.park(&parked).await?)
            }
        }
    }

    async fn refuse(&self, arrival: &Arrival, value: &Value, refusal: Refusal) -> Result<(), TakeError> {
        let named = self.named(value).await?;
        self.park(arrival, named, ParkedKind::Refused, refusal, redact(value).to_string()).await
    }

    /// Whom a refused message is about, as far as it can be believed: the merchant only if it is one of ours. An id is never
    /// a card number, by its type.
    async fn named(&self, value: &Value) -> Result<Named, StoreError> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let merchant: Option<MerchantId> = text("merchant").and_then(|id| id.parse().ok());
        let merchant = match merchant {
            Some(id) => self.merchants.find_merchant(&id).await?.map(|_| id),
            None => None,
        };
        Ok(Named { merchant, order_id: text("order_id").and_then(|id| id.parse().ok()) })
    }

    async fn park(
        &self,
        arrival: &Arrival,
        named: Named,
        kind: ParkedKind,
        refusal: Refusal,
        copy: String,
    ) -> Result<(), TakeError> {
        tracing::warn!(
            message_id = arrival.record.id,
            rule = refusal.rule.code(),
            path = refusal.path,
            merchant = named.merchant.as_ref().map(MerchantId::as_str),
            order_id = named.order_id.as_ref().map(OrderId::as_str),
            "a decline was refused"
        );
        count(metric::REJECTED_DECLINES);
        let parked = self.parked(arrival, named, kind, Why::Refusal(refusal), copy);
        Ok(self.store.park(&parked).await?)
    }

    fn parked(&self, arrival: &Arrival, named: Named, kind: ParkedKind, why: Why, copy: String) -> Parked {
        let sent_at =
            arrival.record.sent_at_millis.and_then(|millis| Timestamp::from_millisecond(millis).ok());
        Parked {
            key: ParkedKey {
                merchant: named.merchant,
                arrived_at: to_millis(sent_at.unwrap_or(arrival.now)),
                kind,
                id: arrival.record.id.clone(),
            },
            order_id: named.order_id,
            why,
            copy: cut(copy),
            keep_until: later(arrival.now, self.rules.rejected_copy),
            event: None,
            due: None,
            fate: Fate::Parked,
        }
    }
}

/// Whom a message is about.
#[derive(Default)]
struct Named {
    merchant: Option<MerchantId>,
    order_id: Option<OrderId>,
}

#[cfg(test)]
#[path = "handler_tests.rs"]
mod tests;
