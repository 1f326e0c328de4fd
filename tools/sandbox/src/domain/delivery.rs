//! Webhooks as data: what is to be sent, how it is signed, and what came of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fault::Forgery;

/// A webhook's body, with the names and the order recorded in the official sample.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct WebhookBody {
    /// Its name.
    pub event: String,
    /// When it happened, on the virtual clock, to the microsecond.
    pub time_stamp: String,
    /// Unknown for most events: a setting.
    pub event_data: Value,
    /// The merchant's order id.
    pub external_order_id: String,
    /// FlexFactor's.
    pub order_id: String,
    /// Short upper-case hex.
    pub confirmation_id: String,
    /// Sandbox or production.
    pub is_test_mode: bool,
    /// A later try.
    pub is_resent: bool,
}

/// Writes an instant as `TimeStamp` has it: UTC, six decimals.
#[must_use]
pub fn time_stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// The date that is signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DatePlan {
    /// When it is sent, in real time, plus this many seconds.
    Real(i64),
    /// This instant.
    At(Timestamp),
    /// This text.
    Fixed(String),
}

/// Which signature headers are sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SignatureHeaders {
    /// x-fc-authorization and its parts, and x-fc-signature if so set.
    All {
        /// Send x-fc-signature too.
        body_signature: bool,
    },
    /// x-fc-signature alone.
    BodyOnly,
    /// None.
    None,
}

/// How a webhook is signed.
#[derive(Clone, Eq, PartialEq)]
pub struct SigningPlan {
    /// The key, decoded.
    pub key: Vec<u8>,
    /// The host in the signature.
    pub host: String,
    /// 32 hex digits.
    pub nonce: String,
    /// The date in the signature.
    pub date: DatePlan,
    /// Which headers.
    pub headers: SignatureHeaders,
    /// What is signed, where it isn't what is sent.
    pub signed_body: Option<String>,
    /// Whether x-fc-content-sha512 is the hash of what is sent, even if something else was signed.
    pub hash_of_sent: bool,
}

impl std::fmt::Debug for SigningPlan {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("SigningPlan")
            .field("host", &self.host)
            .field("nonce", &self.nonce)
            .finish_non_exhaustive()
    }
}

/// One HTTP request to be made. Every one must be answered with [`super::world::World::sent`].
#[derive(Clone, Debug)]
pub struct Send {
    /// Names it in the answer.
    pub id: u64,
    /// Where to.
    pub url: String,
    /// `Host`, where it isn't the URL's.
    pub http_host: Option<String>,
    /// The bytes.
    pub body: String,
    /// `content-type`.
    pub content_type: String,
    /// How it is signed.
    pub signing: SigningPlan,
    /// How long to wait for an answer.
    pub timeout_millis: u64,
}

/// What came of one HTTP request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// An HTTP status.
    Status(u16),
    /// No answer, and why.
    Failed(String),
}

impl Answer {
    /// Whether it is 2xx.
    #[must_use]
    pub fn is_2xx(&self) -> bool {
        match self {
            Self::Status(status) => (200..300).contains(status),
            Self::Failed(_) => false,
        }
    }
}

/// Where a webhook stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Not sent yet, or to be tried again.
    Pending,
    /// Accepted.
    Delivered,
    /// Refused at every try.
    GivenUp,
    /// Lost by a fault.
    Lost,
    /// The merchant has no webhook address.
    NoAddress,
}

/// One webhook, over all its tries.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its number.
    pub id: u64,
    /// Whose.
    pub mid: String,
    /// The order.
    pub order_id: String,
    /// What it says.
    pub body: WebhookBody,
    /// Where it stands.
    pub state: DeliveryState,
    /// Tries begun.
    pub attempts: u32,
    /// Answers to the tries, in order.
    pub answers: Vec<Answer>,
    /// Answers to duplicates.
    pub copy_answers: Vec<Answer>,
    /// Duplicates to send: how many, and how much later.
    pub copies: Vec<(u32, u64)>,
    /// Held back until the order's next event was sent.
    pub held: bool,
    /// To be replayed by a forger once accepted.
    pub replay: bool,
    /// Nonce and date of the last try, for a resend or a replay that uses them again.
    pub last: Option<(String, String)>,
    /// The first try was answered, or there will be none.
    pub settled_once: bool,
}

/// What one HTTP request was for.
#[derive(Clone, Debug)]
pub enum Role {
    /// A try of a webhook.
    Attempt {
        /// Which.
        delivery: u64,
        /// Its nonce.
        nonce: String,
    },
    /// A duplicate of a webhook.
    Copy {
        /// Which.
        delivery: u64,
    },
    /// A forged one.
    Forged {
        /// How.
        forgery: Forgery,
        /// The place in the ledger's list.
        index: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_the_recorded_one_byte_for_byte() {
        let body = WebhookBody {
            event: "order.completed".to_owned(),
            time_stamp: time_stamp("2023-03-20T17:16:40.898703Z".parse().unwrap()),
            event_data: Value::Null,
            external_order_id: "a9735210-1349-49bf-bfde-b737dd07872a".to_owned(),
            order_id: "ac9674ed-cbfe-49aa-bc8b-eb1d2b74c429".to_owned(),
            confirmation_id: "22ACD1D9".to_owned(),
            is_test_mode: true,
            is_resent: false,
        };
        let text = serde_json::to_string(&body).unwrap();
        assert_eq!(text.len(), 255);
        assert_eq!(text, crate::webhook::sign::vector::BODY);
    }
}
