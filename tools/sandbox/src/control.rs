//! The simulator's own API under /_sandbox: merchants, script, clock, ledger. Not part of FlexFactor's API, and without
//! authentication: it is for the machine it runs on.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Path, Query, State, rejection::JsonRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    app::App,
    domain::{
        fault::Forgery,
        ledger::{Ledger, Summary},
        merchant::Merchant,
        scenario::Scenario,
    },
};

/// How long `webhooks/idle` waits when the query doesn't say.
const IDLE_TIMEOUT_MILLIS_DEFAULT: u64 = 10_000;

/// The control routes.
pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/_sandbox/health", get(health))
        .route("/_sandbox/merchants", post(put_merchants))
        .route("/_sandbox/scenario", put(put_scenario))
        .route("/_sandbox/settings", get(settings))
        .route("/_sandbox/clock", get(clock))
        .route("/_sandbox/clock/advance", post(advance))
        .route("/_sandbox/tokens/revoke", post(revoke))
        .route("/_sandbox/webhooks/idle", get(idle))
        .route("/_sandbox/ledger", get(ledger))
        .route("/_sandbox/ledger/summary", get(summary))
        .route("/_sandbox/orders/{id}/emit", post(emit))
        .route("/_sandbox/reset", post(reset))
}

/// The virtual clock, as `clock` and `clock/advance` answer it.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct ClockView {
    /// What it shows.
    pub now: Timestamp,
    /// The same, in epoch seconds.
    pub epoch_seconds: i64,
    /// Real time.
    pub real: Timestamp,
    /// Seconds advanced by command so far.
    pub advanced_seconds: i64,
    /// Virtual seconds per real second.
    pub scale: u32,
}

/// What is under way, as `webhooks/idle` answers it.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct IdleView {
    /// Whether it came to rest in time.
    pub idle: bool,
    /// Requests handed out and not answered.
    pub in_flight: usize,
    /// Webhooks to be sent at a later instant.
    pub scheduled: usize,
    /// The next such instant.
    pub next_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Revoke {
    mid: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct IdleQuery {
    timeout_ms: Option<u64>,
    scheduled: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Emit {
    event: String,
    #[serde(default)]
    forgery: Option<Forgery>,
}

/// One merchant or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    More(Vec<Merchant>),
    One(Box<Merchant>),
}

/// A refused command: a status and one sentence.
struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<JsonRejection> for Refused {
    fn from(rejection: JsonRejection) -> Self {
        Self(rejection.status(), rejection.body_text())
    }
}

type Body<T> = Result<Json<T>, JsonRejection>;

async fn health() -> Json<Value> {
    Json(json!({ "ok": true, "version": env!("CARGO_PKG_VERSION") }))
}

async fn put_merchants(State(app): State<Arc<App>>, body: Body<OneOrMore>) -> Result<Json<Value>, Refused> {
    let merchants = match body?.0 {
        OneOrMore::One(merchant) => vec![*merchant],
        OneOrMore::More(merchants) => merchants,
    };
    for merchant in &merchants {
        merchant.check().map_err(|error| Refused(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))?;
    }
    let mids: Vec<String> = merchants.iter().map(|merchant| merchant.mid.clone()).collect();
    app.with(|world, _| merchants.into_iter().for_each(|merchant| world.put_merchant(merchant)));
    Ok(Json(json!({ "merchants": mids })))
}

async fn put_scenario(State(app): State<Arc<App>>, body: Body<Scenario>) -> Result<Json<Value>, Refused> {
    let scenario = body?.0;
    Ok(Json(app.with(|world, _| {
        world.apply(scenario);
        json!({ "rules": world.rules(), "settings": world.settings() })
    })))
}

async fn settings(State(app): State<Arc<App>>) -> Json<Value> {
    // Merchants are named, their secrets are not.
    Json(app.with(|world, _| {
        let merchant = |merchant: &Merchant| {
            let url = merchant.webhook.as_ref().map(|webhook| webhook.url.clone());
            json!({ "mid": merchant.mid, "mode": merchant.mode, "webhook_url": url })
        };
        let merchants: Vec<Value> = world.merchants().values().map(merchant).collect();
        json!({ "rules": world.rules(), "settings": world.settings(), "merchants": merchants })
    }))
}

async fn clock(State(app): State<Arc<App>>) -> Json<ClockView> {
    Json(clock_view(&app))
}

async fn advance(State(app): State<Arc<App>>, body: Body<Advance>) -> Result<Json<ClockView>, Refused> {
    app.advance(body?.0.seconds);
    Ok(Json(clock_view(&app)))
}

/// Reads the clock.
pub(crate) fn clock_view(app: &App) -> ClockView {
    let (clock, real) = (app.clock(), Timestamp::now());
    let now = clock.now(real);
    ClockView {
        now,
        epoch_seconds: now.as_second(),
        real,
        advanced_seconds: clock.advanced_seconds(),
        scale: clock.scale(),
    }
}

async fn revoke(State(app): State<Arc<App>>, body: Body<Revoke>) -> Result<Json<Value>, Refused> {
    let mid = match body {
        Ok(Json(revoke)) => revoke.mid,
        // No body at all means all tokens.
        Err(JsonRejection::MissingJsonContentType(_)) => None,
        Err(rejection) => return Err(rejection.into()),
    };
    let revoked = app.with(|world, _| world.tokens.revoke_all(mid.as_deref()));
    Ok(Json(json!({ "revoked": revoked })))
}

async fn idle(State(app): State<Arc<App>>, Query(query): Query<IdleQuery>) -> Json<IdleView> {
    let limit = Duration::from_millis(query.timeout_ms.unwrap_or(IDLE_TIMEOUT_MILLIS_DEFAULT));
    Json(wait_idle(&app, query.scheduled, limit).await)
}

/// Waits until webhooks have come to rest.
pub(crate) async fn wait_idle(app: &Arc<App>, scheduled: bool, limit: Duration) -> IdleView {
    let idle = app.idle(scheduled, limit).await;
    app.with(|world, _| {
        let (scheduled, next_at) = world.scheduled_sends();
        IdleView { idle, in_flight: world.open_sends(), scheduled, next_at }
    })
}

async fn ledger(State(app): State<Arc<App>>) -> Json<Ledger> {
    Json(app.with(|world, now| world.ledger(now)))
}

async fn summary(State(app): State<Arc<App>>) -> Json<Summary> {
    Json(app.with(|world, _| world.summary()))
}

async fn emit(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    body: Body<Emit>,
) -> Result<Json<Value>, Refused> {
    let emit = body?.0;
    if app.with(|world, now| world.emit(now, &id, &emit.event, emit.forgery)) {
        Ok(Json(json!({ "emitted": emit.event })))
    } else {
        Err(Refused(StatusCode::NOT_FOUND, format!("there is no order {id}")))
    }
}

async fn reset(State(app): State<Arc<App>>) -> Json<Value> {
    app.with(|world, _| world.reset(crate::server::salt()));
    Json(json!({ "reset": true }))
}
