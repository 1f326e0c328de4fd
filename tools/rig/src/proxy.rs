//! A loopback proxy that fails requests on demand: between the functions and their AWS, or between them and FlexFactor.
//!
//! It runs on a thread of its own, so that it can be taken away (connections are then refused) and brought back on the
//! same port. Headers pass unchanged, the signed `Host` among them.

use std::io::{Error, ErrorKind};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::observe::{Answer, Call, Observe};

/// Largest request passed on, in bytes: SQS takes 1 MiB.
const REQUEST_BYTES_MAX: usize = 2 * 1024 * 1024;
/// For how long the port is tried again after the proxy was taken away.
const REBIND_MAX: Duration = Duration::from_secs(5);

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is answered with this, and nothing is done.
    Answer {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: Value,
    },
    /// Nothing is done, and the connection breaks.
    CutBefore,
    /// It is done, and the connection breaks before the answer is whole.
    CutAfter,
    /// Nothing is done while the fault lasts; then it goes on, if the caller is still there.
    HoldBefore,
    /// It is done, and not answered while the fault lasts.
    HoldAfter,
}

impl Fault {
    /// AWS asks to slow down: `ProvisionedThroughputExceededException`, `ThrottlingException`.
    #[must_use]
    pub fn throttled(code: &str) -> Self {
        Self::Answer { status: 400, body: json!({ "__type": code, "message": "Rate exceeded" }) }
    }

    /// AWS fails.
    #[must_use]
    pub fn failing() -> Self {
        Self::Answer { status: 500, body: json!({ "__type": "InternalServerError", "message": "Try again" }) }
    }
}

/// A running proxy. Dropping it ends it.
pub struct Proxy {
    port: u16,
    url: String,
    shared: Arc<Shared>,
    runtime: Mutex<Option<Runtime>>,
}

#[derive(Default)]
struct Shared {
    upstream: Mutex<String>,
    faults: Mutex<Vec<Active>>,
    observer: Mutex<Option<Arc<dyn Observe>>>,
    http: reqwest::Client,
}

struct Active {
    /// Part of the request's name: see [`Proxy::fail`].
    on: String,
    fault: Fault,
    left: Option<u64>,
    struck: u64,
}

impl Proxy {
    /// Listens on a free loopback port. It knows no way on until [`Proxy::lead_to`].
    ///
    /// # Errors
    /// No port or no thread is to be had.
    pub fn start() -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let shared = Arc::new(Shared { http, ..Shared::default() });
        let listener = listen(0)?;
        let port = listener.local_addr()?.port();
        let runtime = Mutex::new(Some(serve(listener, &shared)?));
        Ok(Self { port, url: format!("http://127.0.0.1:{port}"), shared, runtime })
    }

    /// Its address, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends requests on to this address.
    pub fn lead_to(&self, upstream: &str) {
        upstream.clone_into(&mut lock(&self.shared.upstream));
    }

    /// Shows every request that is sent on to `observer`, in place of whoever watched before.
    pub fn observe(&self, observer: Arc<dyn Observe>) {
        *lock(&self.shared.observer) = Some(observer);
    }

    /// Fails every request whose name contains `on`, until [`Proxy::heal`]. A call to AWS is named by its target
    /// (`DynamoDB_20120810.PutItem`, `secretsmanager.GetSecretValue`, `AmazonSQS.SendMessage`), another by method and path.
    pub fn fail(&self, on: &str, fault: Fault) {
        self.add(on, fault, None);
    }

    /// Fails the next `times` such requests.
    pub fn fail_times(&self, on: &str, fault: Fault, times: u64) {
        self.add(on, fault, Some(times));
    }

    fn add(&self, on: &str, fault: Fault, left: Option<u64>) {
        lock(&self.shared.faults).push(Active { on: on.to_owned(), fault, left, struck: 0 });
    }

    /// Ends all faults; says how many requests they struck.
    pub fn heal(&self) -> u64 {
        lock(&self.shared.faults).drain(..).map(|active| active.struck).sum()
    }

    /// How many requests the present faults have struck.
    #[must_use]
    pub fn struck(&self) -> u64 {
        lock(&self.shared.faults).iter().map(|active| active.struck).sum()
    }

    /// Goes away: open connections break, new ones are refused.
    pub fn go_away(&self) {
        if let Some(runtime) = lock(&self.runtime).take() {
            runtime.shutdown_background();
        }
    }

    /// Listens again, on the same port.
    ///
    /// # Errors
    /// The port was taken meanwhile.
    pub fn come_back(&self) -> Result<()> {
        let runtime = serve(listen(self.port)?, &self.shared)?;
        *lock(&self.runtime) = Some(runtime);
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.go_away();
    }
}

fn listen(port: u16) -> Result<TcpListener> {
    let deadline = Instant::now() + REBIND_MAX;
    loop {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => {
                listener.set_nonblocking(true)?;
                return Ok(listener);
            }
            // The listener that was taken away is closed by its own thread, in a moment.
            Err(error) if error.kind() == ErrorKind::AddrInUse && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(error) => return Err(error).with_context(|| format!("listening on port {port}")),
        }
    }
}

/// A thread that serves what comes in at `listener`.
fn serve(listener: TcpListener, shared: &Arc<Shared>) -> Result<Runtime> {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let listener = {
        let _guard = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    let app = axum::Router::new().fallback(pass).with_state(Arc::clone(shared));
    runtime.spawn(async move { axum::serve(listener, app).await });
    Ok(runtime)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// The fault that strikes a request of this name, if one does.
    fn strike(&self, name: &str) -> Option<Fault> {
        let mut faults = lock(&self.faults);
        let active = faults.iter_mut().find(|active| active.left != Some(0) && name.contains(&active.on))?;
        active.struck += 1;
        active.left = active.left.map(|left| left.saturating_sub(1));
        Some(active.fault.clone())
    }

    /// Waits until no fault of this name's is left.
    async fn healed(&self, name: &str) {
        while lock(&self.faults).iter().any(|active| name.contains(&active.on)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn send_on(&self, name: &str, request: Request) -> Result<Response<Body>> {
        let (head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let url = format!("{}{path}", lock(&self.upstream));
        let body = to_bytes(body, REQUEST_BYTES_MAX).await?;
        let call = Call { name: name.to_owned(), headers: head.headers, body };
        let observer = lock(&self.observer).clone();
        let sent = Box::pin(self.exchange(head.method, url, &call));
        let answered = match &observer {
            Some(observer) => observer.around(&call, sent).await?,
            None => sent.await?,
        };
        let mut answer = Response::builder().status(answered.status);
        for (name, value) in answered.headers.iter().filter(|(name, _)| !is_of_the_connection(name)) {
            answer = answer.header(name, value);
        }
        Ok(answer.body(Body::from(answered.body))?)
    }

    async fn exchange(&self, method: Method, url: String, call: &Call) -> Result<Answer> {
        let request = self.http.request(method, url).headers(call.headers.clone()).body(call.body.clone());
        let sent = request.send().await?;
        let (status, headers) = (sent.status(), sent.headers().clone());
        Ok(Answer { status, headers, body: sent.bytes().await? })
    }
}

/// Headers that belong to one connection; the length is counted anew.
fn is_of_the_connection(name: &HeaderName) -> bool {
    ["connection", "keep-alive", "transfer-encoding", "content-length"].contains(&name.as_str())
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let name = name_of(&request);
    match shared.strike(&name) {
        None => answered(shared.send_on(&name, request).await),
        Some(Fault::Answer { status, body }) => {
            let mut answer = Response::new(Body::from(body.to_string()));
            *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let json = HeaderValue::from_static("application/x-amz-json-1.0");
            answer.headers_mut().insert(axum::http::header::CONTENT_TYPE, json);
            answer
        }
        Some(Fault::CutBefore) => cut(),
        Some(Fault::CutAfter) => {
            // The answer is what gets lost, whatever it was.
            drop(shared.send_on(&name, request).await);
            cut()
        }
        Some(Fault::HoldBefore) => {
            shared.healed(&name).await;
            answered(shared.send_on(&name, request).await)
        }
        Some(Fault::HoldAfter) => {
            let answer = shared.send_on(&name, request).await;
            shared.healed(&name).await;
            answered(answer)
        }
    }
}

fn name_of(request: &Request) -> String {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    target.map_or_else(|| format!("{} {}", request.method(), request.uri().path()), ToOwned::to_owned)
}

fn answered(answer: Result<Response<Body>>) -> Response<Body> {
    answer.unwrap_or_else(|error| {
        eprintln!("the proxy could not pass a request on: {error:#}");
        cut()
    })
}

/// An answer that ends before it is whole.
fn cut() -> Response<Body> {
    let parts = [Ok(Bytes::from_static(b"{")), Err(Error::from(ErrorKind::ConnectionReset))];
    Response::new(Body::from_stream(stream::iter(parts)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers with the number of requests so far, and the target of this one.
    async fn upstream() -> String {
        let count = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let app = axum::Router::new().fallback(move |request: Request| async move {
            let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
            format!("{number} {}", name_of(&request))
        });
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        url
    }

    async fn ask(proxy: &Proxy, target: &str) -> Result<(u16, String), reqwest::Error> {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
        let answer = http.post(proxy.url()).header("x-amz-target", target).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    #[tokio::test]
    async fn each_fault_strikes_what_it_names_and_only_while_it_lasts() {
        let proxy = Proxy::start().unwrap();
        proxy.lead_to(&upstream().await);
        assert_eq!(ask(&proxy, "A.Put").await.unwrap(), (200, "1 A.Put".to_owned()));

        proxy.fail_times("A.Put", Fault::throttled("ThrottlingException"), 1);
        assert_eq!(ask(&proxy, "A.Get").await.unwrap().0, 200, "another call");
        let (status, body) = ask(&proxy, "A.Put").await.unwrap();
        assert_eq!((status, body.contains("ThrottlingException")), (400, true));
        assert_eq!(ask(&proxy, "A.Put").await.unwrap(), (200, "3 A.Put".to_owned()), "once was enough");
        assert_eq!(proxy.heal(), 1);

        proxy.fail("A.", Fault::CutBefore);
        assert!(ask(&proxy, "A.Put").await.is_err());
        proxy.heal();
        proxy.fail("A.", Fault::CutAfter);
        assert!(ask(&proxy, "A.Put").await.is_err());
        proxy.heal();
        assert_eq!(
            ask(&proxy, "A.Put").await.unwrap(),
            (200, "5 A.Put".to_owned()),
            "one of the two was done"
        );

        proxy.fail("A.", Fault::HoldAfter);
        let (held, ()) = tokio::join!(ask(&proxy, "A.Put"), async {
            while proxy.struck() == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            proxy.heal();
        });
        assert_eq!(held.unwrap(), (200, "6 A.Put".to_owned()));
    }

    #[tokio::test]
    async fn it_goes_away_and_comes_back_on_the_same_port() {
        let proxy = Proxy::start().unwrap();
        proxy.lead_to(&upstream().await);
        let url = proxy.url().to_owned();
        proxy.go_away();
        assert!(ask(&proxy, "A.Put").await.unwrap_err().is_connect());
        proxy.come_back().unwrap();
        assert_eq!((ask(&proxy, "A.Put").await.unwrap().0, proxy.url()), (200, url.as_str()));
    }
}
