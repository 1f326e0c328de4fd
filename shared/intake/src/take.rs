//! One decline: parse, screen, store, hand on. It is done with only after a durable write; whatever it is, it is kept as an
//! order, as a repeat of one, or parked with its reason.
//!
//! If the process dies between the write and the hand-on, the redelivered message finds its own order still waiting and
//! hands it on: no outbox is needed.

use jiff::Timestamp;
use lambda_kit::clock::Clock;
use lambda_kit::queue::{HandOn, QueueError};
use lambda_kit::telemetry::{Metric, count};
use models::card_guard::{redact, redact_unparsed};
use models::decline::Decline;
use models::ids::{MerchantId, OrderId, OrderKey};
use models::intake::{self, Repeat};
use models::parked::{COPY_BYTES_MAX, Fate, Parked, ParkedKey, ParkedKind, Why, cut};
use models::refusal::Refusal;
use models::screening;
use models::time::{later, to_millis};
use order_store::StoreError;
use order_store::capability::{self, FindMerchant, Park, TakeDecline};
use serde_json::Value;

use crate::rules::IntakeRules;

/// What declines are taken with.
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

/// A decline as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What names the message: the same when it comes again.
    pub id: String,
    /// Its text.
    pub body: String,
    /// When it was sent, the same when it comes again; `None` where nobody says: then what it tells itself counts.
    pub sent_at: Option<Timestamp>,
}

/// What became of a decline. In each case it is kept for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is an order now.
    New(OrderKey),
    /// It was this order before.
    Same(OrderKey),
    /// Another decline is stored under its id; it is parked.
    Conflict(OrderKey),
    /// It broke a rule; it is parked.
    Refused(Refusal),
}

/// A decline that is kept for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What became of it.
    pub taken: Taken,
    /// The order that is still to be put on the evaluations queue: its message may be acknowledged only after that.
    pub hand_on: Option<OrderKey>,
}

impl From<Taken> for Kept {
    /// Nothing is to be handed on.
    fn from(taken: Taken) -> Self {
        Self { taken, hand_on: None }
    }
}

/// Why a decline could not be kept, or not be handed on: it must come again.
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
    message: Message,
    /// The same when it comes again: what is parked is named by it.
    arrived_at: Timestamp,
    now: Timestamp,
}

impl<S, Q, M, C> Intake<S, Q, M, C>
where
    S: TakeDecline + Park,
    Q: HandOn,
    M: FindMerchant,
    C: Clock,
{
    /// Takes one decline and hands it on. Returns once it is kept for good.
    ///
    /// # Errors
    /// See [`TakeError`]: nothing is lost as long as the message comes again.
    pub async fn take(&self, message: Message) -> Result<Taken, TakeError> {
        let Kept { taken, hand_on } = self.keep(message).await?;
        if let Some(key) = hand_on {
            self.queue.hand_on(&key).await?;
        }
        Ok(taken)
    }

    /// Takes one decline and leaves it to the caller to hand it on, together with others.
    ///
    /// # Errors
    /// See [`TakeError`]: nothing is lost as long as the message comes again.
    pub async fn keep(&self, message: Message) -> Result<Kept, TakeError> {
        let parsed = screening::parse(&message.body);
        let told = message.sent_at.or_else(|| declined_at(parsed.as_ref().ok()?));
        let arrived_at = to_millis(told.unwrap_or(Timestamp::UNIX_EPOCH));
        let arrival = Arrival { message, arrived_at, now: self.clock.now() };
        let value = match parsed {
            Ok(value) => value,
            Err(refusal) => {
                let copy = redact_unparsed(&arrival.message.body, COPY_BYTES_MAX);
                let kind = ParkedKind::Unparseable;
                return Ok(self.park(&arrival, Named::default(), kind, refusal, copy).await?.into());
            }
        };
        match screening::read(&value) {
            Ok(decline) => self.screen(&arrival, &value, decline).await,
            Err(refusal) => Ok(self.refuse(&arrival, &value, refusal).await?.into()),
        }
    }

    async fn screen(&self, arrival: &Arrival, value: &Value, decline: Decline) -> Result<Kept, TakeError> {
        let content = decline.content()?;
        let key = decline.key();
        let merchant = self.merchants.find_merchant(&decline.merchant).await?;
        match screening::screen(decline, merchant.as_ref(), &self.rules.limits, arrival.now) {
            Ok(screened) => {
                let order = intake::open(screened, content, self.rules.submission_overdue, arrival.now);
                match self.store.take(&order).await? {
                    capability::Taken::New => {
                        tracing::info!(order = %key, "a decline was taken");
                        Ok(Kept { taken: Taken::New(key.clone()), hand_on: Some(key) })
                    }
                    capability::Taken::Repeat(repeat) => self.repeat(arrival, value, key, repeat).await,
                }
            }
            // What was taken when it was fresh is not refused because its redelivery is stale.
            Err(refusal) => match self.store.known(&key, &content).await? {
                Some(repeat @ (Repeat::Same | Repeat::SameToHandOn)) => {
                    self.repeat(arrival, value, key, repeat).await
                }
                Some(Repeat::Conflict) | None => Ok(self.refuse(arrival, value, refusal).await?.into()),
            },
        }
    }

    async fn repeat(
        &self,
        arrival: &Arrival,
        value: &Value,
        key: OrderKey,
        repeat: Repeat,
    ) -> Result<Kept, TakeError> {
        match repeat {
            Repeat::Same => {
                tracing::info!(order = %key, "the same decline came again");
                Ok(Taken::Same(key).into())
            }
            Repeat::SameToHandOn => {
                tracing::info!(order = %key, "the same decline came again and is handed on");
                Ok(Kept { taken: Taken::Same(key.clone()), hand_on: Some(key) })
            }
            Repeat::Conflict => {
                tracing::warn!(order = %key, "another decline came under an id that is taken");
                count(Metric::DeclineConflicts);
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
                self.store.park(&parked).await?;
                Ok(Taken::Conflict(key).into())
            }
        }
    }

    async fn refuse(&self, arrival: &Arrival, value: &Value, refusal: Refusal) -> Result<Taken, TakeError> {
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
    ) -> Result<Taken, TakeError> {
        tracing::warn!(
            message_id = arrival.message.id,
            rule = refusal.rule.code(),
            path = refusal.path,
            merchant = named.merchant.as_ref().map(MerchantId::as_str),
            order_id = named.order_id.as_ref().map(OrderId::as_str),
            "a decline was refused"
        );
        count(Metric::RejectedDeclines);
        let parked = self.parked(arrival, named, kind, Why::Refusal(refusal.clone()), copy);
        self.store.park(&parked).await?;
        Ok(Taken::Refused(refusal))
    }

    fn parked(&self, arrival: &Arrival, named: Named, kind: ParkedKind, why: Why, copy: String) -> Parked {
        Parked {
            key: ParkedKey {
                merchant: named.merchant,
                arrived_at: arrival.arrived_at,
                kind,
                id: arrival.message.id.clone(),
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

/// When a decline says that it was declined. Keys are compared as text, which holds for four-digit years after 1970.
fn declined_at(value: &Value) -> Option<Timestamp> {
    let at: Timestamp = value.get("declined_at")?.as_str()?.parse().ok()?;
    (at >= Timestamp::UNIX_EPOCH).then_some(at)
}

/// Whom a message is about.
#[derive(Default)]
struct Named {
    merchant: Option<MerchantId>,
    order_id: Option<OrderId>,
}

#[cfg(test)]
#[path = "take_tests.rs"]
mod tests;
