//! `POST /v1/orders/{id}/refund`: decimal dollars, read from the request's own text.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::HeaderMap,
};
use serde_json::{json, value::RawValue};

use super::{
    call::{Answered, Reply, envelope},
    orders::{about, failure, open},
};
use crate::{
    app::App,
    domain::{Endpoint, money::cents_of_decimal, refusal::Refusal},
};

pub(super) async fn refund(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answered {
    let (call, _) = open(&app, Endpoint::Refund, &headers, &bytes)?;
    let call = about(call, &id);
    let minor = match amount(&bytes) {
        Ok(minor) => minor,
        Err(message) => {
            return Err(
                call.refuse(&Refusal::invalid(vec![("amountToRefund".to_owned(), message.to_owned())]))
            );
        }
    };
    let mid = call.mid.clone();
    call.perform(move |world, now| {
        let refused = world.settings().orders.refund_refused_http_status;
        match world.refund(now, &mid, &id, minor) {
            Ok(done) => Ok(Reply::ok(envelope(json!({
                "status": "SUCCESS", "responseCode": null, "responseMessage": "APPROVED",
                "transactionId": done.transaction_id,
            })))),
            Err(refusal) if refusal.code.is_some() => {
                let fields = json!({
                    "status": "FAILED", "responseCode": refusal.code, "responseMessage": refusal.title,
                    "transactionId": null,
                });
                Ok(Reply { status: refused, body: Some(failure(fields, &refusal)) })
            }
            Err(refusal) => Err(refusal),
        }
        .into()
    })
    .await
}

/// Finds the amount's text as it was sent: a float in between could change it.
fn amount(bytes: &Bytes) -> Result<i64, &'static str> {
    let fields: HashMap<String, Box<RawValue>> = serde_json::from_slice(bytes).unwrap_or_default();
    let field = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("amountToRefund"));
    let (_, text) = field.ok_or("The amountToRefund field is required.")?;
    cents_of_decimal(text.get().trim_matches('"')).ok_or("The field amountToRefund is invalid.")
}
