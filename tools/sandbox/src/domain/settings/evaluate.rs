//! Settings of `/evaluate`.

use serde::{Deserialize, Serialize};

/// What a second `/evaluate` of a known order id with another idempotency key does.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RepeatedOrder {
    /// Answers the order's current state (documented for unmanaged accounts: reuse the order id on each retry).
    CurrentState,
    /// Takes it as one more order: a double submission becomes visible, and harmful.
    NewOrder,
}

/// What a repeat of an idempotency key is answered with.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Replay {
    /// The first answer, word for word.
    Original,
    /// The order's state now.
    CurrentState,
}

/// The word for an unmanaged order that is not rescued yet.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PendingWord {
    /// Not rescued at this moment; FlexFactor goes on in the background (documented: ff/standard-integration-for-mit).
    Declined,
    /// In progress (documented for /outcome).
    Processing,
    /// As a managed account's order.
    Submitted,
}

impl PendingWord {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Declined => "DECLINED",
            Self::Processing => "PROCESSING",
            Self::Submitted => "SUBMITTED",
        }
    }
}

/// What happens to a card token that /tokenize never issued.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownTokens {
    /// Accepted: tests needn't tokenize first.
    Accept,
    /// 400.
    Refuse,
}

/// Settings of `/evaluate`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluateSettings {
    /// Amounts must be above this, in cents. Documented for the sandbox: > 10 (older text: > 0).
    pub amount_cents_above: i64,
    /// Amounts must be below this, in cents. Documented for the sandbox: < 20000.
    pub amount_cents_below: i64,
    /// Repeated order id, managed accounts. Unknown; `new_order`, the harmful reading.
    pub repeated_order_managed: RepeatedOrder,
    /// Repeated order id, unmanaged accounts. Documented: `current_state`.
    pub repeated_order_unmanaged: RepeatedOrder,
    /// Same idempotency key and same payload again. Unknown for /evaluate; `original`, as documented for /cancel. The same key
    /// with another payload is answered 409 (documented for /cancel).
    pub replay: Replay,
    /// For how long a key is remembered. Unknown for /evaluate (documented for /cancel: 24 h); unlimited.
    pub replay_window_seconds: Option<u64>,
    /// `success` in a DECLINED answer. Unknown; false.
    pub declined_success: bool,
    /// The word for an unmanaged order not rescued yet. Documented: DECLINED.
    pub unmanaged_pending: PendingWord,
    /// When an order goes from Draft to Processing. Unknown; 60 s.
    pub processing_after_seconds: u64,
    /// When FlexFactor gives up on an unmanaged order of an account without `retry_period_seconds`. Documented that FlexFactor
    /// sets it, not to what; 14 days.
    pub unmanaged_expiry_seconds: u64,
    /// Refuse an expiry sooner than this many days. Documented as advice (at least 2 weeks), unknown as a rule; off.
    pub expiry_days_min: Option<u64>,
    /// Refuse an expiry later than this many days. Integrators cap at 21; unknown as a rule; off.
    pub expiry_days_max: Option<u64>,
    /// Refuse an expiry in the past. Unknown (the official sample sends "now"); off.
    pub expiry_must_be_future: bool,
    /// Card tokens that /tokenize never issued. `accept`.
    pub unknown_tokens: UnknownTokens,
    /// Refuse requests without the fields that are documented as required but were not enforced in recordings; off.
    pub require_documented_fields: bool,
    /// Whether the sandbox's test cards and phones decide fates (recorded: ActiveMerchant's remote tests); on.
    pub sandbox_triggers: bool,
}

impl Default for EvaluateSettings {
    fn default() -> Self {
        Self {
            amount_cents_above: 10,
            amount_cents_below: 20_000,
            repeated_order_managed: RepeatedOrder::NewOrder,
            repeated_order_unmanaged: RepeatedOrder::CurrentState,
            replay: Replay::Original,
            replay_window_seconds: None,
            declined_success: false,
            unmanaged_pending: PendingWord::Declined,
            processing_after_seconds: 60,
            unmanaged_expiry_seconds: 14 * 86_400,
            expiry_days_min: None,
            expiry_days_max: None,
            expiry_must_be_future: false,
            unknown_tokens: UnknownTokens::Accept,
            require_documented_fields: false,
            sandbox_triggers: true,
        }
    }
}
