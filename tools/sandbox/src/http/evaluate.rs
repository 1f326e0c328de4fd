//! `POST /v1/evaluate` and `POST /v1/transmit`

use std::sync::Arc;

use axum::{body::Bytes, extract::State, http::HeaderMap};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::call::{Answered, Call, Effect, Reply, Stopped, envelope};
use crate::{
    app::App,
    domain::{
        Endpoint,
        doc::{Doc, card_numbers},
        refusal::Refusal,
        request::{self, EvaluateRequest},
        world::{EvaluateAnswer, World},
    },
};

pub(super) async fn evaluate(State(app): State<Arc<App>>, headers: HeaderMap, bytes: Bytes) -> Answered {
    let (call, body) = open(&app, Endpoint::Evaluate, &headers, &bytes)?;
    let mid = call.mid.clone();
    let read = app.with(|world, now| read(world, now, &mid, &body));
    let request = read.map_err(|refusal| call.refuse(&refusal))?;
    call.perform(move |world, now| match world.evaluate(now, &mid, request) {
        Ok(done) => Effect { result: Ok(reply(&done.answer)), wait_for: done.wait_for },
        Err(refusal) => Err(refusal).into(),
    })
    .await
}

/// Copies of transactions, for the risk model only.
pub(super) async fn transmit(State(app): State<Arc<App>>, headers: HeaderMap, bytes: Bytes) -> Answered {
    let (call, body) = open(&app, Endpoint::Transmit, &headers, &bytes)?;
    // Documented as required: ff/transmit-1.
    let required = ["isDeclined", "orderId", "isMIT", "transaction", "payer", "paymentMethod"];
    let missing: Vec<(String, String)> = required
        .into_iter()
        .filter(|name| Doc::new(&body).get(name).is_none())
        .map(|name| (name.to_owned(), format!("The {name} field is required.")))
        .collect();
    if !missing.is_empty() {
        return Err(call.refuse(&Refusal::invalid(missing)));
    }
    let mid = call.mid.clone();
    call.perform(move |world, now| {
        let transmit_id = world.transmit(now, &mid, &body);
        Ok(Reply::ok(envelope(json!({ "result": "success", "transmitId": transmit_id })))).into()
    })
    .await
}

fn open(
    app: &Arc<App>,
    endpoint: Endpoint,
    headers: &HeaderMap,
    bytes: &Bytes,
) -> Result<(Call, Value), Stopped> {
    let call = Call::open(app, endpoint, headers)?;
    let body = call.body(bytes)?;
    app.with(|world, _| world.note_card_numbers(card_numbers(&body)));
    let external_id = Doc::new(&body).text_or_number("orderId");
    Ok((call.about(external_id), body))
}

fn read(world: &mut World, now: Timestamp, mid: &str, body: &Value) -> Result<EvaluateRequest, Refusal> {
    let merchant = world.merchants().get(mid).ok_or_else(|| Refusal::new(403, "The merchant is unknown."))?;
    let request = request::read(body, merchant, &world.settings().evaluate, &world.vault, now)?;
    world.note_evaluate(mid, &request);
    Ok(request)
}

fn reply(answer: &EvaluateAnswer) -> Reply {
    let result = if answer.success { Value::from("Success") } else { Value::Null };
    Reply::ok(envelope(json!({
        "orderSessionKey": answer.order_id, "senseKey": answer.sense_key, "orderId": answer.order_id,
        "success": answer.success, "result": result, "status": answer.word,
    })))
}
