//! From a screened decline to an order, and what a decline means for an order that is there already.

use jiff::{SignedDuration, Timestamp};

use crate::ids::ContentHash;
use crate::order::{Due, DueReason, Facet, Order, Submission};
use crate::screening::Screened;
use crate::status::Status;
use crate::time::{later, to_millis};

/// A new order, as received at `now`; due for a look if it is not submitted within `submission_overdue`.
#[must_use]
pub fn open(
    screened: Screened,
    content: ContentHash,
    submission_overdue: SignedDuration,
    now: Timestamp,
) -> Order {
    let Screened { decline, window_days } = screened;
    let now = to_millis(now);
    Order {
        key: decline.key(),
        status: Status::Received,
        reason: None,
        amount: decline.amount,
        declined_at: to_millis(decline.declined_at),
        received_at: now,
        expires_at: later(now, SignedDuration::from_hours(24 * i64::from(window_days))),
        updated_at: now,
        content,
        request: Some(Box::new(decline)),
        submission: Submission::default(),
        provider_order: None,
        confirmation: None,
        due: Some(Due::new(later(now, submission_overdue), DueReason::SubmissionOverdue)),
        seen: std::collections::BTreeSet::new(),
        refund: Facet::None,
        dispute: Facet::None,
        wish: None,
        refunds: Vec::new(),
        totals: None,
        version: 1,
    }
}

/// What a decline is, seen beside the order that is stored under its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// The same decline again, and the order still waits to be handed on: redelivery finishes the job.
    SameToHandOn,
    /// The same decline again: nothing to do.
    Same,
    /// Another decline under the same id.
    Conflict,
}

/// Compares a decline's content with the stored order's.
#[must_use]
pub fn compare(stored: &Order, content: &ContentHash) -> Repeat {
    match (stored.content == *content, stored.status) {
        (false, _) => Repeat::Conflict,
        (true, Status::Received) => Repeat::SameToHandOn,
        (
            true,
            Status::Submitting
            | Status::Unknown
            | Status::Pending
            | Status::CaptureRequired
            | Status::Escalated
            | Status::Rejected
            | Status::Declined
            | Status::Expired
            | Status::Cancelled
            | Status::Approved,
        ) => Repeat::Same,
    }
}
