//! One run: list what is due from the sparse, sharded index, look at each order, say what was done.
//!
//! A run is bounded in orders and in time. Every look moves its order on or away from the index, so that the next run
//! goes on where this one stopped; the table is never scanned.

use std::time::{Duration, SystemTime};

use flexfactor::ReadOrder;
use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use lambda_kit::clock::Clock;
use lambda_kit::queue::HandOn;
use lambda_kit::secrets::FindSecret;
use lambda_kit::telemetry::{count, metric};
use lambda_runtime::Diagnostic;
use models::ids::OrderKey;
use order_store::StoreError;
use order_store::capability::{FindMerchant, Look};
use order_store::dynamo::key::DUE_SHARDS;
use serde::{Deserialize, Serialize};

use crate::looker::{Looked, Looker};
use crate::settings::SweepRules;

/// How many orders are looked at side by side: as many calls as FlexFactor gets from us at once.
const LOOKS_AT_ONCE: usize = 10;

/// The schedule's event. Without a time it is this moment.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
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
    /// Orders looked at.
    pub examined: u32,
    /// Orders that have ended by it.
    pub closed: u32,
    /// Orders that will be looked at again later.
    pub rearmed: u32,
    /// Orders that could not be looked at; the next run tries again.
    pub failed: u32,
    /// Whether more is due than this run could look at.
    pub more: bool,
}

/// Why a run did nothing.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    #[error("The run was asked to look as of {as_of}, more than {ahead_max:#} ahead of the clock.")]
    Ahead { as_of: Timestamp, ahead_max: jiff::SignedDuration },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the caller of a run that did nothing is told: a stable code and one sentence.
impl From<SweepError> for Diagnostic {
    fn from(error: SweepError) -> Self {
        let code = match error {
            SweepError::Ahead { .. } => "as_of_ahead",
            SweepError::Store(_) => "store_unavailable",
        };
        Self { error_type: code.to_owned(), error_message: error.to_string() }
    }
}

/// The sweep.
#[derive(Debug)]
pub struct Sweep<S, Q, M, K, P, C> {
    pub looker: Looker<S, Q, M, K, P, C>,
    pub rules: SweepRules,
}

impl<S, Q, M, K, P, C> Sweep<S, Q, M, K, P, C>
where
    S: Look,
    Q: HandOn,
    M: FindMerchant,
    K: FindSecret,
    P: ReadOrder,
    C: Clock,
{
    /// Looks at what is due as of the schedule's time, until `deadline`.
    pub async fn run(&self, scheduled: Scheduled, deadline: SystemTime) -> Result<Swept, SweepError> {
        let now = self.looker.clock.now();
        let as_of = scheduled.scheduled_at.unwrap_or(now);
        if as_of.duration_since(now) > self.rules.ahead_max {
            return Err(SweepError::Ahead { as_of, ahead_max: self.rules.ahead_max });
        }
        let (due, mut more) = self.due(as_of).await?;
        let looks = due.iter().map(|key| self.look_before(deadline, key, as_of));
        let mut swept = Swept { as_of, examined: 0, closed: 0, rearmed: 0, failed: 0, more: false };
        let mut looked = stream::iter(looks).buffer_unordered(LOOKS_AT_ONCE);
        while let Some(result) = looked.next().await {
            let Some(result) = result else {
                more = true;
                continue;
            };
            let counter = match result {
                Some(Looked::Closed) => &mut swept.closed,
                Some(Looked::Rearmed) => &mut swept.rearmed,
                None => &mut swept.failed,
            };
            *counter = counter.saturating_add(1);
            swept.examined = swept.examined.saturating_add(1);
        }
        swept.more = more;
        tracing::info!(?swept, "swept");
        Ok(swept)
    }

    /// The keys of what is due, the longest due of each shard first, and whether there may be more. No shard can take
    /// the others' part of the run.
    async fn due(&self, as_of: Timestamp) -> Result<(Vec<OrderKey>, bool), StoreError> {
        let per_shard = (self.rules.orders_max / usize::from(DUE_SHARDS)).max(1);
        let shards = (0..DUE_SHARDS).map(|shard| self.looker.store.due(shard, as_of, per_shard));
        let shards = futures_util::future::try_join_all(shards).await?;
        let more = shards.iter().any(|keys| keys.len() >= per_shard);
        Ok((shards.into_iter().flatten().collect(), more))
    }

    /// `None` where the function's time is over; `Some(None)` where the look failed, which is told and tried again.
    async fn look_before(
        &self,
        deadline: SystemTime,
        key: &OrderKey,
        as_of: Timestamp,
    ) -> Option<Option<Looked>> {
        let left = deadline.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
        if left < self.rules.look_time {
            return None;
        }
        match self.looker.look_at(key, as_of).await {
            Ok(looked) => Some(Some(looked)),
            Err(error) => {
                count(metric::FAILED_LOOKS);
                tracing::error!(order = %key, %error, "the order could not be looked at; the next run tries again");
                Some(None)
            }
        }
    }
}

#[cfg(test)]
#[path = "sweep_tests.rs"]
mod tests;
