//! FlexFactor's webhook signature, as in its official sample.
//!
//! ```text
//! hash      = base64(SHA512(body))                                        x-fc-content-sha512
//! canonical = "POST\n" nonce ";" date ";" host ";" hash
//! signature = base64(HMAC_SHA512(key, canonical))                         x-fc-authorization
//! ```
//! `x-fc-signature`, base64(HMAC_SHA512(key, body)), is sent beside it and documented nowhere.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822::DateTimePrinter};
use sha2::{Digest, Sha512};

use crate::domain::delivery::{DatePlan, SignatureHeaders, SigningPlan};

/// base64 of the body's SHA-512.
#[must_use]
pub fn content_hash(body: &[u8]) -> String {
    BASE64_STANDARD.encode(Sha512::digest(body))
}

/// The signature in `x-fc-authorization`.
#[must_use]
pub fn signature(key: &[u8], nonce: &str, date: &str, host: &str, content_hash: &str) -> String {
    mac(key, format!("POST\n{nonce};{date};{host};{content_hash}").as_bytes())
}

/// The signature in `x-fc-signature`.
#[must_use]
pub fn body_signature(key: &[u8], body: &[u8]) -> String {
    mac(key, body)
}

/// The value of `x-fc-authorization`.
#[must_use]
pub fn authorization(signature: &str) -> String {
    format!("HMAC-SHA512 SignedHeaders=x-fc-nonce;x-fc-date;host;x-fc-content-sha512&Signature={signature}")
}

/// An instant as `x-fc-date` has it: RFC 1123, GMT.
#[must_use]
pub fn http_date(at: Timestamp) -> String {
    // Fails only for years beyond 9999, which no clock here reaches.
    DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap_or_default()
}

/// Carries out a plan at the real instant `now`: the date used, and the headers.
#[must_use]
pub fn headers(plan: &SigningPlan, body: &str, now: Timestamp) -> (String, Vec<(&'static str, String)>) {
    let date = match &plan.date {
        DatePlan::Real(offset) => {
            http_date(now.checked_add(SignedDuration::from_secs(*offset)).unwrap_or(now))
        }
        DatePlan::At(at) => http_date(*at),
        DatePlan::Fixed(text) => text.clone(),
    };
    let signed = plan.signed_body.as_deref().unwrap_or(body);
    let signed_hash = content_hash(signed.as_bytes());
    let sent_hash = if plan.hash_of_sent { content_hash(body.as_bytes()) } else { signed_hash.clone() };
    let by_body = ("x-fc-signature", body_signature(&plan.key, signed.as_bytes()));
    let mut headers = match plan.headers {
        SignatureHeaders::BodyOnly => return (date, vec![by_body]),
        SignatureHeaders::None => return (date, vec![]),
        SignatureHeaders::All { .. } => vec![
            (
                "x-fc-authorization",
                authorization(&signature(&plan.key, &plan.nonce, &date, &plan.host, &signed_hash)),
            ),
            ("x-fc-content-sha512", sent_hash),
            ("x-fc-date", date.clone()),
            ("x-fc-nonce", plan.nonce.clone()),
        ],
    };
    if plan.headers == (SignatureHeaders::All { body_signature: true }) {
        headers.push(by_body);
    }
    (date, headers)
}

fn mac(key: &[u8], message: &[u8]) -> String {
    // HMAC takes keys of any length, so the error can't happen.
    Hmac::<Sha512>::new_from_slice(key)
        .map(|mac| BASE64_STANDARD.encode(mac.chain_update(message).finalize().into_bytes()))
        .unwrap_or_default()
}

/// The official sample's vector: inputs and the three values they give.
pub mod vector {
    /// The key, base64.
    pub const KEY: &str =
        "XRmKBxG5uvt1qWzqvp+T6CAbTo0MB89GTxXZD5cHA56RP7Mj4NbnHQOR1Y8uorUU9YQz8ujaVRUdm9vTSkPZSw==";
    /// The host that is signed.
    pub const HOST: &str = "fctestwebhook.free.beeceptor.com";
    /// `x-fc-date`.
    pub const DATE: &str = "Mon, 20 Mar 2023 17:16:40 GMT";
    /// `x-fc-nonce`.
    pub const NONCE: &str = "5f1c2de28a76457c9cb79d1740f2260a";
    /// The body, 255 bytes.
    pub const BODY: &str = r#"{"Event":"order.completed","TimeStamp":"2023-03-20T17:16:40.898703Z","EventData":null,"ExternalOrderId":"a9735210-1349-49bf-bfde-b737dd07872a","OrderId":"ac9674ed-cbfe-49aa-bc8b-eb1d2b74c429","ConfirmationId":"22ACD1D9","IsTestMode":true,"IsResent":false}"#;
    /// `x-fc-content-sha512`.
    pub const CONTENT_HASH: &str =
        "pLs0Op5VWqQM3ZIumqC2NP6MDqcnwFN1znp/oCuw9LcYd8PtvLC8ProyPg8ZDadsRc36NskT3QGKn/PkNqwWfg==";
    /// The signature in `x-fc-authorization`.
    pub const SIGNATURE: &str =
        "+HXN8ZewgINLk+uC/UI92HSWmLK7gZOECPxOGEM91ATyfyzScMF/+osEK5B0UjO7OFqahDvesSo8jmUWMZtQnA==";
    /// `x-fc-signature`.
    pub const BODY_SIGNATURE: &str =
        "SbzcEwAKsViWqrB8+suZMjOdadswbUjLHtIKjDQJYle31xbB8Vr0pVTDaNP28/y+NDynpyFyKKnXmWZy8uJVig==";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(headers: SignatureHeaders) -> SigningPlan {
        SigningPlan {
            key: BASE64_STANDARD.decode(vector::KEY).unwrap(),
            host: vector::HOST.to_owned(),
            nonce: vector::NONCE.to_owned(),
            date: DatePlan::At("2023-03-20T17:16:40Z".parse().unwrap()),
            headers,
            signed_body: None,
            hash_of_sent: false,
        }
    }

    #[test]
    fn all_three_values_of_the_official_vector() {
        let all = plan(SignatureHeaders::All { body_signature: true });
        let (date, headers) = headers(&all, vector::BODY, Timestamp::UNIX_EPOCH);
        assert_eq!(date, vector::DATE);
        let header = |name| headers.iter().find(|(key, _)| *key == name).unwrap().1.clone();
        assert_eq!(header("x-fc-content-sha512"), vector::CONTENT_HASH);
        assert_eq!(header("x-fc-authorization"), authorization(vector::SIGNATURE));
        assert_eq!(header("x-fc-signature"), vector::BODY_SIGNATURE);
        assert_eq!(header("x-fc-nonce"), vector::NONCE);
    }

    #[test]
    fn a_plan_may_leave_headers_out() {
        assert_eq!(headers(&plan(SignatureHeaders::None), "x", Timestamp::UNIX_EPOCH).1, vec![]);
        let by_body = headers(&plan(SignatureHeaders::BodyOnly), vector::BODY, Timestamp::UNIX_EPOCH).1;
        assert_eq!(by_body, vec![("x-fc-signature", vector::BODY_SIGNATURE.to_owned())]);
    }
}
