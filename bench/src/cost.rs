//! What an order costs: requests counted, times measured, both priced.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use local_stack::{FUNCTIONS, Invocation};
use meter::bill::function;
use meter::page::{Sizes, halves, text};
use meter::request::{ItemKind, Service};
use meter::{Bill, Life, Measured, Meter, MeterOptions, Picodollars, Prices, Scenario};
use serde_json::{Value, json};

use crate::Bench;
use crate::section::{Goal, Section, Table};
use crate::staging::stage;
use crate::variant::Variant;

/// Most rounds on one stack: FlexFactor's clock moves five days in each, and orders may not outlive their window.
const ROUNDS_MAX: usize = 3;
/// What Lambda logs of each invocation by itself, in bytes: START, END and REPORT.
const PLATFORM_LOG_BYTES: u64 = 400;
/// What an HTTP API logs of each request, in bytes, by the template's format.
const ACCESS_LOG_BYTES: u64 = 250;

const METHOD: &str = "\
One order at a time goes through each life on the deployed local stack, with the release functions. Every request that a function
makes passes a proxy and is counted; what a write consumes follows from AWS's documented rules and the item before and after
it. Batches are of one record, which is the dearest: full batches of ten divide requests to SQS, invocations and the writes of lists.
Requests that AWS makes itself are counted by rule (a message is received and deleted once each; the sender's request is counted).

Billed time is each invocation's from the event's hand-over to the answer, without cold starts, on a stack without proxies, rounded
up to 1 ms; of each invocation in a life the median of all rounds. DynamoDB is MiniStack here and FlexFactor the sandbox, which
answers at once, but for the lost answer of an unknown outcome (1.5 s here; up to `ProviderTimeoutMillis`): **the time is this
machine's, the counts are AWS's.** Each second that FlexFactor takes to answer adds SECOND USD per million calls.
Logs are what the functions wrote here, with 400 bytes for each invocation and 250 for each webhook by rule.

Prices are AWS's public ones of REGION, AS_OF (`bench/prices`), without free tiers. Left out: traffic, alarms and metrics, secrets
and what instances read for many orders (configuration each minute, secrets each five), the sweep's own run each minute, empty
polls, cold starts, storage, and what a billing system's rules do with the events. An order that expires after 21 days has 20 looks
in between; the table's has one.";

pub(crate) async fn run(bench: &Bench) -> Result<Section> {
    let functions = staged(bench)?;
    let counted = count(functions.clone()).await?;
    let timed = time(functions, bench.runs.clamp(1, ROUNDS_MAX)).await?;
    let prices = Prices::read()?;
    let second = prices.lambda_time(1000)?.per_million();
    let method = METHOD.replace("SECOND", &second).replace("REGION", &prices.region);
    let priced = priced(&prices, &counted, &timed)?;
    Ok(Section {
        title: "Cost of an order".to_owned(),
        method: method.replace("AS_OF", &prices.as_of),
        tables: vec![dollars(&priced), counts(&counted), steps(&counted), times(&timed)],
        goals: goals(&counted)?,
        data: data(&counted, &timed, &priced),
    })
}

fn staged(bench: &Bench) -> Result<PathBuf> {
    let mut directory = None;
    for function in FUNCTIONS {
        directory = stage(bench, Variant::Ours, function)?.parent().map(ToOwned::to_owned);
    }
    directory.context("there are no functions")
}

async fn count(functions: PathBuf) -> Result<Vec<Life>> {
    let options = MeterOptions { name: "bench-cost".to_owned(), functions: Some(functions), records: true };
    let mut meter = Meter::up(&options).await?;
    let mut lives = Vec::new();
    for scenario in Scenario::ALL {
        println!("counting: {}", scenario.title());
        lives.extend(meter.run(scenario).await?);
    }
    meter.down()?;
    Ok(lives)
}

/// Every warm invocation, by life, function and its place among that life's invocations of the function: the first try of a
/// submission is no second one. And what was logged in each life's last round.
#[derive(Default)]
struct Timed {
    micros: BTreeMap<(&'static str, &'static str, u64), Vec<u64>>,
    log_bytes: BTreeMap<&'static str, u64>,
}

async fn time(functions: PathBuf, rounds: usize) -> Result<Timed> {
    let options = MeterOptions { name: "bench-time".to_owned(), functions: Some(functions), records: false };
    let mut meter = Meter::up(&options).await?;
    let mut timed = Timed::default();
    let repeated = Scenario::ALL.into_iter().filter(|scenario| *scenario != Scenario::Expiry);
    let repeated: Vec<_> = repeated.collect();
    for round in 1..=rounds {
        println!("timing: round {round} of {rounds}");
        for scenario in &repeated {
            timed.add(meter.run(*scenario).await?)?;
        }
    }
    println!("timing: {}", Scenario::Expiry.title());
    timed.add(meter.run(Scenario::Expiry).await?)?;
    meter.down()?;
    Ok(timed)
}

impl Timed {
    fn add(&mut self, lives: Vec<Life>) -> Result<()> {
        for Life { title, invocations, log_bytes, .. } in lives {
            self.log_bytes.insert(title, log_bytes);
            let mut places: BTreeMap<&str, u64> = BTreeMap::new();
            for Invocation { function: deployed, micros, cold, .. } in invocations {
                let name = function(&deployed)?;
                let place = places.entry(name).or_default();
                if !cold {
                    self.micros.entry((title, name, *place)).or_default().push(micros);
                }
                *place += 1;
            }
        }
        Ok(())
    }

    /// What a function's invocations in a life are billed: of each the median of all rounds. One that was never warm takes what
    /// any of the function took.
    fn billed_millis(&self, title: &str, name: &str, count: u64) -> Result<u64> {
        let any = || median(self.of(|(_, function, _)| *function == name));
        let each = (0..count).map(|place| median(self.of(|key| *key == (title, name, place))).or_else(any));
        let sum: Option<u64> = each.sum();
        sum.with_context(|| format!("no warm invocation of {name} was timed: more rounds are needed"))
    }

    /// Billed milliseconds of the invocations that are chosen.
    fn of(&self, is_chosen: impl Fn(&(&'static str, &'static str, u64)) -> bool) -> Vec<u64> {
        let chosen = self.micros.iter().filter(|(key, _)| is_chosen(key));
        chosen.flat_map(|(_, micros)| micros).map(|micros| micros.div_ceil(1000)).collect()
    }

    fn measured(&self, life: &Life) -> Result<Measured> {
        let mut billed_millis = 0;
        for (name, count) in &life.bill.invocations {
            billed_millis += self.billed_millis(life.title, name, *count)?;
        }
        let invocations: u64 = life.bill.invocations.values().sum();
        let own = self.log_bytes.get(life.title).copied().unwrap_or_default();
        let log_bytes = own + invocations * PLATFORM_LOG_BYTES + life.bill.http_requests * ACCESS_LOG_BYTES;
        Ok(Measured { billed_millis, log_bytes })
    }
}

fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// A life with its charges.
struct Priced {
    title: &'static str,
    measured: Measured,
    charges: Vec<(&'static str, Picodollars)>,
}

fn priced(prices: &Prices, counted: &[Life], timed: &Timed) -> Result<Vec<Priced>> {
    let of = |life: &Life| {
        let measured = timed.measured(life)?;
        Ok(Priced { title: life.title, measured, charges: prices.charge(&life.bill, measured)? })
    };
    counted.iter().map(of).collect()
}

fn dollars(priced: &[Priced]) -> Table {
    let columns: Vec<&str> =
        priced.first().iter().flat_map(|life| life.charges.iter().map(|(name, _)| *name)).collect();
    let mut table = Table::new("USD per million", &[&["life"], columns.as_slice(), &["**sum**"]].concat());
    for Priced { title, charges, .. } in priced {
        let sum: Picodollars = charges.iter().map(|(_, amount)| *amount).sum();
        let cells = charges.iter().map(|(_, amount)| amount.per_million());
        table.row(
            [(*title).to_owned()].into_iter().chain(cells).chain([format!("**{}**", sum.per_million())]),
        );
    }
    table
}

fn counts(counted: &[Life]) -> Table {
    let columns = [
        "life",
        "writes of the order",
        "their write units",
        "writes beside",
        "their write units",
        "read units",
        "SQS requests",
        "events",
        "webhooks and calls",
        "invocations",
        "FlexFactor calls",
    ];
    let mut table = Table::new("Counted for one order", &columns);
    for Life { title, bill, .. } in counted {
        let all: usize = bill.steps.values().map(Vec::len).sum();
        let (writes, units) = (bill.writes(ItemKind::Order).len(), bill.write_units(ItemKind::Order));
        let charged = |service| bill.charged.get(&service).copied().unwrap_or_default().to_string();
        table.row([
            (*title).to_owned(),
            writes.to_string(),
            units.to_string(),
            all.saturating_sub(writes).to_string(),
            bill.all_write_units().saturating_sub(units).to_string(),
            halves(bill.all_half_read_units()),
            charged(Service::Sqs),
            charged(Service::EventBridge),
            bill.http_requests.to_string(),
            bill.invocations.values().sum::<u64>().to_string(),
            bill.provider_calls().to_string(),
        ]);
    }
    table
}

/// How the write units of the happy path come about.
fn steps(counted: &[Life]) -> Table {
    let columns = ["life", "write", "status", "bytes before", "bytes after", "table", "index `due`"];
    let mut table = Table::new("The order's item on the happy path, in write units", &columns);
    let happy = [Scenario::HappySmall, Scenario::Happy].map(Scenario::title);
    for Life { title, bill, .. } in counted.iter().filter(|life| happy.contains(&life.title)) {
        for step in bill.writes(ItemKind::Order) {
            let bytes =
                |bytes: Option<u64>| bytes.map_or_else(|| "none".to_owned(), |bytes| bytes.to_string());
            let due = step.write.units.indexes.get("due");
            table.row([
                (*title).to_owned(),
                format!("{} {}", step.function, step.operation),
                step.write.status_after.clone().unwrap_or_default(),
                bytes(step.write.bytes_before),
                bytes(step.write.bytes_after),
                step.write.units.table.to_string(),
                due.map_or_else(|| "0".to_owned(), |(entry, units)| format!("{units} ({})", entry.word())),
            ]);
        }
    }
    table
}

fn times(timed: &Timed) -> Table {
    let mut table = Table::new(
        "Billed time of warm invocations, all lives",
        &["function", "invocations", "median ms", "most ms"],
    );
    for name in FUNCTIONS {
        let millis = timed.of(|(_, function, _)| *function == name);
        let (count, most) = (millis.len(), millis.iter().max().copied());
        if let (Some(median), Some(most)) = (median(millis), most) {
            table.row([name.to_owned(), count.to_string(), median.to_string(), most.to_string()]);
        }
    }
    table
}

fn goals(counted: &[Life]) -> Result<Vec<Goal>> {
    let bill = |scenario: Scenario| -> Result<&Bill> {
        let life = counted.iter().find(|life| life.title == scenario.title());
        life.map(|life| &life.bill).with_context(|| format!("{} was not counted", scenario.title()))
    };
    let at_most = |what: String, most: u64, unit: &str, found: u64| Goal {
        what,
        wanted: format!("≤ {most} {unit}"),
        found: found.to_string(),
        met: found <= most,
    };
    let mut goals = Vec::new();
    for scenario in [Scenario::HappySmall, Scenario::Happy] {
        let (bill, title) = (bill(scenario)?, scenario.title());
        let writes = u64::try_from(bill.writes(ItemKind::Order).len())?;
        goals.push(at_most(format!("{title}: writes of the order"), 4, "writes", writes));
        let units = bill.write_units(ItemKind::Order);
        goals.push(at_most(
            format!("{title}: write units of the order, with its indexes"),
            7,
            "units",
            units,
        ));
    }
    let bill = bill(Scenario::Happy)?;
    let requests = bill.requests_of("webhook-receiver", Service::DynamoDb);
    let reads = bill.half_read_units.get("webhook-receiver").copied().unwrap_or_default();
    goals.push(Goal {
        what: "a webhook's requests to DynamoDB".to_owned(),
        wanted: "1 write, 0 reads".to_owned(),
        found: format!("{requests} requests, {} read units", halves(reads)),
        met: (requests, reads) == (1, 0),
    });
    Ok(goals)
}

fn data(counted: &[Life], timed: &Timed, priced: &[Priced]) -> Value {
    let lives: Vec<Value> = counted
        .iter()
        .zip(priced)
        .map(|(life, priced)| {
            let charges: BTreeMap<&str, Picodollars> = priced.charges.iter().copied().collect();
            json!({ "life": life.title, "bill": text(life.title, &life.bill, Sizes::Shown), "measured": priced.measured,
                "picodollars": charges, "steps": life.bill.steps })
        })
        .collect();
    let times: Vec<Value> = timed
        .micros
        .iter()
        .map(|((life, function, place), micros)| {
            json!({ "life": life, "function": function, "place": place, "micros": micros })
        })
        .collect();
    json!({ "lives": lives, "invocations": times })
}
