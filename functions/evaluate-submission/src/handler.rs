//! One submission: claim, ask, record. No order is submitted twice, and a timeout is never taken for a failure.
//!
//! The claim is a conditional write that persists the idempotency key before the first call; every further attempt
//! finds that key and uses it again. An outcome that is not known is recorded as such and tried again after the times
//! in the settings, for as long as the provider remembers the key.

use std::sync::Arc;

use flexfactor::{Account, Evaluate, EvaluateAnswer, Lost, evaluate_request};
use jiff::SignedDuration;
use lambda_kit::batch::Record;
use lambda_kit::clock::{Clock, Random};
use lambda_kit::queue::{OrderMessage, Postpone};
use lambda_kit::secrets::{FindSecret, MerchantSecret, SecretError};
use lambda_kit::telemetry::{Metric, count};
use models::ids::{IdempotencyKey, OrderKey};
use models::merchant::Merchant;
use models::order::{Order, Reason, ReasonCode};
use models::submission::{Claim, ClaimRefused, Outcome, Verdict, escalate};
use models::text::Text;
use order_store::StoreError;
use order_store::capability::{Claimed, FindMerchant, Recorded, Submit};

use crate::settings::{DELIVERIES_MAX, SubmissionRules};

/// What the function does its work with.
#[derive(Debug)]
pub struct Submission<S, Q, M, K, P, R> {
    /// The orders.
    pub store: S,
    /// The evaluations queue.
    pub queue: Q,
    /// Merchants' configuration.
    pub merchants: M,
    /// Merchants' credentials.
    pub secrets: K,
    /// FlexFactor.
    pub provider: P,
    /// Clock and randomness.
    pub surroundings: R,
    /// The settings.
    pub rules: SubmissionRules,
}

/// Why a record must be delivered again.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The message is not of the form that the evaluations queue has.
    #[error("the message is not an order's: {0}")]
    Message(serde_json::Error),
    /// No such order; it may have been deleted by hand.
    #[error("the order is not stored")]
    NoOrder,
    /// The merchant was removed while an order of its was on the way.
    #[error("the merchant is not configured")]
    NoMerchant,
    /// The order is not whole.
    #[error("the order's decline is gone although it was never answered")]
    NoRequest,
    /// The store did not do as asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The merchant's credentials can't be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Somebody else holds the claim.
    #[error("another submission of the order is under way")]
    Held,
    /// It may or may not have been taken; recorded so.
    #[error("the outcome is not known: {0}")]
    Unknown(String),
    /// It was not taken for certain; recorded so.
    #[error("nothing was sent: {0}")]
    NotSent(String),
}

impl SubmitError {
    /// Whether the order says all that the message could, and is in the index of what is due: looked at without the message.
    const fn leaves_the_order_due(&self) -> bool {
        match self {
            Self::Held | Self::Unknown(_) | Self::NotSent(_) => true,
            // What is wrong lies outside the order, and nothing was recorded in it.
            Self::Message(_)
            | Self::NoOrder
            | Self::NoMerchant
            | Self::NoRequest
            | Self::Store(_)
            | Self::Secret(_) => false,
        }
    }
}

impl<S, Q, M, K, P, R> Submission<S, Q, M, K, P, R>
where
    S: Submit,
    Q: Postpone,
    M: FindMerchant,
    K: FindSecret,
    P: Evaluate,
    R: Clock + Random,
{
    /// Submits the order that a message names. Returns once the outcome is recorded, or once the message has done all it can
    /// for an order that stays due.
    ///
    /// # Errors
    /// See [`SubmitError`]: the message must be delivered again.
    pub async fn submit(&self, record: Record) -> Result<(), SubmitError> {
        match self.try_to_submit(&record).await {
            // That FlexFactor is busy for an hour is no reason for a dead letter, which people would have to look at.
            Err(error)
                if error.leaves_the_order_due()
                    && record.deliveries.is_some_and(|count| count >= DELIVERIES_MAX) =>
            {
                tracing::warn!(message_id = record.id, %error, "the message ends here; the sweep goes on with its order");
                Ok(())
            }
            tried => tried,
        }
    }

    async fn try_to_submit(&self, record: &Record) -> Result<(), SubmitError> {
        let message: OrderMessage = serde_json::from_str(&record.body).map_err(SubmitError::Message)?;
        let key = message.key();
        // Everything that can be missing is fetched before the claim: a claim without a call helps nobody.
        let merchant = self.merchants.find_merchant(&key.merchant).await?.ok_or(SubmitError::NoMerchant)?;
        let secret = self.secrets.secret(&key.merchant).await?;
        let now = self.surroundings.now();
        let claim = Claim {
            key: IdempotencyKey::from_random(self.surroundings.bytes()),
            account: merchant.account(),
            now,
        };
        match self.store.claim(&key, &claim, &self.rules.times).await? {
            Claimed::Granted(order) => self.attempt(record, &order, &merchant, &secret).await,
            Claimed::Refused(why) => self.refused(record, &key, why).await,
        }
    }

    async fn attempt(
        &self,
        record: &Record,
        order: &Order,
        merchant: &Merchant,
        secret: &Arc<MerchantSecret>,
    ) -> Result<(), SubmitError> {
        if order.submission.account.as_deref() != Some(&merchant.account()) {
            let detail =
                "The merchant's account was changed after a first attempt whose outcome is not known.";
            return self.hand_back(order, Reason::new(ReasonCode::OutcomeUnknown, detail)).await;
        }
        let outcome = self.ask(order, merchant, secret).await?;
        let now = self.surroundings.now();
        match self.store.record(order, &outcome, &self.rules.times, now).await? {
            Recorded::Made(recorded) => self.told(record, &recorded, outcome).await,
            // A webhook or another attempt has settled it meanwhile: nothing is left to find out.
            Recorded::Past => {
                tracing::info!(order = %order.key, "the order was past the answer");
                Ok(())
            }
            Recorded::OtherProviderOrder(stored) => {
                let detail = "FlexFactor gave the order two ids: it may have taken it twice.";
                self.hand_back(&stored, Reason::new(ReasonCode::TwoProviderOrders, detail)).await
            }
        }
    }

    /// Says what was recorded, and decides whether the message is done with.
    async fn told(&self, record: &Record, order: &Order, outcome: Outcome) -> Result<(), SubmitError> {
        let (key, status) = (&order.key, order.status);
        match outcome {
            Outcome::Answered { verdict: Verdict::NotUnderstood, word, .. } => {
                count(Metric::UnknownProviderValues);
                tracing::error!(order = %key, word, %status, "the answer is not understood; the order will be read");
                Ok(())
            }
            Outcome::Answered { word, .. } => {
                tracing::info!(order = %key, word, %status, "the order was submitted");
                Ok(())
            }
            // FlexFactor's words stay in the order: they may repeat what was sent.
            Outcome::Refused { .. } => {
                tracing::warn!(order = %key, %status, "the order was refused");
                Ok(())
            }
            Outcome::Lost(reason) => {
                self.postpone(record, self.wait_after(order.submission.attempts)).await;
                Err(SubmitError::Unknown(reason.detail))
            }
            Outcome::NotSent(reason) => {
                self.postpone(record, self.wait_after(order.submission.attempts)).await;
                Err(SubmitError::NotSent(reason.detail))
            }
        }
    }

    /// Hands the order back to people. What moved it meanwhile looks after it, unless it may stand twice at FlexFactor: that
    /// is for people wherever the order stands, and even when it has ended here.
    async fn hand_back(&self, order: &Order, reason: Reason) -> Result<(), SubmitError> {
        let is_doubled = reason.code == ReasonCode::TwoProviderOrders;
        let change = escalate(reason, self.surroundings.now());
        let change = if is_doubled { change } else { change.knowing(order) };
        let is_escalated = self.store.escalate(&order.key, &change).await?;
        if is_escalated || is_doubled {
            count(Metric::EscalatedOrders);
            tracing::error!(order = %order.key, is_escalated, "the order is for people: its outcome can't be learnt safely");
        } else {
            tracing::info!(order = %order.key, "the order moved on before it could be handed back");
        }
        Ok(())
    }

    async fn ask(
        &self,
        order: &Order,
        merchant: &Merchant,
        secret: &MerchantSecret,
    ) -> Result<Outcome, SubmitError> {
        let decline = order.request.as_deref().ok_or(SubmitError::NoRequest)?;
        let key = order.submission.idempotency_key.ok_or(SubmitError::NoRequest)?;
        let Some(site) = merchant.site(decline.site.as_ref().map(Text::as_str)) else {
            return Ok(not_sent("The merchant's site was removed from its configuration."));
        };
        let request = match evaluate_request(decline, merchant, &site, key, order.expires_at) {
            Ok(request) => request,
            Err(error) => return Ok(not_sent(&error.to_string())),
        };
        let account = Account {
            merchant: order.key.merchant.clone(),
            environment: merchant.environment,
            credentials: secret.credentials.clone(),
        };
        let answer = self.provider.evaluate(&account, &request, self.surroundings.now()).await;
        Ok(outcome_of(answer, merchant))
    }

    async fn refused(&self, record: &Record, key: &OrderKey, why: ClaimRefused) -> Result<(), SubmitError> {
        match why {
            ClaimRefused::NoOrder => Err(SubmitError::NoOrder),
            ClaimRefused::Settled(status) => {
                tracing::info!(order = %key, %status, "the order needs no submission any more");
                Ok(())
            }
            ClaimRefused::Held(until) => {
                // A second more, since visibility is counted in whole ones.
                let wait = until.duration_since(self.surroundings.now()) + SignedDuration::from_secs(1);
                self.postpone(record, wait).await;
                Err(SubmitError::Held)
            }
            ClaimRefused::CalledOff => {
                tracing::info!(order = %key, "the order is being called off");
                Ok(())
            }
            ClaimRefused::AtProvider => {
                tracing::info!(order = %key, "FlexFactor has the order, which is read in time");
                Ok(())
            }
            ClaimRefused::ReplayWindowOver(order) => {
                tracing::warn!(order = %order.key, "FlexFactor may have forgotten the key; the order is not sent again");
                Ok(())
            }
        }
    }

    fn wait_after(&self, attempts: u32) -> SignedDuration {
        let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        let waits = &self.rules.retries;
        waits.get(index).or(waits.last()).copied().unwrap_or(self.rules.times.lease)
    }

    /// The queue's own visibility serves where this fails; it is only longer.
    async fn postpone(&self, record: &Record, wait: SignedDuration) {
        if let Err(error) = self.queue.postpone(&record.receipt, wait).await {
            tracing::warn!(message_id = record.id, %error, "the message keeps the queue's own visibility");
        }
    }
}

fn not_sent(detail: &str) -> Outcome {
    Outcome::NotSent(Reason::new(ReasonCode::MerchantNotReady, detail))
}

fn outcome_of(answer: flexfactor::Outcome<EvaluateAnswer>, merchant: &Merchant) -> Outcome {
    match answer {
        flexfactor::Outcome::Done(answer) => Outcome::Answered {
            verdict: answer.status.verdict(merchant.mode),
            provider_order: answer.provider_order,
            word: answer.word,
        },
        flexfactor::Outcome::Refused(refused) => {
            Outcome::Refused { words: format!("HTTP {}: {}", refused.http, refused.words) }
        }
        flexfactor::Outcome::Unknown(lost) => match lost {
            Lost::TimedOut | Lost::Disconnected => {
                Outcome::Lost(Reason::new(ReasonCode::SubmissionTimedOut, lost.to_string()))
            }
            Lost::ServerFailed(_) | Lost::Busy(_) | Lost::Malformed => {
                Outcome::Lost(Reason::new(ReasonCode::ProviderFailed, lost.to_string()))
            }
            // Without a token that FlexFactor takes, the order itself was not looked at.
            Lost::Unauthorized => not_sent(&lost.to_string()),
        },
    }
}

#[cfg(test)]
#[path = "handler_tests.rs"]
mod tests;
