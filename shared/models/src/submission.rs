//! Submitting an order: the claim, and what each outcome does to it.

use jiff::{SignedDuration, Timestamp};

use crate::change::{Change, Effect, Guard};
use crate::ids::{IdempotencyKey, ProviderOrderId};
use crate::order::{Due, DueReason, Order, Reason, ReasonCode};
use crate::status::{Status, Transition};
use crate::time::{later, to_millis};

/// The deployment's times around a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    /// How long a claim holds: longer than a function can run, so that two never submit at once.
    pub lease: SignedDuration,
    /// For how long after an outcome that is not known nobody submits again: the call may still be under way.
    pub repeat_after: SignedDuration,
    /// After which time an order that should have been submitted is looked at.
    pub submission_overdue: SignedDuration,
    /// How long after the first attempt the provider still knows the key (24 hours, documented for cancel: ff/cancel).
    pub replay_window: SignedDuration,
    /// How often an order that the provider works on is read: a lost webhook is found within this time.
    pub webhook_cycle: SignedDuration,
    /// How long after its window an order is given for a late webhook.
    pub expiry_grace: SignedDuration,
}

/// Until when an order that is called off is held.
pub(crate) const HELD_FOR_GOOD: Timestamp = Timestamp::MAX;

/// What a claim is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The key to use if the order has none yet.
    pub key: IdempotencyKey,
    /// The provider's account that the merchant's orders go to now.
    pub account: String,
    /// The moment.
    pub now: Timestamp,
}

/// Takes the right to submit: nobody else holds it, nobody wished the order cancelled, nothing says that the provider has
/// it, and the provider will still know the key of the first attempt when this one arrives, which is within the lease.
#[must_use]
pub fn claim(claim: &Claim, times: &Times) -> Change {
    let now = claim.now;
    let first_attempt_after = later(now, times.lease - times.replay_window);
    Change::new(Transition::Claim, now)
        .guard(Guard::LeaseOver(now))
        .guard(Guard::NoProviderOrder)
        .guard(Guard::NoWish)
        .guard(Guard::FirstAttemptAfter(first_attempt_after))
        .effect(Effect::StartAttempt {
            key: claim.key,
            account: claim.account.clone(),
            lease_until: later(now, times.lease),
        })
}

/// Why a claim was not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimRefused {
    /// There is no such order.
    NoOrder,
    /// The provider has it, or it has ended: nothing to submit.
    Settled(Status),
    /// Somebody else is submitting it, or a call that gave no answer may still be under way, until then.
    Held(Timestamp),
    /// It is being called off: nothing is submitted any more.
    CalledOff,
    /// The provider's id of it is known: it is to be read, not submitted.
    AtProvider,
    /// The provider may have forgotten the key: a further call could submit it twice. The order as it is.
    ReplayWindowOver(Box<Order>),
}

/// Says why a claim made at `now` was refused, from the order that refused it.
#[must_use]
pub fn why_refused(order: Option<&Order>, now: Timestamp) -> ClaimRefused {
    let Some(order) = order else { return ClaimRefused::NoOrder };
    if !Transition::Claim.from().contains(&order.status) {
        return ClaimRefused::Settled(order.status);
    }
    if let Some(until) = order.submission.lease_until.filter(|until| *until > now) {
        let is_for_good = until == to_millis(HELD_FOR_GOOD);
        return if is_for_good { ClaimRefused::CalledOff } else { ClaimRefused::Held(until) };
    }
    if order.wish.is_some() {
        return ClaimRefused::CalledOff;
    }
    if order.provider_order.is_some() {
        return ClaimRefused::AtProvider;
    }
    ClaimRefused::ReplayWindowOver(Box::new(order.clone()))
}

/// What the provider's answer to a submission means for the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Rescued and charged.
    Rescued,
    /// Taken; the outcome follows.
    Working,
    /// Authorised; to be captured.
    CaptureRequired,
    /// Not rescued, and nothing more will be tried.
    NotRescued,
    /// Its window is over.
    WindowOver,
    /// Cancelled.
    CalledOff,
    /// A word that is not known: the provider has the order, but what it says is not understood.
    NotUnderstood,
}

/// How a submission ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The provider answered.
    Answered {
        /// What the answer means.
        verdict: Verdict,
        /// The provider's id of the order.
        provider_order: ProviderOrderId,
        /// The provider's own word.
        word: String,
    },
    /// The provider refused the request as invalid.
    Refused {
        /// The provider's words, redacted.
        words: String,
    },
    /// It is not known whether the provider took it.
    Lost(Reason),
    /// It is certain that nothing was sent.
    NotSent(Reason),
}

/// The change that an attempt's outcome makes. `order` is as the claim of this attempt left it.
#[must_use]
pub fn record(order: &Order, outcome: &Outcome, times: &Times, now: Timestamp) -> Change {
    match outcome {
        Outcome::Answered { verdict, provider_order, word } => {
            let reason = Reason::new(ReasonCode::EvaluateAnswer, word.clone());
            let change = match verdict {
                Verdict::NotUnderstood => {
                    return lose_track(order, reason, times, now)
                        .guard(Guard::ProviderOrder(provider_order.clone()))
                        .effect(Effect::ProviderOrder(provider_order.clone()));
                }
                Verdict::Working => open_at_provider(Transition::Accept, order, times, now),
                Verdict::CaptureRequired => open_at_provider(Transition::RequireCapture, order, times, now),
                Verdict::Rescued => close(Transition::Approve, now),
                Verdict::NotRescued => close(Transition::Decline, now),
                Verdict::WindowOver => close(Transition::Expire, now),
                Verdict::CalledOff => close(Transition::Cancel, now),
            };
            change
                .guard(Guard::ProviderOrder(provider_order.clone()))
                .effect(Effect::Reason(reason))
                .effect(Effect::ProviderOrder(provider_order.clone()))
        }
        // Only of a first attempt does a refusal say that the provider has no such order; else it is to be found out.
        Outcome::Refused { words } if !is_first_attempt(order) => {
            let detail = format!("Refused, but an earlier attempt may have been taken: {words}");
            lose_track(order, Reason::new(ReasonCode::ProviderRefused, detail), times, now)
        }
        // And only while no later attempt is under way, which may be taken.
        Outcome::Refused { words } => close(Transition::Reject, now)
            .guard(Guard::Attempt(order.submission.attempts))
            .effect(Effect::Reason(Reason::new(ReasonCode::ProviderRefused, words.clone()))),
        Outcome::NotSent(reason) if is_first_attempt(order) => release(order, reason.clone(), times, now),
        Outcome::Lost(reason) | Outcome::NotSent(reason) => lose_track(order, reason.clone(), times, now),
    }
}

/// Whether no attempt before the present one may have reached the provider. `order` is as the claim left it.
fn is_first_attempt(order: &Order) -> bool {
    // Counted and not told by time: two clocks may show the same moment.
    order.submission.attempts.saturating_sub(order.submission.unsent) == 1
}

/// Hands an order back to people, because its fate can't be learnt within the bound.
#[must_use]
pub fn escalate(reason: Reason, now: Timestamp) -> Change {
    close(Transition::Escalate, now).effect(Effect::Reason(reason))
}

fn open_at_provider(transition: Transition, order: &Order, times: &Times, now: Timestamp) -> Change {
    Change::new(transition, now)
        .guard(Guard::NoErrand)
        .effect(Effect::Due(Some(next_cycle(order, times, now))))
        .effect(Effect::EndLease)
}

/// The next look at an order that the provider works on: in a cycle, at the latest when window and grace are over.
pub(crate) fn next_cycle(order: &Order, times: &Times, now: Timestamp) -> Due {
    let last = window_over(order, times.expiry_grace);
    let next = Due::new(later(now, times.webhook_cycle), DueReason::WebhookOverdue);
    if next.at < last.at { next } else { last }
}

/// The look that is due when the order's window and the grace after it are over.
pub(crate) fn window_over(order: &Order, grace: SignedDuration) -> Due {
    Due::new(later(order.expires_at, grace), DueReason::WindowOver)
}

/// Ends an order: nobody needs to look again, and nobody holds it.
pub(crate) fn close(transition: Transition, now: Timestamp) -> Change {
    Change::new(transition, now).guard(Guard::NoErrand).effect(Effect::Due(None)).effect(Effect::EndLease)
}

/// Gives the claim back as if it had never been taken, but for its count.
fn release(order: &Order, reason: Reason, times: &Times, now: Timestamp) -> Change {
    let due = Due::new(later(now, times.submission_overdue), DueReason::SubmissionOverdue);
    end_attempt(Transition::Release, order, reason, due, now)
        .effect(Effect::EndLease)
        .effect(Effect::ForgetAttempts)
}

fn lose_track(order: &Order, reason: Reason, times: &Times, now: Timestamp) -> Change {
    let due = Due::new(later(now, times.submission_overdue), DueReason::OutcomeUnknown);
    end_attempt(Transition::LoseTrack, order, reason, due, now)
        .effect(Effect::HoldUntil(later(now, times.repeat_after)))
}

/// Ends this attempt, and no other, without an outcome. The looks behind it stay counted and the next one where it is:
/// attempts must not move the bound.
fn end_attempt(transition: Transition, order: &Order, reason: Reason, due: Due, now: Timestamp) -> Change {
    Change::new(transition, now)
        .guard(Guard::Attempt(order.submission.attempts))
        .guard(Guard::NoErrand)
        .effect(Effect::Reason(reason))
        .effect(Effect::Due(Some(due.not_before(order.due))))
}
