//! Refunds: reserve, then call, then settle. What is reserved can't be refunded a second time, and one refund at a time is
//! under way, so that never more is paid back than was captured, however many are asked for at once.
//!
//! The provider's call has no key (documented: ff/refund), so it is never repeated: an answer that did not come leaves the
//! reservation, until the provider's own absolute totals tell what happened, or people do.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{IdempotencyKey, OrderKey};
use crate::money::MinorUnits;
use crate::order::Order;
use crate::status::Status;
use crate::time::later;

mod steps;

pub use steps::{RefundOutcome, RefundRequest, Reserve, ReserveRefused, reserve, resolve, settle};
pub(crate) use steps::{leave_unresolved, settle_by_totals};

/// Most refunds of one order that were made or may have been.
pub const REFUNDS_MAX: usize = 50;
/// Most refunds of one order that are remembered though no money moved, before the one that is asked for.
pub const IDLE_REFUNDS_MAX: usize = 10;
/// How long after a refund was asked for the provider's totals are not yet taken to say that it was not made.
pub const SETTLE_TIME: SignedDuration = SignedDuration::from_mins(15);

/// What names a refund: a hash of the order and of the key under which it was asked for, so that the same request has the
/// same name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct RefundId(String);

impl RefundId {
    /// The name of what was asked for an order under a caller's key.
    #[must_use]
    pub fn of(order: &OrderKey, key: &str) -> Self {
        let mut hash = Sha256::new();
        // A merchant id and an order id hold no line feed.
        hash.update(format!("refund\n{}\n{}\n{key}", order.merchant, order.order_id));
        let hex = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self(hex)
    }

    /// A name as it was stored or asked for; one that names nothing is found nowhere.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// 32 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RefundId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far a refund got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// Its amount is reserved: the call is under way, or it is not known whether it was made.
    Reserved,
    /// The provider made it.
    Made,
    /// The provider refused it; nothing moved.
    Refused,
    /// It was not made: the provider's totals show that nothing moved.
    NotMade,
    /// Nobody could learn whether it was made. Its amount stays reserved until people say.
    Unresolved,
}

/// A refund that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Its name.
    pub id: RefundId,
    /// How much, in the order's currency.
    pub amount: MinorUnits,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// How much was refunded altogether before it.
    pub before: MinorUnits,
    /// Drawn for each asking: two that ask the same at the same moment are told apart by it, and one of them calls.
    pub asking: IdempotencyKey,
    /// How far it got.
    pub state: RefundState,
    /// Why, for people: the provider's words, redacted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// What was captured and refunded altogether, as the provider tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Captured, in the order's currency.
    pub captured: MinorUnits,
    /// Refunded, in the order's currency.
    pub refunded: MinorUnits,
}

fn plus(a: MinorUnits, b: MinorUnits) -> MinorUnits {
    MinorUnits::new(a.get().saturating_add(b.get()))
}

fn minus(a: MinorUnits, b: MinorUnits) -> MinorUnits {
    MinorUnits::new(a.get().saturating_sub(b.get()))
}

impl RefundState {
    /// The word that is shown.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Made => "made",
            Self::Refused => "refused",
            Self::NotMade => "not_made",
            Self::Unresolved => "unresolved",
        }
    }
}

impl fmt::Display for RefundState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Order {
    /// What was captured: nothing of an order that is not approved; else what the provider told, and never more than was to be
    /// charged; the whole of it where it told nothing (neither partial nor over-capture is known to exist: integrator).
    #[must_use]
    pub fn captured(&self) -> MinorUnits {
        let whole = self.amount.minor;
        match self.status {
            Status::Approved => self.totals.map_or(whole, |totals| totals.captured.min(whole)),
            Status::Received
            | Status::Submitting
            | Status::Unknown
            | Status::Rejected
            | Status::Pending
            | Status::CaptureRequired
            | Status::Escalated
            | Status::Expired
            | Status::Cancelled
            | Status::Declined => MinorUnits::new(0),
        }
    }

    /// What was refunded, as far as is known.
    #[must_use]
    pub fn refunded(&self) -> MinorUnits {
        self.totals.map_or(MinorUnits::new(0), |totals| totals.refunded)
    }

    /// What is reserved for refunds whose outcome is not known.
    #[must_use]
    pub fn reserved(&self) -> MinorUnits {
        let kept = self.refunds.iter().filter(|refund| refund.holds_money());
        MinorUnits::new(kept.fold(0, |sum, refund| sum.saturating_add(refund.amount.get())))
    }

    /// What may still be refunded: captured − refunded − reserved.
    #[must_use]
    pub fn refundable(&self) -> MinorUnits {
        minus(minus(self.captured(), self.refunded()), self.reserved())
    }

    /// The refund whose outcome is to be found out.
    #[must_use]
    pub fn refund_under_way(&self) -> Option<&Refund> {
        self.refunds.iter().find(|refund| refund.state == RefundState::Reserved)
    }
}

impl Refund {
    /// Whether its amount is reserved.
    fn holds_money(&self) -> bool {
        match self.state {
            RefundState::Reserved | RefundState::Unresolved => true,
            RefundState::Made | RefundState::Refused | RefundState::NotMade => false,
        }
    }

    /// Whether its amount moved, or may have.
    fn counts(&self) -> bool {
        self.holds_money() || self.state == RefundState::Made
    }

    /// What is refunded altogether once this one is made.
    fn after(&self) -> MinorUnits {
        plus(self.before, self.amount)
    }

    /// From when on the provider's totals say that it was not made.
    pub(crate) fn settles_at(&self) -> Timestamp {
        later(self.asked_at, SETTLE_TIME)
    }
}
