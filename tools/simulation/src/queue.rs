//! A queue as SQS is: at least once, in any order, hidden while it is handled, and dead letters after too many tries.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use jiff::SignedDuration;
use lambda_kit::queue::{DueMessage, FanOut, HandOn, OrderMessage, Postpone, QueueError};
use models::ids::OrderKey;

use crate::env::{Env, System};
use crate::fault::Fault;
use crate::runtime::lock;

/// Most messages in a batch (infra/template.yaml).
const BATCH_MESSAGES: usize = 10;

/// A queue with its dead-letter queue. Clones are the same queue.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    env: Env,
    name: &'static str,
    limits: Limits,
    state: Arc<Mutex<State>>,
}

/// A queue's limits, as infra/template.yaml has them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// For how long a message that was received is hidden.
    pub(crate) visibility_seconds: i64,
    /// How often a message is received before it is dead.
    pub(crate) receives_max: u32,
    /// For how long a message is kept.
    pub(crate) retention_seconds: i64,
}

#[derive(Debug, Default)]
struct State {
    messages: BTreeMap<u64, Message>,
    /// When each can be received.
    visible: BTreeSet<(i64, u64)>,
    dead: Vec<(u64, Message)>,
    sent: u64,
}

#[derive(Debug, Clone)]
struct Message {
    body: String,
    sent_at: i64,
    receives: u32,
    visible_at: i64,
}

impl State {
    fn put(&mut self, id: u64, message: Message) {
        self.visible.insert((message.visible_at, id));
        self.messages.insert(id, message);
    }

    fn take(&mut self, id: u64) -> Option<Message> {
        let message = self.messages.remove(&id)?;
        self.visible.remove(&(message.visible_at, id));
        Some(message)
    }

    fn show_at(&mut self, id: u64, millis: i64) {
        if let Some(message) = self.take(id) {
            self.put(id, Message { visible_at: millis, ..message });
        }
    }
}

impl Queue {
    pub(crate) fn new(env: Env, name: &'static str, limits: Limits) -> Self {
        Self { env, name, limits, state: Arc::default() }
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// Puts a message on the queue, to be seen after `delay_millis`.
    pub(crate) fn put(&self, body: String, delay_millis: i64) {
        let mut state = lock(&self.state);
        state.sent += 1;
        let (id, now) = (state.sent, self.env.millis());
        let visible_at = now.saturating_add(delay_millis);
        state.put(id, Message { body, sent_at: now, receives: 0, visible_at });
    }

    /// When a message can be received next, in milliseconds.
    pub(crate) fn next_visible(&self) -> Option<i64> {
        lock(&self.state).visible.first().map(|(at, _)| *at)
    }

    /// How many messages there are, the dead ones apart.
    pub(crate) fn lengths(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.messages.len(), state.dead.len())
    }

    /// The next batch, as Lambda hands it to a function; `None` where nothing is visible.
    pub(crate) fn receive(&self) -> Option<SqsEvent> {
        let mut event = SqsEvent::default();
        while event.records.len() < BATCH_MESSAGES {
            let now = self.env.millis();
            let first = lock(&self.state).visible.first().copied().filter(|(at, _)| *at <= now);
            let Some((_, id)) = first else { break };
            event.records.extend(self.receive_one(id));
        }
        (!event.records.is_empty()).then_some(event)
    }

    fn receive_one(&self, id: u64) -> Option<SqsMessage> {
        let now = self.env.millis();
        let mut message = lock(&self.state).take(id)?;
        if now.saturating_sub(message.sent_at) > self.limits.retention_seconds.saturating_mul(1_000) {
            self.env.log(format_args!("{} message {id} is too old and gone: {}", self.name, message.body));
            return None;
        }
        message.receives += 1;
        if message.receives > self.limits.receives_max {
            self.env.log(format_args!("{} message {id} is dead: {}", self.name, message.body));
            lock(&self.state).dead.push((id, message));
            return None;
        }
        let what = format!("{} receive {id} try {}", self.name, message.receives);
        // Given to a second receiver, the message stays visible but for a moment.
        let is_doubled = self.env.fault(System::Queue, &[Fault::DeliveredTwice], &what).is_some();
        let hidden = if is_doubled {
            self.env.random(|random| random.between(0, 2_000))
        } else {
            self.limits.visibility_seconds.saturating_mul(1_000)
        };
        message.visible_at = now.saturating_add(hidden.max(1));
        let mut received = SqsMessage::default();
        received.message_id = Some(format!("{}-{id}", self.name));
        received.receipt_handle = Some(id.to_string());
        received.body = Some(message.body.clone());
        received.attributes.insert("SentTimestamp".to_owned(), message.sent_at.to_string());
        received.attributes.insert("ApproximateReceiveCount".to_owned(), message.receives.to_string());
        lock(&self.state).put(id, message);
        Some(received)
    }

    /// Lambda deletes what was handled and leaves what failed.
    pub(crate) fn settle(&self, received: &[(String, String)], response: &SqsBatchResponse) {
        if self.env.fault(System::Queue, &[Fault::NotDeleted], &format!("{} settle", self.name)).is_some() {
            return;
        }
        for (message_id, receipt) in received {
            let has_failed =
                response.batch_item_failures.iter().any(|failure| failure.item_identifier == *message_id);
            if !has_failed && let Ok(id) = receipt.parse() {
                self.env.log(format_args!("{message_id} is done"));
                lock(&self.state).take(id);
            }
        }
    }

    /// Brings dead letters back, as an operator does; says how many.
    pub(crate) fn redrive(&self) -> usize {
        let dead = std::mem::take(&mut lock(&self.state).dead);
        let count = dead.len();
        for (id, message) in dead {
            let visible_at = self.env.millis();
            lock(&self.state).put(id, Message { receives: 0, visible_at, ..message });
        }
        count
    }

    async fn request(
        &self,
        kinds: &[Fault],
        what: String,
        effect: impl FnOnce(i64) + Send,
    ) -> Result<(), QueueError> {
        let fault = self.env.fault(System::Queue, kinds, &what);
        self.env.pass(1, 15).await;
        let down = || Err(QueueError::new("a simulated fault"));
        match fault {
            None => effect(0),
            Some(Fault::SendDelayed) => effect(self.env.random(|random| random.between(1_000, 900_000))),
            Some(Fault::SendAnswerLost) => {
                effect(0);
                return down();
            }
            Some(Fault::DiesBefore) => return self.env.die().await,
            Some(Fault::DiesAfter) => {
                effect(0);
                return self.env.die().await;
            }
            Some(_) => return down(),
        }
        Ok(())
    }
}

impl HandOn for Queue {
    async fn hand_on(&self, key: &OrderKey) -> Result<(), QueueError> {
        let body = serde_json::to_string(&OrderMessage::of(key));
        let body = body.map_err(|error| QueueError::new(error.to_string()))?;
        self.request(Fault::OF_SENDS, format!("{} send {key}", self.name), |delay| self.put(body, delay))
            .await
    }

    async fn hand_on_all(&self, keys: &[OrderKey]) -> Vec<Result<(), QueueError>> {
        let bodies: Result<Vec<_>, _> =
            keys.iter().map(|key| serde_json::to_string(&OrderMessage::of(key))).collect();
        let sent = match bodies {
            Ok(bodies) => self.send_all(bodies).await,
            Err(error) => Err(QueueError::new(error.to_string())),
        };
        keys.iter().map(|_| sent.clone()).collect()
    }
}

impl Postpone for Queue {
    async fn postpone(&self, receipt: &str, delay: SignedDuration) -> Result<(), QueueError> {
        let id: u64 = receipt.parse().map_err(|_| QueueError::new("no such receipt"))?;
        let what = format!("{} postpone {id}", self.name);
        let hide = |_| {
            let until =
                self.env.millis().saturating_add(i64::try_from(delay.as_millis()).unwrap_or(i64::MAX));
            lock(&self.state).show_at(id, until);
        };
        self.request(Fault::OF_POSTPONING, what, hide).await
    }
}

impl FanOut for Queue {
    async fn fan_out(&self, messages: &[DueMessage]) -> Result<(), QueueError> {
        let bodies: Result<Vec<_>, _> = messages.iter().map(serde_json::to_string).collect();
        self.send_all(bodies.map_err(|error| QueueError::new(error.to_string()))?).await
    }
}

impl Queue {
    /// Several messages in one call.
    async fn send_all(&self, bodies: Vec<String>) -> Result<(), QueueError> {
        let what = format!("{} send {}", self.name, bodies.len());
        let put = |delay| bodies.into_iter().for_each(|body| self.put(body, delay));
        self.request(Fault::OF_SENDS, what, put).await
    }
}
