//! One transmission: screen, keep that it is taken, send, keep FlexFactor's key. At least once, and never dropped: what can't
//! be delivered in time is parked with its reason.
//!
//! Nobody waits for it. A redelivery finds how far it has come: what FlexFactor has is not sent again; what may or may not
//! have arrived is, since a copy for a risk model does no harm. Should the process die between the two writes, the
//! redelivery sends again as well.

use flexfactor::{Account, Outcome, Transmit, transmit_request};
use jiff::{SignedDuration, Timestamp};
use lambda_kit::batch::Record;
use lambda_kit::clock::Clock;
use lambda_kit::queue::Postpone;
use lambda_kit::secrets::FindSecret;
use lambda_kit::telemetry::{Metric, count};
use models::card_guard::{redact, redact_unparsed};
use models::ids::{MerchantId, OrderId, TransmitId};
use models::parked::{COPY_BYTES_MAX, Fate, Parked, ParkedKey, ParkedKind, Why, cut};
use models::refusal::{Refusal, Rule};
use models::screening;
use models::time::{later, to_millis};
use models::transmission::{self, Known, Relayed, Screened, Stage, Transmission, next_try};
use order_store::StoreError;
use order_store::capability::{FindMerchant, KeepTransmission, Park, Took};
use serde_json::Value;

use crate::settings::RelayRules;

/// What the function does its work with.
#[derive(Debug)]
pub struct Relay<S, Q, M, K, P, C> {
    /// What is kept of transmissions.
    pub store: S,
    /// The transmissions queue.
    pub queue: Q,
    /// Merchants' configuration.
    pub merchants: M,
    /// Merchants' credentials.
    pub secrets: K,
    /// FlexFactor.
    pub provider: P,
    /// The clock.
    pub clock: C,
    /// The settings.
    pub rules: RelayRules,
}

/// Why a record must be delivered again.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The store did not do as asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A transmission that was read from JSON can be written as JSON; should it ever not be, its message stays.
    #[error("the transmission can't be hashed: {0}")]
    Content(#[from] serde_json::Error),
    /// It was not delivered, as far as is known, and its time is not over.
    #[error("not transmitted yet: {0}")]
    NotYet(String),
}

/// A message that is being taken.
struct Arrival {
    record: Record,
    now: Timestamp,
    /// What it says, where it is JSON.
    value: Option<Value>,
}

/// Whom a message is about.
#[derive(Default)]
struct Named {
    merchant: Option<MerchantId>,
    order_id: Option<OrderId>,
}

impl<S, Q, M, K, P, C> Relay<S, Q, M, K, P, C>
where
    S: KeepTransmission + Park,
    Q: Postpone,
    M: FindMerchant,
    K: FindSecret,
    P: Transmit,
    C: Clock,
{
    /// Relays one message. Returns once FlexFactor has it and that is kept, or it is parked.
    ///
    /// # Errors
    /// See [`RelayError`]: nothing is lost, the message must be delivered again.
    pub async fn relay(&self, record: Record) -> Result<(), RelayError> {
        let parsed = screening::parse(&record.body);
        let mut arrival = Arrival { record, now: self.clock.now(), value: None };
        let value = match parsed {
            Ok(value) => arrival.value.insert(value),
            Err(refusal) => return self.refuse(&arrival, refusal).await,
        };
        match transmission::read(value) {
            Ok(transmission) => self.take(&arrival, &transmission).await,
            Err(refusal) => self.refuse(&arrival, refusal).await,
        }
    }

    async fn take(&self, arrival: &Arrival, transmission: &Transmission) -> Result<(), RelayError> {
        let merchant = self.merchants.find_merchant(&transmission.merchant).await?;
        let content = transmission.content()?;
        let keep_until = later(arrival.now, self.rules.transmission_copy);
        let taken = transmission::take(transmission, content, keep_until, arrival.now);
        match transmission::screen(transmission, merchant.as_ref(), self.rules.age_max, arrival.now) {
            Ok(screened) => match self.store.take_transmission(&taken).await? {
                Took::New => self.send(arrival, transmission, &screened, &taken).await,
                Took::Exists(stored) => match transmission::compare(&stored, &taken.content) {
                    Known::Open => self.send(arrival, transmission, &screened, &stored).await,
                    Known::Settled => came_again(&stored),
                    Known::Other => self.conflict(arrival, &taken).await,
                },
            },
            Err(refusal) => self.refuse_taken(arrival, &taken, refusal).await,
        }
    }

    /// Refuses what may have been taken when it passed still: its time is over, or the merchant's configuration has changed.
    async fn refuse_taken(
        &self,
        arrival: &Arrival,
        taken: &Relayed,
        refusal: Refusal,
    ) -> Result<(), RelayError> {
        let Some(stored) = self.store.transmission(&taken.key).await? else {
            return self.refuse(arrival, refusal).await;
        };
        match transmission::compare(&stored, &taken.content) {
            Known::Open if refusal.rule == Rule::TooOld => {
                self.undelivered(arrival, &stored, &refusal.sentence).await
            }
            Known::Open => {
                self.refuse(arrival, refusal).await?;
                self.settle(&stored, Stage::Refused { at: to_millis(arrival.now) }).await
            }
            Known::Settled => came_again(&stored),
            Known::Other => self.refuse(arrival, refusal).await,
        }
    }

    async fn send(
        &self,
        arrival: &Arrival,
        transmission: &Transmission,
        screened: &Screened<'_>,
        taken: &Relayed,
    ) -> Result<(), RelayError> {
        let Screened { merchant, site } = screened;
        let end = later(transmission.occurred_at, self.rules.age_max);
        let request = match transmit_request(transmission, merchant, site) {
            Ok(request) => request,
            Err(error) => return self.refused(arrival, taken, format!("It can't be sent: {error}.")).await,
        };
        let secret = match self.secrets.secret(&transmission.merchant).await {
            Ok(secret) => secret,
            Err(error) => return self.again(arrival, taken, end, error.to_string()).await,
        };
        let account = Account {
            merchant: transmission.merchant.clone(),
            environment: merchant.environment,
            credentials: secret.credentials.clone(),
        };
        match self.provider.transmit(&account, &request, self.clock.now()).await {
            Outcome::Done(answer) => self.transmitted(taken, merchant.account(), answer.transmit_id).await,
            Outcome::Refused(refused) => {
                let sentence = format!("FlexFactor refused it, HTTP {}: {}", refused.http, refused.words);
                self.refused(arrival, taken, sentence).await
            }
            Outcome::Unknown(lost) => self.again(arrival, taken, end, lost.to_string()).await,
        }
    }

    async fn transmitted(
        &self,
        taken: &Relayed,
        account: String,
        id: Option<TransmitId>,
    ) -> Result<(), RelayError> {
        let (merchant, order_id, approved) = (&taken.key.merchant, &taken.order_id, taken.approved);
        if id.is_none() {
            tracing::warn!(%merchant, %order_id, "FlexFactor gave no key: its outcome can't be told later");
        }
        let stage = Stage::Transmitted { id, account, at: to_millis(self.clock.now()) };
        self.settle(taken, stage).await?;
        tracing::info!(%merchant, %order_id, approved, "a transaction was transmitted");
        Ok(())
    }

    /// Chooses when it is tried again; where that would be too late, it is parked with the reason of this try.
    async fn again(
        &self,
        arrival: &Arrival,
        taken: &Relayed,
        end: Timestamp,
        why: String,
    ) -> Result<(), RelayError> {
        match next_try(&self.rules.retries, taken.taken_at, end, self.clock.now()) {
            Some(wait) => {
                self.postpone(&arrival.record, wait).await;
                Err(RelayError::NotYet(why))
            }
            None => self.undelivered(arrival, taken, &format!("The last try failed: {why}.")).await,
        }
    }

    /// The queue's own visibility serves where this fails.
    async fn postpone(&self, record: &Record, wait: SignedDuration) {
        if let Err(error) = self.queue.postpone(&record.receipt, wait).await {
            tracing::warn!(message_id = record.id, %error, "the message keeps the queue's own visibility");
        }
    }

    async fn undelivered(&self, arrival: &Arrival, taken: &Relayed, why: &str) -> Result<(), RelayError> {
        let (merchant, order_id) = (&taken.key.merchant, &taken.order_id);
        tracing::error!(%merchant, %order_id, "a transaction could not be transmitted in time");
        count(Metric::UndeliveredTransmissions);
        let why = Why::Sentence(format!("It could not be delivered in time. {why}"));
        let parked = self.parked(arrival, named_by(taken), ParkedKind::TransmissionUndelivered, why);
        // First parked: what dies in between is tried or parked again, under the same key.
        self.store.park(&parked).await?;
        self.settle(taken, Stage::Undelivered { at: to_millis(self.clock.now()) }).await
    }

    /// Parks what FlexFactor refused. Its words are kept and not logged: they may repeat what was sent.
    async fn refused(&self, arrival: &Arrival, taken: &Relayed, sentence: String) -> Result<(), RelayError> {
        let (merchant, order_id) = (&taken.key.merchant, &taken.order_id);
        tracing::warn!(%merchant, %order_id, "FlexFactor refused a transmission");
        count(Metric::RefusedTransmissions);
        let why = Why::Sentence(sentence);
        let parked = self.parked(arrival, named_by(taken), ParkedKind::TransmissionRefused, why);
        self.store.park(&parked).await?;
        self.settle(taken, Stage::Refused { at: to_millis(self.clock.now()) }).await
    }

    async fn settle(&self, taken: &Relayed, stage: Stage) -> Result<(), RelayError> {
        if !self.store.settle_transmission(taken, &stage).await? {
            let (merchant, order_id) = (&taken.key.merchant, &taken.order_id);
            tracing::info!(%merchant, %order_id, stage = stage.word(), "another delivery was faster");
        }
        Ok(())
    }

    async fn conflict(&self, arrival: &Arrival, taken: &Relayed) -> Result<(), RelayError> {
        let (merchant, order_id) = (&taken.key.merchant, &taken.order_id);
        tracing::warn!(%merchant, %order_id, "another transmission came under an id that is taken");
        count(Metric::TransmissionConflicts);
        let sentence = "Another transmission was taken under this merchant and transaction id; an id names one transaction.";
        let why = Why::Sentence(sentence.to_owned());
        let parked = self.parked(arrival, named_by(taken), ParkedKind::TransmissionConflict, why);
        Ok(self.store.park(&parked).await?)
    }

    async fn refuse(&self, arrival: &Arrival, refusal: Refusal) -> Result<(), RelayError> {
        let named = self.named(arrival).await?;
        tracing::warn!(
            message_id = arrival.record.id,
            rule = refusal.rule.code(),
            path = refusal.path,
            merchant = named.merchant.as_ref().map(MerchantId::as_str),
            order_id = named.order_id.as_ref().map(OrderId::as_str),
            "a transmission was refused"
        );
        count(Metric::RefusedTransmissions);
        let parked = self.parked(arrival, named, ParkedKind::TransmissionRefused, Why::Refusal(refusal));
        Ok(self.store.park(&parked).await?)
    }

    /// Whom a refused message is about, as far as it can be believed: the merchant only if it is one of ours. An id is never
    /// a card number, by its type.
    async fn named(&self, arrival: &Arrival) -> Result<Named, StoreError> {
        let Some(value) = &arrival.value else { return Ok(Named::default()) };
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let merchant: Option<MerchantId> = text("merchant").and_then(|id| id.parse().ok());
        let merchant = match merchant {
            Some(id) => self.merchants.find_merchant(&id).await?.map(|_| id),
            None => None,
        };
        Ok(Named { merchant, order_id: text("order_id").and_then(|id| id.parse().ok()) })
    }

    fn parked(&self, arrival: &Arrival, named: Named, kind: ParkedKind, why: Why) -> Parked {
        let Arrival { record, now, value } = arrival;
        let sent_at = record.sent_at_millis.and_then(|millis| Timestamp::from_millisecond(millis).ok());
        let copy = match value {
            Some(value) => redact(value).to_string(),
            None => redact_unparsed(&record.body, COPY_BYTES_MAX),
        };
        Parked {
            key: ParkedKey {
                merchant: named.merchant,
                arrived_at: to_millis(sent_at.unwrap_or(*now)),
                kind,
                id: record.id.clone(),
            },
            order_id: named.order_id,
            why,
            copy: cut(copy),
            keep_until: later(*now, self.rules.rejected_copy),
            event: None,
            due: None,
            fate: Fate::Parked,
        }
    }
}

fn named_by(taken: &Relayed) -> Named {
    Named { merchant: Some(taken.key.merchant.clone()), order_id: Some(taken.order_id.clone()) }
}

fn came_again(stored: &Relayed) -> Result<(), RelayError> {
    let (merchant, order_id) = (&stored.key.merchant, &stored.order_id);
    tracing::info!(%merchant, %order_id, stage = stored.stage.word(), "the same transmission came again");
    Ok(())
}

#[cfg(test)]
#[path = "handler_tests/mod.rs"]
mod tests;
