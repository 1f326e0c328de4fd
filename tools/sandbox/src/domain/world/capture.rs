//! Captures: of the whole authorized amount, once (integrator: neither partial nor over-capture).

use jiff::Timestamp;

use super::World;
use crate::domain::{
    event,
    money::{Money, decimal_of_cents},
    order::Phase,
    refusal::Refusal,
};

/// What a capture's idempotency key was used for.
#[derive(Clone, Debug)]
pub(super) struct KeyUse {
    order_id: String,
    money: Money,
}

impl World {
    /// Captures an authorized order.
    ///
    /// # Errors
    /// Unknown order, wrong state, wrong amount, or a key that was used for something else.
    pub fn capture(
        &mut self,
        at: Timestamp,
        mid: &str,
        key: &str,
        order_id: &str,
        money: Money,
    ) -> Result<(), Refusal> {
        let unknown = self.settings.orders.unknown_id_http_status;
        let order =
            self.order(mid, order_id).ok_or_else(|| Refusal::new(unknown, "The order was not found."))?;
        let order_id = order.id.clone();
        let key = (mid.to_owned(), key.to_ascii_lowercase());
        match self.capture_keys.get(&key) {
            Some(used) if used.order_id == order_id && used.money == money => return Ok(()),
            Some(_) => return Err(Refusal::new(409, "The idempotency key was used with another payload.")),
            None => {}
        }
        if order.phase != Phase::CaptureRequired {
            let status = order.name(&self.settings);
            return Err(Refusal::new(200, format!("The order can't be captured in status {status}.")));
        }
        if money != order.amount {
            let authorized = decimal_of_cents(order.amount.minor);
            return Err(Refusal::new(
                200,
                format!("The amount differs from the authorized one ({authorized})."),
            ));
        }
        self.charge(at, &order_id);
        self.publish(at, &order_id, event::ORDER_COMPLETED);
        self.capture_keys.insert(key, KeyUse { order_id, money });
        Ok(())
    }
}
