//! `POST /v1/oauth2/token`

use std::sync::Arc;

use axum::{body::Bytes, extract::State};
use serde_json::json;

use super::call::{Answered, Call, Reply, envelope, parse, refuse};
use crate::{
    app::App,
    domain::{Endpoint, doc::Doc, refusal::Refusal},
};

pub(super) async fn token(State(app): State<Arc<App>>, bytes: Bytes) -> Answered {
    let endpoint = Endpoint::Token;
    app.with(|world, _| world.note_request(endpoint));
    let refuse = |refusal: Refusal| refuse(&app, endpoint, "", None, &refusal);
    let body = parse(&bytes).map_err(refuse)?;
    let doc = Doc::new(&body);
    let (key, secret) = (doc.text("appKey").unwrap_or_default(), doc.text("appSecret").unwrap_or_default());
    let found = app.with(|world, _| {
        let wrong =
            Refusal::new(world.settings().tokens.wrong_key_http_status, "The key or the secret is wrong.");
        world.merchant_by_key(key, secret).map(|merchant| merchant.mid.clone()).ok_or(wrong)
    });
    let mid = found.map_err(refuse)?;
    let call = Call::without_bearer(&app, endpoint, mid.clone());
    call.perform(move |world, now| {
        let token = world.issue_token(now, &mid);
        Ok(Reply::ok(envelope(json!({
            "accessToken": token.access_token, "refreshToken": token.refresh_token,
            "expires": token.expires.as_millisecond(), "id": token.client_id,
            "session": null, "daysToEnforceMFA": null, "skipAvailable": null,
        }))))
        .into()
    })
    .await
}
