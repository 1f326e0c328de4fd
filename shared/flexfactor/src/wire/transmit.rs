//! `POST /transmit` (documented: ff/transmit-1; the answer as the official sample client has it).

use serde::{Deserialize, Serialize};

use super::evaluate::{Address, Payer, Subscription, Transaction};

/// The request: that of `/evaluate` without its idempotency key, sense key and expiry, and without the card's number or
/// token (documented).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TransmitRequest<'a> {
    /// Whether the processor declined; required.
    pub is_declined: bool,
    /// The merchant's order id; required.
    pub order_id: &'a str,
    /// The merchant's account; required for partners.
    pub mid: &'a str,
    /// The site, where the merchant has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site_id: Option<&'a str>,
    /// The website linked to the subscription's descriptor; in the table of what MITs need.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site_url: Option<&'a str>,
    /// `PURCHASE`, as for `/evaluate`.
    pub transaction_type: &'static str,
    /// Whether the merchant initiated it; required. The wire has it as `isMIT`.
    #[serde(rename = "isMIT")]
    pub is_mit: bool,
    /// Whether it belongs to a subscription.
    pub is_recurring: bool,
    /// The transaction; required.
    pub transaction: Transaction<'a>,
    /// The subscription; in the table of what MITs need.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription: Option<Subscription<'a>>,
    /// The customer; required.
    pub payer: Payer<'a>,
    /// The billing address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_information: Option<Address<'a>>,
    /// The card; required.
    pub payment_method: ShownMethod<'a>,
}

/// What may be shown of the card: BIN and last four, and neither `cardNumber` nor `Token`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownMethod<'a> {
    /// The name on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder_name: Option<&'a str>,
    /// Its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card_type: Option<&'a str>,
    /// Its brand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card_brand: Option<&'a str>,
    /// Its country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card_country: Option<&'a str>,
    /// 1 to 12.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration_month: Option<u8>,
    /// Four digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration_year: Option<u16>,
    /// First digits.
    pub card_bin_number: &'a str,
    /// Last digits.
    pub card_last4_digits: &'a str,
}

/// What is read of the answer. `status` is not: it is a number in one place and a text in another, and means nothing to us.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransmitResponse {
    /// Whether it was taken.
    pub success: Option<bool>,
    /// `success`, as the launch checklist has it (documented).
    pub result: Option<String>,
    /// The key of the transaction.
    pub transmit_id: Option<String>,
}
