//! Watching what passes a proxy.

use anyhow::Result;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use futures_util::future::BoxFuture;

/// A request that a proxy is about to send on.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its name: the target of a call to AWS, else method and path.
    pub name: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// What it was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Who watches. What faults keep from being sent on is not seen.
pub trait Observe: Send + Sync {
    /// Is there before a request is sent on and after it was answered: it awaits `sent`, which does both, or answers itself.
    fn around<'a>(
        &'a self,
        call: &'a Call,
        sent: BoxFuture<'a, Result<Answer>>,
    ) -> BoxFuture<'a, Result<Answer>>;
}
