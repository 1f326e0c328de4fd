//! What people asked for, against FlexFactor's ledger and against what it was called for.

use std::collections::BTreeMap;

use jiff::Timestamp;
use models::order::{Facet, Order};
use models::refund::RefundState;
use models::status::Status;
use models::wish::{CancelState, CaptureState};
use sandbox::OrderEntry;

use super::{Audit, Damage};
use crate::provider::RefundCall;
use crate::world::Ended;

/// How what people asked for ended, by words.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) cancels: BTreeMap<&'static str, u64>,
    pub(crate) captures: BTreeMap<&'static str, u64>,
    pub(crate) refunds: BTreeMap<&'static str, u64>,
    /// Refunds called made because FlexFactor's side refunded at that moment: its totals do not tell whose refund it was.
    pub(crate) made_by_others: u64,
    /// Orders that FlexFactor charged after it had confirmed their cancel; here they are shown as too late.
    pub(crate) charged_all_the_same: u64,
}

impl Audit {
    /// Judges one order; `ours` is what FlexFactor has of it.
    pub(super) fn asked(
        &mut self,
        world: &Ended,
        name: &str,
        order: &Order,
        ours: &[&OrderEntry],
        calls: &[RefundCall],
    ) {
        self.cancel(world, name, order, ours);
        self.capture(name, order);
        let is_of = |call: &&RefundCall| ours.iter().any(|entry| entry.order_id == call.order);
        let calls: Vec<&RefundCall> = calls.iter().filter(is_of).collect();
        self.refunds(world, name, order, ours, &calls);
        self.money(name, order, ours);
    }

    fn cancel(&mut self, world: &Ended, name: &str, order: &Order, ours: &[&OrderEntry]) {
        let Some(state) = order.cancel_state() else { return };
        let word = match state {
            CancelState::Wanted => "wanted",
            CancelState::Confirmed => "confirmed",
            CancelState::TooLate => "too late",
            CancelState::NothingToCancel => "nothing to cancel",
            CancelState::GivenUp => "given up",
        };
        *self.asked.cancels.entry(word).or_default() += 1;
        let mut untrue = |why: &str| self.add(Damage::WishUntrue, name, why);
        if state == CancelState::Wanted {
            untrue("its cancel has not ended");
        }
        let is_left = ours.iter().any(|entry| charged(entry) > refunded(entry));
        // Nothing is to be proposed of what is reserved, nor of what the cardholder's bank takes back.
        let is_held = order.reserved().get() > 0 || order.dispute != Facet::None;
        let is_proposed = order.proposed_refund().is_some() || is_held;
        if state == CancelState::TooLate && is_left && !is_proposed {
            untrue("its cancel came too late and no refund is proposed");
        }
        if matches!(state, CancelState::Confirmed | CancelState::NothingToCancel)
            && ours.iter().any(|entry| !entry.terminal)
            && order.status == Status::Cancelled
        {
            untrue("it is cancelled and FlexFactor works on it");
        }
        let Some(confirmed) = world.functions.store.confirmed(&order.key) else { return };
        if ours.iter().any(|entry| entry.placed_at > confirmed) {
            untrue("it was submitted after its cancel was confirmed");
        }
        let is_charged = ours.iter().any(|entry| entry.charges.iter().any(|charge| charge.at > confirmed));
        // FlexFactor's own doing, and it is told.
        let is_shown = order.status == Status::Approved;
        if is_charged && is_shown {
            self.asked.charged_all_the_same += 1;
        } else if is_charged {
            untrue("it was charged after its cancel was confirmed, and that is not shown");
        }
    }

    fn capture(&mut self, name: &str, order: &Order) {
        let Some(state) = order.capture_state() else { return };
        let word = match state {
            CaptureState::Wanted => "wanted",
            CaptureState::Captured => "captured",
            CaptureState::TooLate => "too late",
            CaptureState::GivenUp => "given up",
        };
        *self.asked.captures.entry(word).or_default() += 1;
        if state == CaptureState::Wanted {
            self.add(Damage::WishUntrue, name, "its capture has not ended");
        }
    }

    /// A refund is called made where FlexFactor made it and nowhere else, and never was FlexFactor asked for more than our
    /// own refunds had left.
    fn refunds(
        &mut self,
        world: &Ended,
        name: &str,
        order: &Order,
        ours: &[&OrderEntry],
        calls: &[&RefundCall],
    ) {
        let mut made: Vec<u64> =
            calls.iter().filter(|call| call.is_made).map(|call| call.minor.unsigned_abs()).collect();
        for refund in &order.refunds {
            *self.asked.refunds.entry(refund.state.word()).or_default() += 1;
        }
        let tells_totals = world.functions.provider.tells_totals();
        let mut take = |minor: u64| {
            let at = made.iter().position(|made| *made == minor);
            at.map(|at| made.swap_remove(at)).is_some()
        };
        // Those that are certain first: what is left may be one of which nobody could learn.
        let of = |state| order.refunds.iter().filter(move |refund| refund.state == state);
        for refund in of(RefundState::Made).filter(|refund| !take(refund.amount.get())) {
            match by_others(ours, calls, refund.asked_at) {
                true => self.asked.made_by_others += 1,
                false => self.add(Damage::RefundUntrue, name, "a refund is called made and was not"),
            }
        }
        for refund in of(RefundState::Unresolved) {
            take(refund.amount.get());
            if tells_totals {
                self.add(Damage::LeftOpen, name, "a refund is unresolved although it could be known");
            }
        }
        for _ in of(RefundState::Reserved) {
            self.add(Damage::LeftOpen, name, "a refund is reserved for ever");
        }
        if !made.is_empty() {
            let why = format!("FlexFactor made {} refunds that are not called made here", made.len());
            self.add(Damage::RefundUntrue, name, why);
        }
        for call in calls.iter().filter(|call| call.is_beyond) {
            let why = format!("FlexFactor was asked to refund {} more than was left", call.minor);
            self.add(Damage::OverRefunded, name, why);
        }
    }

    /// What is said of the money is not more than what is so.
    fn money(&mut self, name: &str, order: &Order, ours: &[&OrderEntry]) {
        let charged: u64 = ours.iter().map(|entry| charged(entry)).sum();
        let refunded: u64 = ours.iter().map(|entry| refunded(entry)).sum();
        if refunded > charged {
            self.add(Damage::OverRefunded, name, format!("{refunded} of {charged} is refunded"));
        }
        if order.refunded().get() > refunded {
            let why = format!("{} is said to be refunded, and {refunded} is", order.refunded().get());
            self.add(Damage::RefundUntrue, name, why);
        }
        if order.captured().get() > charged {
            let why = format!("{} is said to be captured, and {charged} is", order.captured().get());
            self.add(Damage::Mismatch, name, why);
        }
    }
}

fn charged(entry: &OrderEntry) -> u64 {
    entry.charges.iter().map(|charge| charge.money.minor).sum::<i64>().unsigned_abs()
}

fn refunded(entry: &OrderEntry) -> u64 {
    entry.refunds.iter().map(|refund| refund.money.minor).sum::<i64>().unsigned_abs()
}

/// Whether FlexFactor's side refunded the order since then.
fn by_others(ours: &[&OrderEntry], calls: &[&RefundCall], since: Timestamp) -> bool {
    let is_call = |minor: i64, at: Timestamp| {
        calls.iter().any(|call| call.is_made && call.minor == minor && call.at == at)
    };
    let mut refunds = ours.iter().flat_map(|entry| &entry.refunds);
    refunds.any(|refund| refund.at >= since && !is_call(refund.money.minor, refund.at))
}
