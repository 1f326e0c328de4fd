//! `POST /evaluate` (documented: ff/evaluate; required fields as its sandbox names them when they are missing).

use models::ids::IdempotencyKey;
use serde::{Deserialize, Serialize};

macro_rules! request {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $ty:ty),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name<'a> { $($(#[$field_doc])* pub $field: $ty),+ }
    )+};
}

request! {
    /// The request.
    EvaluateRequest {
        /// Always true.
        is_declined: bool,
        /// A GUID; required.
        idempotency_key: IdempotencyKey,
        /// The merchant's order id; identical on each retry.
        order_id: &'a str,
        /// The merchant's account.
        mid: &'a str,
        /// The site, where the merchant has several.
        #[serde(skip_serializing_if = "Option::is_none")]
        site_id: Option<&'a str>,
        /// The website linked to the subscription's descriptor.
        #[serde(skip_serializing_if = "Option::is_none")]
        site_url: Option<&'a str>,
        /// `PURCHASE`: authorisations need an account that is set up for them.
        transaction_type: &'static str,
        /// Always true here. The wire has it as `isMIT`.
        #[serde(rename = "isMIT")]
        is_mit: bool,
        /// Always true here.
        is_recurring: bool,
        /// The end of FlexFactor's retry period; required for managed MIT, not sent for unmanaged.
        #[serde(skip_serializing_if = "Option::is_none")]
        expiry_date_utc: Option<String>,
        /// The declined transaction.
        transaction: Transaction<'a>,
        /// The subscription.
        subscription: Subscription<'a>,
        /// The customer.
        payer: Payer<'a>,
        /// The billing address.
        billing_information: Address<'a>,
        /// The card.
        payment_method: PaymentMethod<'a>,
        /// Free key-value pairs.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        additional_fields: Vec<AdditionalField<'a>>,
    }

    /// The declined transaction.
    Transaction {
        /// Its id; required.
        id: &'a str,
        /// When it was declined.
        timestamp_utc: String,
        /// Its time zone; our times are UTC.
        timezone_utc_offset: i32,
        /// In cents: `/evaluate` speaks minor units, `/refund` does not.
        amount: u64,
        /// ISO 4217.
        currency: &'static str,
        /// The processor's decline code; required.
        response_code: &'a str,
        /// Whose vocabulary it is; required.
        response_code_source: &'a str,
        /// The processor's words.
        #[serde(skip_serializing_if = "Option::is_none")]
        response_description: Option<&'a str>,
        /// The processor's status.
        #[serde(skip_serializing_if = "Option::is_none")]
        response_status: Option<&'a str>,
        /// The processor's name.
        #[serde(skip_serializing_if = "Option::is_none")]
        processor_name: Option<&'a str>,
        /// AVS; required.
        avs_result_code: &'a str,
        /// CVV; required.
        cvv_result_code: &'a str,
        /// CAVV; required.
        cavv_result_code: &'a str,
        /// Whether the card was not present.
        card_not_present: bool,
        /// The descriptor.
        #[serde(skip_serializing_if = "Option::is_none")]
        dynamic_descriptor: Option<&'a str>,
    }

    /// The subscription.
    Subscription {
        /// Its id.
        subscription_id: &'a str,
        /// How often it is billed.
        interval: &'a str,
        /// A decimal text here, as in the official sample client.
        price: String,
        /// ISO 4217.
        currency: &'static str,
        /// Which payment.
        #[serde(skip_serializing_if = "Option::is_none")]
        payment_number: Option<String>,
        /// Of how many.
        #[serde(skip_serializing_if = "Option::is_none")]
        total_payments: Option<String>,
    }

    /// The customer.
    Payer {
        /// The merchant's id of the customer.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        /// Required.
        email: &'a str,
        /// Telephone.
        #[serde(skip_serializing_if = "Option::is_none")]
        phone: Option<&'a str>,
    }

    /// An address.
    Address {
        /// Required.
        first_name: &'a str,
        /// Required.
        last_name: &'a str,
        /// Required; free text, for which the code serves.
        country: &'a str,
        /// Two letters; required.
        country_code: &'a str,
        /// Required.
        address_line1: &'a str,
        /// More of it.
        #[serde(skip_serializing_if = "Option::is_none")]
        address_line2: Option<&'a str>,
        /// Required.
        city: &'a str,
        /// State or province.
        #[serde(skip_serializing_if = "Option::is_none")]
        state: Option<&'a str>,
        /// Required.
        zipcode: &'a str,
        /// Telephone.
        #[serde(skip_serializing_if = "Option::is_none")]
        phone: Option<&'a str>,
    }

    /// The card.
    PaymentMethod {
        /// The name on it.
        #[serde(skip_serializing_if = "Option::is_none")]
        holder_name: Option<&'a str>,
        /// Its kind.
        #[serde(skip_serializing_if = "Option::is_none")]
        card_type: Option<&'a str>,
        /// Its brand.
        #[serde(skip_serializing_if = "Option::is_none")]
        card_brand: Option<&'a str>,
        /// Its country.
        #[serde(skip_serializing_if = "Option::is_none")]
        card_country: Option<&'a str>,
        /// 1 to 12.
        #[serde(skip_serializing_if = "Option::is_none")]
        expiration_month: Option<u8>,
        /// Four digits.
        #[serde(skip_serializing_if = "Option::is_none")]
        expiration_year: Option<u16>,
        /// First digits.
        #[serde(skip_serializing_if = "Option::is_none")]
        card_bin_number: Option<&'a str>,
        /// Last digits.
        #[serde(skip_serializing_if = "Option::is_none")]
        card_last4_digits: Option<&'a str>,
        /// FlexFactor's token of the card, never its number.
        card_number: String,
        /// Says that `cardNumber` is a token. The wire has it capitalised (recorded).
        #[serde(rename = "Token")]
        token: bool,
    }

    /// A free pair.
    AdditionalField {
        /// Its name.
        key: &'a str,
        /// Its value.
        value: &'a str,
    }
}

/// What is read of the answer (recorded).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EvaluateResponse {
    /// FlexFactor's id of the order.
    pub order_session_key: Option<String>,
    /// The same again in every recorded answer.
    pub order_id: Option<String>,
    /// The status word. Decisions key on it: whether `success` is true beside DECLINED is not known.
    pub status: Option<String>,
}
