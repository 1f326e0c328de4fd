//! The message a billing system puts on the declines queue: one freshly declined rebill, in our own words.
//!
//! Unknown fields are refused rather than ignored: a misspelt optional field would silently cost a rescue.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{ContentHash, MerchantId, OrderId, OrderKey};
use crate::money::Money;
use crate::text::Text;

/// The version of the decline message that this code reads.
pub const DECLINE_VERSION: u32 = 1;
/// Largest decline message, in bytes. A full one has about 2 KB.
pub const DECLINE_BYTES_MAX: usize = 64 * 1024;
/// Most entries in `metadata`.
pub const METADATA_ENTRIES_MAX: usize = 20;

macro_rules! message {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $ty:ty),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($(#[$field_doc])* pub $field: $ty),+ }
    )+};
}
pub(crate) use message;

message! {
    /// A declined rebill.
    Decline {
        /// The message's version: 1.
        version: u32,
        /// Our id of the merchant, as configured.
        merchant: MerchantId,
        /// The merchant's id of this order. One order, one id: it is reused for every retry and never for another order.
        order_id: OrderId,
        /// When the processor declined, in UTC (RFC 3339).
        declined_at: Timestamp,
        /// Whether the merchant initiated the transaction. Only `true` is rescued here.
        merchant_initiated: bool,
        /// Whether it belongs to a subscription. Only `true` is rescued here.
        recurring: bool,
        /// What was to be charged.
        amount: Money,
        /// Which of the merchant's sites (brands, descriptors) it belongs to; the merchant's default when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        site: Option<Text>,
        /// For how many days the order may be held; the merchant's setting when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        window_days: Option<u16>,
        /// The declined transaction.
        transaction: Transaction,
        /// The subscription it was for.
        subscription: Subscription,
        /// The customer.
        customer: Customer,
        /// The cardholder's billing address.
        billing_address: Address,
        /// The card, as a token.
        card: Card,
        /// Anything to be handed to the provider with the order, at most 20 entries.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        metadata: BTreeMap<Text, Text>,
    }

    /// The transaction, as the processor answered.
    Transaction {
        /// The processor's or the merchant's id of the transaction.
        id: Text,
        /// The processor's code of its answer, as it came.
        response_code: Text,
        /// Whose vocabulary the code belongs to, such as `NMI`.
        response_code_source: Text,
        /// The processor's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        response_text: Option<Text>,
        /// The processor's status, such as `DECLINED`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<Text>,
        /// The processor's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        processor: Option<Text>,
        /// The AVS result code, or `NA`.
        avs_result: Text,
        /// The CVV result code, or `NA`. Never the CVV.
        cvv_result: Text,
        /// The CAVV result code, or `NA`.
        cavv_result: Text,
        /// Whether the card was not present; true when absent.
        #[serde(default = "default_true")]
        card_not_present: bool,
        /// The descriptor on the customer's statement.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        descriptor: Option<Text>,
    }

    /// The subscription that the transaction belongs to.
    Subscription {
        /// The merchant's id of the subscription.
        id: Text,
        /// How often it is billed, such as `monthly`.
        interval: Text,
        /// The price of one period.
        price: Money,
        /// Which payment of the subscription this is, from 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payment_number: Option<NonZeroU32>,
        /// How many payments there are in all, where that is limited.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payments_total: Option<NonZeroU32>,
    }

    /// The customer.
    Customer {
        /// The merchant's id of the customer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<Text>,
        /// The customer's e-mail address.
        email: Text,
        /// The customer's telephone number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        phone: Option<Text>,
    }

    /// A postal address.
    Address {
        /// Given name.
        first_name: Text,
        /// Family name.
        last_name: Text,
        /// Street and number.
        line1: Text,
        /// More of the address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line2: Option<Text>,
        /// City.
        city: Text,
        /// State or province.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state: Option<Text>,
        /// Postal or ZIP code.
        postal_code: Text,
        /// Country, by its two letters (ISO 3166-1 alpha-2).
        country_code: Text,
        /// Telephone number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        phone: Option<Text>,
    }

    /// The card: the provider's token and what may be shown of the card. Never its number.
    Card {
        /// The provider's token of the vaulted card, a GUID.
        token: Uuid,
        /// The name on the card.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        holder: Option<Text>,
        /// The brand, such as `VISA`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        brand: Option<Text>,
        /// The kind, such as `CREDIT`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<Text>,
        /// The issuing country.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        country: Option<Text>,
        /// The first six to eight digits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bin: Option<Text>,
        /// The last four digits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last4: Option<Text>,
        /// The month of expiry, 1 to 12.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expiry_month: Option<u8>,
        /// The year of expiry, four digits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expiry_year: Option<u16>,
    }
}

fn default_true() -> bool {
    true
}

impl Decline {
    /// The hash of what it says. White space, the order of fields and absent fields written as null don't matter.
    ///
    /// # Errors
    /// It can't be written as JSON, which its types rule out.
    pub fn content(&self) -> Result<ContentHash, serde_json::Error> {
        Ok(ContentHash::of(&serde_json::to_value(self)?))
    }

    /// What names the order.
    #[must_use]
    pub fn key(&self) -> OrderKey {
        OrderKey { merchant: self.merchant.clone(), order_id: self.order_id.clone() }
    }
}
