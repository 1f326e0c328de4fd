//! What can't be applied is kept, with its reason, until people have looked at it. Nothing is dropped.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{MerchantId, OrderId};
use crate::refusal::Refusal;

/// Largest copy kept of a parked message, in bytes: as large as a decline or a webhook may be.
pub const COPY_BYTES_MAX: usize = 64 * 1024;

/// What kind of thing was parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParkedKind {
    /// A message that is not JSON.
    Unparseable,
    /// A decline that broke a rule.
    Refused,
    /// Another decline under an id that is taken.
    Conflict,
    /// A verified event for an order we don't have.
    OrphanEvent,
    /// A verified event for an order that belongs to another order of the provider's.
    MismatchedEvent,
    /// A verified event whose name or shape we don't know.
    UnknownEvent,
    /// A verified event that is about no order (payouts).
    AccountEvent,
}

impl ParkedKind {
    /// The word that is stored.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unparseable => "unparseable",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::OrphanEvent => "orphan_event",
            Self::MismatchedEvent => "mismatched_event",
            Self::UnknownEvent => "unknown_event",
            Self::AccountEvent => "account_event",
        }
    }
}

/// Something that could not be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The merchant, where it is one of ours.
    pub merchant: Option<MerchantId>,
    /// The order, where the message names one.
    pub order_id: Option<OrderId>,
    /// What it is.
    pub kind: ParkedKind,
    /// When it came, or, for an event, when it happened. The same on each delivery of the same message where the message
    /// tells it, so that parking it twice keeps one.
    pub arrived_at: Timestamp,
    /// The message's own id: the same on each delivery.
    pub id: String,
    /// Why it was parked.
    pub why: Why,
    /// The redacted copy.
    pub copy: String,
    /// When the copy may be deleted.
    pub keep_until: Timestamp,
}

/// Why something was parked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// A rule, for declines.
    Refusal(Refusal),
    /// One sentence.
    Sentence(String),
}

/// A copy cut to [`COPY_BYTES_MAX`], at a character's edge.
#[must_use]
pub fn cut(mut copy: String) -> String {
    copy.truncate(copy.floor_char_boundary(COPY_BYTES_MAX));
    copy
}
