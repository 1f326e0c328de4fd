//! The events of each function: the first, which is the cold start's, more of its kind, and the largest that it gets. Each is
//! real work that was not done before.

use anyhow::{Result, bail, ensure};
use jiff::{SignedDuration, Timestamp};
use models::ids::OrderKey;
use models::order::{DueReason, Order};
use models::status::Status;
use order_store::Table as _;
use order_store::capability::KeepHistory as _;
use order_store::dynamo::stream;
use rig::{MANAGED, Transmission, order_id};
use serde_json::{Value, json};

use super::events;
use super::orders;
use super::world::World;

/// What is due in the sweep's first event, and in those like it.
const DUE: usize = 10;
/// The same in its largest: half of what one run may find, so that no shard of the index holds more than its part of that.
const DUE_MANY: usize = 1_000;
/// How long ago that was due, so that events that name an earlier time find nothing else.
const LONG_AGO: SignedDuration = SignedDuration::from_hours(2);
const AGO: SignedDuration = SignedDuration::from_mins(10);

/// How many events there are to be after the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    /// Events like the first.
    pub(crate) warm: usize,
    /// The largest that the function gets, where it gets more than one record.
    pub(crate) full: usize,
}

/// The events.
#[derive(Debug)]
pub(crate) struct Load {
    /// The first.
    pub(crate) first: Value,
    /// Those like it.
    pub(crate) warm: Vec<Value>,
    /// The largest.
    pub(crate) full: Vec<Value>,
    /// What is to be found in the world when they have all been answered.
    done: Done,
}

/// What shows that the work was done.
#[derive(Debug)]
enum Done {
    /// The answers alone.
    Answers,
    /// These orders stand like this.
    Orders(Vec<OrderKey>, fn(&Order) -> bool),
    /// The first change of these orders is in their histories.
    Histories(Vec<OrderKey>),
    /// That much was put on queues.
    Queued(usize),
    /// That much was put on buses.
    Published(usize),
    /// That much was transmitted to FlexFactor.
    Transmitted(usize),
}

impl Load {
    /// A load for a function, and the world in the state that it needs.
    pub(crate) async fn new(
        function: &str,
        batch: Option<usize>,
        amount: Amount,
        world: &World,
    ) -> Result<Self> {
        // A function that is not called with batches gets no larger event than the first.
        let full = if batch.is_some() { amount.full } else { 0 };
        let shape = Shape { warm: amount.warm, full, batch: batch.unwrap_or(1) };
        let numbers: Vec<usize> = (0..shape.records()).collect();
        match function {
            "webhook-receiver" => webhooks(&shape, &numbers, world).await,
            "decline-intake" => {
                let bodies = numbers.iter().map(|&number| orders::decline(number)).collect::<Result<_>>()?;
                let done = Done::Orders(keys(&numbers)?, |order| order.status == Status::Received);
                Ok(shape.queue("declines", bodies, done))
            }
            "evaluate-submission" => {
                let received: Vec<_> =
                    numbers.iter().map(|&number| orders::received(number)).collect::<Result<_>>()?;
                orders::store(world, &received).await?;
                let done = Done::Orders(keys(&numbers)?, |order| order.status == Status::Pending);
                Ok(shape.queue("evaluations", messages(&numbers), done))
            }
            "order-reconcile" => reconciliations(&shape, &numbers, world).await,
            "transmit-relay" => {
                let body = |&number: &usize| {
                    let id = order_id("bench", number);
                    Ok(Transmission::new(MANAGED, &id, true, Timestamp::now())?.body())
                };
                let bodies = numbers.iter().map(body).collect::<Result<_>>()?;
                Ok(shape.queue("transmissions", bodies, Done::Transmitted(numbers.len())))
            }
            "order-history" => {
                let record = |&number: &usize| {
                    Ok(stream::record(&sequence(number), None, Some(&orders::received(number)?))?)
                };
                let records = numbers.iter().map(record).collect::<Result<_>>()?;
                Ok(shape.stream(records, Done::Histories(keys(&numbers)?)))
            }
            "outcome-publisher" => {
                let record = |&number: &usize| {
                    let before = orders::claimed(number)?;
                    let after = orders::pending(&before, orders::provider_order()?);
                    Ok(stream::record(&sequence(number), Some(&before), Some(&after))?)
                };
                let records = numbers.iter().map(record).collect::<Result<_>>()?;
                Ok(shape.stream(records, Done::Published(numbers.len())))
            }
            "order-api" => reads(&shape, &numbers, world).await,
            "expiry-sweep" => sweeps(amount, world).await,
            other => bail!("nobody has said what {other} is to do: bench/src/start/load.rs"),
        }
    }

    /// A load of these events, of which nothing is left but the answers.
    pub(crate) fn of(first: Value, warm: Vec<Value>) -> Self {
        Self { first, warm, full: Vec::new(), done: Done::Answers }
    }

    /// Fails unless the work was done.
    pub(crate) async fn check(&self, world: &World) -> Result<()> {
        let (found, wanted) = match &self.done {
            Done::Answers => return Ok(()),
            Done::Orders(keys, stands) => {
                for key in keys {
                    let order = world.table.read(key).await?;
                    ensure!(order.as_ref().is_some_and(*stands), "{key} is not as it should be: {order:?}");
                }
                return Ok(());
            }
            Done::Histories(keys) => {
                for key in keys {
                    ensure!(world.table.entry(key, 1).await?.is_some(), "{key} has no history");
                }
                return Ok(());
            }
            Done::Queued(wanted) => (world.services.queued(), *wanted),
            Done::Published(wanted) => (world.services.published(), *wanted),
            Done::Transmitted(wanted) => (world.provider.ledger().transmitted.len(), *wanted),
        };
        ensure!(found == wanted, "{found} and not {wanted} things were put out");
        Ok(())
    }
}

/// Events of so many records.
#[derive(Debug, Clone, Copy)]
struct Shape {
    warm: usize,
    full: usize,
    batch: usize,
}

impl Shape {
    /// Records in all events.
    fn records(&self) -> usize {
        1 + self.warm + self.full * self.batch
    }

    fn queue(&self, queue: &str, bodies: Vec<String>, done: Done) -> Load {
        self.load(&bodies, |bodies| events::sqs(queue, bodies), done)
    }

    fn stream(&self, records: Vec<Value>, done: Done) -> Load {
        self.load(&records, events::stream, done)
    }

    fn load<T>(&self, records: &[T], event: impl Fn(&[T]) -> Value, done: Done) -> Load {
        let (single, batches) = records.split_at((1 + self.warm).min(records.len()));
        let mut single = single.chunks(1).map(&event);
        let first = single.next().unwrap_or_default();
        let warm = single.collect();
        let full = batches.chunks(self.batch.max(1)).map(&event).collect();
        Load { first, warm, full, done }
    }
}

fn keys(numbers: &[usize]) -> Result<Vec<OrderKey>> {
    let key = |&number: &usize| {
        Ok(OrderKey { merchant: MANAGED.parse()?, order_id: order_id("bench", number).parse()? })
    };
    numbers.iter().map(key).collect()
}

/// The evaluations queue's messages.
fn messages(numbers: &[usize]) -> Vec<String> {
    let message =
        |&number: &usize| json!({ "merchant": MANAGED, "order_id": order_id("bench", number) }).to_string();
    numbers.iter().map(message).collect()
}

fn sequence(number: usize) -> String {
    format!("{:021}", 100_000 + number)
}

/// An order that FlexFactor works on is rescued.
async fn webhooks(shape: &Shape, numbers: &[usize], world: &World) -> Result<Load> {
    let (mut pending, mut webhooks) = (Vec::new(), Vec::new());
    for &number in numbers {
        let id = orders::provider_order()?;
        webhooks.push(events::webhook(&world.account, &order_id("bench", number), id.as_str())?);
        pending.push(orders::pending(&orders::claimed(number)?, id));
    }
    orders::store(world, &pending).await?;
    let done = Done::Orders(keys(numbers)?, |order| order.status == Status::Approved);
    Ok(shape.load(&webhooks, |webhooks| webhooks.first().cloned().unwrap_or_default(), done))
}

/// An order that FlexFactor works on is read there, and found to be still worked on.
async fn reconciliations(shape: &Shape, numbers: &[usize], world: &World) -> Result<Load> {
    let claimed: Vec<_> = numbers.iter().map(|&number| orders::claimed(number)).collect::<Result<_>>()?;
    let ids = orders::submit(world, &claimed).await?;
    let mut pending = Vec::new();
    for (order, id) in claimed.iter().zip(ids) {
        let mut order = orders::pending(order, id);
        orders::due(&mut order, DueReason::WebhookOverdue, AGO)?;
        pending.push(order);
    }
    orders::store(world, &pending).await?;
    let now = Timestamp::now();
    let bodies = messages(numbers).into_iter().map(|message| {
        let order: Value = serde_json::from_str(&message)?;
        Ok(json!({ "order": order, "as_of": now }).to_string())
    });
    // Somebody has looked: the next look is in the future.
    let done = Done::Orders(keys(numbers)?, |order| {
        order.status == Status::Pending && order.due.is_some_and(|due| due.at > Timestamp::now())
    });
    Ok(shape.queue("reconciliations", bodies.collect::<Result<_>>()?, done))
}

/// One order is read.
async fn reads(shape: &Shape, numbers: &[usize], world: &World) -> Result<Load> {
    let received: Vec<_> = numbers.iter().map(|&number| orders::received(number)).collect::<Result<_>>()?;
    orders::store(world, &received).await?;
    let read =
        |&number: &usize| events::get(&format!("/merchants/{MANAGED}/orders/{}", order_id("bench", number)));
    let reads: Vec<_> = numbers.iter().map(read).collect();
    Ok(shape.load(&reads, |reads| reads.first().cloned().unwrap_or_default(), Done::Answers))
}

/// A few things are due and put on the queue; in the largest event, many of them.
async fn sweeps(amount: Amount, world: &World) -> Result<Load> {
    let count = if amount.full > 0 { DUE_MANY } else { DUE };
    let mut due = Vec::new();
    for number in 0..count {
        let mut order = orders::received(number)?;
        let ago = if number < DUE { LONG_AGO } else { AGO };
        orders::due(&mut order, DueReason::SubmissionOverdue, ago)?;
        due.push(order);
    }
    orders::store(world, &due).await?;
    let now = Timestamp::now();
    let early = now.checked_sub(LONG_AGO / 2)?;
    let event = |at: Timestamp| json!({ "scheduled_at": at });
    Ok(Load {
        first: event(early),
        warm: (0..amount.warm).map(|_| event(early)).collect(),
        full: (0..amount.full).map(|_| event(now)).collect(),
        done: Done::Queued(DUE * (1 + amount.warm) + count * amount.full),
    })
}

#[cfg(test)]
mod tests {
    use super::super::template::Template;
    use super::super::tls::Authority;
    use super::*;

    #[tokio::test]
    async fn every_function_has_events_and_work_that_is_not_done_yet() {
        let bench = crate::Bench::new(1).unwrap();
        let directory = std::env::temp_dir().join(format!("bench-load-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (template, authority) =
            (Template::read(&bench.root).unwrap(), Authority::new(&directory).unwrap());
        std::fs::remove_dir_all(&directory).unwrap();
        for function in bench.functions().unwrap() {
            let world = World::new(&template, &authority).await.unwrap();
            // The sweep's largest event takes a while to prepare.
            let amount = Amount { warm: 2, full: usize::from(function != "expiry-sweep") };
            let batch = template.batch_size(&function).unwrap();
            let load = Load::new(&function, batch, amount, &world).await.unwrap();
            let has_larger = usize::from(batch.is_some());
            assert_eq!((load.warm.len(), load.full.len()), (2, has_larger), "{function}");
            if let Some(batch) = batch {
                assert_eq!(load.first["Records"].as_array().unwrap().len(), 1, "{function}");
                assert_eq!(load.full[0]["Records"].as_array().unwrap().len(), batch, "{function}");
            }
            // What order-api reads is in its answer, and nowhere else.
            assert_eq!(load.check(&world).await.is_ok(), function == "order-api", "{function}");
        }
    }
}
