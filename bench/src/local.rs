//! The local stack with one variant of one function on it. All its other functions do nothing, and nothing is delivered to
//! them, so that what is measured is that one function, MiniStack, and nobody else.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_sqs::types::QueueAttributeName;
use local_stack::{FUNCTIONS, MerchantSetup, Options, Stack};
use order_store::dynamo::{Books, DynamoTable, export};
use rig::{MANAGED, WEBHOOK_HOST, account};
use serde_json::{Value, json};

use crate::Bench;
use crate::staging::{NOTHING, stage};
use crate::variant::Variant;

/// How long anything may take. Nothing is judged by it: what hangs must not hang the run.
const PATIENCE: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(20);
/// MiniStack reads the key in it and does not check the signature.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0";
/// More than is ever sent.
const NO_THROTTLE: u32 = 1_000_000;

/// A running stack. Dropping it stops it.
pub(crate) struct Local {
    pub(crate) stack: Stack,
    pub(crate) table: DynamoTable,
    pub(crate) http: reqwest::Client,
}

impl Local {
    /// Brings it up with one merchant, and with nothing being delivered to any function.
    ///
    /// # Errors
    /// The function is not built, or the stack did not come up.
    pub(crate) async fn up(bench: &Bench, variant: Variant, function: &str) -> Result<Self> {
        let functions = bench.output.join("deployed");
        let measured = stage(bench, variant, function)?;
        let nothing = bench.programs.join(NOTHING);
        for name in FUNCTIONS {
            let bootstrap = functions.join(name).join("bootstrap");
            let program = if name == function { measured.join("bootstrap") } else { nothing.clone() };
            put(&program, &bootstrap)?;
        }
        let run = format!("bench-{}-{function}", variant.directory());
        let options = Options::new(&run)
            .functions(&functions)
            .parameter("WebhookHost", WEBHOOK_HOST)
            .parameter("WebhookRequestsPerSecondMax", NO_THROTTLE)
            .parameter("WebhookBurstMax", NO_THROTTLE)
            .parameter("SweepSchedule", "rate(30 days)")
            // Else each call is held against the role's policies, which costs the local stack more than it costs AWS.
            .environment("AUTH", "false");
        let stack = Stack::up(options).await?;
        let table = DynamoTable::new(stack.dynamodb().clone(), &stack.outputs().orders_table_name);
        let http = reqwest::Client::builder().no_proxy().build()?;
        let local = Self { stack, table, http };
        local.deliver(None, false).await?;
        let merchant = account(MANAGED)?;
        let secret = merchant.secret(&[merchant.webhook_key]);
        let config = merchant.config();
        local.stack.put_merchant(&MerchantSetup { id: MANAGED.to_owned(), config, secret }).await?;
        Ok(local)
    }

    /// Starts or stops deliveries from queues and streams to a function, or to all.
    ///
    /// # Errors
    /// There is nothing that delivers to it.
    pub(crate) async fn deliver(&self, function: Option<&str>, enabled: bool) -> Result<()> {
        let url = format!("{}/2015-03-31/event-source-mappings", self.stack.endpoint());
        let listed = self.http.get(&url).header("authorization", AUTHORIZATION).send().await?;
        let listed: Value = listed.error_for_status()?.json().await?;
        let mappings = listed["EventSourceMappings"].as_array().context("no list of mappings")?;
        let is_meant = |mapping: &&Value| {
            let arn = mapping["FunctionArn"].as_str().unwrap_or_default();
            // The function's name, and the alias after it.
            function.is_none_or(|function| arn.split(':').any(|part| part.ends_with(function)))
        };
        let mut changed = 0;
        for id in mappings.iter().filter(is_meant).filter_map(|mapping| mapping["UUID"].as_str()) {
            let request = self.http.put(format!("{url}/{id}")).header("authorization", AUTHORIZATION);
            request.json(&json!({ "Enabled": enabled })).send().await?.error_for_status()?;
            changed += 1;
        }
        ensure!(changed > 0, "nothing delivers to {}", function.unwrap_or("any function"));
        Ok(())
    }

    /// Where webhooks go.
    pub(crate) fn webhook_url(&self, merchant: &str) -> String {
        self.stack.webhook_url(merchant)
    }

    /// Puts messages on the declines queue.
    ///
    /// # Errors
    /// SQS did not take one.
    pub(crate) async fn send(&self, bodies: &[String]) -> Result<()> {
        rig::send_to(&self.stack, &self.stack.outputs().declines_queue_url, bodies).await
    }

    /// How many messages wait on a queue.
    ///
    /// # Errors
    /// SQS does not answer.
    pub(crate) async fn waiting(&self, queue: &str) -> Result<usize> {
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let request = self.stack.sqs().get_queue_attributes().queue_url(queue).attribute_names(name.clone());
        let answer = request.send().await?;
        let count = answer.attributes().and_then(|counts| counts.get(&name)).context("no count")?;
        Ok(count.parse()?)
    }

    /// Waits until so many orders were handed on.
    ///
    /// # Errors
    /// They were not in time.
    pub(crate) async fn until_handed_on(&self, count: usize) -> Result<()> {
        let (queue, deadline) = (&self.stack.outputs().evaluations_queue_url, Instant::now() + PATIENCE);
        loop {
            let waiting = self.waiting(queue).await?;
            if waiting >= count {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("after {PATIENCE:?} {waiting} of {count} orders are handed on");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The table.
    ///
    /// # Errors
    /// It can't be read, or an item of it can't.
    pub(crate) async fn books(&self) -> Result<Books> {
        Ok(export(self.stack.dynamodb(), &self.stack.outputs().orders_table_name).await?)
    }

    /// Reads the table until it is as wanted.
    ///
    /// # Errors
    /// It did not become so in time; what is missing.
    pub(crate) async fn until(&self, wanted: impl Fn(&Books) -> Result<()>) -> Result<Books> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let books = self.books().await?;
            match wanted(&books) {
                Ok(()) => return Ok(books),
                Err(missing) if Instant::now() > deadline => {
                    return Err(missing).with_context(|| format!("after {PATIENCE:?}"));
                }
                Err(_) => tokio::time::sleep(POLL * 5).await,
            }
        }
    }
}

/// A copy, in place of what may be running under this name.
fn put(program: &Path, bootstrap: &Path) -> Result<()> {
    std::fs::create_dir_all(bootstrap.parent().context("no directory")?)?;
    if bootstrap.exists() {
        std::fs::remove_file(bootstrap)?;
    }
    std::fs::copy(program, bootstrap).with_context(|| format!("staging {}", program.display()))?;
    Ok(())
}
