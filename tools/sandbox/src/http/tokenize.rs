//! `POST /v1/tokenize`: with the tokenization key in the query (documented), or with a bearer token (recorded).

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, header},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    call::{Answered, Call, Reply, Stopped, envelope, unauthorized},
    list::pairs,
};
use crate::{
    app::App,
    domain::{
        Endpoint,
        doc::{Doc, is_card_number},
        refusal::Refusal,
        vault::{Card, TestCard},
        world::World,
    },
};

pub(super) async fn tokenize(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answered {
    let call = open(&app, query.as_deref().unwrap_or_default(), &headers)?;
    let body = call.body(&bytes)?;
    let mid = call.mid.clone();
    call.perform(move |world, now| store(world, now, &mid, &body).into()).await
}

fn open(app: &Arc<App>, query: &str, headers: &HeaderMap) -> Result<Call, Stopped> {
    let endpoint = Endpoint::Tokenize;
    if headers.contains_key(header::AUTHORIZATION) {
        return Call::open(app, endpoint, headers);
    }
    app.with(|world, _| world.note_request(endpoint));
    let query = pairs(query);
    let value = |name: &str| {
        query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    };
    let mid = value("mid").unwrap_or_default().to_owned();
    let known = app.with(|world, _| {
        let key = world.merchants().get(&mid).and_then(|merchant| merchant.tokenization_key.clone());
        key.is_some_and(|key| value("environment") == Some(key.as_str()))
    });
    if known { Ok(Call::without_bearer(app, endpoint, mid)) } else { Err(unauthorized(app, endpoint)) }
}

fn store(world: &mut World, now: Timestamp, mid: &str, body: &Value) -> Result<Reply, Refusal> {
    let card = Doc::new(body).object("payment_method").object("credit_card");
    let number: String =
        card.text_or_number("number").unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
    // Presence is documented; the check digit is this simulator's, so that a mistyped card fails early.
    let missing = ["first_name", "last_name", "number", "month", "year"]
        .into_iter()
        .filter(|name| card.text_or_number(name).is_none())
        .map(|name| (format!("payment_method.credit_card.{name}"), format!("The {name} field is required.")));
    let mut faults: Vec<(String, String)> = missing.collect();
    if faults.is_empty() && !is_card_number(&number) {
        faults
            .push(("payment_method.credit_card.number".to_owned(), "The card number is invalid.".to_owned()));
    }
    if !faults.is_empty() {
        return Err(Refusal::invalid(faults));
    }
    let had_cvv = card.text_or_number("verification_value").is_some();
    let token = world.tokenize(mid, Card { test_card: TestCard::by_number(&number), had_cvv });
    Ok(Reply::ok(envelope(
        json!({ "transaction": transaction(card, &number, &token, now), "cardBinInfo": null }),
    )))
}

/// The Spreedly-like envelope as it was recorded, with its eight "first six" digits.
fn transaction(card: Doc<'_>, number: &str, token: &str, now: Timestamp) -> Value {
    let at = now.to_string();
    let whole = |name| card.text_or_number(name).and_then(|text| text.parse::<u16>().ok());
    let method = json!({
        "token": token, "created_at": at, "updated_at": at, "email": null, "data": null, "storage_state": null,
        "test": false, "metadata": null, "last_four_digits": number.get(number.len().saturating_sub(4)..),
        "first_six_digits": number.get(..8), "card_type": null, "first_name": card.text("first_name"),
        "last_name": card.text("last_name"), "month": whole("month"), "year": whole("year"),
        "address1": null, "address2": null, "city": null, "state": null, "zip": null, "country": null,
        "phone_number": null, "company": null, "full_name": null, "payment_method_type": null, "errors": null,
        "fingerprint": null, "verification_value": null, "number": null,
    });
    json!({
        "on_test_gateway": true, "created_at": at, "updated_at": at, "succeeded": true, "state": null, "token": null,
        "transaction_type": null, "order_id": null, "ip": null, "description": null, "email": null,
        "merchant_name_descriptor": null, "merchant_location_descriptor": null, "gateway_specific_fields": null,
        "gateway_specific_response_fields": null, "gateway_transaction_id": null, "gateway_latency_ms": null,
        "amount": 0, "currency_code": null, "retain_on_success": null, "payment_method_added": false,
        "message_key": null, "message": null, "response": null, "payment_method": method,
    })
}
