//! What an order is looked at for beside its own way to its end: a wish of people, a refund whose outcome is not known, a
//! signal that money moved. One look does all that is open, and one count bounds them together.

use jiff::Timestamp;

use super::{CalledOff, Heard, Look, LookRules, ProviderView, Sighting, Step, after_read, again, rearm};
use crate::change::{Change, Effect, Guard};
use crate::order::{Due, DueReason, Facet, Order, Reason, ReasonCode};
use crate::refund::{Totals, leave_unresolved, settle_by_totals};
use crate::status::{Status, Transition};
use crate::submission::{HELD_FOR_GOOD, Times, close, next_cycle};
use crate::time::to_millis;
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
    match (wish.kind, order.status) {
        // It ended only here: the provider worked on it when it was last asked.
        (WishKind::Cancel, Status::Expired) if order.is_expired_by_us() => {
            order.provider_order.clone().map(Look::Cancel)
        }
        (_, Status::Approved | Status::Rejected | Status::Expired | Status::Cancelled | Status::Declined) => {
            Some(Look::Do(Step::Settle(put_down(order, wish, WishState::Done, now))))
        }
        // The call that is under way, or may be, comes first: a cancel that overtook it would find nothing to cancel.
        (_, Status::Submitting | Status::Unknown) if is_held(order, now) => {
            let until = order.submission.lease_until?;
            let due = Due { looks: order.due.map_or(0, |due| due.looks), ..Due::new(until, DueReason::Wish) };
            Some(Look::Do(Step::Settle(rearm(Some(due), now).guard(Guard::Version(order.version)))))
        }
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

/// Whether a call of its submission is under way or may be, and the order is not held for good.
fn is_held(order: &Order, now: Timestamp) -> bool {
    order.submission.lease_until.is_some_and(|until| until > now && until < to_millis(HELD_FOR_GOOD))
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
    // Of two orders under our id one was cancelled: it stays with people.
    let is_double = order.reason.as_ref().is_some_and(|reason| reason.code == ReasonCode::TwoProviderOrders);
    match (answer, order.open_wish()) {
        (CalledOff::Done, Some(_)) if is_double => {
            Some(give_up(rearm(None, now).guard(Guard::Version(order.version)), order))
        }
        (CalledOff::Done, Some(wish)) => Some(wish::cancelled(order, wish, now)),
        (CalledOff::Done | CalledOff::Refused(_) | CalledOff::NoAnswer(_), _) => None,
    }
}

/// The change after a cancel by our own id that people wish. `sighting` is what was then found under our own id: what the
/// provider answers to an id that it does not know is not known, so what it has counts for more than its answer.
#[must_use]
pub fn after_wished_call_off(
    order: &Order,
    answer: &CalledOff,
    sighting: &Sighting,
    rules: &LookRules,
    now: Timestamp,
) -> Change {
    let confirmed = after_cancel(order, answer, now);
    match sighting {
        Sighting::One(id, heard) => match (heard.view, confirmed) {
            (
                ProviderView::Over
                | ProviderView::CalledOff
                | ProviderView::NotUnderstood
                | ProviderView::NoAnswer,
                Some(confirmed),
            ) => confirmed,
            _ => after_read(order, heard, rules, now),
        }
        .guard(Guard::ProviderOrder(id.clone()))
        .effect(Effect::ProviderOrder(id.clone())),
        Sighting::Several => {
            let detail = "The provider has more than one order under this id: it took it more than once.";
            hand_back(order, Reason::new(ReasonCode::TwoProviderOrders, detail), now)
        }
        Sighting::NotFound | Sighting::NoAnswer(_) => match (confirmed, again(order, DueReason::Wish, now)) {
            (Some(confirmed), _) => confirmed,
            (None, Some(due)) => rearm(Some(due), now).guard(Guard::Version(order.version)),
            (None, None) => hand_back(
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
    let mut change = confirm_signals(change, &mut after, heard);
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
    if let Some(wish) =
        order.open_wish().map(|wish| wish.now(fulfilled(&after, order, heard.view, now))).or(revived)
    {
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
fn fulfilled(after: &Order, before: &Order, view: ProviderView, now: Timestamp) -> WishState {
    let pursued = again(before, DueReason::Wish, now).map_or(WishState::GivenUp, |_| WishState::Open);
    let is_worked_on = matches!(view, ProviderView::Working | ProviderView::CaptureRequired);
    match after.status {
        // It ended only here.
        Status::Expired if is_worked_on && before.is_expired_by_us() => pursued,
        Status::Approved | Status::Rejected | Status::Expired | Status::Cancelled | Status::Declined => {
            WishState::Done
        }
        Status::Received
        | Status::Submitting
        | Status::Unknown
        | Status::Pending
        | Status::CaptureRequired
        | Status::Escalated => pursued,
    }
}

/// The order was read: what was signalled is now known.
fn confirm_signals(mut change: Change, order: &mut Order, heard: &Heard) -> Change {
    if order.refund == Facet::Signalled {
        change = change.effect(Effect::Refund(Facet::Confirmed));
        order.refund = Facet::Confirmed;
    }
    // A dispute that is read counts also where its webhook never came.
    let is_news = heard.view == ProviderView::Disputed && order.dispute == Facet::None;
    if order.dispute == Facet::Signalled || is_news {
        change = change.effect(Effect::Dispute(Facet::Confirmed));
        order.dispute = Facet::Confirmed;
    }
    change
}

/// The totals that an answer about a charged order tells: its own, or those that its word implies. A returned order is
/// refunded (documented: ff/orders-id). Whether one that is refunded in part shows the same word is not known, so the word
/// stands for the whole only where what is known to be refunded, or nothing, does not explain it.
fn told(after: &Order, heard: &Heard) -> Option<Totals> {
    match heard.view {
        ProviderView::Rescued | ProviderView::Disputed => heard.totals,
        ProviderView::Returned => heard.totals.or_else(|| {
            let known = after.refunded().get().saturating_add(after.reserved().get());
            let is_whole = known == 0 || known >= after.captured().get();
            is_whole.then(|| Totals { captured: after.captured(), refunded: after.captured() })
        }),
        ProviderView::Working
        | ProviderView::CaptureRequired
        | ProviderView::Over
        | ProviderView::Declined
        | ProviderView::CalledOff
        | ProviderView::Expired
        | ProviderView::Problem
        | ProviderView::NotUnderstood
        | ProviderView::NoAnswer => None,
    }
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
