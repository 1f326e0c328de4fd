//! Webhooks through the local stack: from FlexFactor's request to its answer, one at a time and many at once.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use anyhow::{Result, ensure};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use models::status::Status;
use rig::{MANAGED, order_id};
use serde::Serialize;
use serde_json::json;

use crate::Bench;
use crate::checks;
use crate::delivery::Delivery;
use crate::figures::Figures;
use crate::local::Local;
use crate::orders;
use crate::processes::used;
use crate::section::{Goal, Section, Table};
use crate::variant::Variant;

const FUNCTION: &str = "webhook-receiver";
/// Senders of the webhooks that are not measured: step by step, so that a few environments are started at a time.
const WARM_UP: [usize; 8] = [2, 4, 6, 8, 10, 12, 14, 16];
/// How many webhooks each of them sends.
const WARM_UP_EACH: usize = 2;
/// Webhooks sent one after the other in each round.
const ONE_BY_ONE: usize = 300;
/// Webhooks sent in each round by several senders.
const CROWD: usize = 480;
/// How many senders there are.
const SENDERS: [usize; 2] = [8, 16];
/// Rounds for each of the runs that are asked for: a round takes as long as many starts.
const RUNS_PER_ROUND: usize = 3;
/// How much slower than the bare function ours may be.
const RATIO_MAX: f64 = 1.15;

/// What one round of a variant showed.
#[derive(Debug, Serialize)]
struct Round {
    variant: Variant,
    one_by_one_ms: Figures,
    /// By the number of senders.
    crowds: BTreeMap<usize, Crowd>,
    functions_cpu_ms_per_webhook: f64,
    stack_cpu_ms_per_webhook: f64,
}

/// Webhooks of several senders.
#[derive(Debug, Serialize)]
struct Crowd {
    per_second: f64,
    ms: Figures,
}

/// Checks the variants, then measures them in turn.
///
/// # Errors
/// A variant does not do as it should, or the local stack failed.
pub(crate) async fn run(bench: &Bench) -> Result<Section> {
    checks::webhooks(bench).await?;
    let mut rounds = Vec::new();
    for number in 1..=bench.runs.div_ceil(RUNS_PER_ROUND) {
        for variant in Variant::ALL {
            let round = round(bench, variant).await?;
            println!("round {number}, {}: p50 {:.2} ms", variant.name(), round.one_by_one_ms.median());
            rounds.push(round);
        }
    }
    section(&rounds)
}

async fn round(bench: &Bench, variant: Variant) -> Result<Round> {
    let local = Local::up(bench, variant, FUNCTION).await?;
    let total = warm_up() + ONE_BY_ONE + SENDERS.len() * CROWD;
    let mut webhooks = prepare(&local, total).await?;
    for senders in WARM_UP {
        send(&local, take(&mut webhooks, senders * WARM_UP_EACH), senders).await?;
    }
    let before = used()?;
    let one_by_one = send(&local, take(&mut webhooks, ONE_BY_ONE), 1).await?;
    let used = used()?.since(before);
    let mut crowds = BTreeMap::new();
    for senders in SENDERS {
        crowds.insert(senders, send(&local, take(&mut webhooks, CROWD), senders).await?);
    }
    ensure!(webhooks.is_empty(), "not all webhooks were sent");
    let approved =
        local.books().await?.orders.iter().filter(|order| order.status == Status::Approved).count();
    ensure!(approved == total, "{}: {approved} of {total} orders are approved", variant.name());
    local.stack.down()?;
    #[expect(clippy::cast_precision_loss)]
    let millis = |seconds: f64| seconds * 1_000.0 / ONE_BY_ONE as f64;
    Ok(Round {
        variant,
        one_by_one_ms: one_by_one.ms,
        crowds,
        functions_cpu_ms_per_webhook: millis(used.functions),
        stack_cpu_ms_per_webhook: millis(used.stack),
    })
}

/// Webhooks that are not measured.
fn warm_up() -> usize {
    WARM_UP.into_iter().sum::<usize>() * WARM_UP_EACH
}

/// Orders that FlexFactor works on, and for each the webhook that ends it.
async fn prepare(local: &Local, count: usize) -> Result<VecDeque<Delivery>> {
    let (mut pending, mut webhooks) = (Vec::new(), VecDeque::new());
    for number in 0..count {
        let (id, provider_order) = (order_id("hook", number), orders::provider_order());
        pending.push(orders::pending(&id, &provider_order)?);
        webhooks.push_back(Delivery::new("order.completed", &id, &provider_order)?);
    }
    orders::store(&local.table, &pending).await?;
    Ok(webhooks)
}

fn take(webhooks: &mut VecDeque<Delivery>, count: usize) -> Vec<Delivery> {
    webhooks.drain(..count.min(webhooks.len())).collect()
}

/// Sends all, each sender its next one as soon as the last was answered.
async fn send(local: &Local, webhooks: Vec<Delivery>, senders: usize) -> Result<Crowd> {
    let url = &local.webhook_url(MANAGED);
    let count = webhooks.len();
    let sent = webhooks.into_iter().map(|webhook| async move {
        let (status, time) = webhook.send(&local.http, url).await?;
        ensure!(status == 200, "a genuine webhook was answered {status}");
        Ok(time.as_secs_f64() * 1_000.0)
    });
    let began = Instant::now();
    let times: Vec<f64> = stream::iter(sent).buffer_unordered(senders).try_collect().await?;
    #[expect(clippy::cast_precision_loss)]
    let per_second = count as f64 / began.elapsed().as_secs_f64();
    Ok(Crowd { per_second, ms: times.into_iter().collect() })
}

fn of(rounds: &[Round], variant: Variant) -> impl Iterator<Item = &Round> {
    rounds.iter().filter(move |round| round.variant == variant)
}

fn section(rounds: &[Round]) -> Result<Section> {
    let mut table = Table::new(
        "Median over the rounds, in brackets the least and the most of them",
        &[
            "variant",
            "p50, ms",
            "p99, ms",
            "webhooks/s, 8 at once",
            "webhooks/s, 16 at once",
            "function's CPU, ms a webhook",
            "local stack's CPU, ms a webhook",
        ],
    );
    for variant in Variant::ALL {
        let each = |figure: &dyn Fn(&Round) -> f64| of(rounds, variant).map(figure).collect::<Figures>();
        let crowd = |senders: usize| {
            each(&|round| round.crowds.get(&senders).map_or(f64::NAN, |crowd| crowd.per_second)).spread(0)
        };
        let [few, many] = SENDERS.map(crowd);
        table.row([
            variant.name().to_owned(),
            each(&|round| round.one_by_one_ms.median()).spread(2),
            each(&|round| round.one_by_one_ms.quantile(0.99)).spread(2),
            few,
            many,
            each(&|round| round.functions_cpu_ms_per_webhook).spread(2),
            each(&|round| round.stack_cpu_ms_per_webhook).spread(2),
        ]);
    }
    let ratio = median_ratio(rounds, |round| round.one_by_one_ms.median());
    let cpu = median_ratio(rounds, |round| round.functions_cpu_ms_per_webhook);
    Ok(Section {
        title: "Webhooks".to_owned(),
        method: method(rounds.len() / Variant::ALL.len(), cpu),
        tables: vec![table],
        goals: vec![Goal {
            what: "Webhook through the local stack, p50, ours to the bare function's".to_owned(),
            wanted: format!("≤ {RATIO_MAX}"),
            found: format!("{ratio:.2}"),
            met: ratio <= RATIO_MAX,
        }],
        data: json!({ "rounds": rounds }),
    })
}

/// The median over the rounds of ours to the bare function's in the same round.
fn median_ratio(rounds: &[Round], figure: impl Fn(&Round) -> f64) -> f64 {
    let pairs = of(rounds, Variant::Ours).zip(of(rounds, Variant::Bare));
    pairs.map(|(ours, bare)| figure(ours) / figure(bare)).collect::<Figures>().median()
}

fn method(rounds: usize, cpu: f64) -> String {
    format!(
        "{rounds} rounds; in each, every variant in turn on a local stack of its own, with {ONE_BY_ONE} webhooks one after the \
         other and {CROWD} each by 8 and 16 senders, after {} that are not counted. Each webhook ends another order. \
         Before that, ours and the peers passed the same checks of what they do with genuine, forged, repeated, late and orphaned \
         webhooks; after each round, all orders were approved. The bare function makes the one write and looks at nothing.\n\n\
         What this shows is the whole way that a sender waits for, on one machine: MiniStack, which is written in Python, serves \
         HTTP, Lambda and the table, and it takes most of the time for every variant and hides much of the difference; it also waits \
         5 ms after the last line that a function has printed. The \
         function's own processor time is not hidden: ours takes {cpu:.2} times what the bare function takes. It is counted in \
         steps of 10 ms over the {ONE_BY_ONE} webhooks of a round. What a warm function needs where the table answers at once is \
         measured in the section about starts.",
        warm_up()
    )
}
