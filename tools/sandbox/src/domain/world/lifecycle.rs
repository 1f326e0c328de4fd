//! What happens to an order in the course of time.

use jiff::Timestamp;

use super::{Due, World};
use crate::domain::{
    event,
    fate::Action,
    money::Money,
    order::{Movement, Order, Phase},
};

impl World {
    /// Lets an action happen to an order, if the order is where the action can happen.
    pub(super) fn act(&mut self, at: Timestamp, order_id: &str, action: &Action) {
        let Some(order) = self.orders.get(order_id) else { return };
        let (phase, pending) = (order.phase, order.phase.is_pending());
        let due: Vec<Money> = order.charges.iter().map(|charge| charge.money.clone()).collect();
        match action {
            Action::StartProcessing if phase == Phase::Draft => self.enter(order_id, Phase::Processing),
            Action::Hold if matches!(phase, Phase::Draft | Phase::Processing) => {
                self.enter(order_id, Phase::OnHold)
            }
            Action::Release if phase == Phase::OnHold => self.enter(order_id, Phase::Processing),
            Action::Problem if pending => self.enter(order_id, Phase::Problem),
            Action::Approve if pending => self.approve(at, order_id, true),
            Action::ApproveLate if pending || phase == Phase::Expired => self.approve(at, order_id, true),
            Action::Decline if pending => self.decline(at, order_id, true),
            Action::Expire if pending || phase == Phase::Challenged => {
                self.enter(order_id, Phase::Expired);
                self.publish(at, order_id, event::ORDER_EXPIRED);
            }
            Action::AutoVoid if phase == Phase::CaptureRequired => {
                self.enter(order_id, Phase::Cancelled);
                self.publish(at, order_id, event::ORDER_CANCELLED);
            }
            Action::ChallengeAttempt if phase == Phase::Challenged => {
                self.publish(at, order_id, event::CHALLENGE_ATTEMPTED);
            }
            Action::ChallengeEnd { passes: true } if phase == Phase::Challenged => {
                self.publish(at, order_id, event::CHALLENGE_PASSED);
                self.approve(at, order_id, true);
            }
            Action::ChallengeEnd { passes: false } if phase == Phase::Challenged => {
                self.publish(at, order_id, event::CHALLENGE_FAILED);
                self.decline(at, order_id, true);
            }
            Action::Refund { amount_minor } => self.refund_by_portal(at, order_id, *amount_minor),
            Action::Chargeback if !due.is_empty() && phase != Phase::ChargedBack => {
                self.enter(order_id, Phase::ChargedBack);
                self.publish(at, order_id, event::CHARGEBACK_RECEIVED);
            }
            Action::Emit { event } => {
                self.publish(at, order_id, event);
            }
            // The order has moved on: the step no longer concerns it.
            Action::StartProcessing
            | Action::Hold
            | Action::Release
            | Action::Problem
            | Action::Approve
            | Action::ApproveLate
            | Action::Decline
            | Action::Expire
            | Action::AutoVoid
            | Action::ChallengeAttempt
            | Action::ChallengeEnd { .. }
            | Action::Chargeback => {}
        }
    }

    /// Approves: charges, or asks for a capture if that is what was agreed.
    pub(super) fn approve(&mut self, at: Timestamp, order_id: &str, announce: bool) {
        let Some(order) = self.orders.get(order_id) else { return };
        let captures_later = self.merchants.get(&order.mid).is_some_and(|merchant| merchant.auth_capture);
        if order.authorization && captures_later {
            self.require_capture(at, order_id, None);
            return;
        }
        self.charge(at, order_id);
        if announce {
            self.publish(at, order_id, event::ORDER_COMPLETED);
        }
    }

    /// Takes the money.
    pub(super) fn charge(&mut self, at: Timestamp, order_id: &str) {
        self.change(order_id, |order| {
            order.charges.push(Movement { money: order.amount.clone(), at });
            order.phase = Phase::Completed;
        });
    }

    pub(super) fn decline(&mut self, at: Timestamp, order_id: &str, announce: bool) {
        self.enter(order_id, Phase::Declined);
        if announce {
            self.publish(at, order_id, event::ORDER_CANCELLED);
        }
    }

    pub(super) fn challenge(&mut self, at: Timestamp, order_id: &str) {
        self.enter(order_id, Phase::Challenged);
        self.publish(at, order_id, event::CHALLENGE_PRESENTED);
    }

    pub(super) fn require_capture(&mut self, at: Timestamp, order_id: &str, window_seconds: Option<u64>) {
        self.enter(order_id, Phase::CaptureRequired);
        self.publish(at, order_id, event::ORDER_CAPTURE_REQUIRED);
        let window = window_seconds.unwrap_or(self.settings.orders.capture_window_seconds);
        self.schedule_after(
            at,
            window,
            Due::Step { order_id: order_id.to_owned(), action: Action::AutoVoid },
        );
    }

    pub(super) fn enter(&mut self, order_id: &str, phase: Phase) {
        self.change(order_id, |order| order.phase = phase);
    }

    pub(super) fn change(&mut self, order_id: &str, change: impl FnOnce(&mut Order)) {
        if let Some(order) = self.orders.get_mut(order_id) {
            change(order);
        }
    }
}
