//! Signing a webhook as FlexFactor does. No function does this: `rescue doctor --deep` sends a check of our own through the
//! way in, to see that it works.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use models::merchant::Environment;
use models::time::to_text;
use secrecy::ExposeSecret as _;
use serde_json::json;
use sha2::{Digest, Sha512};

use super::verify::{AUTHORIZATION_PREFIX, Delivery, WebhookKey, signed_text};

/// The event of a webhook of our own. FlexFactor's names are of the form `subject.what`, in words of its own; none begins
/// like this.
pub const CHECK_EVENT: &str = "rebill-rescue.check";

/// The body of a check, made at `at` for a merchant in this environment.
#[must_use]
pub fn check_body(at: Timestamp, environment: Environment) -> String {
    let is_test = match environment {
        Environment::Sandbox => true,
        Environment::Production => false,
    };
    json!({ "Event": CHECK_EVENT, "TimeStamp": to_text(at), "IsTestMode": is_test }).to_string()
}

/// The headers of a signed delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    authorization: String,
    content_sha512: String,
    date: String,
    nonce: String,
}

impl Signed {
    /// Their names and values.
    #[must_use]
    pub fn headers(&self) -> [(&'static str, &str); 4] {
        [
            ("x-fc-authorization", &self.authorization),
            ("x-fc-content-sha512", &self.content_sha512),
            ("x-fc-date", &self.date),
            ("x-fc-nonce", &self.nonce),
        ]
    }

    /// The delivery of `body` with these headers.
    #[must_use]
    pub fn delivery<'a>(&'a self, body: &'a [u8]) -> Delivery<'a> {
        Delivery {
            authorization: Some(&self.authorization),
            content_sha512: Some(&self.content_sha512),
            date: Some(&self.date),
            nonce: Some(&self.nonce),
            body,
        }
    }
}

impl WebhookKey {
    /// Signs a delivery of `body` to `host`; `None` where `at` is no time that HTTP can tell (before the year 0).
    #[must_use]
    pub fn sign(&self, body: &[u8], host: &str, nonce: &str, at: Timestamp) -> Option<Signed> {
        let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()?;
        let content_sha512 = STANDARD.encode(Sha512::digest(body));
        let mac = Hmac::<Sha512>::new_from_slice(self.bytes.expose_secret()).ok()?;
        let mac = mac.chain_update(signed_text(nonce, &date, host, &content_sha512)).finalize();
        let authorization = format!("{AUTHORIZATION_PREFIX}{}", STANDARD.encode(mac.into_bytes()));
        Some(Signed { authorization, content_sha512, date, nonce: nonce.to_owned() })
    }
}
