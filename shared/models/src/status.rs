//! The one table of which status may follow which. The store's conditions are compiled from it.
//!
//! Two rules make any order of events end in the same state. Statuses have a rank, and knowledge only moves an order
//! up: a late approval beats a local expiry, a webhook beats an evaluate answer that comes later. And only our own
//! steps (claiming, giving a claim back, losing track) move among the low ranks, guarded by the attempt they belong to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $word:literal),+ $(,)?) => {
        /// Where an order stands. The order of the variants is their rank.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum Status { $($(#[$doc])* $name),+ }

        impl Status {
            /// All statuses, lowest rank first.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word that is stored and shown.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }
        }
    };
}

statuses! {
    /// Stored, not yet submitted.
    Received = "received",
    /// A submission is under way: somebody holds the claim.
    Submitting = "submitting",
    /// The last submission's outcome is not known: it timed out, or the provider failed. It is not a refusal.
    Unknown = "unknown",
    /// Nothing was sent, or the provider refused the request as invalid: it has no such order. Should it show to have one
    /// after all, that is the better knowledge, so everything it says of an order ranks higher.
    Rejected = "rejected",
    /// The provider works on it.
    Pending = "pending",
    /// Authorised; a capture must follow within the provider's window.
    CaptureRequired = "capture_required",
    /// We could not learn what became of it within the bound: handed back to people.
    Escalated = "escalated",
    /// The window ended without a rescue.
    Expired = "expired",
    /// Cancelled, by the merchant or by the provider.
    Cancelled = "cancelled",
    /// The provider declined to rescue it. It closes such orders with the event for cancelled ones, so the answer, which
    /// is the more exact of the two, ranks higher.
    Declined = "declined",
    /// Rescued: the customer was charged.
    Approved = "approved",
}

/// A word that is no status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a status")]
pub struct StatusError;

impl FromStr for Status {
    type Err = StatusError;
    fn from_str(word: &str) -> Result<Self, StatusError> {
        Self::ALL.iter().copied().find(|status| status.word() == word).ok_or(StatusError)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What the billing system is to do with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Instruction {
    /// Keep the order pending and don't retry the card.
    HoldRetries,
    /// The customer was charged: mark the order paid.
    MarkPaid,
    /// Nothing was charged and nothing will be: the merchant's own retries may go on.
    ResumeRetries,
    /// Don't retry: the order was called off, or people must look first.
    DoNotRetry,
}

impl Status {
    /// All statuses of a lower rank.
    const fn lower(self) -> &'static [Self] {
        Self::ALL.split_at(self as usize).0
    }

    /// Whether nothing more is expected to happen to the order.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Received | Self::Submitting | Self::Unknown | Self::Pending | Self::CaptureRequired => {
                false
            }
            Self::Escalated
            | Self::Rejected
            | Self::Declined
            | Self::Expired
            | Self::Cancelled
            | Self::Approved => true,
        }
    }

    /// Whether an order keeps its decline there, with the personal data in it: only as long as it may have to be submitted,
    /// once more or at all.
    #[must_use]
    pub const fn holds_request(self) -> bool {
        match self {
            Self::Received | Self::Submitting | Self::Unknown => true,
            Self::Rejected
            | Self::Pending
            | Self::CaptureRequired
            | Self::Escalated
            | Self::Expired
            | Self::Cancelled
            | Self::Declined
            | Self::Approved => false,
        }
    }

    /// What the billing system is to do.
    #[must_use]
    pub const fn instruction(self) -> Instruction {
        match self {
            Self::Received | Self::Submitting | Self::Unknown | Self::Pending | Self::CaptureRequired => {
                Instruction::HoldRetries
            }
            Self::Approved => Instruction::MarkPaid,
            Self::Rejected | Self::Expired | Self::Declined => Instruction::ResumeRetries,
            // An escalated order may have been charged; a cancelled one was called off by somebody.
            Self::Escalated | Self::Cancelled => Instruction::DoNotRetry,
        }
    }
}

/// A step of an order's life, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transition {
    /// Somebody takes the right to submit it.
    Claim,
    /// The claim is given back: it is certain that nothing was sent.
    Release,
    /// The submission's outcome could not be learnt.
    LoseTrack,
    /// The provider took it.
    Accept,
    /// The provider authorised it and wants a capture.
    RequireCapture,
    /// The bound for learning its fate is used up.
    Escalate,
    /// The provider refused the request as invalid.
    Reject,
    /// The provider declined to rescue it.
    Decline,
    /// Its window ended.
    Expire,
    /// It was cancelled.
    Cancel,
    /// It was rescued.
    Approve,
    /// Something is noted; the status stays.
    Note,
}

impl Transition {
    /// All transitions.
    pub const ALL: &'static [Self] = &[
        Self::Claim,
        Self::Release,
        Self::LoseTrack,
        Self::Accept,
        Self::RequireCapture,
        Self::Escalate,
        Self::Reject,
        Self::Decline,
        Self::Expire,
        Self::Cancel,
        Self::Approve,
        Self::Note,
    ];

    /// The statuses it may start from.
    #[must_use]
    pub const fn from(self) -> &'static [Status] {
        use Status::{Received, Submitting, Unknown};
        match self {
            Self::Claim => &[Received, Submitting, Unknown],
            Self::Release | Self::LoseTrack => &[Submitting],
            Self::Reject => Status::Rejected.lower(),
            Self::Accept => Status::Pending.lower(),
            Self::RequireCapture => Status::CaptureRequired.lower(),
            Self::Escalate => Status::Escalated.lower(),
            Self::Expire => Status::Expired.lower(),
            Self::Cancel => Status::Cancelled.lower(),
            Self::Decline => Status::Declined.lower(),
            // Money that moved beats whatever we believed before.
            Self::Approve => Status::Approved.lower(),
            Self::Note => Status::ALL,
        }
    }

    /// The status it leads to; `None` where the status stays.
    #[must_use]
    pub const fn to(self) -> Option<Status> {
        match self {
            Self::Claim => Some(Status::Submitting),
            Self::Release => Some(Status::Received),
            Self::LoseTrack => Some(Status::Unknown),
            Self::Accept => Some(Status::Pending),
            Self::RequireCapture => Some(Status::CaptureRequired),
            Self::Escalate => Some(Status::Escalated),
            Self::Reject => Some(Status::Rejected),
            Self::Decline => Some(Status::Declined),
            Self::Expire => Some(Status::Expired),
            Self::Cancel => Some(Status::Cancelled),
            Self::Approve => Some(Status::Approved),
            Self::Note => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_unique_and_read_back() {
        for status in Status::ALL {
            assert_eq!(status.word().parse(), Ok(*status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.word());
        }
        assert_eq!("done".parse::<Status>(), Err(StatusError));
    }

    /// All but claiming and giving a claim back only move an order up, which is what makes the order of events not matter.
    #[test]
    fn knowledge_only_moves_an_order_up() {
        for transition in Transition::ALL {
            let Some(to) = transition.to() else { continue };
            for from in transition.from() {
                if !matches!(transition, Transition::Claim | Transition::Release) {
                    assert!(*from < to, "{transition:?} from {from}");
                }
            }
        }
    }

    /// What the provider says of an order's end is taken from every lower rank; nothing it says can get stuck.
    #[test]
    fn ends_told_by_the_provider_are_taken_from_every_lower_rank() {
        use Transition::{Approve, Cancel, Decline, Expire};
        for transition in [Expire, Cancel, Decline, Approve] {
            let to = transition.to().unwrap();
            let lower: Vec<_> = Status::ALL.iter().copied().filter(|status| *status < to).collect();
            assert_eq!(transition.from(), lower, "{transition:?}");
        }
        let words: Vec<_> = Status::ALL.iter().map(|status| status.word()).collect();
        assert_eq!(
            words.join(" < "),
            "received < submitting < unknown < rejected < pending < capture_required < escalated < expired < cancelled < \
             declined < approved"
        );
    }

    #[test]
    fn no_terminal_order_is_ever_claimed() {
        assert!(Transition::Claim.from().iter().all(|status| !status.is_terminal()));
    }
}
