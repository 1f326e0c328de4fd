//! An observer of every change: what must never be, at no moment, concerning what people asked for.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use models::change::{Change, Effect};
use models::ids::OrderKey;
use models::order::Order;
use models::reconcile::gives_up;
use models::refund::RefundState;
use models::schedule::request_held_max;
use models::status::{Instruction, Transition};
use models::wish::{CancelState, WishState};

use crate::audit::Damage;

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Since when an order's cancel is confirmed.
    confirmed: BTreeMap<OrderKey, Timestamp>,
    /// Since when an order holds personal data.
    holding: BTreeMap<OrderKey, Timestamp>,
    held_longest: SignedDuration,
    wrongs: Vec<(Damage, OrderKey, &'static str)>,
}

/// Whether more than the order as it then is must be known to judge a change.
pub(crate) fn needs_before(change: &Change) -> bool {
    change.effects.iter().any(|effect| matches!(effect, Effect::Refunds(_) | Effect::Wish(_)))
}

impl Watch {
    /// Since when the cancel of this order is confirmed.
    pub(crate) fn confirmed(&self, key: &OrderKey) -> Option<Timestamp> {
        self.confirmed.get(key).copied()
    }

    pub(crate) fn wrongs(&self) -> &[(Damage, OrderKey, &'static str)] {
        &self.wrongs
    }

    /// The orders that hold personal data now.
    pub(crate) fn holding(&self) -> impl Iterator<Item = &OrderKey> {
        self.holding.keys()
    }

    /// The longest that an order held personal data which it holds no more.
    pub(crate) fn held_longest(&self) -> SignedDuration {
        self.held_longest
    }

    /// Takes note of an arrival.
    pub(crate) fn see_arrival(&mut self, order: &Order) {
        if order.request.is_some() {
            self.holding.insert(order.key.clone(), order.received_at);
        }
    }

    /// Judges a change. `before` is the order that it was made to, where [`needs_before`].
    pub(crate) fn see(&mut self, before: Option<&Order>, change: &Change, after: &Order) {
        let cancel = after.cancel_state();
        let held = if after.request.is_none() { self.holding.remove(&after.key) } else { None };
        let held = held.map_or(SignedDuration::ZERO, |since| change.at.duration_since(since));
        self.held_longest = self.held_longest.max(held);
        let wrongs = [
            (
                held > request_held_max(),
                Damage::HeldTooLong,
                "its personal data was held longer than promised",
            ),
            (
                change.transition == Transition::Claim && after.wish.is_some(),
                Damage::WishUntrue,
                "it is submitted although it is to be cancelled",
            ),
            (
                cancel.is_some() && after.instruction() == Instruction::ResumeRetries,
                Damage::WishUntrue,
                "it is to be cancelled and the merchant is told to retry",
            ),
            (is_left(after), Damage::LeftOpen, "something is open and nobody will look"),
            (
                before.is_some_and(|before| is_given_up(before, after) && !is_told(before, change)),
                Damage::LeftOpen,
                "something is given up and people are not told",
            ),
            (
                before.is_some_and(|before| loses_a_refund(before, after)),
                Damage::RefundUntrue,
                "a refund that was asked for is gone",
            ),
        ];
        for (_, damage, why) in wrongs.into_iter().filter(|(is_so, ..)| *is_so) {
            self.wrongs.push((damage, after.key.clone(), why));
        }
        if cancel == Some(CancelState::Confirmed) {
            self.confirmed.entry(after.key.clone()).or_insert(change.at);
        }
    }
}

fn is_left(order: &Order) -> bool {
    let is_open =
        !order.status.is_terminal() || order.open_wish().is_some() || order.refund_under_way().is_some();
    is_open && order.due.is_none()
}

fn is_given_up(before: &Order, after: &Order) -> bool {
    let is_given_up =
        |order: &Order| order.wish.as_ref().is_some_and(|wish| wish.state == WishState::GivenUp);
    let unresolved =
        |order: &Order| order.refunds.iter().filter(|refund| refund.state == RefundState::Unresolved).count();
    (is_given_up(after) && !is_given_up(before)) || unresolved(after) > unresolved(before)
}

/// As order-reconcile tells it (its `settle`).
fn is_told(before: &Order, change: &Change) -> bool {
    change.transition == Transition::Escalate || gives_up(before, change)
}

fn loses_a_refund(before: &Order, after: &Order) -> bool {
    let is_there = |id| after.refunds.iter().any(|refund| refund.id == id);
    !before.refunds.iter().all(|refund| is_there(refund.id.clone()))
}
