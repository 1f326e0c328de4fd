//! The sweep over the in-memory table and a queue that may fail.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::SignedDuration;
use lambda_kit::queue::{DueThing, QueueError};
use lambda_kit::testing::Tally;
use models::decline::Decline;
use models::event::{EventKind, OrderEvent};
use models::ids::ContentHash;
use models::intake;
use models::parked::{Fate, Parked, ParkedKey, ParkedKind, Why, orphan_due};
use models::screening::Screened;
use order_store::DueSince;
use order_store::capability::{Park, TakeDecline as _};
use order_store::memory::MemoryTable;

use super::*;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        start()
    }
}

#[derive(Default)]
struct Queue {
    messages: Mutex<Vec<DueMessage>>,
    /// How many calls fail from now on.
    failures: AtomicUsize,
}

impl FanOut for Queue {
    async fn fan_out(&self, messages: &[DueMessage]) -> Result<(), QueueError> {
        assert!(messages.len() <= FAN_OUT_MAX);
        if self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
        {
            return Err(QueueError("no".to_owned()));
        }
        self.messages.lock().unwrap().extend_from_slice(messages);
        Ok(())
    }
}

fn start() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

fn later(minutes: i64) -> Timestamp {
    start() + SignedDuration::from_mins(minutes)
}

fn sweep() -> Sweep<MemoryTable, Queue, Fixed> {
    Sweep {
        store: MemoryTable::default(),
        queue: Queue::default(),
        clock: Fixed,
        rules: SweepRules { orders_max: 500, ahead_max: SignedDuration::from_hours(24 * 40) },
    }
}

impl Sweep<MemoryTable, Queue, Fixed> {
    /// An order that is due in 15 minutes.
    async fn received(&self, order_id: &str) {
        let json = include_str!("../../../events/decline.json").replace("INV-1001-r1", order_id);
        let decline: Decline = serde_json::from_str(&json).unwrap();
        let overdue = SignedDuration::from_mins(15);
        let screened = Screened { decline, window_days: 21 };
        let order = intake::open(screened, ContentHash::of(&json.into()), overdue, start());
        self.store.take(&order).await.unwrap();
    }

    async fn run_at(&self, as_of: Timestamp) -> Result<Swept, SweepError> {
        self.run(Scheduled { scheduled_at: Some(as_of) }, SystemTime::now() + Duration::from_secs(60)).await
    }

    /// What was put on the queue since the last call, by order.
    fn sent(&self) -> Vec<String> {
        let messages = std::mem::take(&mut *self.queue.messages.lock().unwrap());
        let mut names: Vec<_> = messages
            .into_iter()
            .map(|message| match message.what {
                DueThing::Order(order) => order.order_id.to_string(),
                DueThing::Parked(key) => key.id,
            })
            .collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn what_is_due_is_put_on_the_queue_and_stays_due() {
    let sweep = sweep();
    sweep.received("INV-1").await;
    let swept = sweep.run_at(later(14)).await.unwrap();
    assert_eq!((swept.due, swept.sent, swept.more, sweep.sent()), (0, 0, false, vec![]));
    for _ in 0..2 {
        let swept = sweep.run_at(later(15)).await.unwrap();
        assert_eq!((swept.due, swept.sent, sweep.sent()), (1, 1, vec!["INV-1".to_owned()]));
    }
}

#[tokio::test]
async fn it_is_told_how_long_the_oldest_thing_has_been_due() {
    let tally = Tally::default();
    let _counting = tally.start();
    let sweep = sweep();
    sweep.run_at(later(0)).await.unwrap();
    for number in 0..20 {
        sweep.received(&format!("INV-{number}")).await;
    }
    sweep.run_at(later(14)).await.unwrap();
    sweep.run_at(later(15)).await.unwrap();
    sweep.run_at(later(45)).await.unwrap();
    assert_eq!(tally.noted(Metric::SweepLag), [0.0, 0.0, 0.0, 1800.0]);
}

#[tokio::test]
async fn an_event_that_waits_for_its_order_is_due_as_well() {
    let sweep = sweep();
    let event = OrderEvent {
        kind: EventKind::Completed,
        name: "order.completed".to_owned(),
        occurred_at: "t".to_owned(),
        order_id: "INV-1".parse().unwrap(),
        provider_order: "p-1".parse().unwrap(),
        confirmation: None,
        nonce: "n".to_owned(),
    };
    let key = ParkedKey {
        merchant: Some("acme".parse().unwrap()),
        arrived_at: start(),
        kind: ParkedKind::OrphanEvent,
        id: "e-1".to_owned(),
    };
    let parked = Parked {
        key,
        order_id: Some(event.order_id.clone()),
        why: Why::Sentence("No order of ours has this id.".to_owned()),
        copy: "{}".to_owned(),
        keep_until: later(60),
        event: Some(event),
        due: orphan_due(start()),
        fate: Fate::Parked,
    };
    Park::park(&sweep.store, &parked).await.unwrap();
    sweep.run_at(later(60)).await.unwrap();
    assert_eq!(sweep.sent(), ["e-1"]);
}

#[tokio::test]
async fn a_run_is_bounded_and_says_that_there_is_more() {
    let mut sweep = sweep();
    sweep.rules.orders_max = 16;
    for number in 0..200 {
        sweep.received(&format!("INV-{number}")).await;
    }
    let swept = sweep.run_at(later(15)).await.unwrap();
    assert!(swept.more && swept.sent <= 16 && swept.sent == swept.due, "{swept:?}");
    sweep.rules.orders_max = 10_000;
    sweep.sent();
    let swept = sweep.run_at(later(15)).await.unwrap();
    assert_eq!((swept.sent, swept.more, sweep.sent().len()), (200, false, 200));
}

#[tokio::test]
async fn what_could_not_be_sent_is_told_and_the_rest_is_sent() {
    let sweep = sweep();
    for number in 0..200 {
        sweep.received(&format!("INV-{number}")).await;
    }
    sweep.queue.failures.store(1, Ordering::SeqCst);
    let told = lambda_runtime::Diagnostic::from(sweep.run_at(later(15)).await.unwrap_err());
    assert_eq!(told.error_type, "queue_unavailable");
    assert_eq!(sweep.sent().len(), 190);
}

/// A table one of whose shards can't be read.
struct Torn(MemoryTable);

impl FindDue for Torn {
    async fn find_due(&self, shard: u8, as_of: Timestamp, limit: usize) -> Result<Vec<DueSince>, StoreError> {
        match shard {
            3 => Err(StoreError::Unavailable("throttled".to_owned())),
            _ => self.0.find_due(shard, as_of, limit).await,
        }
    }
}

#[tokio::test]
async fn a_shard_that_cannot_be_read_is_told_and_the_others_are_swept() {
    let whole = sweep();
    for number in 0..200 {
        whole.received(&format!("INV-{number}")).await;
    }
    let torn = Sweep { store: Torn(whole.store), queue: whole.queue, clock: Fixed, rules: whole.rules };
    let deadline = SystemTime::now() + Duration::from_secs(60);
    let error = torn.run(Scheduled { scheduled_at: Some(later(15)) }, deadline).await.unwrap_err();
    assert_eq!(lambda_runtime::Diagnostic::from(error).error_type, "store_unavailable");
    let sent = torn.queue.messages.lock().unwrap().len();
    assert!((100..200).contains(&sent), "{sent}");
}

#[tokio::test]
async fn nothing_is_sent_when_the_time_is_over() {
    let sweep = sweep();
    sweep.received("INV-1").await;
    let swept = sweep.run(Scheduled { scheduled_at: Some(later(15)) }, SystemTime::now()).await.unwrap();
    assert_eq!((swept.due, swept.sent, swept.more, sweep.sent()), (1, 0, true, vec![]));
}

#[tokio::test]
async fn a_run_too_far_ahead_of_the_clock_is_refused() {
    let mut sweep = sweep();
    sweep.rules.ahead_max = SignedDuration::from_secs(300);
    let ahead = start() + SignedDuration::from_secs(301);
    let told = lambda_runtime::Diagnostic::from(sweep.run_at(ahead).await.unwrap_err());
    assert_eq!(told.error_type, "as_of_ahead");
    assert!(told.error_message.contains("2026-11-21T10:05:01Z"), "{}", told.error_message);
    assert!(sweep.run_at(later(5)).await.is_ok());
    let deadline = SystemTime::now() + Duration::from_secs(60);
    assert!(sweep.run(Scheduled::default(), deadline).await.is_ok());
}
