//! Bringing it all up.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use aws_sdk_sqs::types::QueueAttributeName;
use jiff::{SignedDuration, Timestamp};
use local_stack::{MerchantSetup, Options, Stack};
use order_store::dynamo::{Books, export};
use sandbox::Ledger;
use serde_json::{Value, json};

use crate::control::Control;
use crate::histories::broken_histories;
use crate::merchants::{WEBHOOK_HOST, accounts};
use crate::outcomes::Outcomes;
use crate::provider::Provider;
use crate::proxies::Proxies;

/// How long webhooks may be on their way.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// How long the looks that one sweep asks for may take.
const LOOKS_MAX: Duration = Duration::from_secs(120);
const DAY_SECONDS: u64 = 86_400;

/// How a rig is brought up.
#[derive(Debug, Clone)]
pub struct RigOptions {
    name: String,
    seed: u64,
    keep: bool,
    parameters: Vec<(String, String)>,
    environment: Vec<(String, String)>,
    faults: bool,
    functions: Option<PathBuf>,
}

impl RigOptions {
    /// A rig whose files are under target/local/`name`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            seed: 7,
            keep: false,
            parameters: Vec::new(),
            environment: Vec::new(),
            faults: false,
            functions: None,
        }
    }

    /// The seed of the sandbox's decisions.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Whether it is left running.
    #[must_use]
    pub fn keep(mut self, keep: bool) -> Self {
        self.keep = keep;
        self
    }

    /// Sets a variable in the functions' environment.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Puts proxies between the functions and AWS, and between them and FlexFactor: see [`Rig::proxies`].
    #[must_use]
    pub fn faults(mut self) -> Self {
        self.faults = true;
        self
    }

    /// Deploys `<directory>/<function>/bootstrap` in place of the workspace's own functions.
    #[must_use]
    pub fn functions(mut self, directory: &Path) -> Self {
        self.functions = Some(directory.to_owned());
        self
    }

    /// Sets a parameter of the template.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: impl ToString) -> Self {
        self.parameters.push((name.to_owned(), value.to_string()));
        self
    }
}

/// A deployed stack, its FlexFactor, and two merchants.
pub struct Rig {
    stack: Stack,
    control: Control,
    provider: Provider,
    proxies: Option<Proxies>,
    pub(crate) outcomes: Outcomes,
    /// How far FlexFactor's clock is ahead of ours.
    ahead: SignedDuration,
}

impl Rig {
    /// Brings it up: sandbox, MiniStack, the template, the merchants.
    ///
    /// # Errors
    /// Anything of it failed; what was started is stopped.
    pub async fn up(options: RigOptions) -> Result<Self> {
        let log = Options::new(&options.name).log("sandbox.log");
        let mut provider = Provider::start(options.seed, options.keep, log).await?;
        let proxies = options.faults.then(|| Proxies::start(provider.base_url())).transpose()?;
        let base_url = proxies.as_ref().map_or_else(|| provider.base_url().to_owned(), Proxies::provider_url);
        let mut stack_options = Options::new(&options.name)
            .keep(options.keep)
            .parameter("FlexFactorSandboxUrl", &base_url)
            .parameter("FlexFactorProductionUrl", &base_url)
            .parameter("WebhookHost", WEBHOOK_HOST)
            // Real time passes in seconds here, FlexFactor's in days: waits for it are short, and a sweep may look ahead.
            .parameter("ProviderTimeoutMillis", 1_000)
            .parameter("ApiProviderTimeoutMillis", 2_000)
            // As the sandbox names them; FlexFactor does not publish how it does.
            .parameter("OrderAmountField", "amount")
            .parameter("OrderRefundedField", "refundedAmount")
            .parameter("SubmissionRetrySeconds", "1,1,2,2")
            .parameter("TransmissionRetrySeconds", "1,1,2,2")
            .parameter("SweepAheadSecondsMax", 40 * DAY_SECONDS)
            .parameter("OutcomesQueueSample", true);
        if let Some(functions) = &options.functions {
            stack_options = stack_options.functions(functions);
        }
        for (name, value) in &options.parameters {
            stack_options = stack_options.parameter(name, value);
        }
        for (name, value) in &options.environment {
            stack_options = stack_options.environment(name, value);
        }
        if let Some(proxies) = &proxies {
            stack_options = stack_options.environment("FUNCTIONS_ENDPOINT", proxies.aws.url());
        }
        let stack = Stack::up(stack_options).await?;
        if let Some(proxies) = &proxies {
            proxies.aws.lead_to(stack.endpoint());
        }
        provider.hand_over(&stack)?;
        let control = Control::new(provider.control_url())?;
        control.put_scenario(&json!({ "settings": { "orders": { "amount_fields": true } } })).await?;
        let outcomes = Outcomes::default();
        let rig = Self { stack, control, provider, proxies, outcomes, ahead: SignedDuration::ZERO };
        rig.put_merchants().await?;
        Ok(rig)
    }

    async fn put_merchants(&self) -> Result<()> {
        for account in accounts() {
            let url = self.stack.webhook_url(account.id);
            self.control.put_merchant(&account.at_sandbox(&url, account.webhook_key)).await?;
            let secret = account.secret(&[account.webhook_key]);
            let setup = MerchantSetup { id: account.id.to_owned(), config: account.config(), secret };
            self.stack.put_merchant(&setup).await?;
        }
        Ok(())
    }

    /// The deployed stack.
    #[must_use]
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// The sandbox.
    #[must_use]
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// What stands between the functions and everything they call.
    ///
    /// # Errors
    /// The rig was brought up without [`RigOptions::faults`].
    pub fn proxies(&self) -> Result<&Proxies> {
        self.proxies.as_ref().context("the rig has no proxies: ask for them with RigOptions::faults")
    }

    /// FlexFactor's address, as the functions have it.
    #[must_use]
    pub fn provider_url(&self) -> &str {
        self.provider.base_url()
    }

    /// FlexFactor's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::now().saturating_add(self.ahead).unwrap_or(Timestamp::MAX)
    }

    /// The table: every order and all that is parked.
    ///
    /// # Errors
    /// The table can't be read.
    pub async fn books(&self) -> Result<Books> {
        export(self.stack.dynamodb(), &self.stack.outputs().orders_table_name)
            .await
            .context("reading the table")
    }

    /// What FlexFactor truly received, charged and sent.
    ///
    /// # Errors
    /// The sandbox does not answer.
    pub async fn ledger(&self) -> Result<Ledger> {
        self.control.ledger().await
    }

    /// Reads the table until it is as wanted; an error that says what is still missing after `limit`.
    ///
    /// # Errors
    /// It did not become as wanted in time.
    pub async fn until(
        &self,
        limit: Duration,
        mut wanted: impl FnMut(&Books) -> Result<(), String>,
    ) -> Result<Books> {
        let deadline = Instant::now() + limit;
        loop {
            let books = self.books().await?;
            match wanted(&books) {
                Ok(()) => return Ok(books),
                Err(missing) if Instant::now() > deadline => bail!("after {limit:?}: {missing}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// Waits until every order's history is whole and ends where the order stands: the table's stream takes a moment.
    /// The table as it was then.
    ///
    /// # Errors
    /// A history was not whole in time; which, and where it breaks.
    pub async fn until_histories_verify(&self, limit: Duration) -> Result<Books> {
        self.until(limit, |books| match broken_histories(books) {
            broken if broken.is_empty() => Ok(()),
            broken => Err(broken.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
        })
        .await
    }

    /// How many messages wait or are being handled on all queues, and how many lie in the dead-letter queues.
    ///
    /// # Errors
    /// SQS does not answer.
    pub async fn messages(&self) -> Result<(u64, u64)> {
        let outputs = self.stack.outputs();
        let live = [
            &outputs.declines_queue_url,
            &outputs.evaluations_queue_url,
            &outputs.reconciliations_queue_url,
            &outputs.transmissions_queue_url,
        ];
        let dead = [
            &outputs.declines_dlq_url,
            &outputs.evaluations_dlq_url,
            &outputs.reconciliations_dlq_url,
            &outputs.history_dlq_url,
            &outputs.publisher_dlq_url,
            &outputs.transmissions_dlq_url,
        ];
        let (mut waiting, mut dead_letters) = (0, 0);
        for queue in live {
            waiting += self.messages_in(queue).await?;
        }
        for queue in dead {
            dead_letters += self.messages_in(queue).await?;
        }
        Ok((waiting, dead_letters))
    }

    async fn messages_in(&self, queue: &str) -> Result<u64> {
        let counts = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let request = self.stack.sqs().get_queue_attributes().queue_url(queue);
        let answer = request.set_attribute_names(Some(counts.to_vec())).send().await?;
        let mut sum = 0;
        for count in answer.attributes().into_iter().flat_map(|counts| counts.values()) {
            sum += count.parse::<u64>()?;
        }
        Ok(sum)
    }

    /// Waits until no message waits or is being handled.
    ///
    /// # Errors
    /// There still were some after `limit`.
    pub async fn until_quiet(&self, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            let (waiting, _) = self.messages().await?;
            if waiting == 0 {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("{waiting} messages are still on the queues after {limit:?}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Lets FlexFactor's days pass, with all the webhooks that they bring.
    ///
    /// # Errors
    /// Webhooks did not come to an end.
    pub async fn pass_seconds(&mut self, seconds: u64) -> Result<()> {
        self.control.advance(seconds).await?;
        self.ahead += SignedDuration::from_secs(i64::try_from(seconds)?);
        self.control.idle(IDLE_MAX).await
    }

    /// Runs the sweep as of FlexFactor's time, and waits until what it found was looked at, as often as it says that there
    /// is more; what each run answered.
    ///
    /// # Errors
    /// A run failed, or the looks did not come to an end.
    pub async fn sweep(&self) -> Result<Vec<Value>> {
        let mut runs = Vec::new();
        loop {
            let event = json!({ "scheduled_at": self.now().to_string() });
            let swept = self.stack.invoke(&self.stack.outputs().expiry_sweep_function_name, &event).await?;
            let more = swept["more"] == true;
            runs.push(swept);
            self.until_quiet(LOOKS_MAX).await?;
            if !more {
                return Ok(runs);
            }
        }
    }

    /// Stops everything.
    ///
    /// # Errors
    /// Something did not stop.
    pub fn down(self) -> Result<()> {
        self.stack.down()
    }
}
