//! Lambda's runtime API as a function sees it: plain HTTP on loopback. Every call waits until the measurement has seen it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// How long a function may take for anything. Nothing is judged by it: a function that hangs must not hang the run.
const PATIENCE: Duration = Duration::from_secs(60);
/// How much time each event says that it has.
const DEADLINE_MS: i64 = 60_000;

/// A call of the function's.
#[derive(Debug)]
pub(crate) struct Call {
    /// When it was here.
    pub(crate) at: Instant,
    /// What it brought.
    pub(crate) what: What,
    /// What lets it go on.
    pub(crate) answer: oneshot::Sender<String>,
}

/// What a call brings.
#[derive(Debug)]
pub(crate) enum What {
    /// It asks for the next event.
    Next,
    /// It has answered an event.
    Answered(Value),
    /// It has failed, as it says itself.
    Failed(String),
}

/// The API for one process.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    /// What AWS_LAMBDA_RUNTIME_API is set to.
    pub(crate) address: SocketAddr,
    calls: mpsc::UnboundedReceiver<Call>,
    _server: JoinSet<()>,
}

#[derive(Debug, Clone)]
struct Desk {
    calls: mpsc::UnboundedSender<Call>,
    events: Arc<AtomicU64>,
}

impl RuntimeApi {
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (sender, calls) = mpsc::unbounded_channel();
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answered))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .route("/2018-06-01/runtime/init/error", post(failed_to_start))
            .with_state(Desk { calls: sender, events: Arc::default() });
        let listener = listener.tap_io(|stream| {
            // Without it, the end of every answer waits for the function to acknowledge its beginning.
            if let Err(error) = stream.set_nodelay(true) {
                eprintln!("runtime API: {error}");
            }
        });
        let mut server = JoinSet::new();
        server.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("runtime API: {error}");
            }
        });
        Ok(Self { address, calls, _server: server })
    }

    /// The function's next call.
    ///
    /// # Errors
    /// It did not come.
    pub(crate) async fn call(&mut self) -> Result<Call> {
        let call = tokio::time::timeout(PATIENCE, self.calls.recv()).await;
        call.with_context(|| format!("no call within {PATIENCE:?}"))?.context("the runtime API has ended")
    }

    /// The function's next call, which must ask for an event.
    ///
    /// # Errors
    /// It does not.
    pub(crate) async fn next(&mut self) -> Result<(Instant, oneshot::Sender<String>)> {
        let call = self.call().await?;
        match call.what {
            What::Next => Ok((call.at, call.answer)),
            What::Answered(answer) => bail!("it answered what was not asked: {answer}"),
            What::Failed(why) => bail!("it failed: {why}"),
        }
    }

    /// The function's next call, which must answer an event; it goes on once the sender is used.
    ///
    /// # Errors
    /// It does not.
    pub(crate) async fn answer(&mut self) -> Result<(Instant, Value, oneshot::Sender<String>)> {
        let call = self.call().await?;
        match call.what {
            What::Answered(answer) => Ok((call.at, answer, call.answer)),
            What::Next => bail!("it asked for another event without answering the first"),
            What::Failed(why) => bail!("it failed: {why}"),
        }
    }
}

/// Tells the measurement of a call and waits for what it says to it.
async fn tell(desk: &Desk, what: What) -> Result<String, StatusCode> {
    let at = Instant::now();
    let (answer, said) = oneshot::channel();
    desk.calls.send(Call { at, what, answer }).map_err(|_| StatusCode::GONE)?;
    // The measurement is over: the process is about to be ended.
    said.await.map_err(|_| StatusCode::GONE)
}

async fn next(State(desk): State<Desk>) -> Response {
    let event = match tell(&desk, What::Next).await {
        Ok(event) => event,
        Err(status) => return status.into_response(),
    };
    let number = desk.events.fetch_add(1, Ordering::Relaxed);
    let deadline = Timestamp::now().as_millisecond() + DEADLINE_MS;
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", format!("00000000-0000-4000-8000-{number:012x}")),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:123456789012:function:measured".to_owned(),
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0".to_owned(),
        ),
    ];
    (headers, event).into_response()
}

async fn answered(State(desk): State<Desk>, Path(_id): Path<String>, body: Bytes) -> Response {
    let what = match serde_json::from_slice(&body) {
        Ok(answer) => What::Answered(answer),
        Err(error) => What::Failed(format!("its answer is not JSON: {error}")),
    };
    said(tell(&desk, what).await)
}

async fn failed(State(desk): State<Desk>, Path(_id): Path<String>, body: String) -> Response {
    said(tell(&desk, What::Failed(body)).await)
}

async fn failed_to_start(State(desk): State<Desk>, body: String) -> Response {
    said(tell(&desk, What::Failed(body)).await)
}

fn said(said: Result<String, StatusCode>) -> Response {
    match said {
        Ok(_) => (StatusCode::ACCEPTED, r#"{"status":"OK"}"#).into_response(),
        Err(status) => status.into_response(),
    }
}
