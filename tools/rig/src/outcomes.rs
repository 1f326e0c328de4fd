//! What was published, as a billing system hears of it: from the sample queue behind the bus.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message};
use models::ids::OrderKey;
use models::order::{Order, Tag};
use models::outcome::{OrderOutcome, OrderOutcomeKind, OutcomeEvent, OutcomeId};
use models::status::Status;
use order_store::dynamo::{Books, ParkedItem};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::compare::{Finding, FindingKind};
use crate::up::Rig;

/// Messages in one call to SQS: its limit.
const RECEIVE_BATCH: i32 = 10;

/// What EventBridge puts around an event.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Envelope {
    source: String,
    detail_type: String,
    detail: OutcomeEvent,
}

/// What was taken from the queue so far.
#[derive(Debug, Default)]
pub(crate) struct Outcomes(Mutex<Vec<OutcomeEvent>>);

impl Rig {
    /// Every event that was published so far, as it came: the same one may be there more than once.
    ///
    /// # Errors
    /// SQS does not answer, or a message is none of our events.
    pub async fn published(&self) -> Result<Vec<OutcomeEvent>> {
        let outputs = self.stack().outputs();
        let queue = outputs.outcomes_sample_queue_url.as_ref().context("the sample queue is off")?;
        let mut taken = self.outcomes.0.lock().await;
        loop {
            let receive = self.stack().sqs().receive_message().queue_url(queue);
            let received = receive.max_number_of_messages(RECEIVE_BATCH).send().await?;
            let messages = received.messages();
            if messages.is_empty() {
                return Ok(taken.clone());
            }
            for message in messages {
                taken.push(read(message)?);
            }
            let entries: Result<Vec<_>, _> = messages.iter().enumerate().map(delete).collect();
            let delete = self.stack().sqs().delete_message_batch().queue_url(queue);
            let deleted = delete.set_entries(Some(entries?)).send().await?;
            ensure!(deleted.failed().is_empty(), "SQS did not delete a message: {:?}", deleted.failed());
        }
    }

    /// Waits until everything in the table was published as it is there: the table's stream takes a moment.
    ///
    /// # Errors
    /// Something was not published in time; what.
    pub async fn until_all_published(&self, limit: Duration) -> Result<Vec<OutcomeEvent>> {
        let books = self.books().await?;
        self.until_published(limit, |published| match unpublished(&books, published) {
            missing if missing.is_empty() => Ok(()),
            missing => Err(missing.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
        })
        .await
    }

    /// Reads what is published until it is as wanted; an error that says what is still missing after `limit`.
    ///
    /// # Errors
    /// It did not become as wanted in time.
    pub async fn until_published(
        &self,
        limit: Duration,
        mut wanted: impl FnMut(&[OutcomeEvent]) -> Result<(), String>,
    ) -> Result<Vec<OutcomeEvent>> {
        let deadline = Instant::now() + limit;
        loop {
            let published = self.published().await?;
            match wanted(&published) {
                Ok(()) => return Ok(published),
                Err(missing) if Instant::now() > deadline => bail!("after {limit:?}: {missing}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

/// What is in the table and was not published as it is there: an order's last event says where it stands and what to do, an
/// approval that FlexFactor told was told on, a decline that is no order was told, and an id names one event.
#[must_use]
pub fn unpublished(books: &Books, published: &[OutcomeEvent]) -> Vec<Finding> {
    let finding = |order: String, why: String| Finding { kind: FindingKind::Outcome, order, why };
    let mut events: BTreeMap<OrderKey, Vec<&OrderOutcome>> = BTreeMap::new();
    let mut declines: Vec<(&str, Option<&str>, &str)> = Vec::new();
    let mut by_id: BTreeMap<&OutcomeId, &OutcomeEvent> = BTreeMap::new();
    let mut findings = Vec::new();
    for event in published {
        if by_id.insert(event.id(), event).is_some_and(|known| known != event) {
            findings.push(finding(event.id().as_str().to_owned(), "two events have this id".to_owned()));
        }
        match event {
            OutcomeEvent::Order(event) => {
                let (merchant, order_id) = (event.merchant.clone(), event.order_id.clone());
                events.entry(OrderKey { merchant, order_id }).or_default().push(event);
            }
            OutcomeEvent::Decline(event) => {
                let order_id = event.order_id.as_ref().map(|id| id.as_str());
                declines.push((event.merchant.as_str(), order_id, event.kind.word()));
            }
        }
    }
    for order in &books.orders {
        let told = events.get(&order.key).map_or(&[][..], Vec::as_slice);
        findings.extend(untold(order, told).map(|why| finding(order.key.to_string(), why)));
    }
    for parked in &books.parked {
        let Some(word) = decline_word(parked) else { continue };
        if !declines.contains(&(&parked.merchant, parked.order_id.as_deref(), word)) {
            let name = format!("{}/{}", parked.merchant, parked.order_id.as_deref().unwrap_or("-"));
            findings.push(finding(name, format!("no {word} was published")));
        }
    }
    findings.sort();
    findings
}

/// What was not told of an order.
fn untold(order: &Order, told: &[&OrderOutcome]) -> Option<String> {
    let completed = Tag::event("order.completed", "");
    let is_completed = order.seen.iter().any(|tag| tag.as_str().starts_with(completed.as_str()));
    if is_completed && !told.iter().any(|event| event.kind == OrderOutcomeKind::Approved) {
        return Some("order.completed came and no approval was published".to_owned());
    }
    match told.iter().max_by_key(|event| event.order_version) {
        Some(last) if (last.status, last.instruction) == (order.status, order.instruction()) => None,
        Some(last) => Some(format!("it is {}, and its last event says {}", order.status, last.status)),
        // Nothing is told before FlexFactor's answer is known.
        None if order.status < Status::Rejected => None,
        None => Some(format!("it is {} and no event says so", order.status)),
    }
}

/// What a parked decline of one of our merchants is told as.
fn decline_word(parked: &ParkedItem) -> Option<&'static str> {
    match (parked.merchant.as_str(), parked.kind.as_str()) {
        ("-", _) => None,
        (_, "refused") => Some("decline.refused"),
        (_, "conflict") => Some("decline.conflict"),
        _ => None,
    }
}

fn read(message: &Message) -> Result<OutcomeEvent> {
    let body = message.body().context("a message without a body")?;
    let envelope: Envelope = serde_json::from_str(body).context("a message on the sample queue")?;
    ensure!(envelope.source == "rebill-rescue", "an event of {}", envelope.source);
    ensure!(envelope.detail_type == envelope.detail.word(), "{} in its envelope", envelope.detail_type);
    Ok(envelope.detail)
}

fn delete((number, message): (usize, &Message)) -> Result<DeleteMessageBatchRequestEntry> {
    let entry = DeleteMessageBatchRequestEntry::builder().id(number.to_string());
    Ok(entry.set_receipt_handle(message.receipt_handle.clone()).build()?)
}
