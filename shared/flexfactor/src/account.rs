//! Whose credentials a call is made with. A partner uses its merchant's for every transaction (documented:
//! fc/partner-integration-for-mit).

use models::ids::MerchantId;
use models::merchant::Environment;
use secrecy::SecretString;

/// A merchant's API key and secret. They don't print.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The API key (`AppKey`).
    pub app_key: SecretString,
    /// The API secret (`AppSecret`).
    pub app_secret: SecretString,
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
