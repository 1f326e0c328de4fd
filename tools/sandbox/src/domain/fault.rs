//! Faults: scripted, seeded, and decided by name, so that the order in which calls arrive changes nothing.

use serde::{Deserialize, Serialize};

use super::{Endpoint, ids::roll};

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallFaultKind {
    /// 500, and nothing was done.
    ErrorBefore,
    /// 500, and it was done.
    ErrorAfter,
    /// Hangs, and nothing was done.
    TimeoutBefore,
    /// Hangs, and it was done.
    TimeoutAfter,
    /// 429.
    TooManyRequests,
    /// 401, and the token presented is revoked.
    TokenRevoked,
    /// Done, and answered 200 with something that is no JSON.
    MalformedBody,
    /// Done, and the connection breaks in the middle of the answer.
    ConnectionCut,
}

impl CallFaultKind {
    /// Whether the call takes effect all the same.
    #[must_use]
    pub fn takes_effect(self) -> bool {
        match self {
            Self::ErrorBefore | Self::TimeoutBefore | Self::TooManyRequests | Self::TokenRevoked => false,
            Self::ErrorAfter | Self::TimeoutAfter | Self::MalformedBody | Self::ConnectionCut => true,
        }
    }

    /// The name used in the ledger.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ErrorBefore => "error_before",
            Self::ErrorAfter => "error_after",
            Self::TimeoutBefore => "timeout_before",
            Self::TimeoutAfter => "timeout_after",
            Self::TooManyRequests => "too_many_requests",
            Self::TokenRevoked => "token_revoked",
            Self::MalformedBody => "malformed_body",
            Self::ConnectionCut => "connection_cut",
        }
    }
}

/// A fault of calls.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CallFault {
    /// What goes wrong.
    pub kind: CallFaultKind,
    /// With which calls.
    #[serde(default = "evaluate_only")]
    pub on: Vec<Endpoint>,
    /// Leave alone the first this many calls of an order.
    #[serde(default)]
    pub skip: u32,
    /// Then affect at most this many.
    #[serde(default = "once")]
    pub times: u32,
    /// How likely, from 0 to 1.
    #[serde(default)]
    pub probability: Probability,
    /// How long a timeout hangs, in real time, before it ends in a 504.
    #[serde(default = "hold")]
    pub hold_millis: u64,
}

/// Ways to forge a webhook. None of them may be accepted.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Forgery {
    /// Signed with a key nobody knows.
    WrongKey,
    /// The body was changed after signing.
    TamperedBody,
    /// The body and its hash header were changed after signing.
    TamperedBodyAndHash,
    /// Correctly signed, for another host.
    WrongHost,
    /// Correctly signed, an hour ago.
    StaleDate,
    /// Correctly signed, an hour ahead.
    FutureDate,
    /// No signature header at all.
    NoSignature,
    /// Only the undocumented header over the body alone, which is valid.
    BodySignatureOnly,
    /// An exact copy of the genuine request, sent after that was answered.
    ReplayedNonce,
    /// Correctly signed, with `IsTestMode` turned round.
    WrongTestMode,
}

impl Forgery {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::WrongKey,
        Self::TamperedBody,
        Self::TamperedBodyAndHash,
        Self::WrongHost,
        Self::StaleDate,
        Self::FutureDate,
        Self::NoSignature,
        Self::BodySignatureOnly,
        Self::ReplayedNonce,
        Self::WrongTestMode,
    ];
}

/// What goes wrong with a webhook.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum WebhookFaultKind {
    /// Never sent.
    Lost,
    /// Sent `copies` more times, each signed anew, with the same content.
    Duplicated {
        /// How many more.
        copies: u32,
        /// How much later, on the virtual clock.
        #[serde(default)]
        after_seconds: u64,
    },
    /// Held back until the order's next event was sent, but no longer than this.
    Reordered {
        /// Virtual seconds.
        #[serde(default = "hold_back")]
        hold_seconds: u64,
    },
    /// Sent this much later.
    Delayed {
        /// Virtual seconds.
        seconds: u64,
    },
    /// Sent, and forged copies beside it which tell another story.
    Forged {
        /// Which; all if empty.
        #[serde(default)]
        forgeries: Vec<Forgery>,
    },
    /// The order's first step happens and its webhook is delivered before /evaluate answers what it would have
    /// answered without.
    BeforeAnswer,
}

impl WebhookFaultKind {
    /// The name used in the ledger.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Lost => "webhook_lost",
            Self::Duplicated { .. } => "webhook_duplicated",
            Self::Reordered { .. } => "webhook_reordered",
            Self::Delayed { .. } => "webhook_delayed",
            Self::Forged { .. } => "webhook_forged",
            Self::BeforeAnswer => "webhook_before_answer",
        }
    }
}

/// A fault of webhooks. Several may hold for one webhook.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookFault {
    /// What goes wrong.
    pub kind: WebhookFaultKind,
    /// With which events; all if empty.
    #[serde(default)]
    pub events: Vec<String>,
    /// With at most the first this many events of an order; all if missing.
    #[serde(default)]
    pub times: Option<u32>,
    /// How likely, from 0 to 1.
    #[serde(default)]
    pub probability: Probability,
}

impl WebhookFault {
    /// Whether it may concern the `number`th event (from 1) of an order, named `event`.
    #[must_use]
    pub fn concerns(&self, event: &str, number: u32) -> bool {
        (self.events.is_empty() || self.events.iter().any(|name| name == event))
            && self.times.is_none_or(|times| number <= times)
    }
}

/// How likely something is, from 0 to 1.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(try_from = "f64")]
pub struct Probability(f64);

impl Default for Probability {
    fn default() -> Self {
        Self(1.0)
    }
}

impl TryFrom<f64> for Probability {
    type Error = String;

    fn try_from(value: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(format!("a probability is between 0 and 1, not {value}"))
        }
    }
}

impl Probability {
    /// Whether the decision called `parts` comes out as yes.
    #[must_use]
    #[expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "a probability, not money")]
    pub fn hits(self, seed: u64, parts: &[&str]) -> bool {
        let unit = (roll(seed, parts) >> 11) as f64 / (1_u64 << 53) as f64;
        unit < self.0
    }
}

fn evaluate_only() -> Vec<Endpoint> {
    vec![Endpoint::Evaluate]
}

fn once() -> u32 {
    1
}

fn hold() -> u64 {
    60_000
}

fn hold_back() -> u64 {
    3_600
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_a_probability_are_certain() {
        let (never, always) = (Probability::try_from(0.0).unwrap(), Probability::default());
        for n in 0..100 {
            assert!(!never.hits(1, &[&n.to_string()]));
            assert!(always.hits(1, &[&n.to_string()]));
        }
        assert!(Probability::try_from(1.1).is_err());
        assert!(Probability::try_from(f64::NAN).is_err());
    }

    #[test]
    fn decisions_follow_the_seed() {
        let half = Probability::try_from(0.5).unwrap();
        let decide = |seed| (0..64).map(|n| half.hits(seed, &["order", &n.to_string()])).collect::<Vec<_>>();
        assert_eq!(decide(7), decide(7));
        assert_ne!(decide(7), decide(8));
    }

    #[test]
    fn is_read_from_json() {
        let fault: CallFault = serde_json::from_str(r#"{"kind":"timeout_after","times":2}"#).unwrap();
        assert_eq!((fault.on, fault.times, fault.hold_millis), (vec![Endpoint::Evaluate], 2, 60_000));
        let fault: WebhookFault =
            serde_json::from_str(r#"{"kind":{"duplicated":{"copies":3}},"events":["order.completed"]}"#)
                .unwrap();
        assert!(fault.concerns("order.completed", 9) && !fault.concerns("order.expired", 1));
        assert!(serde_json::from_str::<WebhookFault>(r#"{"kind":"lost"}"#).is_ok());
    }
}
