//! What an order is looked at for beside its own way to its end: a wish of people, a refund whose outcome is not known, a
//! signal that money moved. One look does all that is open, and one count bounds them together.

use jiff::Timestamp;

use super::{CalledOff, Heard, Look, LookRules, ProviderView, Sighting, Step, after_read, again, rearm};
use crate::change::{Change, Effect, Guard};
use crate::order::{Due, DueReason, Facet, Order, Reason, ReasonCode};
use crate::refund::{Totals, leave_unresolved, settle_by_totals};
use crate::status::{Status, Transition};
use crate::submission::{HELD_FOR_GOOD, Times, close, next_cycle};
use crate::wish::{self, Wish, WishKind, WishState};

/// What the order's errand is, the one that is looked for the longest first; `None` where it has none.
pub(super) fn reason(order: &Order) -> Option<DueReason> {
    let refund = order.refund_under_way().map(|_| DueReason::RefundUnknown);
    let signal = order.has_open_signal().then_some(DueReason::MoneySignal);
    refund.or(signal).or(order.open_wish().map(|_| DueReason::Wish))
}

/// What to do about an open wish; `None` where there is none, or it has to wait.
pub(super) fn look(order: &Order, now: Timestamp) -> Option<Look> {
    let wish = order.open_wish()?;
    let is_held = order.submission.lease_until.is_some_and(|until| until > now);
    match (wish.kind, order.status) {
        (_, Status::Approved | Status::Rejected | Status::Expired | Status::Cancelled | Status::Declined) => {
            Some(Look::Do(Step::Settle(put_down(order, wish, WishState::Done, now))))
        }
        // The call that is under way comes first.
        (_, Status::Submitting) if is_held => None,
        (WishKind::Cancel, _) if order.is_unsent() => {
            Some(Look::Do(Step::Settle(wish::cancelled(order, wish, now))))
        }
        (
            WishKind::Cancel,
            Status::Received
            | Status::Submitting
            | Status::Unknown
            | Status::Pending
            | Status::CaptureRequired
            | Status::Escalated,
        ) => Some(match &order.provider_order {
            Some(id) => Look::Cancel(id.clone()),
            None => Look::Do(Step::CallOff(hold(order, now))),
        }),
        (WishKind::Capture, Status::CaptureRequired) => {
            order.provider_order.clone().map(|id| Look::Capture(id, wish.key))
        }
        // Handed back to people: they have the order now, and may ask again.
        (WishKind::Capture, Status::Escalated) => {
            Some(Look::Do(Step::Settle(put_down(order, wish, WishState::GivenUp, now))))
        }
        // Not authorised any more, or not known to be: the order is read.
        (WishKind::Capture, Status::Received | Status::Submitting | Status::Unknown | Status::Pending) => {
            None
        }
    }
}

/// The change by which nobody submits the order any more.
pub(super) fn hold(order: &Order, now: Timestamp) -> Change {
    let is_submitting = order.status == Status::Submitting;
    let step = if is_submitting { Transition::LoseTrack } else { Transition::Note };
    Change::new(step, now).effect(Effect::HoldUntil(HELD_FOR_GOOD)).guard(Guard::Version(order.version))
}

/// Nothing is left to do for the wish.
fn put_down(order: &Order, wish: &Wish, state: WishState, now: Timestamp) -> Change {
    rearm(order.next_errand_without_wish(now), now)
        .guard(Guard::Version(order.version))
        .effect(Effect::Wish(wish.now(state)))
}

/// The change after a cancel that people wish was sent; `None` where it was not confirmed: ask about the order then, as in
/// [`Look::Ask`].
#[must_use]
pub fn after_cancel(order: &Order, answer: &CalledOff, now: Timestamp) -> Option<Change> {
    match (answer, order.open_wish()) {
        (CalledOff::Done, Some(wish)) => Some(wish::cancelled(order, wish, now)),
        (CalledOff::Done | CalledOff::Refused(_) | CalledOff::NoAnswer(_), _) => None,
    }
}

/// The change after a cancel by our own id that people wish. `sighting` is what was then found under our own id, and is
/// needed only where the cancel was not confirmed.
#[must_use]
pub fn after_wished_call_off(
    order: &Order,
    answer: &CalledOff,
    sighting: &Sighting,
    rules: &LookRules,
    now: Timestamp,
) -> Change {
    if let Some(change) = after_cancel(order, answer, now) {
        return change;
    }
    match sighting {
        Sighting::One(id, heard) => after_read(order, heard, rules, now)
            .guard(Guard::ProviderOrder(id.clone()))
            .effect(Effect::ProviderOrder(id.clone())),
        Sighting::Several => {
            let detail = "The provider has more than one order under this id: it took it more than once.";
            hand_back(order, Reason::new(ReasonCode::TwoProviderOrders, detail), now)
        }
        Sighting::NotFound | Sighting::NoAnswer(_) => match again(order, DueReason::Wish, now) {
            Some(due) => rearm(Some(due), now).guard(Guard::Version(order.version)),
            None => hand_back(
                order,
                not_confirmed(WishKind::Cancel, "it has no such order as far as can be seen"),
                now,
            ),
        },
    }
}

/// Hands the order back to people, and with it all that is open.
fn hand_back(order: &Order, reason: Reason, now: Timestamp) -> Change {
    let is_known = Transition::Escalate.from().contains(&order.status);
    let change = match is_known {
        true => close(Transition::Escalate, now).knowing(order).without_due().effect(Effect::Reason(reason)),
        false => Change::new(Transition::Note, now).guard(Guard::Version(order.version)),
    };
    give_up(change.effect(Effect::Due(None)), order)
}

fn not_confirmed(kind: WishKind, word: &str) -> Reason {
    let what = match kind {
        WishKind::Cancel => "cancel",
        WishKind::Capture => "capture",
    };
    let detail =
        format!("The {what} was not confirmed within its schedule; the provider's last word: {word}.");
    Reason::new(ReasonCode::WishNotConfirmed, detail)
}

/// What a read of the order leads to, bounded by the schedule of an open wish: an order that is still under way when that is
/// used up is handed back.
pub(super) fn bounded(
    order: &Order,
    transition: Transition,
    reason: Reason,
    now: Timestamp,
) -> (Transition, Reason) {
    let is_under_way = transition.to().is_some_and(|status| !status.is_terminal());
    match order.open_wish() {
        Some(wish) if is_under_way && again(order, DueReason::Wish, now).is_none() => {
            (Transition::Escalate, not_confirmed(wish.kind, &reason.detail))
        }
        Some(_) | None => (transition, reason),
    }
}

/// Completes the change after an order was read: what was signalled is confirmed, what was refunded is settled, a wish is
/// fulfilled or pursued, and somebody looks again at what is left.
pub(super) fn finish(change: Change, order: &Order, heard: &Heard, times: &Times) -> Change {
    let now = change.at;
    let mut after = order.clone();
    let mut change = confirm_signals(change, &mut after);
    after.status = change.transition.to().unwrap_or(order.status);
    // Amounts of an order that is not charged say nothing of what was captured.
    if let Some(totals) = told(&after, heard).filter(|_| after.status == Status::Approved) {
        let settled = settle_by_totals(&after, totals, now);
        if settled.refunds != order.refunds {
            change = change.effect(Effect::Refunds(settled.refunds.clone()));
        }
        if let Some(totals) = settled.totals.filter(|totals| Some(*totals) != order.totals) {
            change = change.effect(Effect::Totals(totals));
        }
        after = settled;
    }
    let revived = change.revived(order);
    if let Some(wish) = order.open_wish().map(|wish| wish.now(fulfilled(&after, order, now))).or(revived) {
        if order.wish.as_ref() != Some(&wish) {
            change = change.effect(Effect::Wish(wish.clone()));
        }
        after.wish = Some(wish);
    }
    let due = match reason(&after) {
        Some(errand) => match again_after(&after, order, errand, now) {
            Some(due) => Some(due),
            None => return give_up(change.effect(Effect::Due(after_errands(&after, times, now))), &after),
        },
        None => after_errands(&after, times, now),
    };
    change.effect(Effect::Due(due))
}

/// When somebody looks at an order that has no errand any more.
fn after_errands(after: &Order, times: &Times, now: Timestamp) -> Option<Due> {
    (!after.status.is_terminal()).then(|| next_cycle(after, times, now))
}

/// The next look for what is left open. A refund is not looked at before it can be told.
fn again_after(after: &Order, before: &Order, errand: DueReason, now: Timestamp) -> Option<Due> {
    let due = again(before, errand, now)?;
    let settles_at = after.refund_under_way().map_or(due.at, |refund| refund.settles_at());
    Some(if reason(after) == Some(DueReason::RefundUnknown) {
        Due { looks: due.looks, ..Due::new(due.at.max(settles_at), due.reason) }
    } else {
        due
    })
}

/// How an open wish stands once the order is as it is `after`.
fn fulfilled(after: &Order, before: &Order, now: Timestamp) -> WishState {
    match after.status {
        Status::Approved | Status::Rejected | Status::Expired | Status::Cancelled | Status::Declined => {
            WishState::Done
        }
        Status::Received
        | Status::Submitting
        | Status::Unknown
        | Status::Pending
        | Status::CaptureRequired
        | Status::Escalated => match again(before, DueReason::Wish, now) {
            Some(_) => WishState::Open,
            None => WishState::GivenUp,
        },
    }
}

/// The order was read: what was signalled is now known.
fn confirm_signals(mut change: Change, order: &mut Order) -> Change {
    if order.refund == Facet::Signalled {
        change = change.effect(Effect::Refund(Facet::Confirmed));
        order.refund = Facet::Confirmed;
    }
    if order.dispute == Facet::Signalled {
        change = change.effect(Effect::Dispute(Facet::Confirmed));
        order.dispute = Facet::Confirmed;
    }
    change
}

/// The totals that an answer tells: its own, or those that its word implies. A returned order is refunded (documented:
/// ff/orders-id); how one shows that is refunded in part is not known.
fn told(after: &Order, heard: &Heard) -> Option<Totals> {
    let is_returned = heard.view == ProviderView::Returned;
    let implied = is_returned.then(|| Totals { captured: after.captured(), refunded: after.captured() });
    heard.totals.or(implied)
}

/// Leaves to people what is open: nobody looks any more.
pub(super) fn give_up(mut change: Change, order: &Order) -> Change {
    if order.refund_under_way().is_some() {
        change.effects.retain(|effect| !matches!(effect, Effect::Refunds(_)));
        change = change.effect(Effect::Refunds(leave_unresolved(order).refunds));
    }
    if let Some(wish) = order.open_wish() {
        change.effects.retain(|effect| !matches!(effect, Effect::Wish(_)));
        change = change.effect(Effect::Wish(wish.now(WishState::GivenUp)));
    }
    change
}
