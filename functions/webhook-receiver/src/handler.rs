//! One webhook: verify, then one conditional write that applies it and remembers it, then 200.
//!
//! A forged one is never accepted. A genuine one is never lost: what can't be applied is parked, and where that can't be
//! done either, the answer is 503 and FlexFactor keeps it.

use std::sync::Arc;

use flexfactor::webhook::{Delivery, Forged, Notice, Policy, Verified, verify};
use jiff::{SignedDuration, Timestamp};
use lambda_http::{Request, RequestExt as _};
use lambda_kit::clock::Clock;
use lambda_kit::secrets::{FindSecret, MerchantSecret, SecretError};
use lambda_kit::telemetry::{Metric, count};
use models::card_guard::{holds_card_number, redact, redact_text, redact_unparsed};
use models::event::OrderEvent;
use models::ids::{MerchantId, OrderId, OrderKey};
use models::merchant::Environment;
use models::parked::{COPY_BYTES_MAX, Fate, Parked, ParkedKey, ParkedKind, Why, cut, orphan_due};
use models::time::{later, to_millis};
use order_store::capability::{Applied, ApplyEvent, FindMerchant, NoteKey, Park};
use sha2::{Digest, Sha256};

use crate::answer::Answer;
use crate::keys::KeysNoted;
use crate::settings::ReceiverRules;

/// Longest body taken, in bytes. Recorded ones have about 250.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// For how long a check of our own is kept: whoever sent it reads it back at once.
const CHECK_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// What the function does its work with.
#[derive(Debug)]
pub struct Receiver<S, M, K, C> {
    /// The orders.
    pub store: S,
    /// Merchants' configuration.
    pub merchants: M,
    /// Merchants' credentials.
    pub secrets: K,
    /// The clock.
    pub clock: C,
    /// Which keys were seen in use.
    pub noted: KeysNoted,
    /// The settings.
    pub rules: ReceiverRules,
}

/// Whose webhook is being taken, and when.
struct Call<'a> {
    merchant: &'a MerchantId,
    environment: Environment,
    now: Timestamp,
}

impl<S, M, K, C> Receiver<S, M, K, C>
where
    S: ApplyEvent + Park + NoteKey,
    M: FindMerchant,
    K: FindSecret,
    C: Clock,
{
    /// Takes one request. Any answer but [`Answer::Taken`] means that nothing was done to an order and nothing kept of the
    /// webhook.
    pub async fn receive(&self, request: &Request) -> Answer {
        let Some(merchant) = merchant_of(request) else { return Answer::UnknownMerchant };
        let environment = match self.merchants.find_merchant(&merchant).await {
            Ok(Some(found)) => found.environment,
            Ok(None) => return Answer::UnknownMerchant,
            Err(error) => return unavailable(&merchant, &error),
        };
        // The bytes as they came, whatever the content type says: API Gateway's base64 is undone by lambda_http.
        let body: &[u8] = request.body();
        if body.len() > BODY_BYTES_MAX {
            return Answer::TooLarge;
        }
        let secret = match self.secrets.secret(&merchant).await {
            Ok(secret) => secret,
            Err(error) => return unavailable(&merchant, &error),
        };
        let call = Call { merchant: &merchant, environment, now: self.clock.now() };
        let verified = match self.verified(&call, &delivery(request), &secret).await {
            Ok(verified) => verified,
            Err(error) => return unavailable(&merchant, &error),
        };
        let read = |verified| Notice::read(verified, call.environment).map(|notice| (verified, notice));
        match verified.and_then(read) {
            Ok((verified, notice)) => {
                let note = self.note(&call, verified, &notice);
                let (answer, ()) = tokio::join!(self.take(&call, verified, &notice), note);
                answer
            }
            Err(forged) => {
                count(Metric::ForgedWebhooks);
                tracing::warn!(merchant = %merchant, check = forged.code(), "a webhook was refused");
                Answer::NotVerified(forged)
            }
        }
    }

    /// A signature that fails may be one by a new key that our copy of the secret does not have yet. Where that can't be
    /// found out, the webhook is neither taken nor refused.
    async fn verified<'a>(
        &self,
        call: &Call<'_>,
        delivery: &Delivery<'a>,
        secret: &Arc<MerchantSecret>,
    ) -> Result<Result<Verified<'a>, Forged>, SecretError> {
        let policy = Policy { host: &self.rules.host, date_window: self.rules.date_window };
        match verify(delivery, &secret.webhook_keys, &policy, call.now) {
            Err(Forged::Signature) => Ok(match self.secrets.newer(call.merchant, secret).await? {
                Some(newer) => verify(delivery, &newer.webhook_keys, &policy, call.now),
                None => Err(Forged::Signature),
            }),
            other => Ok(other),
        }
    }

    /// Notes whose signature it is. A check is signed by ourselves and says nothing of what FlexFactor signs with.
    async fn note(&self, call: &Call<'_>, verified: Verified<'_>, notice: &Notice) {
        match notice {
            Notice::Order(_) | Notice::Account(_) | Notice::Unknown(_) => {
                self.noted.note(&self.store, call.merchant, verified.key(), call.now).await;
            }
            Notice::Check(_) => {}
        }
    }

    async fn take(&self, call: &Call<'_>, verified: Verified<'_>, notice: &Notice) -> Answer {
        match notice {
            Notice::Order(event) => self.apply(call, verified, event).await,
            Notice::Account(name) => {
                let why = format!("The event {name} is about the merchant's account and is only kept.");
                self.park(call, verified, ParkedKind::AccountEvent, why, None).await
            }
            Notice::Unknown(error) => {
                count(Metric::UnknownProviderValues);
                let why = error.to_string();
                self.park(call, verified, ParkedKind::UnknownEvent, why, None).await
            }
            Notice::Check(at) => self.keep_check(call, verified, *at).await,
        }
    }

    /// Keeps a check under its own time and nonce, where whoever sent it finds it. It is no event, and nothing alarms.
    async fn keep_check(&self, call: &Call<'_>, verified: Verified<'_>, at: Timestamp) -> Answer {
        let check = Parked {
            key: ParkedKey {
                merchant: Some(call.merchant.clone()),
                arrived_at: to_millis(at),
                kind: ParkedKind::Check,
                id: verified.nonce().to_owned(),
            },
            order_id: None,
            why: Why::Sentence("A check of our own: nothing happened.".to_owned()),
            copy: String::new(),
            keep_until: later(call.now, CHECK_KEPT),
            due: None,
            event: None,
            fate: Fate::Parked,
        };
        match Park::park(&self.store, &check).await {
            Ok(()) => {
                tracing::info!(merchant = %call.merchant, fingerprint = %verified.key(), "a check came");
                Answer::Taken
            }
            Err(error) => unavailable(call.merchant, &error),
        }
    }

    async fn apply(&self, call: &Call<'_>, verified: Verified<'_>, event: &OrderEvent) -> Answer {
        let key = OrderKey { merchant: call.merchant.clone(), order_id: event.order_id.clone() };
        let applied = match self.store.apply(&key, event, call.now).await {
            Ok(applied) => applied,
            Err(error) => return unavailable(call.merchant, &error),
        };
        match applied {
            Applied::Done => {
                tracing::info!(order = %key, event = event.name, "an event was applied");
                Answer::Taken
            }
            Applied::Duplicate => {
                tracing::info!(order = %key, event = event.name, "an event came again");
                Answer::Taken
            }
            Applied::Replayed => {
                count(Metric::ForgedWebhooks);
                tracing::warn!(order = %key, event = event.name, "a delivery was replayed");
                Answer::Replayed
            }
            Applied::Orphan => {
                let why = "No order of ours has this id.".to_owned();
                self.park(call, verified, ParkedKind::OrphanEvent, why, Some(event)).await
            }
            Applied::OtherProviderOrder => {
                let why = "The order is known under another id of the provider's.".to_owned();
                self.park(call, verified, ParkedKind::MismatchedEvent, why, None).await
            }
        }
    }

    /// Keeps what can't be applied; an event for an order that may come later with the event itself, to be matched then.
    async fn park(
        &self,
        call: &Call<'_>,
        verified: Verified<'_>,
        kind: ParkedKind,
        why: String,
        orphan: Option<&OrderEvent>,
    ) -> Answer {
        if kind != ParkedKind::AccountEvent {
            count(Metric::ParkedEvents);
        }
        let kept = kept_of(verified.body());
        let parked = Parked {
            key: ParkedKey {
                merchant: Some(call.merchant.clone()),
                // The event's own time, or none at all, so that a copy sent again is kept once.
                arrived_at: to_millis(kept.occurred_at.unwrap_or(Timestamp::UNIX_EPOCH)),
                kind,
                id: kept.id,
            },
            order_id: kept.order_id,
            why: Why::Sentence(why),
            copy: kept.copy,
            keep_until: later(call.now, self.rules.parked_copy),
            due: orphan.and_then(|_| orphan_due(call.now)),
            event: orphan.cloned(),
            fate: Fate::Parked,
        };
        match Park::park(&self.store, &parked).await {
            Ok(()) => {
                tracing::warn!(merchant = %call.merchant, kind = kind.word(), id = parked.key.id, "an event was parked");
                Answer::Taken
            }
            Err(error) => unavailable(call.merchant, &error),
        }
    }
}

/// What is kept of a body that can't be applied: all of it, but for card numbers.
struct Kept {
    id: String,
    order_id: Option<OrderId>,
    occurred_at: Option<Timestamp>,
    copy: String,
}

fn kept_of(body: &[u8]) -> Kept {
    match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(mut value) => {
            let copy = cut(redact(&value).to_string());
            let text = |name: &str| value.get(name).and_then(serde_json::Value::as_str);
            let occurred_at = text("TimeStamp").and_then(|at| at.parse().ok());
            let order_id = text("ExternalOrderId").and_then(|id| id.parse().ok());
            // A copy sent again differs in this flag alone, and is the same event.
            if let Some(fields) = value.as_object_mut() {
                fields.remove("IsResent");
            }
            Kept { id: short_hash(value.to_string().as_bytes()), order_id, occurred_at, copy }
        }
        Err(_) => {
            let text = String::from_utf8_lossy(body);
            let copy = match holds_card_number(&text) {
                true => redact_unparsed(&text, COPY_BYTES_MAX),
                false => cut(redact_text(&text)),
            };
            Kept { id: short_hash(body), order_id: None, occurred_at: None, copy }
        }
    }
}

fn short_hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn unavailable(merchant: &MerchantId, error: &dyn std::error::Error) -> Answer {
    tracing::error!(%merchant, %error, "a webhook could not be taken; it must be sent again");
    Answer::Unavailable
}

/// The merchant in the path `/webhooks/{merchant}`.
fn merchant_of(request: &Request) -> Option<MerchantId> {
    let path = request.raw_http_path();
    let path = if path.is_empty() { request.uri().path() } else { path };
    path.strip_suffix('/').unwrap_or(path).rsplit_once("/webhooks/")?.1.parse().ok()
}

/// A header that comes twice is a header that two readers may read differently: it counts as missing.
fn delivery(request: &Request) -> Delivery<'_> {
    let header = |name: &str| {
        let mut values = request.headers().get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            (Some(_), Some(_)) | (None, _) => None,
        }
    };
    Delivery {
        authorization: header("x-fc-authorization"),
        content_sha512: header("x-fc-content-sha512"),
        date: header("x-fc-date"),
        nonce: header("x-fc-nonce"),
        body: request.body(),
    }
}

#[cfg(test)]
#[path = "handler_tests.rs"]
mod tests;
