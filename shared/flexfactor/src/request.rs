//! The requests that are made of messages: `/evaluate` of a stored decline, `/transmit` of a transmission.

use jiff::Timestamp;
use models::decline::{Address, Card, Customer, Decline, Subscription, Transaction};
use models::ids::IdempotencyKey;
use models::merchant::{Merchant, Mode, Site};
use models::money::{DecimalError, Money};
use models::text::Text;
use models::time::to_text;
use models::transmission::{ShownCard, Transmission};

use crate::wire::evaluate as wire;
use crate::wire::transmit::{ShownMethod, TransmitRequest};

/// Authorisations need an account that is set up for them.
const PURCHASE: &str = "PURCHASE";

/// Why a message can't be sent. Screening rules it out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The price can't be written.
    #[error("the subscription's price {0}")]
    Price(#[from] DecimalError),
}

/// Builds the request. `site` comes from [`Merchant::site`]; `expires_at` is sent for managed merchants only: an unmanaged
/// account's period is set by FlexFactor (documented: ff/standard-integration-for-mit).
///
/// # Errors
/// See [`RequestError`].
pub fn evaluate_request<'a>(
    decline: &'a Decline,
    merchant: &'a Merchant,
    site: &'a Site,
    key: IdempotencyKey,
    expires_at: Timestamp,
) -> Result<wire::EvaluateRequest<'a>, RequestError> {
    Ok(wire::EvaluateRequest {
        is_declined: true,
        idempotency_key: key,
        order_id: decline.order_id.as_str(),
        mid: &merchant.mid,
        site_id: site.site_id.as_deref(),
        site_url: site.site_url.as_deref(),
        transaction_type: PURCHASE,
        is_mit: true,
        is_recurring: decline.recurring,
        expiry_date_utc: match merchant.mode {
            Mode::Managed => Some(to_text(expires_at)),
            Mode::Unmanaged => None,
        },
        transaction: transaction(&decline.transaction, decline.declined_at, decline.amount),
        subscription: subscription(&decline.subscription)?,
        payer: payer(&decline.customer),
        billing_information: address(&decline.billing_address),
        payment_method: payment_method(&decline.card),
        additional_fields: decline
            .metadata
            .iter()
            .map(|(key, value)| wire::AdditionalField { key: key.as_str(), value: value.as_str() })
            .collect(),
    })
}

/// Builds the request. `site` comes from [`Merchant::site`].
///
/// # Errors
/// See [`RequestError`].
pub fn transmit_request<'a>(
    transmission: &'a Transmission,
    merchant: &'a Merchant,
    site: &'a Site,
) -> Result<TransmitRequest<'a>, RequestError> {
    Ok(TransmitRequest {
        is_declined: !transmission.approved,
        order_id: transmission.order_id.as_str(),
        mid: &merchant.mid,
        site_id: site.site_id.as_deref(),
        site_url: site.site_url.as_deref(),
        transaction_type: PURCHASE,
        is_mit: transmission.merchant_initiated,
        is_recurring: transmission.recurring,
        transaction: transaction(&transmission.transaction, transmission.occurred_at, transmission.amount),
        subscription: transmission.subscription.as_ref().map(subscription).transpose()?,
        payer: payer(&transmission.customer),
        billing_information: transmission.billing_address.as_ref().map(address),
        payment_method: shown_method(&transmission.card),
    })
}

fn shown(text: Option<&Text>) -> Option<&str> {
    text.map(Text::as_str)
}

fn payer(customer: &Customer) -> wire::Payer<'_> {
    wire::Payer {
        id: shown(customer.id.as_ref()),
        email: customer.email.as_str(),
        phone: shown(customer.phone.as_ref()),
    }
}

fn transaction(transaction: &Transaction, at: Timestamp, amount: Money) -> wire::Transaction<'_> {
    wire::Transaction {
        id: transaction.id.as_str(),
        timestamp_utc: to_text(at),
        timezone_utc_offset: 0,
        amount: amount.minor.get(),
        currency: amount.currency.code(),
        response_code: transaction.response_code.as_str(),
        response_code_source: transaction.response_code_source.as_str(),
        response_description: shown(transaction.response_text.as_ref()),
        response_status: shown(transaction.status.as_ref()),
        processor_name: shown(transaction.processor.as_ref()),
        avs_result_code: transaction.avs_result.as_str(),
        cvv_result_code: transaction.cvv_result.as_str(),
        cavv_result_code: transaction.cavv_result.as_str(),
        card_not_present: transaction.card_not_present,
        dynamic_descriptor: shown(transaction.descriptor.as_ref()),
    }
}

fn subscription(subscription: &Subscription) -> Result<wire::Subscription<'_>, DecimalError> {
    Ok(wire::Subscription {
        subscription_id: subscription.id.as_str(),
        interval: subscription.interval.as_str(),
        price: subscription.price.to_decimal()?,
        currency: subscription.price.currency.code(),
        payment_number: subscription.payment_number.map(|number| number.to_string()),
        total_payments: subscription.payments_total.map(|number| number.to_string()),
    })
}

fn address(address: &Address) -> wire::Address<'_> {
    wire::Address {
        first_name: address.first_name.as_str(),
        last_name: address.last_name.as_str(),
        country: address.country_code.as_str(),
        country_code: address.country_code.as_str(),
        address_line1: address.line1.as_str(),
        address_line2: shown(address.line2.as_ref()),
        city: address.city.as_str(),
        state: shown(address.state.as_ref()),
        zipcode: address.postal_code.as_str(),
        phone: shown(address.phone.as_ref()),
    }
}

fn payment_method(card: &Card) -> wire::PaymentMethod<'_> {
    wire::PaymentMethod {
        holder_name: shown(card.holder.as_ref()),
        card_type: shown(card.kind.as_ref()),
        card_brand: shown(card.brand.as_ref()),
        card_country: shown(card.country.as_ref()),
        expiration_month: card.expiry_month,
        expiration_year: card.expiry_year,
        card_bin_number: shown(card.bin.as_ref()),
        card_last4_digits: shown(card.last4.as_ref()),
        card_number: card.token.to_string(),
        token: true,
    }
}

fn shown_method(card: &ShownCard) -> ShownMethod<'_> {
    ShownMethod {
        holder_name: shown(card.holder.as_ref()),
        card_type: shown(card.kind.as_ref()),
        card_brand: shown(card.brand.as_ref()),
        card_country: shown(card.country.as_ref()),
        expiration_month: card.expiry_month,
        expiration_year: card.expiry_year,
        card_bin_number: card.bin.as_str(),
        card_last4_digits: card.last4.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn request(mode: Mode) -> Value {
        let decline: Decline = serde_json::from_str(include_str!("../../../events/decline.json")).unwrap();
        let merchant: Merchant = serde_json::from_value(json!({
            "enabled": true, "mode": mode, "environment": "sandbox", "mid": "3f8a1c42-9b07-4e5d-bc6a-1d2e3f4a5b6c",
            "sites": {"plans": {"site_id": "a1b2c3d4-e5f6-4789-9abc-def012345678", "site_url": "https://plans.example"}}
        }))
        .unwrap();
        let site = merchant.site(Some("plans")).unwrap();
        let expires_at = "2026-12-12T10:00:00Z".parse().unwrap();
        let key = IdempotencyKey::from_random([7; 16]);
        serde_json::to_value(evaluate_request(&decline, &merchant, &site, key, expires_at).unwrap()).unwrap()
    }

    /// The seven that its sandbox demands, and the two beside them (recorded).
    #[test]
    fn every_field_that_is_demanded_is_sent() {
        let request = request(Mode::Managed);
        for pointer in [
            "/orderId",
            "/transaction/id",
            "/transaction/responseCode",
            "/transaction/avsResultCode",
            "/transaction/cvvResultCode",
            "/transaction/cavvResultCode",
            "/transaction/responseCodeSource",
            "/idempotencyKey",
            "/mid",
            "/payer/email",
            "/billingInformation/zipcode",
        ] {
            assert!(request.pointer(pointer).is_some_and(Value::is_string), "{pointer}");
        }
        assert_eq!(request["isDeclined"], true);
        assert_eq!(request["isMIT"], true);
        assert_eq!(request["isRecurring"], true);
        assert_eq!(request["siteId"], "a1b2c3d4-e5f6-4789-9abc-def012345678");
    }

    #[test]
    fn money_goes_in_cents_and_the_card_as_a_token() {
        let request = request(Mode::Managed);
        assert_eq!(request["transaction"]["amount"], 1999);
        assert_eq!(request["transaction"]["currency"], "USD");
        assert_eq!(request["subscription"]["price"], "19.99");
        assert_eq!(request["paymentMethod"]["cardNumber"], "d3e10716-6aac-4eb8-a74d-c1a3027f1d96");
        assert_eq!(request["paymentMethod"]["Token"], true);
        assert_eq!(request["paymentMethod"]["cardLast4Digits"], "3184");
    }

    #[test]
    fn only_a_managed_order_carries_its_expiry() {
        assert_eq!(request(Mode::Managed)["expiryDateUtc"], "2026-12-12T10:00:00.000Z");
        assert_eq!(request(Mode::Unmanaged).get("expiryDateUtc"), None);
    }

    /// Documented as required: ff/transmit-1; and `/evaluate`'s schema minus three fields and the card's number.
    #[test]
    fn a_transmission_has_what_evaluate_has_without_the_card_and_the_keys() {
        let transmission: Transmission =
            serde_json::from_str(include_str!("../../../events/transmission.json")).unwrap();
        let merchant: Merchant = serde_json::from_value(json!({
            "enabled": true, "mode": "managed", "environment": "sandbox", "mid": "m",
            "sites": {"plans": {"site_id": "s", "site_url": "https://plans.example"}}
        }))
        .unwrap();
        let site = merchant.site(Some("plans")).unwrap();
        let sent = serde_json::to_value(transmit_request(&transmission, &merchant, &site).unwrap()).unwrap();
        for name in
            ["isDeclined", "orderId", "isMIT", "transaction", "payer", "paymentMethod", "mid", "siteUrl"]
        {
            assert!(!sent[name].is_null(), "{name}");
        }
        let names = |value: &Value| -> std::collections::BTreeSet<String> {
            value.as_object().unwrap().keys().cloned().collect()
        };
        let evaluate = request(Mode::Managed);
        let without = |value: &Value, left_out: &[&str]| -> std::collections::BTreeSet<String> {
            names(value).into_iter().filter(|name| !left_out.contains(&name.as_str())).collect()
        };
        let own = ["idempotencyKey", "expiryDateUtc", "additionalFields"];
        assert_eq!(names(&sent), without(&evaluate, &own));
        let card = without(&evaluate["paymentMethod"], &["cardNumber", "Token"]);
        assert_eq!(names(&sent["paymentMethod"]), card);
        assert_eq!(names(&sent["transaction"]), names(&evaluate["transaction"]));
        assert_eq!((&sent["isDeclined"], &sent["transaction"]["amount"]), (&json!(false), &json!(1999)));
        assert_eq!(sent["transaction"]["timestampUtc"], "2026-11-21T09:58:12.000Z");
        assert_eq!(sent["subscription"]["price"], "19.99");
    }
}
