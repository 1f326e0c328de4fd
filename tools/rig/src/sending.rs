//! Putting messages on the queues that a billing system writes to.

use anyhow::{Result, bail};
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use local_stack::Stack;

use crate::up::Rig;

/// Messages in one call to SQS: its limit.
const SEND_BATCH: usize = 10;
/// Calls to SQS at once.
const SENDS_AT_ONCE: usize = 4;

impl Rig {
    /// Puts messages on the declines queue.
    ///
    /// # Errors
    /// SQS did not take one.
    pub async fn send(&self, bodies: &[String]) -> Result<()> {
        send_to(self.stack(), &self.stack().outputs().declines_queue_url, bodies).await
    }

    /// Puts messages on the transmissions queue.
    ///
    /// # Errors
    /// SQS did not take one.
    pub async fn transmit(&self, bodies: &[String]) -> Result<()> {
        send_to(self.stack(), &self.stack().outputs().transmissions_queue_url, bodies).await
    }
}

/// Puts messages on a queue of a stack.
///
/// # Errors
/// SQS did not take one.
pub async fn send_to(stack: &Stack, queue: &str, bodies: &[String]) -> Result<()> {
    let calls = bodies.chunks(SEND_BATCH).map(|chunk| async move {
        let entries: Result<Vec<_>, _> = chunk
            .iter()
            .enumerate()
            .map(|(index, body)| {
                SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(body).build()
            })
            .collect();
        let request = stack.sqs().send_message_batch().queue_url(queue).set_entries(Some(entries?));
        let sent = request.send().await?;
        match sent.failed().first() {
            Some(failed) => bail!("SQS did not take a message: {failed:?}"),
            None => Ok(()),
        }
    });
    stream::iter(calls).buffer_unordered(SENDS_AT_ONCE).try_collect::<Vec<()>>().await.map(|_| ())
}
