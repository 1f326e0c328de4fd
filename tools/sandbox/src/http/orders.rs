//! Calls about one order: get, cancel, external-cancel, capture, and the deprecated outcome.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::HeaderMap,
};
use serde_json::{Value, json};

use super::call::{Answered, Call, Reply, Stopped, envelope};
use crate::{
    app::App,
    domain::{
        Endpoint,
        doc::Doc,
        money::Money,
        order::Order,
        refusal::Refusal,
        settings::{CancelAnswer, Settings},
    },
};

pub(super) async fn get(State(app): State<Arc<App>>, Path(id): Path<String>, headers: HeaderMap) -> Answered {
    let call = about(Call::open(&app, Endpoint::OrderGet, &headers)?, &id);
    let mid = call.mid.clone();
    call.perform(move |world, _| {
        let settings = world.settings();
        let unknown = || Refusal::new(settings.orders.unknown_id_http_status, "The order was not found.");
        world.order(&mid, &id).map(|order| Reply::ok(view(order, settings))).ok_or_else(unknown).into()
    })
    .await
}

pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answered {
    let (call, body) = open(&app, Endpoint::Cancel, &headers, &bytes)?;
    let call = about(call, &id);
    let (mid, key) = (call.mid.clone(), key(&body));
    call.perform(move |world, now| {
        let done = world.cancel(now, &mid, &id, key.as_deref());
        done.map(|()| cancelled(world.settings())).into()
    })
    .await
}

/// For the caller whose /evaluate timed out before it learned FlexFactor's id.
pub(super) async fn external_cancel(
    State(app): State<Arc<App>>,
    Path(external_id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answered {
    let (call, body) = open(&app, Endpoint::ExternalCancel, &headers, &bytes)?;
    let call = call.about(Some(external_id.clone()));
    let (mid, key) = (call.mid.clone(), key(&body));
    call.perform(move |world, now| {
        let done = world.external_cancel(now, &mid, &external_id, key.as_deref());
        done.map(|()| cancelled(world.settings())).into()
    })
    .await
}

pub(super) async fn capture(State(app): State<Arc<App>>, headers: HeaderMap, bytes: Bytes) -> Answered {
    let (call, body) = open(&app, Endpoint::Capture, &headers, &bytes)?;
    let doc = Doc::new(&body);
    let amount = doc.get("amount").and_then(Value::as_i64);
    let fields = (doc.text("idempotencyKey"), doc.text("orderId"), amount, doc.text("currency"));
    let (Some(key), Some(order_id), Some(minor), Some(currency)) = fields else {
        let needed = ["idempotencyKey", "orderId", "amount", "currency"].into_iter();
        let missing =
            needed.filter(|name| doc.get(name).is_none() || (*name == "amount" && amount.is_none()));
        let missing =
            missing.map(|name| (name.to_owned(), format!("The {name} field is required."))).collect();
        return Err(call.refuse(&Refusal::invalid(missing)));
    };
    let money = Money { minor, currency: currency.to_ascii_uppercase() };
    let (key, order_id, call) = (key.to_owned(), order_id.to_owned(), about(call, order_id));
    let mid = call.mid.clone();
    call.perform(move |world, now| {
        let status = |word: &str| match world.settings().orders.capture_status_field {
            true => json!({ "status": word, "captureStatus": word }),
            false => json!({ "status": word }),
        };
        let (success, failed) = (status("SUCCESS"), status("FAILED"));
        match world.capture(now, &mid, &key, &order_id, money) {
            Ok(()) => Ok(Reply::ok(envelope(success))),
            // A failed capture is a normal body (documented: `status` SUCCESS or FAILED).
            Err(refusal) if refusal.http_status == 200 => Ok(Reply::ok(failure(failed, &refusal))),
            Err(refusal) => Err(refusal),
        }
        .into()
    })
    .await
}

pub(super) async fn outcome(State(app): State<Arc<App>>, headers: HeaderMap, bytes: Bytes) -> Answered {
    let (call, body) = open(&app, Endpoint::Outcome, &headers, &bytes)?;
    let Some(id) = Doc::new(&body).text("orderSessionKey").map(str::to_owned) else {
        let missing = ("orderSessionKey".to_owned(), "The orderSessionKey field is required.".to_owned());
        return Err(call.refuse(&Refusal::invalid(vec![missing])));
    };
    let call = about(call, &id);
    let mid = call.mid.clone();
    call.perform(move |world, _| {
        let order = world.order(&mid, &id);
        let word = order.map_or("NOTFOUND", Order::word);
        let confirmation = order.map(|order| order.confirmation_id.clone());
        Ok(Reply::ok(envelope(json!({ "status": word, "confirmationId": confirmation })))).into()
    })
    .await
}

/// Counts and authenticates a call, and reads its body.
pub(super) fn open(
    app: &Arc<App>,
    endpoint: Endpoint,
    headers: &HeaderMap,
    bytes: &Bytes,
) -> Result<(Call, Value), Stopped> {
    let call = Call::open(app, endpoint, headers)?;
    let body = call.body(bytes)?;
    Ok((call, body))
}

/// Ties a call to the merchant's id of the order, by which rules know it.
pub(super) fn about(call: Call, order_id: &str) -> Call {
    let mid = call.mid.clone();
    let external_id =
        call.app.with(|world, _| world.order(&mid, order_id).map(|order| order.external_id.clone()));
    call.about(external_id.or_else(|| Some(order_id.to_owned())))
}

/// The envelope of a business failure, with its errors as tuples.
pub(super) fn failure(fields: Value, refusal: &Refusal) -> Value {
    let code = refusal.code.clone().unwrap_or_default();
    let mut body = envelope(json!({
        "success": false,
        "errors": [{ "item1": refusal.title, "item2": code, "item3": code, "item4": true }],
    }));
    if let (Some(body), Value::Object(fields)) = (body.as_object_mut(), fields) {
        body.extend(fields);
    }
    body
}

fn key(body: &Value) -> Option<String> {
    Doc::new(body).text("idempotencyKey").map(str::to_owned)
}

fn cancelled(settings: &Settings) -> Reply {
    match settings.orders.cancel_answer {
        CancelAnswer::Empty => Reply { status: 200, body: None },
        CancelAnswer::Object => Reply::ok(json!({})),
    }
}

/// An order as GET answers it. The documented list of fields is cut after `currencySymbol`.
pub(super) fn view(order: &Order, settings: &Settings) -> Value {
    let billing = Doc::new(&order.details.billing);
    let symbol = if order.amount.currency == "USD" { "$" } else { "" };
    let mut view = json!({
        "id": order.id, "correlationId": order.details.correlation_id, "referenceNumber": order.external_id,
        "status": order.code(settings), "statusName": order.name(settings),
        "orderPlacedDate": order.placed_at.to_string(), "expiryDate": order.expiry.map(|expiry| expiry.to_string()),
        "billingAddress": order.details.billing, "shippingAddress": order.details.shipping,
        "firstName": billing.text("firstName"), "lastName": billing.text("lastName"),
        "email": order.details.email, "phone": order.details.phone, "secondaryEmail": null,
        "currencyCode": order.amount.currency, "currencySymbol": symbol,
    });
    if let Some(view) = view.as_object_mut().filter(|_| settings.orders.amount_fields) {
        view.insert("amount".to_owned(), order.amount.minor.into());
        view.insert("refundedAmount".to_owned(), order.refunded_minor().into());
    }
    view
}
