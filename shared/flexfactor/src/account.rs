//! Whose credentials a call is made with. A partner uses its merchant's for every transaction (documented:
//! fc/partner-integration-for-mit).

use models::fingerprint::Fingerprint;
use models::ids::MerchantId;
use models::merchant::Environment;
use secrecy::{ExposeSecret as _, SecretString};

/// A merchant's API key and secret. They don't print.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The API key (`AppKey`).
    pub app_key: SecretString,
    /// The API secret (`AppSecret`).
    pub app_secret: SecretString,
}

impl Credentials {
    /// What the API key is called in public. Of the API secret nothing is shown.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("API key", self.app_key.expose_secret().as_bytes())
    }

    /// Whether these are the same key and secret.
    #[must_use]
    pub fn are(&self, other: &Self) -> bool {
        let is_same = |one: &SecretString, two: &SecretString| one.expose_secret() == two.expose_secret();
        is_same(&self.app_key, &other.app_key) && is_same(&self.app_secret, &other.app_secret)
    }
}

/// A merchant's account at FlexFactor.
#[derive(Debug, Clone)]
pub struct Account {
    /// Our id of the merchant: tokens are cached by it.
    pub merchant: MerchantId,
    /// Which of FlexFactor's environments.
    pub environment: Environment,
    /// Its credentials.
    pub credentials: Credentials,
}
