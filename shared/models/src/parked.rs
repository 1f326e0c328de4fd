//! What can't be applied is kept, with its reason, until people have looked at it. Nothing is dropped.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::OrderEvent;
use crate::ids::{MerchantId, OrderId};
use crate::order::{Due, DueReason};
use crate::refusal::{Refusal, Rule};
use crate::time::to_millis;

/// Largest copy kept of a parked message, in bytes: as large as a decline or a webhook may be.
pub const COPY_BYTES_MAX: usize = 64 * 1024;

/// What kind of thing was parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParkedKind {
    /// A message on the declines queue that is not JSON.
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
    /// A verified webhook of our own, by which people see that the way in works. Nothing is to be done about it.
    Check,
    /// A transmission that broke a rule, or that the provider refused.
    TransmissionRefused,
    /// Another transmission under an id that is taken.
    TransmissionConflict,
    /// A transmission that could not be delivered in time.
    TransmissionUndelivered,
}

impl ParkedKind {
    /// All kinds.
    pub const ALL: &'static [Self] = &[
        Self::Unparseable,
        Self::Refused,
        Self::Conflict,
        Self::OrphanEvent,
        Self::MismatchedEvent,
        Self::UnknownEvent,
        Self::AccountEvent,
        Self::Check,
        Self::TransmissionRefused,
        Self::TransmissionConflict,
        Self::TransmissionUndelivered,
    ];

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
            Self::Check => "check",
            Self::TransmissionRefused => "transmission_refused",
            Self::TransmissionConflict => "transmission_conflict",
            Self::TransmissionUndelivered => "transmission_undelivered",
        }
    }
}

/// What names a parked thing: the same on each delivery of the same message, so that parking it twice keeps one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ParkedKey {
    /// The merchant, where it is one of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant: Option<MerchantId>,
    /// When the message was sent or the event happened, as the message itself tells, to the millisecond; 1970 for an event
    /// that does not tell.
    pub arrived_at: Timestamp,
    /// What it is.
    pub kind: ParkedKind,
    /// The message's own id.
    pub id: String,
}

/// Something that could not be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// What names it.
    pub key: ParkedKey,
    /// The order, where the message names one.
    pub order_id: Option<OrderId>,
    /// Why it was parked.
    pub why: Why,
    /// The redacted copy.
    pub copy: String,
    /// When the copy may be deleted.
    pub keep_until: Timestamp,
    /// The event, where it may still be applied to an order.
    pub event: Option<OrderEvent>,
    /// When somebody must look at it again.
    pub due: Option<Due>,
    /// What became of it.
    pub fate: Fate,
}

/// What is told of a decline that was parked: what names it, and the rule, without its copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedDecline {
    /// What names it.
    pub key: ParkedKey,
    /// The order id, where the message names one.
    pub order_id: Option<OrderId>,
    /// The rule it broke, where it was a rule.
    pub rule: Option<Rule>,
}

/// What became of a parked thing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is parked still.
    #[default]
    Parked,
    /// It was an event for an order that came later, and was applied to it.
    Matched,
}

impl Fate {
    /// The word that is stored.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Parked => "parked",
            Self::Matched => "matched",
        }
    }
}

/// When an event that came at `now` for no order of ours is first looked at again.
#[must_use]
pub fn orphan_due(now: Timestamp) -> Option<Due> {
    Due::new(to_millis(now), DueReason::Orphan).again(now)
}

/// Why something was parked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// A rule, for what a merchant sent.
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
