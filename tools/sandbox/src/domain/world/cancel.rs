//! Cancels. Documented: merchant-initiated orders while pending or awaiting a capture, customer-initiated ones only
//! while awaiting a capture; cancel and external-cancel of one order are one operation.

use jiff::Timestamp;

use super::World;
use crate::domain::{
    clock::after,
    event,
    order::{Order, Phase},
    refusal::Refusal,
};

/// What a cancel's idempotency key was used for.
#[derive(Clone, Debug)]
pub(super) struct KeyUse {
    order_id: String,
    at: Timestamp,
}

impl World {
    /// Cancels an order by FlexFactor's id.
    ///
    /// # Errors
    /// Unknown order, wrong state, or a key that was used for another order.
    pub fn cancel(
        &mut self,
        at: Timestamp,
        mid: &str,
        order_id: &str,
        key: Option<&str>,
    ) -> Result<(), Refusal> {
        let order_id = self.order(mid, order_id).map(|order| order.id.clone());
        self.cancel_found(at, mid, order_id, key)
    }

    /// Cancels the youngest order with the merchant's id.
    ///
    /// # Errors
    /// As [`World::cancel`].
    pub fn external_cancel(
        &mut self,
        at: Timestamp,
        mid: &str,
        external_id: &str,
        key: Option<&str>,
    ) -> Result<(), Refusal> {
        let order_id = self.order_by_external(mid, external_id).map(|order| order.id.clone());
        self.cancel_found(at, mid, order_id, key)
    }

    fn cancel_found(
        &mut self,
        at: Timestamp,
        mid: &str,
        order_id: Option<String>,
        key: Option<&str>,
    ) -> Result<(), Refusal> {
        let settings = &self.settings.orders;
        let unknown = Refusal::new(settings.unknown_id_http_status, "The order was not found.");
        let order_id = order_id.ok_or(unknown)?;
        let key = key.map(|key| (mid.to_owned(), key.to_ascii_lowercase()));
        let window = settings.cancel_replay_window_seconds;
        let used = key
            .as_ref()
            .and_then(|key| self.cancel_keys.get(key))
            .filter(|used| at <= after(used.at, window));
        match used {
            Some(used) if used.order_id == order_id => return Ok(()),
            Some(_) => return Err(Refusal::new(409, "The idempotency key was used with another payload.")),
            None => {}
        }
        let refused = settings.cancel_refused_http_status;
        let order = self.orders.get(&order_id).ok_or_else(|| Refusal::new(500, "The order is gone."))?;
        if order.cancelled_by_merchant_at.is_none() {
            if !may_cancel(order) {
                let status = order.name(&self.settings);
                return Err(Refusal::new(
                    refused,
                    format!("The order can't be cancelled in status {status}."),
                ));
            }
            self.change(&order_id, |order| {
                order.phase = Phase::Cancelled;
                order.cancelled_by_merchant_at = Some(at);
            });
            self.publish(at, &order_id, event::ORDER_CANCELLED);
        }
        if let Some(key) = key {
            self.cancel_keys.insert(key, KeyUse { order_id, at });
        }
        Ok(())
    }
}

fn may_cancel(order: &Order) -> bool {
    order.phase == Phase::CaptureRequired || (order.mit && order.phase.is_pending())
}
