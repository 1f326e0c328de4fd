//! What every call has in common: it is counted, authenticated, perhaps struck by a fault, and answered.

use std::{io, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::errors;
use crate::{
    app::App,
    domain::{
        Endpoint,
        doc::Doc,
        fault::{CallFault, CallFaultKind},
        refusal::Refusal,
        world::World,
    },
};

/// An answer before it is written.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// Nothing for an empty body.
    pub(super) body: Option<Value>,
}

impl Reply {
    /// 200 with JSON.
    pub(super) fn ok(body: Value) -> Self {
        Self { status: 200, body: Some(body) }
    }
}

/// What a call's effect came to.
#[derive(Debug)]
pub(super) struct Effect {
    pub(super) result: Result<Reply, Refusal>,
    /// A webhook whose first try must be answered before the call is.
    pub(super) wait_for: Option<u64>,
}

impl From<Result<Reply, Refusal>> for Effect {
    fn from(result: Result<Reply, Refusal>) -> Self {
        Self { result, wait_for: None }
    }
}

/// A call that ended before its effect: refused, or not authenticated.
#[derive(Debug)]
pub(super) struct Stopped(Box<Response>);

impl IntoResponse for Stopped {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// What every handler returns.
pub(super) type Answered = Result<Response, Stopped>;

/// A call under way.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) app: Arc<App>,
    pub(super) endpoint: Endpoint,
    /// Whose.
    pub(super) mid: String,
    /// The merchant's order id, if it concerns an order.
    pub(super) external_id: Option<String>,
    /// The bearer token presented.
    bearer: String,
}

impl Call {
    /// A call whose merchant is known by other means than a bearer token.
    pub(super) fn without_bearer(app: &Arc<App>, endpoint: Endpoint, mid: String) -> Self {
        Self { app: Arc::clone(app), endpoint, mid, external_id: None, bearer: String::new() }
    }

    /// Counts a call and finds its merchant by the bearer token.
    pub(super) fn open(app: &Arc<App>, endpoint: Endpoint, headers: &HeaderMap) -> Result<Self, Stopped> {
        app.with(|world, _| world.note_request(endpoint));
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim().to_owned())
            .unwrap_or_default();
        match app.with(|world, now| world.tokens.check(now, &bearer)) {
            Ok(mid) => Ok(Self { app: Arc::clone(app), endpoint, mid, external_id: None, bearer }),
            Err(_) => Err(unauthorized(app, endpoint)),
        }
    }

    /// The same call, about an order.
    pub(super) fn about(mut self, external_id: Option<String>) -> Self {
        self.external_id = external_id;
        self
    }

    /// Reads a JSON body; an empty one is an empty object. A `mid` in it must be the token's.
    pub(super) fn body(&self, bytes: &Bytes) -> Result<Value, Stopped> {
        let value = parse(bytes).map_err(|refusal| self.refuse(&refusal))?;
        match Doc::new(&value).text("mid") {
            Some(mid) if !mid.eq_ignore_ascii_case(&self.mid) => {
                Err(self.refuse(&Refusal::new(403, "The merchant id doesn't belong to the access token.")))
            }
            Some(_) | None => Ok(value),
        }
    }

    /// Refuses without an effect.
    pub(super) fn refuse(&self, refusal: &Refusal) -> Stopped {
        refuse(&self.app, self.endpoint, &self.mid, self.external_id.as_deref(), refusal)
    }

    /// Lets the call take effect, unless a fault strikes first, and answers, unless a fault strikes then.
    pub(super) async fn perform(self, effect: impl FnOnce(&mut World, Timestamp) -> Effect) -> Answered {
        let (fault, done) = self.app.with(|world, now| {
            let fault = world.begin_call(now, self.endpoint, &self.mid, self.external_id.as_deref());
            if fault.as_ref().is_some_and(|fault| !fault.kind.takes_effect()) {
                return (fault, None);
            }
            (fault, Some(effect(world, now)))
        });
        if let Some(delivery) = done.as_ref().and_then(|done| done.wait_for) {
            let limit =
                Duration::from_millis(self.app.with(|world, _| world.settings().webhooks.timeout_millis));
            if !self.app.settled_once(delivery, limit).await {
                tracing::warn!(delivery, "answered before the webhook that was to come first");
            }
        }
        match (fault, done) {
            (Some(fault), done) => Ok(self.struck(&fault, done).await),
            (None, Some(done)) => self.answer(done.result),
            (None, None) => Err(self.refuse(&Refusal::new(500, "The call did nothing."))),
        }
    }

    fn answer(&self, result: Result<Reply, Refusal>) -> Answered {
        match result {
            Ok(reply) => {
                self.note(&reply.status.to_string());
                Ok(write(&reply))
            }
            Err(refusal) => Err(self.refuse(&refusal)),
        }
    }

    async fn struck(&self, fault: &CallFault, done: Option<Effect>) -> Response {
        let problem = |status: u16, title: &str| {
            self.note(&status.to_string());
            let trace_id = self.app.with(|world, _| world.trace_id());
            let body = json!({ "status": status, "title": title, "traceId": trace_id });
            write(&Reply { status, body: Some(body) })
        };
        match fault.kind {
            CallFaultKind::ErrorBefore | CallFaultKind::ErrorAfter => {
                problem(500, "An error occurred while processing your request.")
            }
            CallFaultKind::TimeoutBefore | CallFaultKind::TimeoutAfter => {
                // Counted first: the caller will be gone, and this with it.
                self.note("timeout");
                self.app.hang(fault.hold_millis).await;
                write(&Reply { status: 504, body: None })
            }
            CallFaultKind::TooManyRequests => {
                let mut response = problem(429, "Too many requests.");
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
                response
            }
            CallFaultKind::TokenRevoked => {
                self.app.with(|world, _| world.tokens.revoke(&self.bearer));
                unauthorized(&self.app, self.endpoint).into_response()
            }
            CallFaultKind::MalformedBody => {
                self.note("malformed");
                json_response(200, Body::from(half(done)))
            }
            CallFaultKind::ConnectionCut => {
                self.note("cut");
                let parts =
                    [Ok(Bytes::from(half(done))), Err(io::Error::from(io::ErrorKind::ConnectionReset))];
                json_response(200, Body::from_stream(stream::iter(parts)))
            }
        }
    }

    fn note(&self, answer: &str) {
        self.app.with(|world, _| world.note_answer(self.endpoint, answer));
    }
}

/// Reads a JSON body; an empty one is an empty object.
pub(super) fn parse(bytes: &Bytes) -> Result<Value, Refusal> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(json!({}));
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        let position = format!("The JSON is invalid at line {}, column {}.", error.line(), error.column());
        Refusal::invalid(vec![("$".to_owned(), position)])
    })?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(Refusal::invalid(vec![("$".to_owned(), "The JSON value could not be converted.".to_owned())]))
    }
}

/// Refuses a call, and keeps that.
pub(super) fn refuse(
    app: &Arc<App>,
    endpoint: Endpoint,
    mid: &str,
    external_id: Option<&str>,
    refusal: &Refusal,
) -> Stopped {
    let body = app.with(|world, now| {
        world.note_refused(now, endpoint, mid, external_id, refusal);
        world.note_answer(endpoint, &refusal.http_status.to_string());
        let shape = world.settings().errors.shape(endpoint);
        errors::body(shape, refusal, &world.trace_id())
    });
    Stopped(Box::new(write(&Reply { status: refusal.http_status, body: Some(body) })))
}

/// 401, for a bearer token that is missing, unknown, revoked or too old.
pub(super) fn unauthorized(app: &Arc<App>, endpoint: Endpoint) -> Stopped {
    let refusal = Refusal::new(401, "Unauthorized");
    let mut response = if app.with(|world, _| world.settings().tokens.unauthorized_has_body) {
        refuse(app, endpoint, "", None, &refusal).into_response()
    } else {
        app.with(|world, now| {
            world.note_refused(now, endpoint, "", None, &refusal);
            world.note_answer(endpoint, "401");
        });
        write(&Reply { status: 401, body: None })
    };
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    Stopped(Box::new(response))
}

/// The first half of what would have been answered: no JSON.
fn half(done: Option<Effect>) -> String {
    let body = done.and_then(|done| done.result.ok()).and_then(|reply| reply.body);
    let text = body.unwrap_or_else(|| json!({ "success": true })).to_string();
    let middle = (text.len() / 2..text.len()).find(|index| text.is_char_boundary(*index)).unwrap_or(0);
    text.get(..middle).unwrap_or("{").to_owned()
}

fn write(reply: &Reply) -> Response {
    match &reply.body {
        Some(body) => json_response(reply.status, Body::from(body.to_string())),
        None => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = status(reply.status);
            response
        }
    }
}

fn json_response(code: u16, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status(code);
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// A status from a setting may be no status at all.
fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The envelope of answers, with these fields put in or over it.
pub(super) fn envelope(fields: Value) -> Value {
    let mut body = json!({
        "success": true, "result": null, "status": null, "statusCode": null, "errors": [], "customProperties": {},
    });
    if let (Some(body), Value::Object(fields)) = (body.as_object_mut(), fields) {
        body.extend(fields);
    }
    body
}
