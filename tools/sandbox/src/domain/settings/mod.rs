//! What nobody outside FlexFactor knows for certain, as settings: each says the fact, its source and its default.
//!
//! The words used for sources: *documented* (a page of FlexFactor's documentation), *recorded* (a transcript of the real
//! sandbox, or a test that ran against it), *integrator* (somebody else's integration), *unknown*.

mod errors;
mod evaluate;
mod orders;
mod tokens;
mod webhooks;

pub use errors::{ErrorSettings, ErrorShape};
pub use evaluate::{EvaluateSettings, PendingWord, RepeatedOrder, Replay, UnknownTokens};
pub use orders::{CancelAnswer, NameCase, OrderSettings, RepeatedRefund};
use serde::{Deserialize, Serialize};
pub use tokens::TokenSettings;
pub use webhooks::{DateClock, SuccessAnswers, WebhookSettings};

use super::fate::Fate;

/// All settings. A missing field has its default; an unknown field is an error.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The fate of orders that neither a rule nor a sandbox trigger decides.
    pub default_fate: Fate,
    /// `/evaluate`.
    pub evaluate: EvaluateSettings,
    /// Orders: states, list, refund, cancel, capture.
    pub orders: OrderSettings,
    /// Bearer tokens.
    pub tokens: TokenSettings,
    /// Webhooks.
    pub webhooks: WebhookSettings,
    /// Error bodies.
    pub errors: ErrorSettings,
}
