//! What people want done with an order: cancel it, or capture it. A wish is kept in the order before anything is sent, and
//! is pursued until it is fulfilled, too late, or handed back to people; it is never only logged.
//!
//! A wish says what was wanted and whether somebody still pursues it. What became of it is told by the order's status,
//! whatever the order in which messages came: a cancel of an approved order came too late, that of a cancelled one is
//! confirmed.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::change::{Change, Effect, Guard};
use crate::ids::IdempotencyKey;
use crate::money::Money;
use crate::order::{Due, DueReason, Facet, Order, Reason, ReasonCode, WordError};
use crate::status::{Instruction, Status, Transition};
use crate::submission::close;
use crate::time::to_millis;

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WishKind {
    /// The order is to be given up: the customer left, say.
    Cancel,
    /// An authorised amount is to be taken.
    Capture,
}

/// Whether somebody pursues it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WishState {
    /// It is to be fulfilled.
    Open,
    /// There is nothing left to do: the order has ended, this way or another.
    Done,
    /// It could not be fulfilled within its schedule, and people were told.
    GivenUp,
}

macro_rules! words {
    ($ty:ident { $($variant:ident = $word:literal),+ }) => {
        impl $ty {
            /// The word that is stored.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
        impl FromStr for $ty {
            type Err = WordError;
            fn from_str(word: &str) -> Result<Self, WordError> {
                match word { $($word => Ok(Self::$variant),)+ _ => Err(WordError) }
            }
        }
        impl fmt::Display for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

words!(WishKind { Cancel = "cancel", Capture = "capture" });
words!(WishState { Open = "open", Done = "done", GivenUp = "given_up" });

/// A wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// What is wanted.
    pub kind: WishKind,
    /// Since when.
    pub asked_at: Timestamp,
    /// The key of the provider's call, where the call takes one; kept however often the wish is repeated.
    pub key: IdempotencyKey,
    /// Whether somebody pursues it.
    pub state: WishState,
}

impl Wish {
    /// The same in another state.
    #[must_use]
    pub fn now(&self, state: WishState) -> Self {
        Self { state, ..self.clone() }
    }
}

/// What became of a cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CancelState {
    /// It is under way.
    Wanted,
    /// The order is cancelled.
    Confirmed,
    /// The customer was charged meanwhile: a refund is what is left.
    TooLate,
    /// The order had ended without a charge, and has not to be cancelled any more.
    NothingToCancel,
    /// It could not be confirmed within its schedule: people must look.
    GivenUp,
}

/// What became of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CaptureState {
    /// It is under way.
    Wanted,
    /// The amount was captured.
    Captured,
    /// The order ended without a charge.
    TooLate,
    /// It could not be confirmed within its schedule: people must look.
    GivenUp,
}

impl Order {
    /// The wish that somebody pursues.
    #[must_use]
    pub fn open_wish(&self) -> Option<&Wish> {
        self.wish.as_ref().filter(|wish| wish.state == WishState::Open)
    }

    fn wishes(&self, kind: WishKind) -> Option<&Wish> {
        self.wish.as_ref().filter(|wish| wish.kind == kind)
    }

    /// What became of the cancel; `None` where none was asked for.
    #[must_use]
    pub fn cancel_state(&self) -> Option<CancelState> {
        let wish = self.wishes(WishKind::Cancel)?;
        Some(match self.status {
            Status::Approved => CancelState::TooLate,
            Status::Cancelled => CancelState::Confirmed,
            Status::Expired if wish.state == WishState::Open => CancelState::Wanted,
            Status::Expired if wish.state == WishState::GivenUp => CancelState::GivenUp,
            Status::Rejected | Status::Expired | Status::Declined => CancelState::NothingToCancel,
            Status::Received
            | Status::Submitting
            | Status::Unknown
            | Status::Pending
            | Status::CaptureRequired
            | Status::Escalated => match wish.state {
                WishState::Open | WishState::Done => CancelState::Wanted,
                WishState::GivenUp => CancelState::GivenUp,
            },
        })
    }

    /// What became of the capture; `None` where none was asked for.
    #[must_use]
    pub fn capture_state(&self) -> Option<CaptureState> {
        let wish = self.wishes(WishKind::Capture)?;
        Some(match self.status {
            Status::Approved => CaptureState::Captured,
            Status::Cancelled | Status::Rejected | Status::Expired | Status::Declined => {
                CaptureState::TooLate
            }
            Status::Received
            | Status::Submitting
            | Status::Unknown
            | Status::Pending
            | Status::CaptureRequired
            | Status::Escalated => match wish.state {
                WishState::Open | WishState::Done => CaptureState::Wanted,
                WishState::GivenUp => CaptureState::GivenUp,
            },
        })
    }

    /// What is to be refunded if a cancel came too late: proposed to people, never done for them.
    #[must_use]
    pub fn proposed_refund(&self) -> Option<Money> {
        let minor = self.refundable();
        let is_late = self.cancel_state() == Some(CancelState::TooLate) && minor.get() > 0;
        // What the cardholder's bank takes back is not refunded besides.
        let is_late = is_late && self.dispute == Facet::None;
        is_late.then_some(Money { minor, currency: self.amount.currency })
    }

    /// What the billing system is to do. Who asked for a cancel does not want the card tried again; what was paid back whole, or
    /// is disputed, is not to be marked as paid.
    #[must_use]
    pub fn instruction(&self) -> Instruction {
        let is_called_off = self.wishes(WishKind::Cancel).is_some();
        let is_whole = self.refunded().get() > 0 && self.refunded() >= self.captured();
        let is_paid_back = is_whole || self.dispute != Facet::None;
        match self.status.instruction() {
            Instruction::ResumeRetries if is_called_off => Instruction::DoNotRetry,
            Instruction::MarkPaid if is_paid_back => Instruction::DoNotRetry,
            instruction @ (Instruction::HoldRetries
            | Instruction::MarkPaid
            | Instruction::ResumeRetries
            | Instruction::DoNotRetry) => instruction,
        }
    }

    /// Whether the order ended here while the provider still worked on it.
    pub(crate) fn is_expired_by_us(&self) -> bool {
        let by_window = self.reason.as_ref().is_some_and(|reason| reason.code == ReasonCode::WindowOver);
        self.status == Status::Expired && by_window && self.provider_order.is_some()
    }

    /// Whether it is certain that nothing of it was ever sent to the provider.
    #[must_use]
    pub fn is_unsent(&self) -> bool {
        self.status == Status::Received
            && self.provider_order.is_none()
            && self.submission.attempts == self.submission.unsent
    }
}

/// What asking for something came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// It is taken by this change, which holds for the order as it was read.
    Change(Change),
    /// It was asked for before; nothing changes.
    Already,
}

/// Why a wish can't be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WishRefused {
    /// The customer was charged: there is nothing to cancel, and a refund is the way.
    #[error("the order is approved: the customer was charged")]
    Approved,
    /// Only an authorised order can be captured.
    #[error("the order is {0}, and only one that waits for its capture can be captured")]
    NotCapturable(Status),
    /// A cancel was asked for before.
    #[error("a cancel of the order was asked for")]
    CancelAsked,
}

/// Takes the wish to cancel. What was never sent is cancelled on the spot; anything else is due at once.
///
/// # Errors
/// The order is approved.
pub fn cancel(order: &Order, key: IdempotencyKey, now: Timestamp) -> Result<Asked, WishRefused> {
    let before = order.wishes(WishKind::Cancel);
    let wish = match before {
        // Asked again after people were told: another round.
        Some(wish) if wish.state == WishState::GivenUp => wish.now(WishState::Open),
        Some(_) => return Ok(Asked::Already),
        None => Wish { kind: WishKind::Cancel, asked_at: to_millis(now), key, state: WishState::Open },
    };
    match order.status {
        Status::Approved => Err(WishRefused::Approved),
        Status::Received if order.is_unsent() => Ok(Asked::Change(cancelled(order, &wish, now))),
        Status::Received
        | Status::Submitting
        | Status::Unknown
        | Status::Pending
        | Status::CaptureRequired
        | Status::Escalated => Ok(Asked::Change(pursue(order, wish, now))),
        // Only here: the provider may still work on it, and charge it.
        Status::Expired if order.is_expired_by_us() => Ok(Asked::Change(pursue(order, wish, now))),
        // It has ended without a charge. The wish stays with it: should the provider have it after all, it is pursued.
        Status::Rejected | Status::Expired | Status::Cancelled | Status::Declined => {
            let change = Change::new(Transition::Note, now)
                .guard(Guard::Version(order.version))
                .effect(Effect::Wish(wish.now(WishState::Done)));
            // It takes the place of a capture that was still open, and of the look that was due for that.
            Ok(Asked::Change(match order.open_wish() {
                Some(_) => change.effect(Effect::Due(order.next_errand_without_wish(now))),
                None => change,
            }))
        }
    }
}

/// Takes the wish to capture the whole authorised amount.
///
/// # Errors
/// The order does not wait for a capture, or is to be cancelled.
pub fn capture(order: &Order, key: IdempotencyKey, now: Timestamp) -> Result<Asked, WishRefused> {
    if order.wishes(WishKind::Cancel).is_some() {
        return Err(WishRefused::CancelAsked);
    }
    let before = order.wishes(WishKind::Capture);
    if order.status != Status::CaptureRequired {
        return match (order.status, before) {
            (Status::Approved, Some(_)) => Ok(Asked::Already),
            (status, _) => Err(WishRefused::NotCapturable(status)),
        };
    }
    Ok(match before {
        Some(wish) if wish.state != WishState::GivenUp => Asked::Already,
        Some(wish) => Asked::Change(pursue(order, wish.now(WishState::Open), now)),
        None => {
            let wish =
                Wish { kind: WishKind::Capture, asked_at: to_millis(now), key, state: WishState::Open };
            Asked::Change(pursue(order, wish, now))
        }
    })
}

fn pursue(order: &Order, wish: Wish, now: Timestamp) -> Change {
    Change::new(Transition::Note, now)
        .guard(Guard::Version(order.version))
        .effect(Effect::Wish(wish))
        .effect(Effect::Due(Some(Due::new(now, DueReason::Wish))))
}

/// The change by which a wished cancel is fulfilled.
pub(crate) fn cancelled(order: &Order, wish: &Wish, now: Timestamp) -> Change {
    let detail = "It was cancelled as the merchant asked.";
    close(Transition::Cancel, now)
        .effect(Effect::Reason(Reason::new(ReasonCode::MerchantCancelled, detail)))
        .knowing(order)
        .without_due()
        .effect(Effect::Due(order.next_errand_without_wish(now)))
        .effect(Effect::Wish(wish.now(WishState::Done)))
}
