//! Looking at an order that is due: what to do about it, and what the provider's word then means.

use jiff::{SignedDuration, Timestamp};

use crate::change::{Change, Effect, Guard};
use crate::ids::ProviderOrderId;
use crate::order::{Due, DueReason, Facet, Order, Reason, ReasonCode};
use crate::status::{Status, Transition};
use crate::submission::{Times, close, escalate, window_over};
use crate::time::later;

/// How long after its window and grace an order may stay unreadable before it is handed back.
pub const READ_BOUND: SignedDuration = SignedDuration::from_hours(72);
/// After which time a read that failed is tried again.
pub const READ_RETRY: SignedDuration = SignedDuration::from_mins(15);

/// What a cancelled order means when it is read after its window: how the provider shows an expired order there is
/// not known (docs/flexfactor.md), therefore a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelledPastExpiry {
    /// It expired.
    Expired,
    /// It was cancelled.
    Cancelled,
}

/// What to do about a due order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// Ask the provider about it.
    Ask(ProviderOrderId),
    /// Hand it on for submission again, then make the change.
    Resubmit(Change),
    /// Make the change; the provider has nothing to say.
    Settle(Change),
}

/// Decides what to do about `order`, which is due at `now`.
#[must_use]
pub fn look(order: &Order, times: &Times, now: Timestamp) -> Look {
    match order.status {
        Status::Received if order.provider_order.is_some() => look_at_unknown(order, times, now),
        Status::Received if now < order.expires_at => Look::Resubmit(overdue(times, now).knowing(order)),
        Status::Received => {
            let reason =
                Reason::new(ReasonCode::NeverSubmitted, "The window ended before it could be submitted.");
            Look::Settle(close(Transition::Expire, now).effect(Effect::Reason(reason)).knowing(order))
        }
        Status::Submitting | Status::Unknown => look_at_unknown(order, times, now),
        Status::Pending | Status::CaptureRequired => look_at_open(order, times, now),
        Status::Escalated
        | Status::Rejected
        | Status::Declined
        | Status::Expired
        | Status::Cancelled
        | Status::Approved => match &order.provider_order {
            Some(id) if order.has_open_signal() => Look::Ask(id.clone()),
            // Nothing is open any more: only the look itself is left to clear.
            Some(_) | None => Look::Settle(rearm(None, now).guard(Guard::Version(order.version))),
        },
    }
}

fn look_at_unknown(order: &Order, times: &Times, now: Timestamp) -> Look {
    let held_until = order.submission.lease_until.filter(|until| *until > now);
    if let Some(until) = held_until {
        return Look::Settle(rearm(Some(Due::new(until, DueReason::SubmissionOverdue)), now).knowing(order));
    }
    if let Some(id) = &order.provider_order {
        return Look::Ask(id.clone());
    }
    let is_replayable =
        order.submission.first_attempt_at.is_none_or(|first| now.duration_since(first) < times.replay_window);
    if is_replayable && now < order.expires_at {
        return Look::Resubmit(overdue(times, now).knowing(order));
    }
    Look::Settle(escalate(out_of_reach(), now).knowing(order))
}

fn look_at_open(order: &Order, times: &Times, now: Timestamp) -> Look {
    let window_over = window_over(order, times.expiry_grace);
    match &order.provider_order {
        Some(id) if order.has_open_signal() || now >= window_over.at => Look::Ask(id.clone()),
        Some(_) | None if now < window_over.at => Look::Settle(rearm(Some(window_over), now).knowing(order)),
        Some(_) | None => Look::Settle(escalate(out_of_reach(), now).knowing(order)),
    }
}

fn out_of_reach() -> Reason {
    let detail = "The provider never told us its id of this order: look for it in the provider's portal before any retry.";
    Reason::new(ReasonCode::OutcomeUnknown, detail)
}

fn overdue(times: &Times, now: Timestamp) -> Change {
    rearm(Some(Due::new(later(now, times.submission_overdue), DueReason::SubmissionOverdue)), now)
}

fn rearm(due: Option<Due>, now: Timestamp) -> Change {
    Change::new(Transition::Note, now).effect(Effect::Due(due))
}

/// What the provider says about an order when asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderView {
    /// It works on it.
    Working,
    /// Authorised; to be captured.
    CaptureRequired,
    /// Rescued and charged.
    Rescued,
    /// Charged, and refunded since.
    Returned,
    /// Charged, and disputed since.
    Disputed,
    /// Over without a charge: declined, cancelled or expired, the provider has one word for all.
    Over,
    /// It has a problem with it that people must solve.
    Problem,
    /// A word that is not known.
    NotUnderstood,
    /// No answer that could be read.
    NoAnswer,
}

/// The change that the provider's answer, `view` in the provider's word `word`, makes to a due order at `now`.
#[must_use]
pub fn after_read(
    order: &Order,
    view: &ProviderView,
    word: &str,
    times: &Times,
    cancelled_past_expiry: CancelledPastExpiry,
    now: Timestamp,
) -> Change {
    let window_over = window_over(order, times.expiry_grace);
    let is_over = now >= window_over.at;
    let (transition, code) = match view {
        ProviderView::Rescued | ProviderView::Returned | ProviderView::Disputed => {
            (Transition::Approve, ReasonCode::ProviderRead)
        }
        ProviderView::Over => match cancelled_past_expiry {
            CancelledPastExpiry::Expired if now >= order.expires_at => {
                (Transition::Expire, ReasonCode::ProviderRead)
            }
            CancelledPastExpiry::Expired | CancelledPastExpiry::Cancelled => {
                (Transition::Cancel, ReasonCode::ProviderRead)
            }
        },
        // Still worked on after window and grace: the promise to the merchant is over.
        ProviderView::Working if is_over => (Transition::Expire, ReasonCode::WindowOver),
        ProviderView::Working => (Transition::Accept, ReasonCode::ProviderRead),
        ProviderView::CaptureRequired if is_over => (Transition::Escalate, ReasonCode::WindowOver),
        ProviderView::CaptureRequired => (Transition::RequireCapture, ReasonCode::ProviderRead),
        ProviderView::Problem => (Transition::Escalate, ReasonCode::ProviderRead),
        ProviderView::NotUnderstood | ProviderView::NoAnswer => {
            return unreadable(order, Reason::new(ReasonCode::ProviderRead, word), window_over.at, now);
        }
    };
    let reason = Reason::new(code, word);
    let known = transition.from().contains(&order.status);
    let ends = transition.to().is_some_and(Status::is_terminal) || order.status.is_terminal();
    let mut change = Change::new(if known { transition } else { Transition::Note }, now)
        .guard(Guard::Version(order.version))
        .effect(Effect::Due(if ends { None } else { Some(window_over) }));
    if known {
        change = change.effect(Effect::Reason(reason)).effect(Effect::EndLease).effect(Effect::DropRequest);
    }
    confirm_signals(change, order)
}

/// The order was read: what was signalled is now known.
fn confirm_signals(mut change: Change, order: &Order) -> Change {
    if order.refund == Facet::Signalled {
        change = change.effect(Effect::Refund(Facet::Confirmed));
    }
    if order.dispute == Facet::Signalled {
        change = change.effect(Effect::Dispute(Facet::Confirmed));
    }
    change
}

/// Try again, until the bound: then hand it back, never leave it.
fn unreadable(order: &Order, reason: Reason, window_over: Timestamp, now: Timestamp) -> Change {
    let change = match order.status.is_terminal() {
        true => wait_for_signal(order, now),
        false if now < later(window_over, READ_BOUND) => {
            // What was said, or why nothing was, is kept with the order.
            look_again(order, READ_RETRY, now).effect(Effect::Reason(reason))
        }
        false => Change::new(Transition::Escalate, now)
            .effect(Effect::Reason(reason))
            .effect(Effect::Due(None))
            .effect(Effect::EndLease)
            .effect(Effect::DropRequest),
    };
    change.guard(Guard::Version(order.version))
}

/// An ended order whose refund or dispute can't be read is asked for at growing intervals, each twice the last; past the
/// bound nobody asks any more, and the facet stays signalled ([`gives_up`]).
fn wait_for_signal(order: &Order, now: Timestamp) -> Change {
    // What the last look had planned, not how long it took: an outage of the sweep must not use up the bound.
    let last_wait = order.due.map_or(SignedDuration::ZERO, |due| due.at.duration_since(order.updated_at));
    let wait = READ_RETRY.max(last_wait.saturating_mul(2));
    if wait > READ_BOUND { rearm(None, now) } else { look_again(order, wait, now) }
}

fn look_again(order: &Order, wait: SignedDuration, now: Timestamp) -> Change {
    let reason = order.due.map_or(DueReason::WindowOver, |due| due.reason);
    rearm(Some(Due::new(later(now, wait), reason)), now)
}

/// Whether the change leaves an open money signal to people: nobody will look again, and nothing was confirmed.
#[must_use]
pub fn gives_up(order: &Order, change: &Change) -> bool {
    let confirms = |effect: &Effect| {
        matches!(effect, Effect::Refund(Facet::Confirmed) | Effect::Dispute(Facet::Confirmed))
    };
    order.has_open_signal()
        && change.effects.contains(&Effect::Due(None))
        && !change.effects.iter().any(confirms)
}
