//! Merchants' secrets: cached, renewed when old, when a verification failed or when FlexFactor refused the credentials,
//! served stale while Secrets Manager is down: a rotation must not lose a webhook, and neither must an outage.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_secretsmanager::Client;
use flexfactor::Credentials;
use flexfactor::webhook::WebhookKey;
use jiff::{SignedDuration, Timestamp};
use models::ids::MerchantId;
use models::time::later;
use order_store::sdk::describe;
use secrecy::SecretString;
use serde::Deserialize;

use crate::clock::Clock;

/// For how long a secret is used before it is read again.
pub const SECRET_FRESH: SignedDuration = SignedDuration::from_mins(5);
/// How soon a failed verification or refused credentials may have a secret read again: forgeries and failing calls must not
/// become calls to Secrets Manager.
pub const SECRET_REREAD_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// How long a stale secret is served before Secrets Manager is asked again: an outage must not slow every webhook.
pub const SECRET_STALE_RETRY: SignedDuration = SignedDuration::from_secs(30);

/// A merchant's secret.
#[derive(Debug)]
pub struct MerchantSecret {
    /// For calls to FlexFactor.
    pub credentials: Credentials,
    /// For its webhooks: the current key and, during a rotation, the previous one.
    pub webhook_keys: Vec<WebhookKey>,
}

/// Why there is no secret to work with.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager did not give it.
    #[error("the merchant's secret is unavailable: {0}")]
    Unavailable(String),
    /// It has not the right shape.
    #[error("the merchant's secret is malformed: {0}")]
    Malformed(&'static str),
}

/// A merchant's secret, as it is kept in Secrets Manager.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "MerchantSecret"))]
struct Wire {
    /// The API key of the merchant's account at FlexFactor, for the environment that is configured.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    app_key: SecretString,
    /// The API secret that belongs to it.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    app_secret: SecretString,
    /// The keys that webhooks are verified with, base64 of at least 32 bytes, as the portal shows them: the current one
    /// and, during a rotation, the previous one. With none, every webhook is refused.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    webhook_keys: Vec<SecretString>,
}

/// The schema of what [`MerchantSecret::parse`] reads.
#[cfg(feature = "schema")]
impl schemars::JsonSchema for MerchantSecret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        Wire::schema_name()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Wire::json_schema(generator)
    }
}

impl MerchantSecret {
    /// Reads the secret's JSON: `app_key`, `app_secret`, `webhook_keys`.
    ///
    /// # Errors
    /// The shape is not right. What is wrong is named, never quoted.
    pub fn parse(json: &str) -> Result<Self, SecretError> {
        use secrecy::ExposeSecret as _;
        let wire: Wire = serde_json::from_str(json).map_err(|_| {
            SecretError::Malformed("it must be JSON with app_key, app_secret and webhook_keys")
        })?;
        let keys: Result<Vec<_>, _> =
            wire.webhook_keys.iter().map(|key| WebhookKey::from_base64(key.expose_secret())).collect();
        let webhook_keys =
            keys.map_err(|_| SecretError::Malformed("a webhook key is not base64 of at least 32 bytes"))?;
        Ok(Self {
            credentials: Credentials { app_key: wire.app_key, app_secret: wire.app_secret },
            webhook_keys,
        })
    }
}

/// Where secrets are read from.
pub trait FetchSecret: Send + Sync {
    /// The JSON of a merchant's secret.
    fn fetch(&self, merchant: &MerchantId) -> impl Future<Output = Result<SecretString, SecretError>> + Send;
}

/// Secrets Manager: one secret a merchant, named by a prefix and the merchant's id.
#[derive(Debug, Clone)]
pub struct SecretsManager {
    client: Client,
    prefix: String,
}

impl SecretsManager {
    /// Secrets under `prefix`.
    #[must_use]
    pub fn new(client: Client, prefix: impl Into<String>) -> Self {
        Self { client, prefix: prefix.into() }
    }
}

impl FetchSecret for SecretsManager {
    async fn fetch(&self, merchant: &MerchantId) -> Result<SecretString, SecretError> {
        let id = format!("{}{merchant}", self.prefix);
        let output = self.client.get_secret_value().secret_id(id).send().await;
        let output = output.map_err(|error| SecretError::Unavailable(describe(&error)))?;
        output.secret_string.map(SecretString::from).ok_or(SecretError::Malformed("it is binary"))
    }
}

/// What functions ask for secrets.
pub trait FindSecret: Send + Sync {
    /// The merchant's secret, at most [`SECRET_FRESH`] old unless it can't be read anew.
    fn secret(
        &self,
        merchant: &MerchantId,
    ) -> impl Future<Output = Result<Arc<MerchantSecret>, SecretError>> + Send;

    /// A secret that is newer than `than`, with which a verification failed; `None` where there is none, or where it
    /// was read only just now. An error says that nobody knows.
    fn newer(
        &self,
        merchant: &MerchantId,
        than: &Arc<MerchantSecret>,
    ) -> impl Future<Output = Result<Option<Arc<MerchantSecret>>, SecretError>> + Send;
}

/// What is done when FlexFactor does not take a merchant's credentials.
pub trait RenewCredentials: Send + Sync {
    /// Has the secret read again unless it holds other credentials already, or was read only just now: whoever asks next gets
    /// what it holds then. That it can't be read is told to the log.
    fn renew(&self, merchant: &MerchantId, refused: &Credentials) -> impl Future<Output = ()> + Send;
}

#[derive(Debug, Clone)]
struct Cached {
    secret: Arc<MerchantSecret>,
    /// When reading it was tried last.
    tried_at: Timestamp,
    fresh_until: Timestamp,
}

type Slot = Arc<tokio::sync::Mutex<Option<Cached>>>;

/// A cache before Secrets Manager. One caller a merchant reads; the others wait for it.
#[derive(Debug)]
pub struct Secrets<F, C> {
    source: F,
    clock: C,
    slots: Mutex<HashMap<MerchantId, Slot>>,
}

impl<F: FetchSecret, C: Clock> Secrets<F, C> {
    /// An empty cache before `source`.
    pub fn new(source: F, clock: C) -> Self {
        Self { source, clock, slots: Mutex::default() }
    }

    fn slot(&self, merchant: &MerchantId) -> Slot {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).entry(merchant.clone()).or_default().clone()
    }

    /// Reads the secret again where what is held is `doubted`, and was not read only just now.
    async fn reread(
        &self,
        merchant: &MerchantId,
        doubted: impl Fn(&Arc<MerchantSecret>) -> bool + Send,
    ) -> Result<Option<Arc<MerchantSecret>>, SecretError> {
        let now = self.clock.now();
        let slot = self.slot(merchant);
        let mut held = slot.lock().await;
        match held.as_mut() {
            // Somebody else has read a newer one meanwhile.
            Some(cached) if !doubted(&cached.secret) => return Ok(Some(cached.secret.clone())),
            Some(cached) if now < later(cached.tried_at, SECRET_REREAD_AFTER) => return Ok(None),
            // Noted before it is tried: a try that fails is not to be repeated at every failure either.
            Some(cached) => cached.tried_at = now,
            None => {}
        }
        let cached = self.read(merchant, now).await?;
        Ok(Some(held.insert(cached).secret.clone()))
    }

    async fn read(&self, merchant: &MerchantId, now: Timestamp) -> Result<Cached, SecretError> {
        use secrecy::ExposeSecret as _;
        let json = self.source.fetch(merchant).await?;
        let secret = Arc::new(MerchantSecret::parse(json.expose_secret())?);
        Ok(Cached { secret, tried_at: now, fresh_until: later(now, SECRET_FRESH) })
    }
}

impl<F: FetchSecret, C: Clock> FindSecret for Secrets<F, C> {
    async fn secret(&self, merchant: &MerchantId) -> Result<Arc<MerchantSecret>, SecretError> {
        let now = self.clock.now();
        let slot = self.slot(merchant);
        let mut held = slot.lock().await;
        if let Some(fresh) = held.as_ref().filter(|cached| now < cached.fresh_until) {
            return Ok(fresh.secret.clone());
        }
        match self.read(merchant, now).await {
            Ok(cached) => Ok(held.insert(cached).secret.clone()),
            Err(error) => match held.as_mut() {
                Some(stale) => {
                    stale.fresh_until = later(now, SECRET_STALE_RETRY);
                    tracing::warn!(%merchant, %error, "the merchant's secret is served stale");
                    Ok(stale.secret.clone())
                }
                None => Err(error),
            },
        }
    }

    async fn newer(
        &self,
        merchant: &MerchantId,
        than: &Arc<MerchantSecret>,
    ) -> Result<Option<Arc<MerchantSecret>>, SecretError> {
        self.reread(merchant, |held| Arc::ptr_eq(held, than)).await
    }
}

impl<F: FetchSecret, C: Clock> RenewCredentials for Secrets<F, C> {
    async fn renew(&self, merchant: &MerchantId, refused: &Credentials) {
        if let Err(error) = self.reread(merchant, |held| held.credentials.are(refused)).await {
            tracing::warn!(%merchant, %error, "the merchant's secret could not be read anew");
        }
    }
}

/// A borrowed cache is the cache: the handler and FlexFactor's client have the same.
impl<K: FindSecret> FindSecret for &K {
    fn secret(
        &self,
        merchant: &MerchantId,
    ) -> impl Future<Output = Result<Arc<MerchantSecret>, SecretError>> + Send {
        (**self).secret(merchant)
    }

    fn newer(
        &self,
        merchant: &MerchantId,
        than: &Arc<MerchantSecret>,
    ) -> impl Future<Output = Result<Option<Arc<MerchantSecret>>, SecretError>> + Send {
        (**self).newer(merchant, than)
    }
}

impl<K: RenewCredentials> RenewCredentials for &K {
    fn renew(&self, merchant: &MerchantId, refused: &Credentials) -> impl Future<Output = ()> + Send {
        (**self).renew(merchant, refused)
    }
}

#[cfg(test)]
#[path = "secrets_tests.rs"]
mod tests;
