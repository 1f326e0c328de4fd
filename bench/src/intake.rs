//! Declines from a filled queue to the table and on to the next queue.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use models::status::Status;
use order_store::dynamo::count_by_status;
use rig::order_id;
use serde::Serialize;
use serde_json::json;

use crate::Bench;
use crate::checks;
use crate::figures::Figures;
use crate::local::Local;
use crate::orders::decline;
use crate::processes::{Used, used};
use crate::section::{Goal, Section, Table};
use crate::variant::Variant;

const FUNCTION: &str = "decline-intake";
/// Declines that are not measured: they start the environments and fill caches.
const WARM_UP: usize = 400;
/// Declines on the queue in each round.
const DECLINES: usize = 2_000;
/// Rounds for each of the runs that are asked for: a round takes as long as many starts.
const RUNS_PER_ROUND: usize = 3;
/// How much faster than the Python peer ours is to be.
const PYTHON_RATIO_MIN: f64 = 3.0;
/// How much of the bare function's rate ours is to reach.
const BARE_RATIO_MIN: f64 = 0.8;

/// What one round of a variant showed.
#[derive(Debug, Serialize)]
struct Round {
    variant: Variant,
    seconds: f64,
    /// Processor time in seconds.
    used: Used,
}

impl Round {
    #[expect(clippy::cast_precision_loss)]
    fn per_second(&self) -> f64 {
        DECLINES as f64 / self.seconds
    }

    /// How many declines the function takes in a second of processor time of its own.
    #[expect(clippy::cast_precision_loss)]
    fn per_function_second(&self) -> f64 {
        DECLINES as f64 / self.used.functions
    }

    /// Which share of the processor time is the local stack's.
    fn stack_share(&self) -> f64 {
        self.used.stack / (self.used.stack + self.used.functions)
    }
}

/// Checks the variants, then measures them in turn.
///
/// # Errors
/// A variant does not do as it should, or the local stack failed.
pub(crate) async fn run(bench: &Bench) -> Result<Section> {
    checks::intake(bench).await?;
    let mut rounds = Vec::new();
    for number in 1..=bench.runs.div_ceil(RUNS_PER_ROUND) {
        for variant in Variant::ALL {
            let round = round(bench, variant).await?;
            println!("round {number}, {}: {:.0} declines/s", variant.name(), round.per_second());
            rounds.push(round);
        }
    }
    section(&rounds)
}

async fn round(bench: &Bench, variant: Variant) -> Result<Round> {
    let local = Local::up(bench, variant, FUNCTION).await?;
    let bodies = (0..WARM_UP + DECLINES)
        .map(|number| Ok(decline(&order_id("rate", number))?.body()))
        .collect::<Result<Vec<_>>>()?;
    let (warm_up, measured) = bodies.split_at(WARM_UP);
    local.send(warm_up).await?;
    local.deliver(Some(FUNCTION), true).await?;
    local.until_handed_on(WARM_UP).await?;
    local.deliver(Some(FUNCTION), false).await?;
    local.send(measured).await?;
    let (before, began) = (used()?, Instant::now());
    local.deliver(Some(FUNCTION), true).await?;
    local.until_handed_on(bodies.len()).await?;
    let (seconds, used) = (began.elapsed().as_secs_f64(), used()?.since(before));
    check(&local, bodies.len()).await.with_context(|| variant.name())?;
    local.stack.down()?;
    Ok(Round { variant, seconds, used })
}

/// Each decline is an order, and was handed on once.
async fn check(local: &Local, count: usize) -> Result<()> {
    let outputs = local.stack.outputs();
    let counts = count_by_status(local.stack.dynamodb(), &outputs.orders_table_name).await?;
    let received = counts.get(&Status::Received).copied().unwrap_or_default();
    ensure!(usize::try_from(received)? == count, "{received} of {count} declines are stored");
    let handed_on = local.waiting(&outputs.evaluations_queue_url).await?;
    ensure!(handed_on == count, "{handed_on} orders were handed on, not {count}");
    Ok(())
}

fn of(rounds: &[Round], variant: Variant) -> impl Iterator<Item = &Round> {
    rounds.iter().filter(move |round| round.variant == variant)
}

fn section(rounds: &[Round]) -> Result<Section> {
    let mut table = Table::new(
        "Median over the rounds, in brackets the least and the most of them",
        &[
            "variant",
            "declines/s from queue to stored",
            "declines a second of the function's CPU",
            "local stack's share of the CPU, %",
        ],
    );
    for variant in Variant::ALL {
        let each = |figure: &dyn Fn(&Round) -> f64| of(rounds, variant).map(figure).collect::<Figures>();
        table.row([
            variant.name().to_owned(),
            each(&Round::per_second).spread(0),
            each(&Round::per_function_second).spread(0),
            each(&|round| round.stack_share() * 100.0).spread(0),
        ]);
    }
    let goal = |variant: Variant, wanted: f64| {
        let ratio = median_ratio(rounds, variant, Round::per_second);
        let at_function = median_ratio(rounds, variant, Round::per_function_second);
        Goal {
            what: format!("Declines per second from queue to stored, ours to {}", variant.name()),
            wanted: format!("≥ {wanted}"),
            found: format!("{ratio:.2} (by the function's CPU alone: {at_function:.2})"),
            met: ratio >= wanted,
        }
    };
    Ok(Section {
        title: "Intake".to_owned(),
        method: method(rounds.len() / Variant::ALL.len()),
        tables: vec![table],
        goals: vec![goal(Variant::Python, PYTHON_RATIO_MIN), goal(Variant::Bare, BARE_RATIO_MIN)],
        data: json!({ "rounds": rounds }),
    })
}

/// The median over the rounds of ours to another's in the same round.
fn median_ratio(rounds: &[Round], other: Variant, figure: impl Fn(&Round) -> f64) -> f64 {
    let pairs = of(rounds, Variant::Ours).zip(of(rounds, other));
    pairs.map(|(ours, other)| figure(ours) / figure(other)).collect::<Figures>().median()
}

fn method(rounds: usize) -> String {
    format!(
        "{rounds} rounds; in each, every variant in turn on a local stack of its own. The declines queue is filled with \
         {DECLINES} declines while nothing is delivered; then deliveries are switched on, in batches of 10 to at most 10 \
         environments at once, as the template has it, until as many orders are on the evaluations queue. {WARM_UP} declines before \
         them start the environments and are not counted. Before that, ours and the peers passed the same checks of what they do \
         with good, bad, repeated and conflicting declines; after each round, every decline is an order and was handed on once. The \
         bare function makes the one write and the hand-on of each decline and looks at nothing.\n\n\
         Queue, table, event source mapping and Lambda are MiniStack's, one process in Python, which takes its part of the \
         machine's processors; where its share is large, the rates are its own and lie closer together than the functions do. The \
         functions' processor time is counted apart: it is what they cost where queue and table are somebody else's machines."
    )
}
