//! A webhook before it is sent: what FlexFactor says, to whom, and what it signs. Signing is written here once more, so
//! that nothing is signed by the code that verifies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha512};

use super::wire::{Transport, Wire};
use super::worlds::{HOST, NOW, ORDER_ID, Party};

/// The form of FlexFactor's authorization header, up to the signature.
pub(crate) const SCHEME: &str =
    "HMAC-SHA512 SignedHeaders=x-fc-nonce;x-fc-date;host;x-fc-content-sha512&Signature=";

/// What is signed, and with what.
#[derive(Clone)]
pub(crate) struct Letter {
    pub(crate) to: &'static Party,
    pub(crate) method: &'static str,
    pub(crate) body: Vec<u8>,
    pub(crate) nonce: String,
    pub(crate) date: String,
    pub(crate) host: String,
    pub(crate) key: Vec<u8>,
}

pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// RFC 1123, GMT, as recorded.
pub(crate) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A date this many seconds from now.
pub(crate) fn date_in(seconds: i64) -> String {
    http_date(now() + SignedDuration::from_secs(seconds))
}

pub(crate) fn hash_of(body: &[u8]) -> String {
    STANDARD.encode(Sha512::digest(body))
}

pub(crate) fn mac(key: &[u8], text: &[u8]) -> String {
    let mut mac = Hmac::<Sha512>::new_from_slice(key).unwrap();
    mac.update(text);
    STANDARD.encode(mac.finalize().into_bytes())
}

/// The fields of a body, in the recorded order.
pub(crate) struct Fields {
    pub(crate) event: String,
    pub(crate) at: String,
    pub(crate) order_id: String,
    pub(crate) is_test: bool,
    pub(crate) is_resent: bool,
}

impl Fields {
    pub(crate) fn drawn(rng: &mut fastrand::Rng, to: &Party) -> Self {
        let events = ["order.completed", "order.expired", "order.cancelled", "order.refunded"];
        Self {
            event: (*rng.choice(&events).unwrap()).to_owned(),
            at: format!(
                "2026-11-25T09:{:02}:{:02}.{:06}Z",
                rng.u8(0..60),
                rng.u8(0..60),
                rng.u32(0..1_000_000)
            ),
            order_id: ORDER_ID.to_owned(),
            is_test: to.is_test,
            is_resent: rng.bool(),
        }
    }

    pub(crate) fn json(&self) -> String {
        let Self { event, at, order_id, is_test, is_resent } = self;
        format!(
            r#"{{"Event":"{event}","TimeStamp":"{at}","EventData":null,"ExternalOrderId":"{order_id}","OrderId":"ac9674ed-cbfe-49aa-bc8b-eb1d2b74c429","ConfirmationId":"22ACD1D9","IsTestMode":{is_test},"IsResent":{is_resent}}}"#
        )
    }
}

pub(crate) fn nonce(rng: &mut fastrand::Rng) -> String {
    format!("{:032x}", rng.u128(..))
}

impl Letter {
    pub(crate) fn genuine(rng: &mut fastrand::Rng, to: &'static Party, key: &str) -> Self {
        Self {
            to,
            method: "POST",
            body: Fields::drawn(rng, to).json().into_bytes(),
            nonce: nonce(rng),
            date: http_date(now()),
            host: HOST.to_owned(),
            key: STANDARD.decode(key).unwrap(),
        }
    }

    pub(crate) fn authorization(&self) -> String {
        let Self { method, nonce, date, host, .. } = self;
        let signed = format!("{method}\n{nonce};{date};{host};{}", hash_of(&self.body));
        format!("{SCHEME}{}", mac(&self.key, signed.as_bytes()))
    }

    /// As it leaves FlexFactor.
    pub(crate) fn sent(&self) -> Wire {
        let header = |name: &str, value: String| (name.to_owned(), vec![value]);
        Wire {
            path: format!("/webhooks/{}", self.to.id),
            query: String::new(),
            headers: vec![
                header("host", HOST.to_owned()),
                header("content-type", "application/json".to_owned()),
                header("x-fc-authorization", self.authorization()),
                header("x-fc-content-sha512", hash_of(&self.body)),
                header("x-fc-date", self.date.clone()),
                header("x-fc-nonce", self.nonce.clone()),
                header("x-fc-signature", mac(&self.key, &self.body)),
            ],
            body: self.body.clone(),
            transport: Transport::Honest,
        }
    }
}
