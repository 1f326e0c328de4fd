//! Declines as a billing system would send them.

use anyhow::Result;
use canary::planted;
use jiff::Timestamp;
use models::time::to_text;
use serde_json::Value;
use uuid::Uuid;

/// The published sample, which every decline here is a variation of.
const SAMPLE: &str = include_str!("../../../events/decline.json");

/// A decline to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Decline(Value);

/// An order id: what kind of order it is, and its number.
#[must_use]
pub fn order_id(kind: &str, number: usize) -> String {
    format!("{kind}-{number:04}")
}

impl Decline {
    /// A decline of `merchant` under `order_id`, declined just now. Its amount and its token follow from the id.
    ///
    /// # Errors
    /// The published sample is not JSON.
    pub fn new(merchant: &str, order_id: &str, now: Timestamp) -> Result<Self> {
        // The personal data of all declines, and how their tokens begin, are canaries: no log may hold them.
        let token = Uuid::from_bytes(spread(order_id)).to_string();
        let token =
            format!("{}{}", planted("card token"), token.get(planted("card token").len()..).unwrap_or(""));
        // 11 to 199.99 dollars: the sandbox takes 0.11 to 199.99.
        let minor =
            1_100 + u64::from(u16::from_be_bytes([spread(order_id)[0], spread(order_id)[1]])) % 18_900;
        let decline = Self(serde_json::from_str(SAMPLE)?)
            .with("/merchant", merchant)
            .with("/order_id", order_id)
            .with("/declined_at", to_text(now))
            .with("/amount/minor", minor)
            .with("/subscription/price/minor", minor)
            .with("/transaction/id", format!("txn-{order_id}"))
            .with("/card/token", token)
            .with("/card/holder", planted("holder"))
            .with("/customer/email", planted("email"))
            .with("/customer/phone", planted("phone"))
            .with("/billing_address/line1", planted("street"));
        Ok(decline)
    }

    /// Sets the field at a JSON pointer.
    #[must_use]
    pub fn with(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        if let Some(field) = self.0.pointer_mut(pointer) {
            *field = value.into();
        }
        self
    }

    /// The amount, in minor units.
    #[must_use]
    pub fn minor(&self) -> u64 {
        self.0.pointer("/amount/minor").and_then(Value::as_u64).unwrap_or_default()
    }

    /// The message's body.
    #[must_use]
    pub fn body(&self) -> String {
        self.0.to_string()
    }
}

/// Sixteen bytes that follow from a text.
fn spread(text: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for (index, byte) in text.bytes().cycle().take(text.len().max(1) * 16).enumerate() {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        bytes[index % 16] ^= (state >> 32) as u8;
    }
    bytes
}
