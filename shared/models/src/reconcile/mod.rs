//! Looking at an order that is due: what to ask the provider, and what its word then means.
//!
//! A look goes `look` → (a question) → `after_read`, `after_find` or `after_call_off`. Each ends in one change, which also
//! says when somebody looks next: nothing is left without a look, and no look repeats past its schedule's bound.

mod errand;

use jiff::Timestamp;

use crate::change::{Change, Effect, Guard};
use crate::ids::{IdempotencyKey, ProviderOrderId};
use crate::order::{Due, DueReason, Facet, Order, Reason, ReasonCode};
use crate::refund::{Refund, RefundState, Totals};
use crate::status::{Status, Transition};
use crate::submission::{Times, close, escalate, next_cycle, window_over};
use crate::wish::WishState;

pub use errand::{after_cancel, after_wished_call_off};

/// What a cancelled order means when it is read after its window: how the provider shows an expired order there is
/// not known (docs/flexfactor.md), therefore a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelledPastExpiry {
    /// It expired.
    Expired,
    /// It was cancelled.
    Cancelled,
}

/// The deployment's rules for looks.
#[derive(Debug, Clone)]
pub struct LookRules {
    /// The times.
    pub times: Times,
    /// What the provider's one word for three ends means.
    pub cancelled_past_expiry: CancelledPastExpiry,
}

/// What to do about a due order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// Ask the provider about the order that it has under this id; then [`after_read`].
    Ask(ProviderOrderId),
    /// Ask the provider whether it has an order under our own id; then [`after_find`].
    Find,
    /// Cancel the order that the provider has under this id, as people wish; then [`after_cancel`].
    Cancel(ProviderOrderId),
    /// Capture the whole amount of the order that the provider has under this id, with this key, as people wish; then ask
    /// about the order, as in [`Look::Ask`], whatever the answer.
    Capture(ProviderOrderId, IdempotencyKey),
    /// What needs no question.
    Do(Step),
}

/// What follows without a further question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Make the change.
    Settle(Change),
    /// Hand the order on for submission, with the key it has; then make the change.
    Resubmit(Change),
    /// Make the change, by which nobody submits the order any more; if it was made, cancel at the provider whatever it may
    /// have under our own id; then [`after_call_off`], with the order as the change left it, or [`after_wished_call_off`]
    /// where people wish it.
    CallOff(Change),
}

/// Decides what to do about `order`, which is due at `now`.
#[must_use]
pub fn look(order: &Order, rules: &LookRules, now: Timestamp) -> Look {
    if let Some(look) = errand::look(order, now) {
        return look;
    }
    match order.status {
        Status::Received if order.provider_order.is_none() => Look::Do(look_at_received(order, now)),
        Status::Received | Status::Submitting | Status::Unknown => look_at_unknown(order, now),
        Status::Pending | Status::CaptureRequired => look_at_open(order, rules, now),
        Status::Escalated
        | Status::Rejected
        | Status::Declined
        | Status::Expired
        | Status::Cancelled
        | Status::Approved => match &order.provider_order {
            Some(id) if order.has_errand() => Look::Ask(id.clone()),
            // Nothing is open any more: only the look itself is left to clear.
            Some(_) | None => Look::Do(Step::Settle(rearm(None, now).guard(Guard::Version(order.version)))),
        },
    }
}

/// It is certain that nothing was sent: submit it, while that makes sense.
fn look_at_received(order: &Order, now: Timestamp) -> Step {
    match again(order, DueReason::SubmissionOverdue, now) {
        Some(due) if now < order.expires_at => Step::Resubmit(rearm(Some(due), now).knowing(order)),
        Some(_) | None => {
            let detail = "It could not be submitted within the bound, and nothing was sent.";
            let reason = Reason::new(ReasonCode::NeverSubmitted, detail);
            let change = close(Transition::Reject, now).effect(Effect::Reason(reason));
            Step::Settle(change.knowing(order))
        }
    }
}

fn look_at_unknown(order: &Order, now: Timestamp) -> Look {
    let held =
        order.submission.lease_until.filter(|until| order.status == Status::Submitting && *until > now);
    if let (Some(until), Some(due)) = (held, order.due) {
        let after_lease = Due { looks: due.looks, ..Due::new(until, due.reason) };
        // Also where a money signal is due: asking about it can wait for the claim's end.
        return Look::Do(Step::Settle(rearm(Some(after_lease), now).guard(Guard::Version(order.version))));
    }
    order.provider_order.clone().map_or(Look::Find, Look::Ask)
}

fn look_at_open(order: &Order, rules: &LookRules, now: Timestamp) -> Look {
    match &order.provider_order {
        Some(id) => Look::Ask(id.clone()),
        // An open order has an id by every way that leads there; should one ever not, it ends with its window.
        None => Look::Do(Step::Settle(match window_over(order, rules.times.expiry_grace) {
            last if now < last.at => rearm(Some(last), now).knowing(order),
            _ => escalate(Reason::new(ReasonCode::OutcomeUnknown, "It has no id to ask by."), now)
                .knowing(order),
        })),
    }
}

/// What the provider says about an order when asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// Over without a charge: declined, cancelled or expired, in one word for all.
    Over,
    /// Over: not rescued.
    Declined,
    /// Over: cancelled.
    CalledOff,
    /// Over: its window ended.
    Expired,
    /// It has a problem with it that people must solve.
    Problem,
    /// A word that is not known.
    NotUnderstood,
    /// No answer that could be read.
    NoAnswer,
}

impl ProviderView {
    /// The view, made exact by another answer where it is one word for three ends.
    #[must_use]
    pub const fn refined_by(self, other: Self) -> Self {
        match (self, other) {
            (Self::Over, Self::Declined | Self::CalledOff | Self::Expired) => other,
            (view, _) => view,
        }
    }
}

/// What the provider said, with its own word or the reason why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// What it means.
    pub view: ProviderView,
    /// The word.
    pub word: String,
    /// What was captured and refunded altogether, where the provider tells.
    pub totals: Option<Totals>,
}

impl Heard {
    /// No answer, and why.
    #[must_use]
    pub fn no_answer(why: impl ToString) -> Self {
        Self { view: ProviderView::NoAnswer, word: why.to_string(), totals: None }
    }
}

/// The change that the provider's answer makes to a due order at `now`.
#[must_use]
pub fn after_read(order: &Order, heard: &Heard, rules: &LookRules, now: Timestamp) -> Change {
    let is_over = now >= window_over(order, rules.times.expiry_grace).at;
    let (transition, code) = match heard.view {
        ProviderView::Rescued | ProviderView::Returned | ProviderView::Disputed => {
            (Transition::Approve, ReasonCode::ProviderRead)
        }
        ProviderView::Declined => (Transition::Decline, ReasonCode::ProviderRead),
        ProviderView::CalledOff => (Transition::Cancel, ReasonCode::ProviderRead),
        ProviderView::Expired => (Transition::Expire, ReasonCode::ProviderRead),
        ProviderView::Over => match rules.cancelled_past_expiry {
            CancelledPastExpiry::Expired if now >= order.expires_at => {
                (Transition::Expire, ReasonCode::ProviderRead)
            }
            CancelledPastExpiry::Expired | CancelledPastExpiry::Cancelled => {
                (Transition::Cancel, ReasonCode::ProviderRead)
            }
        },
        // Still worked on after window and grace: the promise to the merchant is over. A wish goes on to the end of its schedule.
        ProviderView::Working if is_over && order.open_wish().is_none() => {
            (Transition::Expire, ReasonCode::WindowOver)
        }
        ProviderView::Working => (Transition::Accept, ReasonCode::ProviderRead),
        ProviderView::CaptureRequired if is_over => (Transition::Escalate, ReasonCode::WindowOver),
        ProviderView::CaptureRequired => (Transition::RequireCapture, ReasonCode::ProviderRead),
        ProviderView::Problem => (Transition::Escalate, ReasonCode::ProviderRead),
        ProviderView::NotUnderstood | ProviderView::NoAnswer => {
            return unreadable(order, Reason::new(ReasonCode::ProviderRead, &heard.word), rules, now);
        }
    };
    let (transition, reason) = errand::bounded(order, transition, Reason::new(code, &heard.word), now);
    let is_known = transition.from().contains(&order.status);
    let mut change = Change::new(if is_known { transition } else { Transition::Note }, now)
        .guard(Guard::Version(order.version));
    if is_known {
        change = change.effect(Effect::Reason(reason)).effect(Effect::EndLease);
    }
    errand::finish(change, order, heard, &rules.times)
}

/// Looks again by the schedule of what the look was for; where that is used up, hands back what can't be learnt.
fn unreadable(order: &Order, reason: Reason, rules: &LookRules, now: Timestamp) -> Change {
    let last = window_over(order, rules.times.expiry_grace);
    let is_open = matches!(order.status, Status::Pending | Status::CaptureRequired);
    let due_reason = match (errand::reason(order), is_open) {
        (Some(errand), _) => errand,
        (None, true) if now < last.at => DueReason::WebhookOverdue,
        (None, true) => DueReason::WindowOver,
        (None, false) => DueReason::OutcomeUnknown,
    };
    let change = match again(order, due_reason, now) {
        Some(due) if is_open && errand::reason(order).is_none() && now < last.at && last.at < due.at => {
            rearm(Some(last), now)
        }
        Some(due) => rearm(Some(due), now),
        // An ended order whose money can't be read stays as it is ([`gives_up`]).
        None if order.status.is_terminal() => {
            return errand::give_up(rearm(None, now).guard(Guard::Version(order.version)), order);
        }
        None if is_open && now < last.at && order.open_wish().is_none() => {
            rearm(Some(next_cycle(order, &rules.times, now)), now)
        }
        None => errand::give_up(
            Change::new(Transition::Escalate, now).effect(Effect::Due(None)).effect(Effect::EndLease),
            order,
        ),
    };
    let change = change.guard(Guard::Version(order.version));
    // What was said, or why nothing was, is kept with an order that has not ended.
    if order.status.is_terminal() { change } else { change.effect(Effect::Reason(reason)) }
}

/// Whether the change leaves an errand to people: a money signal whose schedule is used up, a refund of which nobody could
/// learn whether it was made, a wish that can't be fulfilled.
#[must_use]
pub fn gives_up(order: &Order, change: &Change) -> bool {
    let confirms = |effect: &Effect| {
        matches!(effect, Effect::Refund(Facet::Confirmed) | Effect::Dispute(Facet::Confirmed))
    };
    let waits = |effect: &Effect| matches!(effect, Effect::Due(Some(due)) if due.reason.is_errand());
    let moves = change.effects.iter().any(|effect| matches!(effect, Effect::Due(_)));
    let left =
        |refunds: &[Refund]| refunds.iter().filter(|refund| refund.state == RefundState::Unresolved).count();
    let leaves = |effect: &Effect| {
        let more = matches!(effect, Effect::Refunds(refunds) if left(refunds) > left(&order.refunds));
        more || matches!(effect, Effect::Wish(wish) if wish.state == WishState::GivenUp)
    };
    let is_signal_left = order.has_open_signal()
        && moves
        && !change.effects.iter().any(|effect| confirms(effect) || waits(effect));
    is_signal_left || change.effects.iter().any(leaves)
}

/// What the provider has under our own id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighting {
    /// One order.
    One(ProviderOrderId, Heard),
    /// More than one: it took the order more than once.
    Several,
    /// None that could be found. It may have one all the same.
    NotFound,
    /// No answer, and why.
    NoAnswer(String),
}

/// What follows from looking for an order whose id at the provider was never learnt.
#[must_use]
pub fn after_find(order: &Order, sighting: &Sighting, rules: &LookRules, now: Timestamp) -> Step {
    match sighting {
        Sighting::One(id, heard) => Step::Settle(
            after_read(order, heard, rules, now)
                .guard(Guard::ProviderOrder(id.clone()))
                .effect(Effect::ProviderOrder(id.clone())),
        ),
        Sighting::Several => {
            let detail = "The provider has more than one order under this id: it took it more than once.";
            let reason = Reason::new(ReasonCode::TwoProviderOrders, detail);
            Step::Settle(escalate(reason, now).knowing(order))
        }
        Sighting::NotFound | Sighting::NoAnswer(_) => match again(order, DueReason::OutcomeUnknown, now) {
            Some(due) if may_be_repeated(order, &rules.times, now) => {
                Step::Resubmit(rearm(Some(due), now).knowing(order))
            }
            Some(_) | None => Step::CallOff(errand::hold(order, now)),
        },
    }
}

/// Whether the provider still knows the key of the first attempt, and did not refuse a repeat of it.
fn may_be_repeated(order: &Order, times: &Times, now: Timestamp) -> bool {
    let first = order.submission.first_attempt_at;
    let is_remembered = first.is_none_or(|first| now.duration_since(first) < times.replay_window);
    let is_refused = order.reason.as_ref().is_some_and(|reason| reason.code == ReasonCode::ProviderRefused);
    is_remembered && !is_refused && now < order.expires_at
}

/// How cancelling by our own id went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CalledOff {
    /// The provider confirmed it.
    Done,
    /// It refused, in these words.
    Refused(String),
    /// No answer, and why.
    NoAnswer(String),
}

/// The change after the provider was told to cancel whatever it may have under our own id. No further submission
/// follows: the order is handed back, whatever the answer, and where there is none when the schedule is used up.
#[must_use]
pub fn after_call_off(order: &Order, called_off: &CalledOff, now: Timestamp) -> Change {
    let advice = "look for it in the provider's portal before any retry";
    let detail = match called_off {
        CalledOff::Done => {
            format!("It is not known what became of it; the provider cancelled it by our id; {advice}.")
        }
        CalledOff::Refused(words) => {
            format!(
                "It is not known what became of it, and it could not be cancelled by our id ({words}); {advice}."
            )
        }
        CalledOff::NoAnswer(why) => match again(order, DueReason::OutcomeUnknown, now) {
            Some(due) => return rearm(Some(due), now).knowing(order),
            None => {
                format!("It is not known what became of it, nor whether it was cancelled ({why}); {advice}.")
            }
        },
    };
    escalate(Reason::new(ReasonCode::OutcomeUnknown, detail), now).knowing(order)
}

/// The next look for `reason` after this one, which led to nothing.
fn again(order: &Order, reason: DueReason, now: Timestamp) -> Option<Due> {
    Due::new(now, reason).counted(order.due).again(now)
}

fn rearm(due: Option<Due>, now: Timestamp) -> Change {
    Change::new(Transition::Note, now).effect(Effect::Due(due))
}
