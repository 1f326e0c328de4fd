//! Which of our traces a call belongs to, for FlexFactor to tell it in its log. It is sent only where a header is configured.

use std::future::Future;

tokio::task_local! {
    static TRACE: Option<String>;
}

/// Does `work`, whose calls belong to the trace `id`.
pub async fn traced<F: Future>(id: Option<String>, work: F) -> F::Output {
    TRACE.scope(id, work).await
}

/// The trace that is being worked for.
pub(crate) fn current() -> Option<String> {
    TRACE.try_with(Option::clone).ok().flatten()
}
