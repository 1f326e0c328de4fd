//! A deployed stack and what can be done with it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stack_process::{Kept, Process};

use crate::clients::Clients;
use crate::deploy::{Outputs, deploy};
use crate::server::{INVOCATIONS_LOG, LAUNCHER, Server, tail};
use crate::{Invocation, MerchantSetup, Options, invocations, invoke, mappings, merchants, versions};

const LOG_LINES: usize = 20;

/// A running MiniStack with the template on it.
///
/// Dropping it stops everything it started, unless it is kept.
#[derive(Debug)]
pub struct Stack {
    /// None for a stack that another process started.
    server: Option<Server>,
    keep: bool,
    root: PathBuf,
    about: About,
    clients: Clients,
    http: reqwest::Client,
}

/// What another process needs to know to use a stack.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct About {
    endpoint: String,
    run_directory: PathBuf,
    outputs: Outputs,
}

impl Stack {
    /// Starts MiniStack and deploys the template with the functions that were built beside this program.
    pub async fn up(options: Options) -> Result<Self> {
        if options.keep {
            let running = Kept::load(&options.root)?.is_some_and(|kept| kept.is_running());
            ensure!(!running, "a kept stack is running: stop it first (`cargo xtask down`)");
        }
        let http = reqwest::Client::builder().no_proxy().build()?;
        let server = Server::start(&options, &http).await?;
        let endpoint = server.endpoint().to_owned();
        // From here on a failure drops the stack, and so stops the server.
        let mut started = Unfinished(Some(server));
        let outputs = deploy_on(&options, &endpoint).await?;
        let about = About { endpoint, run_directory: options.run_directory(), outputs };
        let clients = Clients::at(&about.endpoint).await;
        let stack =
            Self { server: started.0.take(), keep: options.keep, root: options.root, about, clients, http };
        stack.remember()?;
        Ok(stack)
    }

    /// The stack that was left running in this repository, if there is one. Dropping it does not stop it.
    pub async fn kept() -> Result<Option<Self>> {
        let root = Options::new("kept").root;
        let Some(kept) = Kept::load(&root)?.filter(Kept::is_running) else { return Ok(None) };
        let about: About =
            serde_json::from_value(kept.description).context("the kept stack is not as written")?;
        let clients = Clients::at(&about.endpoint).await;
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Some(Self { server: None, keep: true, root, about, clients, http }))
    }

    /// Makes a kept stack's end the end of another process, too: one that leads its own process group.
    pub fn keep_also(&self, process: Process) -> Result<()> {
        let mut kept = Kept::load(&self.root)?.context("the stack is not kept")?;
        kept.processes.push(process);
        kept.save(&self.root)
    }

    /// Stops the stack, kept or not; returns when no process of it is left.
    pub fn down(mut self) -> Result<()> {
        let stopped = self.stop();
        if self.keep {
            self.keep = false;
            stack_process::down(&self.root)?;
        }
        stopped
    }

    fn stop(&mut self) -> Result<()> {
        self.server.take().map_or(Ok(()), |mut server| server.stop())
    }

    fn remember(&self) -> Result<()> {
        let Some(server) = self.server.as_ref().filter(|_| self.keep) else { return Ok(()) };
        let process = Process { pid: server.pid(), command: LAUNCHER.to_owned() };
        Kept { processes: vec![process], description: serde_json::to_value(&self.about)? }.save(&self.root)
    }

    /// Where AWS's services answer, such as `http://127.0.0.1:40123`.
    pub fn endpoint(&self) -> &str {
        &self.about.endpoint
    }

    /// The template's outputs.
    pub fn outputs(&self) -> &Outputs {
        &self.about.outputs
    }

    /// Where the HTTP API takes a merchant's webhooks. Reached by path, as no resolver knows the API's own host name.
    pub fn webhook_url(&self, merchant: &str) -> String {
        let About { endpoint, outputs, .. } = &self.about;
        format!("{endpoint}/_aws/execute-api/{}/$default/webhooks/{merchant}", outputs.http_api_id)
    }

    /// Where order-api answers for a merchant. A call needs a header `Authorization` of AWS's form; MiniStack reads the access
    /// key in it and does not check the signature.
    pub fn api_url(&self, merchant: &str) -> String {
        let About { endpoint, outputs, .. } = &self.about;
        format!("{endpoint}/_aws/execute-api/{}/$default/merchants/{merchant}", outputs.order_api_id)
    }

    /// A header `Authorization` that MiniStack takes for the account's own user.
    pub fn api_authorization(&self) -> String {
        invoke::authorization("execute-api")
    }

    /// A client for the tables.
    pub fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        &self.clients.dynamodb
    }

    /// A client for the queues.
    pub fn sqs(&self) -> &aws_sdk_sqs::Client {
        &self.clients.sqs
    }

    /// A client for the secrets.
    pub fn secrets(&self) -> &aws_sdk_secretsmanager::Client {
        &self.clients.secrets
    }

    /// Creates a merchant, or replaces it.
    pub async fn put_merchant(&self, merchant: &MerchantSetup) -> Result<()> {
        merchants::put(&self.clients, &self.about.outputs, merchant).await
    }

    /// Invokes a function and returns its answer; an error of the function is an error.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Value> {
        invoke::invoke(&self.http, &self.about.endpoint, function, event).await
    }

    /// Every invocation that has ended so far, in the order of their ends.
    pub fn invocations(&self) -> Result<Vec<Invocation>> {
        invocations::read(&self.about.run_directory.join(INVOCATIONS_LOG))
    }

    /// From now on no event source mapping hands over more than one record at once.
    pub async fn one_record_at_once(&self) -> Result<()> {
        let all = |_: &str| true;
        mappings::set(&self.http, &self.about.endpoint, all, &json!({ "BatchSize": 1 })).await
    }

    /// Lets the readers of the table's stream go on, or keeps them from beginning another batch.
    pub async fn read_streams(&self, is_on: bool) -> Result<()> {
        let of_streams = |source: &str| source.contains("/stream/");
        mappings::set(&self.http, &self.about.endpoint, of_streams, &json!({ "Enabled": is_on })).await
    }

    /// From now on a function has this variable in its environment.
    pub async fn set_variable(&self, function: &str, name: &str, value: &str) -> Result<()> {
        versions::set_variable(&self.http, &self.about.endpoint, function, name, value).await
    }

    /// The file with everything the functions print, each line with the function's name before it.
    pub fn functions_log(&self) -> PathBuf {
        self.about.run_directory.join("functions.log")
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        if let Err(error) = self.stop() {
            eprintln!("the local stack did not stop: {error:#}");
        }
    }
}

/// Stops a server whose stack did not come about.
struct Unfinished(Option<Server>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.as_mut().map(Server::stop) {
            eprintln!("MiniStack did not stop: {error:#}");
        }
    }
}

async fn deploy_on(options: &Options, endpoint: &str) -> Result<Outputs> {
    let (given, endpoint) = (options.clone(), endpoint.to_owned());
    let deployed = tokio::task::spawn_blocking(move || deploy(&given, &endpoint)).await?;
    deployed.with_context(|| log_excerpt(&options.run_directory().join("ministack.log")))
}

fn log_excerpt(log: &Path) -> String {
    format!("the last lines of {}:\n{}", log.display(), tail(log, LOG_LINES))
}
