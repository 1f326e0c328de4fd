//! A merchant's account, as FlexFactor would have configured it.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

/// How FlexFactor answers the account's merchant-initiated transactions (documented: ff/standard-integration-for-mit;
/// chosen per account, not by a request flag).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Asynchronous: SUBMITTED, then a webhook by the end of `expiryDateUtc`.
    #[default]
    Managed,
    /// Real-time answers; FlexFactor goes on in the background and sets the expiry itself.
    Unmanaged,
}

/// One merchant account.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Merchant {
    /// The merchant id, on every call.
    pub mid: String,
    /// `AppKey` of the token call.
    pub app_key: String,
    /// `AppSecret` of the token call.
    pub app_secret: String,
    /// Further keys that are valid beside, as while one is rotated (documented: an account has as many as it makes).
    #[serde(default)]
    pub more_keys: Vec<ApiKey>,
    /// The account's site, where it has one. Kept for reference: requests of other sites are accepted.
    #[serde(default)]
    pub site_id: Option<String>,
    /// `environment` of the /tokenize query. Without one, /tokenize needs a bearer token.
    #[serde(default)]
    pub tokenization_key: Option<String>,
    /// Managed or unmanaged.
    #[serde(default)]
    pub mode: Mode,
    /// Whether an approval of `transactionType` AUTHORIZATION needs a /capture (documented: ff/capture; only if the
    /// account is configured for it).
    #[serde(default)]
    pub auth_capture: bool,
    /// For unmanaged accounts: the agreed length of the merchant's retry period, after which FlexFactor gives up.
    #[serde(default)]
    pub retry_period_seconds: Option<u64>,
    /// Where webhooks go; without it none are sent.
    #[serde(default)]
    pub webhook: Option<WebhookTarget>,
    /// `IsTestMode` of the account's webhooks.
    #[serde(default = "yes")]
    pub is_test_mode: bool,
}

/// A further API key of an account.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// `AppKey` of the token call.
    pub app_key: String,
    /// `AppSecret` of the token call.
    pub app_secret: String,
}

/// Where and how an account's webhooks are sent.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookTarget {
    /// The address posted to.
    pub url: String,
    /// The host that is signed; the URL's own host and port if missing. A receiver behind a proxy is known to FlexFactor by
    /// its public name, whatever the last connection's `Host` says.
    #[serde(default)]
    pub signed_host: Option<String>,
    /// The HTTP `Host` header, where it must differ from the URL's (local gateways route by it).
    #[serde(default)]
    pub http_host: Option<String>,
    /// Signing keys, base64. The first signs; the others are kept for tests of a rotation.
    pub keys: Vec<String>,
}

/// Why a merchant was refused by the control API.
#[derive(Debug, thiserror::Error)]
pub enum MerchantError {
    /// The mid is empty.
    #[error("mid is empty")]
    NoMid,
    /// A webhook without a key can't be signed.
    #[error("webhook.keys is empty")]
    NoKey,
    /// A key is no base64.
    #[error("webhook.keys[{0}] is not base64")]
    BadKey(usize),
    /// The URL can't be used.
    #[error("webhook.url: {0}")]
    BadUrl(String),
}

impl Merchant {
    /// Whether these are the account's credentials, or further ones.
    #[must_use]
    pub fn has_key(&self, app_key: &str, app_secret: &str) -> bool {
        let more = self.more_keys.iter().map(|key| (&key.app_key, &key.app_secret));
        let mut all = std::iter::once((&self.app_key, &self.app_secret)).chain(more);
        all.any(|(key, secret)| key == app_key && secret == app_secret)
    }

    /// Checks what would otherwise fail at the first webhook.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), MerchantError> {
        if self.mid.is_empty() {
            return Err(MerchantError::NoMid);
        }
        let Some(webhook) = &self.webhook else { return Ok(()) };
        if webhook.keys.is_empty() {
            return Err(MerchantError::NoKey);
        }
        for (index, key) in webhook.keys.iter().enumerate() {
            BASE64_STANDARD.decode(key).map_err(|_| MerchantError::BadKey(index))?;
        }
        reqwest::Url::parse(&webhook.url).map_err(|error| MerchantError::BadUrl(error.to_string()))?;
        Ok(())
    }
}

impl WebhookTarget {
    /// The key that signs, decoded; empty if there is none (the control API admits no such merchant).
    #[must_use]
    pub fn signing_key(&self) -> Vec<u8> {
        self.keys.first().and_then(|key| BASE64_STANDARD.decode(key).ok()).unwrap_or_default()
    }

    /// The host that goes into the signature.
    #[must_use]
    pub fn host(&self) -> String {
        if let Some(host) = self.signed_host.as_ref().filter(|host| !host.is_empty()) {
            return host.clone();
        }
        let Ok(url) = reqwest::Url::parse(&self.url) else { return String::new() };
        let host = url.host_str().unwrap_or_default();
        url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

impl fmt::Debug for Merchant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Merchant").field("mid", &self.mid).field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl fmt::Debug for WebhookTarget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("WebhookTarget").field("url", &self.url).finish_non_exhaustive()
    }
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str, signed_host: Option<&str>) -> WebhookTarget {
        WebhookTarget {
            url: url.to_owned(),
            signed_host: signed_host.map(str::to_owned),
            http_host: None,
            keys: vec!["a2V5".to_owned()],
        }
    }

    #[test]
    fn signs_the_public_host() {
        assert_eq!(target("http://127.0.0.1:80/a", Some("hooks.example")).host(), "hooks.example");
        assert_eq!(target("http://127.0.0.1:8123/a", None).host(), "127.0.0.1:8123");
        assert_eq!(target("https://hooks.example/a", Some("")).host(), "hooks.example");
    }
}
