//! The verifier: pure, over the raw bytes, in constant time where a secret is involved.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};
use models::fingerprint::Fingerprint;
use secrecy::{ExposeSecret, SecretSlice};
use sha2::{Digest, Sha512};

/// Shortest key taken, in bytes. FlexFactor's keys have 64; an empty or short one is a mistake in the secret.
pub(super) const KEY_BYTES_MIN: usize = 32;
/// Longest nonce taken, in bytes. Recorded ones have 32.
pub(super) const NONCE_BYTES_MAX: usize = 128;

pub(super) const AUTHORIZATION_PREFIX: &str =
    "HMAC-SHA512 SignedHeaders=x-fc-nonce;x-fc-date;host;x-fc-content-sha512&Signature=";

/// A merchant's webhook signing key ("subscriber key" in the portal). It doesn't print.
#[derive(Debug, Clone)]
pub struct WebhookKey {
    pub(super) bytes: SecretSlice<u8>,
    fingerprint: Fingerprint,
}

/// Why a text is no webhook key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is not base64.
    #[error("is not base64")]
    Base64,
    /// It is shorter than the minimum.
    #[error("is shorter than {KEY_BYTES_MIN} bytes")]
    TooShort,
}

impl WebhookKey {
    /// Reads a key from base64, as the merchant portal shows it.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| KeyError::Base64)?;
        if bytes.len() < KEY_BYTES_MIN {
            return Err(KeyError::TooShort);
        }
        let fingerprint = Fingerprint::of("webhook key", &bytes);
        Ok(Self { bytes: SecretSlice::from(bytes), fingerprint })
    }

    /// What the key is called in public.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

/// A delivery as it came: four headers and the raw body. Header names are matched by the caller, without regard to case.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// `x-fc-authorization`.
    pub authorization: Option<&'a str>,
    /// `x-fc-content-sha512`.
    pub content_sha512: Option<&'a str>,
    /// `x-fc-date`.
    pub date: Option<&'a str>,
    /// `x-fc-nonce`.
    pub nonce: Option<&'a str>,
    /// The body's bytes.
    pub body: &'a [u8],
}

/// What a delivery is held against.
#[derive(Debug, Clone)]
pub struct Policy<'a> {
    /// The host that FlexFactor was given; never the request's own header, which anybody may set.
    pub host: &'a str,
    /// How far `x-fc-date` may be from now, either way. FlexFactor documents no rule.
    pub date_window: SignedDuration,
}

macro_rules! checks {
    ($($(#[doc = $about:literal])+ $name:ident = $code:literal),+ $(,)?) => {
        /// Why a delivery is not taken for FlexFactor's. Told to the log and the metric, not to the sender.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Forged { $($(#[doc = $about])+ $name),+ }

        impl Forged {
            /// All of them, in the order of the checks.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// A stable code for logs and metrics.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// What is wrong with the delivery, in one sentence for the documentation.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Self::$name => concat!($($about),+).trim_ascii()),+ }
            }
        }
    };
}

checks! {
    /// A header is missing.
    HeaderMissing = "header_missing",
    /// `x-fc-authorization` is not of the one known form.
    Authorization = "authorization",
    /// The nonce is empty, too long, or holds more than letters, digits and hyphens.
    Nonce = "nonce",
    /// The body is not the one that was signed.
    ContentHash = "content_hash",
    /// The date can't be read.
    Date = "date",
    /// The date is too far from now.
    DateWindow = "date_window",
    /// No key of the merchant's made the signature.
    Signature = "signature",
    /// A test event for a live merchant, or the other way round.
    TestMode = "test_mode",
}

/// A body that the verifier has passed, with its nonce and whose signature it has. Only the verifier makes one.
#[derive(Debug, Clone, Copy)]
pub struct Verified<'a> {
    body: &'a [u8],
    nonce: &'a str,
    key: Fingerprint,
}

impl<'a> Verified<'a> {
    /// The body's bytes.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The delivery's nonce.
    #[must_use]
    pub const fn nonce(&self) -> &'a str {
        self.nonce
    }

    /// Which key made the signature.
    #[must_use]
    pub const fn key(&self) -> Fingerprint {
        self.key
    }
}

/// Verifies a delivery against any of the merchant's keys: two are valid during a rotation.
///
/// # Errors
/// The first check that it fails. An empty list of keys refuses everything.
pub fn verify<'a>(
    delivery: &Delivery<'a>,
    keys: &[WebhookKey],
    policy: &Policy<'_>,
    now: Timestamp,
) -> Result<Verified<'a>, Forged> {
    let (Some(authorization), Some(claimed_hash), Some(date), Some(nonce)) =
        (delivery.authorization, delivery.content_sha512, delivery.date, delivery.nonce)
    else {
        return Err(Forged::HeaderMissing);
    };
    let signature = signature_of(authorization)?;
    check_nonce(nonce)?;
    let hash = STANDARD.encode(Sha512::digest(delivery.body));
    if hash != claimed_hash {
        return Err(Forged::ContentHash);
    }
    check_date(date, policy.date_window, now)?;
    let signed = signed_text(nonce, date, policy.host, &hash);
    // Every key is tried, so that the time taken does not tell which one made the signature.
    let key = keys.iter().fold(None, |found, key| {
        let is_by_it = is_signed_by(key, signed.as_bytes(), &signature);
        found.or(is_by_it.then_some(key.fingerprint))
    });
    let key = key.ok_or(Forged::Signature)?;
    Ok(Verified { body: delivery.body, nonce, key })
}

/// What is signed.
pub(super) fn signed_text(nonce: &str, date: &str, host: &str, content_hash: &str) -> String {
    format!("POST\n{nonce};{date};{host};{content_hash}")
}

fn signature_of(authorization: &str) -> Result<Vec<u8>, Forged> {
    let signature = authorization.strip_prefix(AUTHORIZATION_PREFIX).ok_or(Forged::Authorization)?;
    STANDARD.decode(signature).map_err(|_| Forged::Authorization)
}

/// The nonce stands before the signed text's first delimiter, so it may not hold one.
fn check_nonce(nonce: &str) -> Result<(), Forged> {
    let is_plain = nonce.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if nonce.is_empty() || nonce.len() > NONCE_BYTES_MAX || !is_plain { Err(Forged::Nonce) } else { Ok(()) }
}

fn check_date(date: &str, window: SignedDuration, now: Timestamp) -> Result<(), Forged> {
    let sent_at = DateTimeParser::new().parse_timestamp(date).map_err(|_| Forged::Date)?;
    if now.duration_since(sent_at).abs() > window { Err(Forged::DateWindow) } else { Ok(()) }
}

fn is_signed_by(key: &WebhookKey, signed: &[u8], signature: &[u8]) -> bool {
    // HMAC takes keys of any length; the constructor's error can't happen and would mean "not signed".
    Hmac::<Sha512>::new_from_slice(key.bytes.expose_secret())
        .is_ok_and(|mac| mac.chain_update(signed).verify_slice(signature).is_ok())
}
