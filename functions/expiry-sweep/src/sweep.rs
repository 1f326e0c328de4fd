//! One run: list what is due from the sparse, sharded index, and put it on the reconciliations queue.
//!
//! Nothing is changed here: what is due stays due until order-reconcile has looked, so a message that is lost is sent
//! again by the next run, and one that comes twice finds its work done. The table is never scanned.

use std::time::{Duration, SystemTime};

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use lambda_kit::clock::Clock;
use lambda_kit::queue::{DueMessage, FAN_OUT_MAX, FanOut};
use lambda_kit::telemetry::{Metric, note_seconds};
use lambda_runtime::Diagnostic;
use order_store::StoreError;
use order_store::capability::FindDue;
use order_store::dynamo::key::DUE_SHARDS;
use serde::{Deserialize, Serialize};

use crate::settings::SweepRules;

/// How many calls to SQS are made side by side.
const CALLS_AT_ONCE: usize = 8;
/// How long one call may take with its retries (lambda-kit's aws.rs); none is begun later than this before the end.
const CALL_TIME: Duration = Duration::from_secs(3);

/// The schedule's event. Without a time it is this moment.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Scheduled {
    /// As of when to look.
    pub scheduled_at: Option<Timestamp>,
}

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// As of when it looked.
    pub as_of: Timestamp,
    /// How much was found due.
    pub due: usize,
    /// How much of it was put on the queue; the rest is found again by the next run.
    pub sent: usize,
    /// Whether more is due than this run could find.
    pub more: bool,
}

/// Why a run did not do its work. What is due stays due.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A run that looked too far ahead could end orders early.
    #[error("The run was asked to look as of {as_of}, more than {ahead_max:#} ahead of the clock.")]
    Ahead {
        /// What it was asked for.
        as_of: Timestamp,
        /// What is allowed.
        ahead_max: jiff::SignedDuration,
    },
    /// The store did not do as asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Not everything that was found could be put on the queue.
    #[error("{failed} of {due} due things could not be put on the queue.")]
    Queue {
        /// How much could not.
        failed: usize,
        /// How much was found.
        due: usize,
    },
}

/// What the caller of a failed run is told: a stable code and one sentence.
impl From<SweepError> for Diagnostic {
    fn from(error: SweepError) -> Self {
        let code = match error {
            SweepError::Ahead { .. } => "as_of_ahead",
            SweepError::Store(_) => "store_unavailable",
            SweepError::Queue { .. } => "queue_unavailable",
        };
        Self { error_type: code.to_owned(), error_message: error.to_string() }
    }
}

/// The sweep.
#[derive(Debug)]
pub struct Sweep<S, Q, C> {
    /// The orders.
    pub store: S,
    /// The reconciliations queue.
    pub queue: Q,
    /// The clock.
    pub clock: C,
    /// The settings.
    pub rules: SweepRules,
}

impl<S, Q, C> Sweep<S, Q, C>
where
    S: FindDue,
    Q: FanOut,
    C: Clock,
{
    /// Fans out what is due as of the schedule's time, until `deadline`.
    ///
    /// # Errors
    /// See [`SweepError`]; an error is an alarm, for what is due waits for the next run.
    pub async fn run(&self, scheduled: Scheduled, deadline: SystemTime) -> Result<Swept, SweepError> {
        let now = self.clock.now();
        let as_of = scheduled.scheduled_at.unwrap_or(now);
        if as_of.duration_since(now) > self.rules.ahead_max {
            return Err(SweepError::Ahead { as_of, ahead_max: self.rules.ahead_max });
        }
        let Found { messages, more, oldest, unread } = self.due(as_of).await;
        // Also where nothing is due: an alarm that has data again can end.
        let lag = as_of.duration_since(oldest.unwrap_or(as_of));
        note_seconds(Metric::SweepLag, lag);
        let calls = messages.chunks(FAN_OUT_MAX).map(|chunk| self.send_before(deadline, chunk));
        let results: Vec<_> = stream::iter(calls).buffer_unordered(CALLS_AT_ONCE).collect().await;
        let (mut sent, mut failed) = (0, 0);
        for (count, result) in results {
            match result {
                Sent::Done => sent += count,
                Sent::Failed => failed += count,
                Sent::NoTime => {}
            }
        }
        let due = messages.len();
        let swept = Swept { as_of, due, sent, more: more || sent < due };
        tracing::info!(%as_of, due, sent, more = swept.more, lag_seconds = lag.as_secs(), "swept");
        match unread {
            Some(error) => Err(error.into()),
            None if failed > 0 => Err(SweepError::Queue { failed, due }),
            None => Ok(swept),
        }
    }

    /// What is due, the longest due of each shard first. No shard can take the others' part of the run, and one that can't
    /// be read does not keep the others from being swept.
    async fn due(&self, as_of: Timestamp) -> Found {
        let per_shard = (self.rules.orders_max / usize::from(DUE_SHARDS)).max(1);
        let shards = (0..DUE_SHARDS).map(|shard| self.store.find_due(shard, as_of, per_shard));
        let mut found = Found { messages: Vec::new(), more: false, oldest: None, unread: None };
        for shard in futures_util::future::join_all(shards).await {
            match shard {
                Ok(due) => {
                    found.more |= due.len() >= per_shard;
                    found.oldest = due.iter().map(|due| due.at).chain(found.oldest).min();
                    found.messages.extend(due.into_iter().map(|due| DueMessage::new(due.key, as_of)));
                }
                Err(error) => found.unread = Some(error),
            }
        }
        found
    }

    async fn send_before(&self, deadline: SystemTime, messages: &[DueMessage]) -> (usize, Sent) {
        let left = deadline.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
        if left < CALL_TIME {
            return (messages.len(), Sent::NoTime);
        }
        match self.queue.fan_out(messages).await {
            Ok(()) => (messages.len(), Sent::Done),
            Err(error) => {
                tracing::error!(%error, "what is due could not be put on the queue; the next run tries again");
                (messages.len(), Sent::Failed)
            }
        }
    }
}

/// What a run found.
struct Found {
    messages: Vec<DueMessage>,
    /// Since when the longest due of them is.
    oldest: Option<Timestamp>,
    /// Whether there may be more.
    more: bool,
    /// Why a shard could not be read.
    unread: Option<StoreError>,
}

/// What became of one call to the queue.
enum Sent {
    Done,
    Failed,
    NoTime,
}

#[cfg(test)]
#[path = "sweep_tests.rs"]
mod tests;
