//! Refunds, by call and by portal. Never more than was charged.

use jiff::Timestamp;

use super::World;
use crate::domain::{
    event,
    money::{Money, decimal_of_cents},
    order::{Movement, Order, Phase},
    refusal::Refusal,
    settings::RepeatedRefund,
};

/// A refund that was made, or made before.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RefundDone {
    /// `transactionId`.
    pub transaction_id: String,
}

impl World {
    /// Refunds `minor` cents of an order.
    ///
    /// # Errors
    /// Unknown order; FlexFactor's code 2001 if it is more than is left.
    pub fn refund(
        &mut self,
        at: Timestamp,
        mid: &str,
        order_id: &str,
        minor: i64,
    ) -> Result<RefundDone, Refusal> {
        let unknown = self.settings.orders.unknown_id_http_status;
        let order =
            self.order(mid, order_id).ok_or_else(|| Refusal::new(unknown, "The order was not found."))?;
        let order_id = order.id.clone();
        let transaction_id = |number: usize| self.ids.guid(&["refund", &order_id, &number.to_string()]);
        let repeated = order.refunds.iter().position(|refund| refund.money.minor == minor);
        match (self.settings.orders.repeated_refund, repeated) {
            (RepeatedRefund::SameAmountRepeats, Some(number)) => {
                return Ok(RefundDone { transaction_id: transaction_id(number) });
            }
            (RepeatedRefund::OnlyFirst, _) if !order.refunds.is_empty() => {
                return Err(self.refund_refused("The order has been refunded already".to_owned()));
            }
            (RepeatedRefund::SameAmountRepeats, None)
            | (RepeatedRefund::OnlyFirst | RepeatedRefund::Separate, _) => {}
        }
        self.check_refund(order, minor)?;
        let done = RefundDone { transaction_id: transaction_id(order.refunds.len()) };
        self.book_refund(at, &order_id, minor);
        Ok(done)
    }

    /// A refund by FlexFactor's side: of what is left, or of as much of `minor` as is left.
    pub(super) fn refund_by_portal(&mut self, at: Timestamp, order_id: &str, minor: Option<i64>) {
        let left = self.orders.get(order_id).map_or(0, Order::refundable_minor);
        let minor = minor.unwrap_or(left).min(left);
        if minor > 0 {
            self.book_refund(at, order_id, minor);
        }
    }

    fn check_refund(&self, order: &Order, minor: i64) -> Result<(), Refusal> {
        let left = order.refundable_minor();
        let partial = minor < order.charged_minor();
        let share = self.settings.orders.partial_refund_percent_max.filter(|_| partial);
        let most = share.map_or(left, |percent| {
            left.min(order.charged_minor().saturating_mul(i64::from(percent)) / 100 - order.refunded_minor())
        });
        if minor > 0 && minor <= most {
            return Ok(());
        }
        // Word for word as recorded, with its odd closing bracket.
        Err(self.refund_refused(format!(
            "Amount to refund ({}) is greater than maximum refund amount in ({}))",
            decimal_of_cents(minor),
            decimal_of_cents(most.max(0)),
        )))
    }

    fn refund_refused(&self, title: String) -> Refusal {
        let http_status = self.settings.orders.refund_refused_http_status;
        Refusal { http_status, title, code: Some("2001".to_owned()), fields: vec![] }
    }

    fn book_refund(&mut self, at: Timestamp, order_id: &str, minor: i64) {
        self.change(order_id, |order| {
            let money = Money { minor, currency: order.amount.currency.clone() };
            order.refunds.push(Movement { money, at });
            if order.refunded_minor() >= order.charged_minor() {
                order.phase = Phase::Returned;
            }
        });
        self.publish(at, order_id, event::ORDER_REFUNDED);
    }
}
