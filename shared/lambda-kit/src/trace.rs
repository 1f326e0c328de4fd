//! Which trace a line of the log belongs to. AWS carries it from one service to the next: API Gateway gives it to Lambda,
//! the SDK takes it from the invocation to SQS, and SQS hands it on with the message.

use std::fmt;
use std::future::Future;

use lambda_runtime::Context;
use tracing::{Instrument as _, Span};

/// The root of a trace, such as `1-5759e988-bd862e3fe1be46a994272793`: the same from the first service to the last. A caller
/// can send what it likes as its trace, so anything else is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace(String);

impl Trace {
    /// The root in a header such as `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`.
    #[must_use]
    pub fn of_header(header: &str) -> Option<Self> {
        let root = header.split(';').find_map(|part| part.trim().strip_prefix("Root="))?;
        let is_hex = |part: Option<&str>, digits: usize| {
            part.is_some_and(|part| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
        };
        let mut parts = root.split('-');
        let is_root = parts.next() == Some("1") && is_hex(parts.next(), 8) && is_hex(parts.next(), 24);
        (is_root && parts.next().is_none()).then(|| Self(root.to_owned()))
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The invocation that is being worked on.
#[derive(Debug, Clone, Default)]
struct Invocation {
    request_id: String,
    trace: Option<Trace>,
}

tokio::task_local! {
    static INVOCATION: Invocation;
}

/// Works with every line of the log, and every call to FlexFactor, told whose invocation it is.
pub(crate) fn invocation<F: Future>(context: Option<&Context>, work: F) -> impl Future<Output = F::Output> {
    let trace = context.and_then(|context| Trace::of_header(context.xray_trace_id.as_deref()?));
    let request_id = context.map(|context| context.request_id.clone()).unwrap_or_default();
    let span = span(&request_id, trace.as_ref(), None);
    // On the heap: a future within so many others is more than the compiler measures in one go.
    let work = flexfactor::traced(trace.as_ref().map(Trace::to_string), Box::pin(work));
    INVOCATION.scope(Invocation { request_id, trace }, work.instrument(span))
}

/// The same for one message of a batch: its sender's trace, where it has one, goes before the invocation's.
pub(crate) async fn message<F: Future>(id: &str, header: Option<&str>, work: F) -> F::Output {
    let Invocation { request_id, trace } = INVOCATION.try_with(Invocation::clone).unwrap_or_default();
    let trace = header.and_then(Trace::of_header).or(trace);
    let span = span(&request_id, trace.as_ref(), Some(id));
    flexfactor::traced(trace.as_ref().map(Trace::to_string), work.instrument(span)).await
}

/// Of the highest level, so that its fields are there whatever level is logged.
fn span(request_id: &str, trace: Option<&Trace>, message_id: Option<&str>) -> Span {
    let trace = trace.map(tracing::field::display);
    tracing::error_span!("work", request_id, trace, message_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    const ROOT: &str = "1-5759e988-bd862e3fe1be46a994272793";

    #[test]
    fn only_a_root_is_a_trace() {
        let read = |header: &str| Trace::of_header(header).map(|trace| trace.to_string());
        for header in [
            format!("Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1"),
            format!("Self=1-67891234-12456789abcdef012345678f; Root={ROOT}"),
        ] {
            assert_eq!(read(&header).as_deref(), Some(ROOT), "{header}");
        }
        for header in
            ["", ROOT, "Root=", "Root=1-5759e988", "Root=4111111111111111", &format!("Root={ROOT}-1")]
        {
            assert_eq!(read(header), None, "{header}");
        }
        assert_eq!(read(&format!("Root={}", ROOT.replace("bd", "xx"))), None);
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Lines {
        /// The fields that the span gave the last line.
        fn span(&self) -> serde_json::Value {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            let line: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
            line["span"].clone()
        }
    }

    /// What is logged while the guard is held.
    fn logged() -> (Lines, tracing::subscriber::DefaultGuard) {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_max_level(tracing::Level::ERROR)
            .with_writer(move || writer.clone())
            .finish();
        (lines, tracing::subscriber::set_default(subscriber))
    }

    #[tokio::test]
    async fn a_message_of_a_queue_brings_its_senders_trace() {
        let (lines, _logging) = logged();
        let header = format!("Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1");
        let event = serde_json::json!({ "Records": [{
            "messageId": "m-1", "body": "{}", "receiptHandle": "r", "messageAttributes": {},
            "attributes": { "AWSTraceHeader": header }
        }] });
        let handle = |_| async {
            tracing::error!("a line");
            Ok::<_, String>(())
        };
        crate::batch::run(serde_json::from_value(event).unwrap(), handle).await;
        assert_eq!((&lines.span()["trace"], &lines.span()["message_id"]), (&ROOT.into(), &"m-1".into()));
    }

    #[tokio::test]
    async fn lines_tell_the_invocation_and_the_senders_trace_whatever_the_level() {
        let (lines, _logging) = logged();
        let mut context = Context::default();
        context.request_id = "r-1".to_owned();
        context.xray_trace_id = Some(format!("Root={};Sampled=0", ROOT.replace('5', "6")));
        invocation(Some(&context), async {
            tracing::error!("a line");
            let expected =
                serde_json::json!({"name": "work", "request_id": "r-1", "trace": ROOT.replace('5', "6")});
            assert_eq!(lines.span(), expected);
            let header = format!("Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1");
            message("m-1", Some(&header), async { tracing::error!("a line") }).await;
            let expected = serde_json::json!(
                {"name": "work", "request_id": "r-1", "message_id": "m-1", "trace": ROOT}
            );
            assert_eq!(lines.span(), expected);
            message("m-2", None, async { tracing::error!("a line") }).await;
            assert_eq!(lines.span()["trace"], ROOT.replace('5', "6"), "the invocation's where it has none");
        })
        .await;
    }
}
