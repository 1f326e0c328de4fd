//! What a caller is answered, as it goes over the wire.

use lambda_http::http::HeaderValue;
use lambda_http::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use lambda_http::{Body, Response};
use models::view::{Problem, ProblemCode};
use order_store::StoreError;
use serde::Serialize;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// What the body is.
    pub content_type: &'static str,
    /// The body: JSON.
    pub body: String,
    /// The methods that the address knows, where it does not know this one.
    pub allow: Option<&'static str>,
}

impl Answer {
    /// What was asked for.
    pub(crate) fn ok(status: u16, body: &impl Serialize) -> Self {
        match serde_json::to_string(body) {
            Ok(body) => Self { status, content_type: "application/json", body, allow: None },
            Err(error) => {
                tracing::error!(%error, "an answer could not be written");
                Problem::new(ProblemCode::Internal, "The answer could not be written.").into()
            }
        }
    }

    /// The problem of a wrong method.
    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        let problem = Problem::new(ProblemCode::MethodNotAllowed, format!("The address knows: {allow}."));
        Self { allow: Some(allow), ..problem.into() }
    }

    /// The answer on the wire. It may be of one caller only, and a moment later it may be another.
    #[must_use]
    pub fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::Text(self.body));
        *response.status_mut() = self.status.try_into().unwrap_or_default();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        let body = serde_json::to_string(&problem).unwrap_or_else(|error| {
            tracing::error!(%error, "a problem could not be written");
            String::new()
        });
        Self { status: problem.status, content_type: "application/problem+json", body, allow: None }
    }
}

/// Why a call ends without what it asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The caller is told this.
    #[error("{}: {}", .0.code, .0.detail)]
    Problem(Problem),
    /// The store did not do as asked: the caller is told no more than that.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Failure {
    /// A problem by its code.
    pub(crate) fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self::Problem(Problem::new(code, detail))
    }

    /// What the caller is told. What it is not told is logged.
    pub(crate) fn into_problem(self) -> Problem {
        match self {
            Self::Problem(problem) => problem,
            Self::Store(error @ StoreError::Unavailable(_)) => {
                tracing::error!(%error, "a call could not be answered");
                let detail = "The store did not answer in time. The same call may be sent again.";
                Problem::new(ProblemCode::StoreUnavailable, detail)
            }
            Self::Store(error @ StoreError::Corrupt { .. }) => {
                tracing::error!(%error, "what was asked for can't be read by this version");
                Problem::new(ProblemCode::Internal, "What is stored can't be read by this version.")
            }
        }
    }
}
