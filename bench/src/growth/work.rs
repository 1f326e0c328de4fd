//! The work that must not grow with what is stored: a sweep, an order that is read, pages of a list. The handlers are the
//! functions' own.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, anyhow, ensure};
use expiry_sweep::settings::SweepRules;
use expiry_sweep::sweep::{Scheduled, Sweep};
use flexfactor::{Client, ClientConfig};
use intake::{Intake, IntakeRules};
use jiff::{SignedDuration, Timestamp};
use lambda_http::{Body, Request, RequestExt as _};
use lambda_kit::clock::{Clock, System};
use lambda_kit::queue::{DueMessage, FanOut, HandOn, QueueError};
use lambda_kit::secrets::{FetchSecret, SecretError, Secrets};
use models::ids::{MerchantId, OrderKey};
use models::screening::Limits;
use order_api::handler::{Api, Authorization, RefundRules, RepeatedRefund};
use order_store::dynamo::DynamoTable;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value;

use super::count::{Counting, Counts};
use super::orders::{DUE, Which, merchant, now};
use super::table::Stored;

/// Orders of a page, as order-api has them where a call does not say.
const PAGE: usize = 50;
/// Most things that a run of the sweep takes, as the template has it.
const SWEEP_ORDERS_MAX: usize = 2_000;

/// What was done, and what it took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Done {
    /// What.
    pub(crate) what: &'static str,
    /// How much was due, or is listed.
    pub(crate) found: usize,
    /// What was asked for and read.
    pub(crate) counts: Counts,
    /// How long it took.
    pub(crate) millis: f64,
}

/// A clock that stands still.
#[derive(Debug)]
struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        now()
    }
}

/// A queue that takes everything and counts the calls.
#[derive(Debug, Clone)]
struct Queue(Counting);

impl FanOut for Queue {
    async fn fan_out(&self, _: &[DueMessage]) -> Result<(), QueueError> {
        self.0.request("SendMessageBatch");
        Ok(())
    }
}

impl HandOn for Queue {
    async fn hand_on(&self, _: &OrderKey) -> Result<(), QueueError> {
        self.0.request("SendMessage");
        Ok(())
    }

    async fn hand_on_all(&self, keys: &[OrderKey]) -> Vec<Result<(), QueueError>> {
        self.0.request("SendMessageBatch");
        vec![Ok(()); keys.len()]
    }
}

/// Nothing that is done here needs a secret.
#[derive(Debug)]
struct NoSecret;

impl FetchSecret for NoSecret {
    async fn fetch(&self, _: &MerchantId) -> Result<SecretString, SecretError> {
        Err(SecretError::Unavailable("there is none".to_owned()))
    }
}

type OrderApi = Api<DynamoTable, Queue, DynamoTable, Queue, Secrets<NoSecret, System>, Client, System>;

/// The functions over a table.
#[derive(Debug)]
pub(crate) struct Work {
    counting: Counting,
    sweep: Sweep<DynamoTable, Queue, Fixed>,
    api: OrderApi,
}

impl Work {
    pub(crate) fn on(stored: &Stored) -> Result<Self> {
        let (table, counting) = (&stored.table, stored.counting.clone());
        let queue = Queue(counting.clone());
        let sweep = Sweep {
            store: table.clone(),
            queue: queue.clone(),
            clock: Fixed,
            rules: SweepRules { orders_max: SWEEP_ORDERS_MAX, ahead_max: SignedDuration::from_hours(24) },
        };
        Ok(Self { sweep, api: order_api(table, &queue)?, counting })
    }

    /// Does everything once unmeasured, so that connections are there, and once measured.
    pub(crate) async fn all(&self) -> Result<Vec<Done>> {
        self.each().await?;
        self.each().await
    }

    async fn each(&self) -> Result<Vec<Done>> {
        let mut done = Vec::new();
        for (due, after) in DUE {
            done.push(self.swept(due, now() + after).await?);
        }
        let order = format!("orders/{}", Which::Waiting(0).id());
        done.push(self.called("read an order with its history", &order, &[], |_| 1).await?);
        let first = [("status", "pending"), ("limit", "50")];
        done.push(self.called("list the first page of a status", "orders", &first, listed).await?);
        let cursor = self.last_page().await?;
        let last = [("status", "pending"), ("limit", "50"), ("cursor", cursor.as_str())];
        done.push(self.called("list the last page of a status", "orders", &last, listed).await?);
        let any = [("limit", "50")];
        done.push(self.called("list the first page of all statuses", "orders", &any, listed).await?);
        let wanted = [0, DUE[1].0, DUE[2].0, 1, PAGE, PAGE, PAGE];
        ensure!(done.iter().map(|done| done.found).eq(wanted), "something else was found: {done:?}");
        Ok(done)
    }

    async fn swept(&self, due: usize, as_of: Timestamp) -> Result<Done> {
        self.counting.take();
        let began = Instant::now();
        let deadline = SystemTime::now() + Duration::from_secs(60);
        let swept = self.sweep.run(Scheduled { scheduled_at: Some(as_of) }, deadline).await?;
        ensure!(swept.sent == due && !swept.more, "{due} are due, and the sweep says: {swept:?}");
        Ok(self.done("sweep", swept.due, began))
    }

    /// Makes a call and counts with `found` what it was answered with.
    async fn called(
        &self,
        what: &'static str,
        rest: &str,
        query: &[(&str, &str)],
        found: impl FnOnce(&Value) -> usize,
    ) -> Result<Done> {
        self.counting.take();
        let began = Instant::now();
        let page = self.call(rest, query).await?;
        Ok(self.done(what, found(&page), began))
    }

    fn done(&self, what: &'static str, found: usize, began: Instant) -> Done {
        Done { what, found, counts: self.counting.take(), millis: began.elapsed().as_secs_f64() * 1_000.0 }
    }

    async fn call(&self, rest: &str, query: &[(&str, &str)]) -> Result<Value> {
        let request =
            Request::new(Body::Empty).with_raw_http_path(format!("/merchants/{}/{rest}", merchant()?));
        let query: std::collections::HashMap<String, String> =
            query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let answer = self.api.answer(&request.with_query_string_parameters(query)).await;
        ensure!(answer.status == 200, "{rest} was answered {}: {}", answer.status, answer.body);
        Ok(serde_json::from_str(&answer.body)?)
    }

    /// The cursor that leads to the last full page.
    async fn last_page(&self) -> Result<String> {
        let before = Which::Due(DUE[2].0 - PAGE - 1).received_at().to_string();
        let page = self.call("orders", &[("status", "pending"), ("limit", "1"), ("from", &before)]).await?;
        page["next_cursor"].as_str().map(str::to_owned).context("no page comes after")
    }
}

fn listed(page: &Value) -> usize {
    page["orders"].as_array().map_or(0, Vec::len)
}

fn order_api(table: &DynamoTable, queue: &Queue) -> Result<OrderApi> {
    let limits = Limits {
        decline_age_max: SignedDuration::from_hours(24),
        window_days_min: 14,
        window_days_max: 21,
        window_days_default: 21,
    };
    let rules = IntakeRules {
        limits,
        submission_overdue: SignedDuration::from_mins(15),
        rejected_copy: SignedDuration::from_hours(24 * 30),
    };
    let provider = ClientConfig {
        sandbox_url: "https://sandbox.invalid/v1".to_owned(),
        production_url: "https://production.invalid/v1".to_owned(),
        timeout: Duration::from_secs(1),
        amounts: None,
        trace_header: None,
    };
    let intake =
        Intake { store: table.clone(), queue: queue.clone(), merchants: table.clone(), clock: System, rules };
    Ok(Api {
        store: table.clone(),
        intake,
        reconciliations: queue.clone(),
        secrets: Secrets::new(NoSecret, System),
        provider: Client::new(&provider).map_err(|error| anyhow!("{error}"))?,
        refunds: RefundRules {
            repeated: RepeatedRefund::Confirm,
            reads_totals: false,
            call_time: SignedDuration::from_secs(2),
        },
        authorization: Authorization::Iam,
    })
}
