//! Batches from SQS: records run side by side, and each fails alone, panics included.

use std::fmt::Display;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::str::FromStr;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::FutureExt as _;
use futures_util::future::join_all;

use crate::trace;

/// A record of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The message's id: the same on each delivery.
    pub id: String,
    /// The message's body.
    pub body: String,
    /// What this delivery is acknowledged or postponed by.
    pub receipt: String,
    /// When the message was sent, in milliseconds since 1970: the same on each delivery.
    pub sent_at_millis: Option<i64>,
    /// How often the message was delivered, this time included; none where the queue does not say.
    pub deliveries: Option<u32>,
}

impl From<SqsMessage> for Record {
    fn from(message: SqsMessage) -> Self {
        fn attribute<T: FromStr>(message: &SqsMessage, name: &str) -> Option<T> {
            message.attributes.get(name)?.parse().ok()
        }
        Self {
            sent_at_millis: attribute(&message, "SentTimestamp"),
            deliveries: attribute(&message, "ApproximateReceiveCount"),
            id: message.message_id.unwrap_or_default(),
            body: message.body.unwrap_or_default(),
            receipt: message.receipt_handle.unwrap_or_default(),
        }
    }
}

/// Runs `handle` on every record at once and reports those that failed, for SQS to deliver again.
///
/// Whatever `handle` returns an error for must be retried: what can't succeed must be kept by `handle` itself.
pub async fn run<E, F>(event: SqsEvent, handle: impl Fn(Record) -> F) -> SqsBatchResponse
where
    E: Display,
    F: Future<Output = Result<(), E>>,
{
    let mut response = SqsBatchResponse::default();
    for (id, done) in each(event, handle).await {
        if done.is_none() {
            response.add_failure(id);
        }
    }
    response
}

/// As [`run`], and what the records leave to be done is done for all of them together: one call in place of ten. `then`
/// answers for each in turn; a record fails if its part does.
pub async fn run_then<T, E, F, E2, G>(
    event: SqsEvent,
    handle: impl Fn(Record) -> F,
    then: impl FnOnce(Vec<T>) -> G,
) -> SqsBatchResponse
where
    E: Display,
    F: Future<Output = Result<Option<T>, E>>,
    E2: Display,
    G: Future<Output = Vec<Result<(), E2>>>,
{
    let mut response = SqsBatchResponse::default();
    let (mut ids, mut left) = (Vec::new(), Vec::new());
    for (id, done) in each(event, handle).await {
        match done {
            None => response.add_failure(id),
            Some(None) => {}
            Some(Some(rest)) => {
                ids.push(id);
                left.push(rest);
            }
        }
    }
    if ids.is_empty() {
        return response;
    }
    // Boxed: futures of AWS clients are deep, and the compiler looks through so many levels only.
    let answers = AssertUnwindSafe(Box::pin(async { then(left).await })).catch_unwind().await;
    let mut answers = answers.unwrap_or_default().into_iter();
    for id in ids {
        match answers.next() {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                tracing::warn!(message_id = id, %error, "the record will be delivered again");
                response.add_failure(id);
            }
            None => {
                tracing::error!(
                    message_id = id,
                    "what the record left was not done; it will be delivered again"
                );
                response.add_failure(id);
            }
        }
    }
    response
}

/// Runs `handle` on every record at once: each record's id and what it came to, `None` where it failed or panicked.
async fn each<T, E, F>(event: SqsEvent, handle: impl Fn(Record) -> F) -> Vec<(String, Option<T>)>
where
    E: Display,
    F: Future<Output = Result<T, E>>,
{
    let records = event.records.into_iter().map(|message| {
        let sender = message.attributes.get("AWSTraceHeader").cloned();
        let record = Record::from(message);
        let id = record.id.clone();
        // The call itself is inside, so that a panic before the first await is caught as well.
        let handled = AssertUnwindSafe(async {
            #[cfg(debug_assertions)]
            fault_point(&record.body);
            handle(record).await
        })
        .catch_unwind();
        let told = async move {
            match handled.await {
                Ok(Ok(done)) => Some(done),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the record will be delivered again");
                    None
                }
                Err(_) => {
                    tracing::error!("the record panicked and will be delivered again");
                    None
                }
            }
        };
        async move {
            let done = trace::message(&id, sender.as_deref(), told).await;
            (id, done)
        }
    });
    join_all(records).await
}

/// Lets tests on the deployed local stack, where functions are debug builds, have a record panic: one whose body contains
/// the text in `FAULT_PANIC_MARKER`. What is deployed to AWS is a release build and has no such point.
#[cfg(debug_assertions)]
#[expect(clippy::panic, reason = "the fault that tests ask for")]
fn fault_point(body: &str) {
    let marker = std::env::var("FAULT_PANIC_MARKER").unwrap_or_default();
    if !marker.is_empty() && body.contains(&marker) {
        // As an unlucky `unwrap` would: the text quotes what it fell over.
        panic!("asked to panic at {body}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn event(bodies: &[&str]) -> SqsEvent {
        let records: Vec<_> = bodies
            .iter()
            .map(|body| {
                serde_json::json!({
                    "messageId": format!("m-{body}"), "body": body, "receiptHandle": "r",
                    "attributes": {"SentTimestamp": "1795255200000"}, "messageAttributes": {}
                })
            })
            .collect();
        serde_json::from_value(serde_json::json!({ "Records": records })).unwrap()
    }

    fn failed(response: &SqsBatchResponse) -> Vec<&str> {
        response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect()
    }

    #[tokio::test]
    async fn a_record_fails_alone_and_so_does_a_panic() {
        let handle = |record: Record| async move {
            match record.body.as_str() {
                "fails" => Err("no"),
                "panics" => panic!("4111111111111111"),
                _ => Ok(()),
            }
        };
        let response = run(event(&["good", "fails", "panics", "better"]), handle).await;
        assert_eq!(failed(&response), ["m-fails", "m-panics"]);
    }

    #[tokio::test]
    async fn what_records_leave_is_done_together_and_fails_each_alone() {
        let handle = |record: Record| async move {
            match record.body.as_str() {
                "fails" => Err("no"),
                "has nothing left" => Ok(None),
                body => Ok(Some(body.to_owned())),
            }
        };
        let bodies = ["1", "fails", "2", "has nothing left", "3"];
        let refuse_2 = |left: Vec<String>| async move {
            assert_eq!(left, ["1", "2", "3"]);
            left.iter().map(|body| if body == "2" { Err("refused") } else { Ok(()) }).collect()
        };
        assert_eq!(failed(&run_then(event(&bodies), handle, refuse_2).await), ["m-fails", "m-2"]);
        let forget_3 = async |_: Vec<String>| vec![Ok::<_, &str>(()); 2];
        assert_eq!(failed(&run_then(event(&bodies), handle, forget_3).await), ["m-fails", "m-3"]);
        let panic = async |left: Vec<String>| -> Vec<Result<(), &str>> { panic!("{left:?}") };
        assert_eq!(failed(&run_then(event(&bodies), handle, panic).await), ["m-fails", "m-1", "m-2", "m-3"]);
        let nothing_left =
            async |_: Vec<String>| -> Vec<Result<(), &str>> { panic!("there is nothing to do") };
        assert_eq!(failed(&run_then(event(&["fails"]), handle, nothing_left).await), ["m-fails"]);
    }

    #[tokio::test]
    async fn records_run_side_by_side() {
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let handle = |_: Record| async {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            running.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, &str>(())
        };
        run(event(&["1", "2", "3"]), handle).await;
        assert_eq!(most.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn what_identifies_a_message_is_read() {
        let message = event(&["x"]).records.remove(0);
        let record = Record::from(message);
        assert_eq!((record.id.as_str(), record.sent_at_millis), ("m-x", Some(1_795_255_200_000)));
    }
}
