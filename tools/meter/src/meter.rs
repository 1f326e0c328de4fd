//! Running scenarios on the deployed local stack, and counting.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use local_stack::Invocation;
use models::order::Order;
use models::status::Status;
use rig::{MANAGED, Rig, RigOptions};
use serde_json::json;

use crate::DAY_SECONDS;
use crate::bill::{Bill, Keys, function};
use crate::capacity::TableRules;
use crate::recorder::{AwsWatch, ProviderWatch, Recorder};
use crate::request::Request;
use crate::scenario::Scenario;
use crate::shared::Shared;

/// How long anything may take that takes a second.
const LIMIT: Duration = Duration::from_secs(60);
/// How often a scenario is run anew in which the SDK repeated a request.
const RUNS_MAX: usize = 3;
/// A window of 21 days and the grace after it.
const WINDOW_SECONDS: u64 = 21 * DAY_SECONDS + 6 * 3_600;

/// How a meter is brought up.
#[derive(Debug, Clone)]
pub struct MeterOptions {
    /// Its files are under target/local/`name`.
    pub name: String,
    /// Where the functions are, if not beside this program: `<directory>/<function>/bootstrap`.
    pub functions: Option<PathBuf>,
    /// Whether requests are recorded. It takes time: two reads more for each write.
    pub records: bool,
}

/// A stack on which orders are followed one by one.
pub struct Meter {
    rig: Rig,
    recorder: Option<Arc<Recorder>>,
    http: reqwest::Client,
    number: usize,
    /// How many invocations there were before.
    counted: usize,
    /// How much was logged before, in bytes.
    logged: u64,
    began: Instant,
    shared: Shared,
}

/// What a part of an order's life took.
#[derive(Debug, Clone)]
pub struct Life {
    /// What it is.
    pub title: &'static str,
    /// What was counted: nothing where nothing was recorded.
    pub bill: Bill,
    /// The invocations, with their times.
    pub invocations: Vec<Invocation>,
    /// What the functions logged, in bytes.
    pub log_bytes: u64,
}

impl Meter {
    /// Brings it up.
    ///
    /// # Errors
    /// Anything of it failed.
    pub async fn up(options: &MeterOptions) -> Result<Self> {
        let mut rig_options = RigOptions::new(&options.name)
            // The clock's own sweeps would find what a scenario's sweep is to find.
            .parameter("SweepSchedule", "rate(365 days)")
            // Nothing here waits for an answer that does not come.
            .parameter("ProviderTimeoutMillis", 20_000)
            .parameter("ApiProviderTimeoutMillis", 6_000);
        if options.records {
            rig_options = rig_options.faults();
        }
        if let Some(functions) = &options.functions {
            rig_options = rig_options.functions(functions);
        }
        let rig = Rig::up(rig_options).await?;
        rig.stack().one_record_at_once().await?;
        let settings = json!({
            "orders": { "amount_fields": true },
            // FlexFactor's days pass in moments here: the functions' tokens are to outlive them.
            "tokens": { "lifetime_seconds": 100 * DAY_SECONDS },
        });
        rig.control().put_scenario(&json!({ "rules": Scenario::rules(), "settings": settings })).await?;
        let recorder = if options.records { Some(recorder(&rig)?) } else { None };
        let http = reqwest::Client::builder().no_proxy().build()?;
        let (began, shared) = (Instant::now(), Shared::default());
        Ok(Self { rig, recorder, http, number: 0, counted: 0, logged: 0, began, shared })
    }

    /// Stops everything.
    ///
    /// # Errors
    /// Something did not stop.
    pub fn down(self) -> Result<()> {
        self.rig.down()
    }

    /// Follows one order through a scenario: its life, and parts of it that are of interest alone.
    ///
    /// # Errors
    /// The order did not go the way it should, or the machine was too slow to count.
    pub async fn run(&mut self, scenario: Scenario) -> Result<Vec<Life>> {
        for _ in 0..RUNS_MAX {
            self.take(0)?;
            let (lives, is_spoilt) = self.follow(scenario).await.with_context(|| scenario.title())?;
            if !is_spoilt {
                return Ok(lives);
            }
        }
        bail!(
            "{}: the SDK repeated requests in each of {RUNS_MAX} runs: the machine is too slow",
            scenario.title()
        )
    }

    async fn follow(&mut self, scenario: Scenario) -> Result<(Vec<Life>, bool)> {
        self.number += 1;
        let id = scenario.order_id(self.number);
        self.rig.send(&[scenario.decline(&id, Timestamp::now())?]).await?;
        self.until(&id, Status::Pending).await?;
        let mut look = None;
        match scenario {
            Scenario::HappySmall
            | Scenario::Happy
            | Scenario::DuplicateWebhook
            | Scenario::UnknownOutcome => {
                self.approve(&id).await?;
            }
            Scenario::Refund => {
                self.approve(&id).await?;
                self.refund(&id).await?;
            }
            Scenario::Expiry => {
                self.settle().await?;
                let before = self.take(1)?;
                self.rig.pass_seconds(DAY_SECONDS + 1).await?;
                self.rig.sweep().await?;
                self.settle().await?;
                look = Some((before, self.take(0)?));
                self.rig.pass_seconds(WINDOW_SECONDS - DAY_SECONDS).await?;
                self.rig.sweep().await?;
                self.until(&id, Status::Expired).await?;
            }
        }
        self.settle().await?;
        let last = self.take(u64::from(look.is_none()))?;
        let mut lives = Vec::new();
        let whole = match look {
            None => last,
            Some((before, look)) => {
                lives.push(self.life("one look at an open order", &look)?);
                before.and(look).and(last)
            }
        };
        let is_spoilt = whole.requests.iter().any(|request| request.is_repeated);
        let life = self.life(scenario.title(), &whole)?;
        self.shared.add(&life.bill);
        self.shared.check(&self.rig.stack().invocations()?, self.began.elapsed().as_secs())?;
        lives.insert(0, life);
        Ok((lives, is_spoilt))
    }

    /// A day passes, and FlexFactor tells that it approved the order.
    async fn approve(&mut self, id: &str) -> Result<()> {
        self.rig.pass_seconds(DAY_SECONDS + 1).await?;
        self.until(id, Status::Approved).await.map(|_| ())
    }

    /// Somebody asks order-api for all of it; FlexFactor's webhook asks for a look, by which it is confirmed.
    async fn refund(&mut self, id: &str) -> Result<()> {
        let order = self.until(id, Status::Approved).await?;
        let amount = json!({ "minor": order.amount.minor, "currency": order.amount.currency });
        let stack = self.rig.stack();
        let url = format!("{}/orders/{id}/refunds", stack.api_url(MANAGED));
        let request = self.http.post(url).header("authorization", stack.api_authorization());
        let request = request.header("idempotency-key", id).json(&json!({ "amount": amount }));
        // The answer is made from order and history as they are: how far the stream's readers came must not decide how much is read.
        self.settle().await?;
        stack.read_streams(false).await?;
        let answer = request.send().await?;
        stack.read_streams(true).await?;
        ensure!(answer.status() == 201, "the refund was answered {}", answer.status());
        self.rig.pass_seconds(3_600).await?;
        self.rig.sweep().await?;
        let wanted = |order: &Order| match (order.due, order.refund) {
            (None, models::order::Facet::Confirmed) => Ok(()),
            (due, refund) => Err(format!("it is due {due:?}, and its refund is {refund:?}")),
        };
        self.until_it(id, wanted).await.map(|_| ())
    }

    async fn until(&self, id: &str, status: Status) -> Result<Order> {
        let wanted = |order: &Order| match order.status {
            found if found == status => Ok(()),
            found => Err(format!("{id} is {found}, not {status}")),
        };
        self.until_it(id, wanted).await
    }

    async fn until_it(&self, id: &str, wanted: impl Fn(&Order) -> Result<(), String>) -> Result<Order> {
        let is_it = |order: &&Order| order.key.order_id.as_str() == id;
        let missing = || format!("{id} is not there");
        let wanted =
            |books: &rig::Books| books.orders.iter().find(is_it).ok_or_else(missing).and_then(&wanted);
        let books = self.rig.until(LIMIT, wanted).await?;
        books.orders.iter().find(is_it).cloned().with_context(missing)
    }

    /// Waits until no message is left, and both readers of the table's stream have taken each change of each order.
    async fn settle(&self) -> Result<()> {
        self.rig.until_quiet(LIMIT).await?;
        let deadline = Instant::now() + LIMIT;
        loop {
            let books = self.rig.books().await?;
            let changes = books.orders.iter().map(|order| order.version).sum::<u64>();
            let invocations = self.rig.stack().invocations()?;
            let read = |name: &str| {
                let is_it = |one: &&Invocation| function(&one.function).is_ok_and(|it| it == name);
                u64::try_from(invocations.iter().filter(is_it).count())
            };
            let (history, publisher) = (read("order-history")?, read("outcome-publisher")?);
            if history >= changes && publisher >= changes {
                ensure!(
                    (history, publisher) == (changes, changes),
                    "{changes} changes were read {history} and {publisher} times"
                );
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "of {changes} changes {history} and {publisher} were read");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What was done since this was called last.
    fn take(&mut self, sent_in: u64) -> Result<Taken> {
        let invocations = self.rig.stack().invocations()?.split_off(self.counted);
        self.counted += invocations.len();
        let requests = self.recorder.as_ref().map_or_else(|| Ok(Vec::new()), |recorder| recorder.take())?;
        let all_logged = std::fs::metadata(self.rig.stack().functions_log())?.len();
        let log_bytes = all_logged.saturating_sub(self.logged);
        self.logged = all_logged;
        Ok(Taken { sent_in, requests, invocations, log_bytes })
    }

    fn life(&self, title: &'static str, taken: &Taken) -> Result<Life> {
        let keys = Keys::of(&self.rig.stack().invocations()?)?;
        let bill = Bill::of(&taken.requests, &taken.invocations, taken.sent_in, &keys)?;
        Ok(Life { title, bill, invocations: taken.invocations.clone(), log_bytes: taken.log_bytes })
    }
}

/// What was seen in a stretch of time.
#[derive(Debug, Clone)]
struct Taken {
    /// Messages that the billing system sent.
    sent_in: u64,
    requests: Vec<Request>,
    invocations: Vec<Invocation>,
    log_bytes: u64,
}

impl Taken {
    fn and(mut self, next: Self) -> Self {
        self.sent_in += next.sent_in;
        self.requests.extend(next.requests);
        self.invocations.extend(next.invocations);
        self.log_bytes += next.log_bytes;
        self
    }
}

fn recorder(rig: &Rig) -> Result<Arc<Recorder>> {
    let rules = TableRules::from_template(include_str!("../../../infra/template.yaml"))?;
    let (stack, proxies) = (rig.stack(), rig.proxies()?);
    let recorder = Recorder::new(rules, stack.endpoint(), stack.api_authorization())?;
    proxies.aws.observe(Arc::new(AwsWatch(Arc::clone(&recorder))));
    proxies.provider.observe(Arc::new(ProviderWatch(Arc::clone(&recorder))));
    Ok(recorder)
}
