//! Ten times what CI's demo offers, in one go, while FlexFactor sends submissions away and the table throttles: messages wait,
//! nothing is lost, nothing is done twice. Judged by the door's counts, the queues' depths, FlexFactor's ledger and the table. A
//! binary of its own, so that no other stack is up beside it.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod door;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_sqs::types::QueueAttributeName;
use jiff::{SignedDuration, Timestamp};
use models::status::Status;
use models::time::to_text;
use rig::{Books, Decline, Ledger, MANAGED, Rig, RigOptions, UNMANAGED, broken_histories, compare};
use serde_json::{Value, json};

use crate::door::{Counts, Door, Throttle};

/// How long anything may take that takes seconds.
const LIMIT: Duration = Duration::from_secs(120);

/// Ten times the orders of the demo as CI runs it (`--orders 120` makes 134). `LOAD_ORDERS=3800` is ten times the whole demo.
const ORDERS_DEFAULT: usize = 10 * 134;
/// As many are sent twice as in the demo.
const TWICE_EVERY: usize = 12;
/// Ten times the demo's refused ones.
const STALE: usize = 10 * 12;
/// How far behind its decline a duplicate is sent: the order is then neither just being stored nor just being submitted.
const DUPLICATE_AFTER: usize = 300;

/// The limits, low enough to bite.
const CONCURRENCY_MAX: usize = 2;
const PER_BATCH_MAX: usize = 10;
/// What FlexFactor works on at once: less than one batch.
const WORKED_ON_MAX: usize = 6;
const TAKES: Duration = Duration::from_millis(100);
/// How long it may take until everything was worked off, on a machine that does other things as well.
const DRAINED_MAX: Duration = Duration::from_secs(600);
const SEED: u64 = 7;

/// Everything that is sent, and the orders that it is to become.
struct Mail {
    bodies: Vec<String>,
    orders: Vec<(String, String)>,
}

/// Orders of four kinds, some sent twice, and bad ones among them.
fn mail(orders: usize) -> Mail {
    let kinds = [("hook", MANAGED), ("no", MANAGED), ("now", UNMANAGED), ("lapse", UNMANAGED)];
    let orders: Vec<(String, String)> = (0..orders)
        .map(|number| (kinds[number % kinds.len()], number))
        .map(|((kind, merchant), number)| (merchant.to_owned(), rig::order_id(kind, number)))
        .collect();
    let good: Vec<String> = orders.iter().map(|(merchant, id)| decline(merchant, id).body()).collect();
    let long_ago = to_text(Timestamp::now() - SignedDuration::from_hours(49));
    let stale = |number| {
        let stale = decline(MANAGED, &rig::order_id("stale", number));
        stale.with("/declined_at", long_ago.as_str()).body()
    };
    let stale_every = orders.len() / STALE;
    let mut bodies = Vec::new();
    for (number, body) in good.iter().enumerate() {
        bodies.push(body.clone());
        let again = number.checked_sub(DUPLICATE_AFTER).filter(|number| number % TWICE_EVERY == 0);
        bodies.extend(again.map(|number| good[number].clone()));
        if number % stale_every == 0 && number / stale_every < STALE {
            bodies.push(stale(number / stale_every));
        }
    }
    Mail { bodies, orders }
}

/// What becomes of each kind: webhooks come while submissions still wait.
fn rules() -> Value {
    let rule = |kind: &str, fate: Value| json!({ "when": { "order_id": format!("{kind}-*") }, "fate": fate });
    json!([
        rule("hook", json!({ "kind": "approve", "after_seconds": 5 })),
        rule("no", json!({ "kind": "decline", "after_seconds": 0 })),
        rule("now", json!({ "kind": "approve", "after_seconds": 0 })),
        rule("lapse", json!({ "kind": "decline", "after_seconds": 3 })),
    ])
}

/// Messages that wait or are being handled on the two queues that lead to a submission.
async fn depth(rig: &Rig) -> u64 {
    let (outputs, mut sum) = (rig.stack().outputs(), 0);
    for queue in [&outputs.declines_queue_url, &outputs.evaluations_queue_url] {
        let counts = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let request = rig.stack().sqs().get_queue_attributes().queue_url(queue);
        let answer = request.set_attribute_names(Some(counts.to_vec())).send().await.unwrap();
        sum += answer
            .attributes
            .unwrap_or_default()
            .values()
            .map(|count| count.parse::<u64>().unwrap())
            .sum::<u64>();
    }
    sum
}

/// Waits until FlexFactor sees as many submissions as the limits allow.
async fn full(door: &Door) {
    let deadline = Instant::now() + LIMIT;
    while door.counts().inside < CONCURRENCY_MAX * PER_BATCH_MAX {
        assert!(Instant::now() < deadline, "not within {LIMIT:?}: {:?}", door.counts());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn decline(merchant: &str, order_id: &str) -> Decline {
    Decline::new(merchant, order_id, Timestamp::now()).unwrap()
}

/// Waits until nothing is left on the queues; the most that was.
async fn drained(rig: &Rig, door: &Door) -> u64 {
    let (deadline, mut deepest, mut told) = (Instant::now() + DRAINED_MAX, 0, Instant::now());
    loop {
        let depth = depth(rig).await;
        deepest = deepest.max(depth);
        if depth == 0 {
            return deepest;
        }
        if told.elapsed() > Duration::from_secs(10) {
            println!("  {depth} messages wait; {:?}", door.counts());
            told = Instant::now();
        }
        assert!(Instant::now() < deadline, "{depth} messages are left after {DRAINED_MAX:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn ten_times_the_demo_s_load_waits_and_none_of_it_is_lost() {
    println!("seed {SEED}");
    let options = RigOptions::new("e2e-load")
        .faults()
        .seed(SEED)
        .parameter("EvaluationsConcurrencyMax", CONCURRENCY_MAX)
        .parameter("EvaluationsPerBatchMax", PER_BATCH_MAX)
        // Longer than the door is closed, so that hardly a call is given up while it waits.
        .parameter("ProviderTimeoutMillis", 25_000);
    let mut rig = Rig::up(options).await.unwrap();
    rig.control().put_scenario(&json!({ "rules": rules() })).await.unwrap();
    // What could not be stored comes again after seconds instead of minutes.
    let hidden =
        rig.stack().sqs().set_queue_attributes().queue_url(&rig.stack().outputs().declines_queue_url);
    hidden.attributes(QueueAttributeName::VisibilityTimeout, "5").send().await.unwrap();
    let (door, throttle) = (Arc::new(Door::closed(WORKED_ON_MAX, TAKES)), Arc::new(Throttle::new(SEED)));
    rig.proxies().unwrap().provider.observe(door.clone());
    rig.proxies().unwrap().aws.observe(throttle.clone());

    // All of it is on the queue before the first submission is answered, however fast or slow the machine is.
    let orders = std::env::var("LOAD_ORDERS").map_or(ORDERS_DEFAULT, |orders| orders.parse().unwrap());
    let mail = mail(orders);
    let messages = mail.bodies.len();
    let began = Instant::now();
    rig.send(&mail.bodies).await.unwrap();
    let offered_in = began.elapsed();
    full(&door).await;
    let waiting = depth(&rig).await;
    assert_eq!((door.counts().taken, door.counts().sent_away), (0, 0));
    assert!(waiting >= orders as u64, "{waiting} messages wait for {orders} orders");

    let opened = Instant::now();
    door.open();
    let deepest = drained(&rig, &door).await.max(waiting);
    let drained_in = opened.elapsed();
    // Webhooks that were not taken are sent again, and an order whose message has ended is found by the sweep.
    rig.pass_seconds(16 * 60).await.unwrap();
    rig.sweep().await.unwrap();
    rig.pass_seconds(200).await.unwrap();
    let books = rig.until(LIMIT, settled).await.unwrap();
    let books = match broken_histories(&books).as_slice() {
        [] => books,
        _ => rig.until_histories_verify(LIMIT).await.unwrap(),
    };

    let counts = door.counts();
    let ledger = rig.ledger().await.unwrap();
    println!(
        "offered {messages} messages of {orders} orders in {offered_in:.1?} ({} a second), worked off in {drained_in:.1?} ({} a second)",
        a_second(messages, offered_in),
        a_second(messages, drained_in)
    );
    println!(
        "deepest {deepest} messages; at FlexFactor at most {} at once; {} submissions, of them {} answered 429",
        counts.inside_most,
        counts.taken + counts.sent_away,
        counts.sent_away
    );
    println!("writes throttled {}; webhooks answered {:?}", throttle.struck(), webhook_answers(&ledger));
    pushed_back(&counts, throttle.struck(), &ledger);
    nothing_is_lost(&rig, &mail, &books, &ledger, &counts).await;
    rig.down().unwrap();
}

fn a_second(count: usize, time: Duration) -> u128 {
    count as u128 * 1_000 / time.as_millis().max(1)
}

fn settled(books: &Books) -> Result<(), String> {
    match books.orders.iter().find(|order| !order.status.is_terminal()) {
        None => Ok(()),
        Some(open) => Err(format!("{} is {}", open.key, open.status)),
    }
}

/// How the webhooks' tries were answered.
fn webhook_answers(ledger: &Ledger) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let webhooks = ledger.orders.iter().flat_map(|entry| &entry.webhooks);
    for answer in webhooks.flat_map(|webhook| &webhook.answers) {
        *counts.entry(format!("{answer:?}")).or_default() += 1;
    }
    counts
}

fn pushed_back(counts: &Counts, throttled: u64, ledger: &Ledger) {
    assert_eq!(counts.inside_most, CONCURRENCY_MAX * PER_BATCH_MAX, "the limits hold, and were reached");
    assert!(counts.sent_away > 0 && throttled > 0);
    let (tries, webhooks) = (ledger.summary.webhooks.attempts, ledger.summary.webhooks.events);
    assert!(tries > webhooks, "of {webhooks} webhooks some were refused and sent again: {tries} tries");
}

async fn nothing_is_lost(rig: &Rig, mail: &Mail, books: &Books, ledger: &Ledger, counts: &Counts) {
    let orders = mail.orders.len();
    assert_eq!(compare(&mail.orders, books, ledger), []);
    assert_eq!((books.orders.len(), ledger.orders.len()), (orders, orders));
    let summary = &ledger.summary;
    assert_eq!((summary.submitted_twice, summary.charged_twice), (0, 0));
    assert_eq!(summary.webhooks.delivered, summary.webhooks.events, "every webhook was taken in the end");
    // Three books agree on how often each order was tried: the table, the door and the ledger.
    let attempts: u64 = books.orders.iter().map(|order| u64::from(order.submission.attempts)).sum();
    assert_eq!(attempts, counts.taken + counts.sent_away + counts.gone);
    // But for those whose caller had waited before the closed door until its time was over, just then.
    let arrived = counts.taken - counts.unsure..=counts.taken;
    assert!(arrived.contains(&summary.evaluate_requests), "{} of {counts:?}", summary.evaluate_requests);
    let once = orders as u64;
    assert!((once..=once + counts.unsure).contains(&counts.taken), "taken more than once: {counts:?}");
    let approved = books.orders.iter().filter(|order| order.status == Status::Approved).count();
    assert_eq!(approved, orders / 2);
    assert_eq!(rig.messages().await.unwrap(), (0, 0), "nothing waits, and there is no dead letter");
    let stale = books.parked.iter().filter(|parked| parked.rule.as_deref() == Some("stale")).count();
    assert_eq!((stale, books.parked.len()), (STALE, STALE), "only what was to be refused is parked");
}
