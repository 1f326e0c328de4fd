//! Settings of webhooks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which clock `x-fc-date` shows.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DateClock {
    /// Real time: it is the date of the transport.
    Real,
    /// The virtual clock.
    Virtual,
}

/// Which answers end the retries.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SuccessAnswers {
    /// 200 to 299.
    Any2xx,
    /// 200 alone.
    Only200,
}

impl SuccessAnswers {
    /// Whether `status` ends the retries.
    #[must_use]
    pub fn accept(self, status: u16) -> bool {
        match self {
            Self::Any2xx => (200..300).contains(&status),
            Self::Only200 => status == 200,
        }
    }
}

/// Settings of webhooks.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookSettings {
    /// `content-type`. Recorded in 2023: application/json; documented since: not application/json, text with JSON
    /// inside; "text/plain".
    pub content_type: String,
    /// Virtual seconds to wait before the second try, the third, and so on. Unknown (`IsResent` proves that there are
    /// resends); four waits, so five tries.
    pub retry_after_seconds: Vec<u64>,
    /// How long an answer is waited for, in real time. Unknown; 10 s.
    pub timeout_millis: u64,
    /// Which answers end the retries. Unknown; any 2xx.
    pub success: SuccessAnswers,
    /// `IsResent` of a later try. Recorded as a field, its use not; true.
    pub resends_are_marked: bool,
    /// Whether a later try has a nonce of its own. Unknown; yes.
    pub fresh_nonce_on_resend: bool,
    /// Whether a later try has a date of its own. Unknown; yes.
    pub fresh_date_on_resend: bool,
    /// Which clock `x-fc-date` shows; real.
    pub date_clock: DateClock,
    /// `EventData` by event name. Recorded: null for order.completed; unknown for the others; null for all.
    pub event_data: BTreeMap<String, Value>,
    /// Whether an order's next event waits until the last one's first try is answered. Unknown; yes, so that disorder is a
    /// fault one asks for.
    pub in_order: bool,
    /// Whether an approval in the answer to /evaluate is also announced by order.completed. Unknown; yes.
    pub announce_answered_approval: bool,
    /// Whether a final decline in the answer to /evaluate is also announced by order.cancelled. Inferred; yes.
    pub announce_answered_decline: bool,
    /// Whether x-fc-signature is sent beside x-fc-authorization. Recorded: yes.
    pub body_signature_header: bool,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self {
            content_type: "text/plain".to_owned(),
            retry_after_seconds: vec![1, 5, 30, 120],
            timeout_millis: 10_000,
            success: SuccessAnswers::Any2xx,
            resends_are_marked: true,
            fresh_nonce_on_resend: true,
            fresh_date_on_resend: true,
            date_clock: DateClock::Real,
            event_data: BTreeMap::new(),
            in_order: true,
            announce_answered_approval: true,
            announce_answered_decline: true,
            body_signature_header: true,
        }
    }
}
