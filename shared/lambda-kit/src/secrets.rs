//! Merchants' secrets: cached, renewed when old or when a verification failed, served stale while Secrets Manager is
//! down: a rotation must not lose a webhook, and neither must an outage.

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
/// How soon a failed verification may have a secret read again: forgeries must not become calls to Secrets Manager.
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
        let now = self.clock.now();
        let slot = self.slot(merchant);
        let mut held = slot.lock().await;
        match held.as_mut() {
            // Somebody else has read a newer one meanwhile.
            Some(cached) if !Arc::ptr_eq(&cached.secret, than) => return Ok(Some(cached.secret.clone())),
            Some(cached) if now < later(cached.tried_at, SECRET_REREAD_AFTER) => return Ok(None),
            // Noted before it is tried: a try that fails is not to be repeated at every forgery either.
            Some(cached) => cached.tried_at = now,
            None => {}
        }
        let cached = self.read(merchant, now).await?;
        Ok(Some(held.insert(cached).secret.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

    const JSON: &str =
        r#"{"app_key":"k","app_secret":"s","webhook_keys":["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="]}"#;

    #[derive(Default)]
    struct Fake {
        reads: AtomicU32,
        seconds: AtomicI64,
        down: std::sync::atomic::AtomicBool,
    }

    impl FetchSecret for &Fake {
        async fn fetch(&self, _: &MerchantId) -> Result<SecretString, SecretError> {
            self.reads.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            match self.down.load(Ordering::SeqCst) {
                true => Err(SecretError::Unavailable("down".to_owned())),
                false => Ok(SecretString::from(JSON)),
            }
        }
    }

    impl Clock for &Fake {
        fn now(&self) -> Timestamp {
            Timestamp::from_second(1_800_000_000 + self.seconds.load(Ordering::SeqCst)).unwrap()
        }
    }

    fn acme() -> MerchantId {
        "acme".parse().unwrap()
    }

    #[tokio::test]
    async fn a_secret_is_read_once_until_it_is_old() {
        let fake = Fake::default();
        let secrets = Secrets::new(&fake, &fake);
        futures_util::future::join_all((0..20).map(|_| async { secrets.secret(&acme()).await.unwrap() }))
            .await;
        assert_eq!(fake.reads.load(Ordering::SeqCst), 1);
        fake.seconds.store(299, Ordering::SeqCst);
        secrets.secret(&acme()).await.unwrap();
        assert_eq!(fake.reads.load(Ordering::SeqCst), 1);
        fake.seconds.store(300, Ordering::SeqCst);
        secrets.secret(&acme()).await.unwrap();
        assert_eq!(fake.reads.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn an_outage_is_outlived_with_the_last_known_secret() {
        let fake = Fake::default();
        let secrets = Secrets::new(&fake, &fake);
        secrets.secret(&acme()).await.unwrap();
        fake.down.store(true, Ordering::SeqCst);
        fake.seconds.store(86_400, Ordering::SeqCst);
        for _ in 0..10 {
            assert!(secrets.secret(&acme()).await.is_ok());
        }
        assert_eq!(
            fake.reads.load(Ordering::SeqCst),
            2,
            "an outage must not be met with a call for every webhook"
        );
        assert!(secrets.secret(&"other".parse().unwrap()).await.is_err());
    }

    #[tokio::test]
    async fn failed_verifications_read_again_but_not_at_every_forgery() {
        let fake = Fake::default();
        let secrets = Secrets::new(&fake, &fake);
        let first = secrets.secret(&acme()).await.unwrap();
        let newer = async |than| secrets.newer(&acme(), than).await.unwrap();
        assert!(newer(&first).await.is_none());
        fake.seconds.store(10, Ordering::SeqCst);
        let second = newer(&first).await.unwrap();
        assert!(newer(&second).await.is_none());
        // A slower caller that failed with the first secret gets the second without a read.
        assert!(Arc::ptr_eq(&newer(&first).await.unwrap(), &second));
        assert_eq!(fake.reads.load(Ordering::SeqCst), 2);
        // In an outage nobody knows; that is asked once and not for every forgery.
        fake.down.store(true, Ordering::SeqCst);
        fake.seconds.store(20, Ordering::SeqCst);
        assert!(secrets.newer(&acme(), &second).await.is_err());
        assert!(newer(&second).await.is_none());
        assert_eq!(fake.reads.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn a_malformed_secret_is_named_and_never_quoted() {
        for json in ["{}", "canary", r#"{"app_key":"canary","app_secret":"s","webhook_keys":["canary"]}"#] {
            let error = MerchantSecret::parse(json).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
        assert!(!format!("{:?}", MerchantSecret::parse(JSON).unwrap()).contains("AAEC"));
    }
}
