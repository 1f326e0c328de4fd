//! What the functions' own work costs in CPU. `cargo xtask bench cpu` runs this and tells the figures; `cargo bench -p cpu`
//! prints criterion's own.
//!
//! An operation is named as the report names it; its parameter is the size of the body in bytes.

mod clock;

use std::hint::black_box;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use cpu::{BODY_BYTES, decline, functions, pending, store, webhook};
use criterion::{BatchSize, Bencher, BenchmarkGroup, BenchmarkId, Criterion};
use flexfactor::webhook::{Notice, verify};
use models::event::OrderEvent;
use models::merchant::Environment;
use models::order::Order;
use models::{intake, screening};
use order_store::Table as _;
use order_store::dynamo::compiled;
use sha2::{Digest, Sha256, Sha512};
use tokio::runtime::Runtime;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::clock::CpuTime;

fn main() -> Result<()> {
    // Log lines are made as in the functions and then dropped.
    let lines = fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .without_time()
        .with_writer(std::io::sink);
    let levels = Targets::new().with_default(LevelFilter::INFO);
    tracing_subscriber::registry().with(lines).with(levels).init();
    let mut criterion = Criterion::default()
        .with_measurement(CpuTime)
        .without_plots()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for bytes in BODY_BYTES {
        webhooks(&mut criterion, &runtime, &webhook::Inputs::of_bytes(bytes)?)?;
        declines(&mut criterion, &runtime, &decline::Inputs::of_bytes(bytes)?)?;
    }
    criterion.final_summary();
    Ok(())
}

/// A group of benchmarks on one body.
struct Group<'a> {
    group: BenchmarkGroup<'a, CpuTime>,
    bytes: usize,
}

impl<'a> Group<'a> {
    fn new(criterion: &'a mut Criterion<CpuTime>, name: &str, bytes: usize) -> Self {
        Self { group: criterion.benchmark_group(name), bytes }
    }

    fn bench(&mut self, operation: &str, run: impl FnMut(&mut Bencher<'_, CpuTime>)) {
        self.group.bench_function(BenchmarkId::new(operation, self.bytes), run);
    }

    fn time<T>(&mut self, operation: &str, mut run: impl FnMut() -> T) {
        self.bench(operation, |bencher| bencher.iter(&mut run));
    }
}

fn webhooks(criterion: &mut Criterion<CpuTime>, runtime: &Runtime, inputs: &webhook::Inputs) -> Result<()> {
    let mut group = Group::new(criterion, "webhook", inputs.body.len());
    group.time("SHA-512", || Sha512::digest(black_box(inputs.body.as_bytes())));
    group.time("floor", || black_box(inputs).floor());
    group.time("event", || lambda_http::request::from_str(black_box(&inputs.event)));
    let (keys, policy, now) = (&inputs.keys, webhook::Inputs::policy(), inputs.now);
    let delivery = inputs.delivery();
    let verified = verify(&delivery, keys, &policy, now).map_err(|forged| anyhow!("{forged:?}"))?;
    group.time("verify", || verify(black_box(&delivery), keys, &policy, now));
    let Ok(Notice::Order(event)) = Notice::read(verified, Environment::Sandbox) else {
        return Err(anyhow!("the webhook is about no order"));
    };
    group.time("parse", || Notice::read(black_box(verified), Environment::Sandbox));
    steps(&mut group, runtime, inputs, &event)?;
    drop(group);
    Ok(())
}

/// From the event to the answer.
fn steps(
    group: &mut Group<'_>,
    runtime: &Runtime,
    inputs: &webhook::Inputs,
    event: &OrderEvent,
) -> Result<()> {
    let (key, now) = (inputs.order_key()?, inputs.now);
    let before = pending(&key, event.provider_order.as_str(), now)?;
    let change = event.change(now);
    ensure!(change.holds(&before), "the order is not in the common case");
    let mut after = before.clone();
    change.apply(&mut after);
    group.time("transition", || black_box(event).change(now));
    group.time("condition", || compiled(black_box(&key), black_box(&change)));
    let table = runtime.block_on(store::answering(&after))?;
    group.time("request", || runtime.block_on(table.change(black_box(&key), black_box(&change))));
    let receiver = functions::webhook_receiver(table, now)?;
    let whole = || {
        let request = lambda_http::request::from_str(black_box(&inputs.event))?;
        let answer = runtime.block_on(receiver.receive(&request));
        answer.into_response().map_err(|error| anyhow!(error))
    };
    ensure!(whole()?.status().as_u16() == 200, "the webhook is not taken");
    group.time("whole", whole);
    // Off the common path: the store refused, and the order that it told decides.
    group.time("resolve", || black_box(event).resolve(Some(&after), now));
    group.time("holds", || black_box(&change).holds(black_box(&before)));
    let apply = |mut order: Order| {
        change.apply(&mut order);
        order
    };
    group.bench("apply", |bencher| bencher.iter_batched(|| before.clone(), apply, BatchSize::SmallInput));
    Ok(())
}

fn declines(criterion: &mut Criterion<CpuTime>, runtime: &Runtime, inputs: &decline::Inputs) -> Result<()> {
    let mut group = Group::new(criterion, "decline", inputs.body.len());
    group.time("floor", || Sha256::digest(black_box(inputs.body.as_bytes())));
    let refused = |refusal| anyhow!("{refusal:?}");
    let value = screening::parse(&inputs.body).map_err(refused)?;
    group.time("parse", || screening::parse(black_box(&inputs.body)));
    let read = screening::read(&value).map_err(refused)?;
    group.time("read", || screening::read(black_box(&value)));
    group.time("content", || black_box(&read).content());
    let (merchant, limits, now) = (Some(&inputs.merchant), &inputs.rules.limits, inputs.now);
    let screen = |decline| screening::screen(decline, merchant, limits, now);
    group.bench("screen", |bencher| bencher.iter_batched(|| read.clone(), screen, BatchSize::SmallInput));
    let (content, screened) = (read.content()?, inputs.screened()?);
    let overdue = inputs.rules.submission_overdue;
    let open = |screened| intake::open(screened, content.clone(), overdue, now);
    group.bench("open", |bencher| bencher.iter_batched(|| screened.clone(), open, BatchSize::SmallInput));
    let order = open(screened.clone());
    let table = store::taking();
    group.time("request", || runtime.block_on(table.insert(black_box(&order))));
    let intake = functions::decline_intake(table, inputs.rules.clone(), now)?;
    let whole = || runtime.block_on(intake.take(inputs.message()));
    ensure!(matches!(whole(), Ok(::intake::Taken::New(_))), "the decline is not taken");
    group.time("whole", whole);
    Ok(())
}
