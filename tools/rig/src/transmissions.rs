//! Copies of transactions as a billing system would send them.

use anyhow::Result;
use canary::planted;
use jiff::Timestamp;
use models::time::to_text;
use serde_json::Value;

/// The published sample, which every transmission here is a variation of.
const SAMPLE: &str = include_str!("../../../events/transmission.json");

/// A transmission to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Transmission(Value);

impl Transmission {
    /// A transmission of the transaction `id` of `merchant`, for an order of the same id, that happened just now.
    ///
    /// # Errors
    /// The published sample is not JSON.
    pub fn new(merchant: &str, id: &str, approved: bool, now: Timestamp) -> Result<Self> {
        // The personal data is canaries: no log may hold it.
        let transmission = Self(serde_json::from_str(SAMPLE)?)
            .with("/merchant", merchant)
            .with("/order_id", id)
            .with("/approved", approved)
            .with("/occurred_at", to_text(now))
            .with("/transaction/id", id)
            .with("/transaction/status", if approved { "APPROVED" } else { "DECLINED" })
            .with("/card/holder", planted("holder"))
            .with("/customer/email", planted("email"))
            .with("/customer/phone", planted("phone"))
            .with("/billing_address/line1", planted("street"));
        Ok(transmission)
    }

    /// Sets the field at a JSON pointer.
    #[must_use]
    pub fn with(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        if let Some(field) = self.0.pointer_mut(pointer) {
            *field = value.into();
        }
        self
    }

    /// The message's body.
    #[must_use]
    pub fn body(&self) -> String {
        self.0.to_string()
    }
}
