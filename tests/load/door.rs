//! What pushes back under load, and counts: FlexFactor's door, and a table that throttles. Both stand in the rig's proxies, so
//! that their counts owe nothing to the functions or to the sandbox behind.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use rig::{Answer, Call, Observe};
use tokio::sync::watch;

/// A FlexFactor that takes its time, works on so many submissions at once and sends the others away with 429. It answers nobody
/// until it is opened.
pub(crate) struct Door {
    worked_on_max: usize,
    takes: Duration,
    is_open: watch::Sender<bool>,
    counts: Mutex<Counts>,
}

/// What the door saw of submissions.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Before it or behind it now.
    pub(crate) inside: usize,
    /// The most that were at one time.
    pub(crate) inside_most: usize,
    worked_on: usize,
    /// Let through.
    pub(crate) taken: u64,
    /// Answered 429.
    pub(crate) sent_away: u64,
    /// Gone before they were let through or answered: it was closed for longer than the functions wait.
    pub(crate) gone: u64,
    /// Of those let through, gone before FlexFactor had answered: it may have got them or not.
    pub(crate) unsure: u64,
}

impl Door {
    pub(crate) fn closed(worked_on_max: usize, takes: Duration) -> Self {
        Self { worked_on_max, takes, is_open: watch::Sender::new(false), counts: Mutex::default() }
    }

    pub(crate) fn open(&self) {
        self.is_open.send_replace(true);
    }

    pub(crate) fn counts(&self) -> Counts {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self) -> Inside<'_> {
        let mut counts = self.lock();
        counts.inside += 1;
        counts.inside_most = counts.inside_most.max(counts.inside);
        Inside { door: self, stage: Stage::Waits }
    }
}

/// A submission at the door. It has left when this is dropped, even where its caller was gone before the answer.
struct Inside<'a> {
    door: &'a Door,
    stage: Stage,
}

/// How far a submission came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waits,
    WorkedOn,
    LetThrough,
    Answered { was_worked_on: bool },
}

impl Inside<'_> {
    fn is_let_in(&mut self) -> bool {
        let mut counts = self.door.lock();
        let is_let_in = counts.worked_on < self.door.worked_on_max;
        if is_let_in {
            counts.worked_on += 1;
            self.stage = Stage::WorkedOn;
        } else {
            counts.sent_away += 1;
            self.stage = Stage::Answered { was_worked_on: false };
        }
        is_let_in
    }

    fn is_let_through(&mut self) {
        self.door.lock().taken += 1;
        self.stage = Stage::LetThrough;
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let mut counts = self.door.lock();
        counts.inside -= 1;
        match self.stage {
            Stage::Waits => counts.gone += 1,
            Stage::WorkedOn => {
                counts.worked_on -= 1;
                counts.gone += 1;
            }
            Stage::LetThrough => {
                counts.worked_on -= 1;
                counts.unsure += 1;
            }
            Stage::Answered { was_worked_on } => counts.worked_on -= usize::from(was_worked_on),
        }
    }
}

impl Observe for Door {
    fn around<'a>(
        &'a self,
        call: &'a Call,
        sent: BoxFuture<'a, Result<Answer>>,
    ) -> BoxFuture<'a, Result<Answer>> {
        if !call.name.ends_with("/evaluate") {
            return sent;
        }
        async move {
            let mut inside = self.enter();
            self.is_open.subscribe().wait_for(|is_open| *is_open).await?;
            if !inside.is_let_in() {
                let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("1"))]);
                return Ok(answer(
                    StatusCode::TOO_MANY_REQUESTS,
                    headers,
                    r#"{"title":"Too many requests."}"#,
                ));
            }
            tokio::time::sleep(self.takes).await;
            inside.is_let_through();
            let answered = sent.await;
            inside.stage = Stage::Answered { was_worked_on: true };
            answered
        }
        .boxed()
    }
}

/// A table that throttles a third of the writes by which declines are stored and webhooks applied: the SDK's own tries do not
/// always get through. The writes around a submission are spared: what becomes of one whose answer can't be recorded is shown
/// elsewhere (`fault_aws`), and each would wait for its lease.
pub(crate) struct Throttle {
    random: Mutex<fastrand::Rng>,
    struck: AtomicU64,
}

impl Throttle {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Mutex::new(fastrand::Rng::with_seed(seed)), struck: AtomicU64::new(0) }
    }

    /// How many writes it refused.
    pub(crate) fn struck(&self) -> u64 {
        self.struck.load(Ordering::Relaxed)
    }

    fn strikes(&self, call: &Call) -> bool {
        let is_one = match call.name.rsplit('.').next() {
            Some("PutItem") => has(call, r#""sk":{"S":"ORDER"}"#),
            Some("UpdateItem") => has(call, r##""#seen""##),
            _ => false,
        };
        is_one && self.random.lock().unwrap_or_else(PoisonError::into_inner).u8(0..3) == 0
    }
}

fn has(call: &Call, text: &str) -> bool {
    call.body.windows(text.len()).any(|window| window == text.as_bytes())
}

impl Observe for Throttle {
    fn around<'a>(
        &'a self,
        call: &'a Call,
        sent: BoxFuture<'a, Result<Answer>>,
    ) -> BoxFuture<'a, Result<Answer>> {
        if !self.strikes(call) {
            return sent;
        }
        self.struck.fetch_add(1, Ordering::Relaxed);
        let body = r#"{"__type":"ProvisionedThroughputExceededException","message":"Rate exceeded"}"#;
        let headers = HeaderMap::from_iter([(
            reqwest::header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-amz-json-1.0"),
        )]);
        async move { Ok(answer(StatusCode::BAD_REQUEST, headers, body)) }.boxed()
    }
}

fn answer(status: StatusCode, headers: HeaderMap, body: &'static str) -> Answer {
    Answer { status, headers, body: body.into() }
}
