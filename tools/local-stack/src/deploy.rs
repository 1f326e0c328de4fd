//! Brings the built functions and the template onto a running MiniStack.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::Options;

/// The functions, by the names of their crates and binaries.
pub const FUNCTIONS: [&str; 9] = [
    "decline-intake",
    "evaluate-submission",
    "webhook-receiver",
    "expiry-sweep",
    "order-reconcile",
    "order-history",
    "order-api",
    "outcome-publisher",
    "transmit-relay",
];
/// The stack's name; it is the prefix of the queues' and functions' names.
const STACK: &str = "rebill-rescue-dev";

/// The template's outputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Outputs {
    /// Where the billing system sends declined rebills.
    pub declines_queue_url: String,
    /// Declines that failed on every delivery.
    pub declines_dlq_url: String,
    /// Orders to submit.
    pub evaluations_queue_url: String,
    /// Submissions that failed on every delivery.
    pub evaluations_dlq_url: String,
    /// Where the changes are that are missing in their orders' histories.
    pub history_dlq_url: String,
    /// Name of the deployed order-history.
    pub order_history_function_name: String,
    /// The bus on which outcomes are published.
    pub outcomes_bus_name: String,
    /// Where the changes are that the billing system was not told.
    pub publisher_dlq_url: String,
    /// Name of the deployed outcome-publisher.
    pub outcome_publisher_function_name: String,
    /// The sample queue that gets every outcome, where the parameter `OutcomesQueueSample` asks for it.
    pub outcomes_sample_queue_url: Option<String>,
    /// What is due for a look.
    pub reconciliations_queue_url: String,
    /// Looks that failed on every delivery.
    pub reconciliations_dlq_url: String,
    /// Where the billing system sends copies of transactions.
    pub transmissions_queue_url: String,
    /// Transmissions that failed on every delivery.
    pub transmissions_dlq_url: String,
    /// Name of the deployed transmit-relay.
    pub transmit_relay_function_name: String,
    /// Base of the webhooks' public URL. Locally nothing listens there: [`crate::Stack::webhook_url`].
    pub webhook_url: String,
    /// Id of the HTTP API in front of order-api.
    pub order_api_id: String,
    /// Base URL of order-api. Locally nothing listens there: [`crate::Stack::api_url`].
    pub order_api_url: String,
    /// Name of the deployed order-api.
    pub order_api_function_name: String,
    /// Id of the HTTP API in front of webhook-receiver.
    pub http_api_id: String,
    /// The orders table.
    pub orders_table_name: String,
    /// Name of the deployed expiry-sweep.
    pub expiry_sweep_function_name: String,
    /// Name of the deployed order-reconcile.
    pub order_reconcile_function_name: String,
    /// Name of the deployed webhook-receiver.
    pub webhook_receiver_function_name: String,
    /// Name of the deployed decline-intake.
    pub decline_intake_function_name: String,
    /// Name of the deployed evaluate-submission.
    pub evaluate_submission_function_name: String,
    /// A merchant's secret is named by this and the merchant's id.
    pub merchant_secret_prefix: String,
}

/// Deploys and returns the outputs. Blocks for as long as it takes.
pub(crate) fn deploy(options: &Options, endpoint: &str) -> Result<Outputs> {
    let functions = match &options.functions {
        Some(functions) => functions.clone(),
        None => stage(&options.run_directory().join("functions"))?,
    };
    let output = Command::new(options.python())
        .arg(options.script("deploy.py"))
        .args(["--endpoint", endpoint, "--stack", STACK])
        .arg("--template")
        .arg(options.template())
        .arg("--functions")
        .arg(functions)
        .args(["--parameters", &serde_json::to_string(&options.parameters)?])
        .stdin(Stdio::null())
        .output()
        .context("running deploy.py")?;
    if !output.status.success() {
        bail!("deploying failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).context("the stack's outputs are not as expected")
}

/// Puts the binaries that were built together with this program where [`deploy`] wants them.
fn stage(directory: &Path) -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    // target/debug/<program>, target/debug/deps/<test> and target/debug/examples/<example> all have it above them.
    let built = program
        .ancestors()
        .skip(1)
        .take(3)
        .find(|directory| FUNCTIONS.iter().all(|function| directory.join(function).is_file()))
        .with_context(|| {
            format!("no built functions beside {}: run `cargo build --workspace --bins`", program.display())
        })?;
    for function in FUNCTIONS {
        let staged = directory.join(function);
        std::fs::create_dir_all(&staged)?;
        link(&built.join(function), &staged.join("bootstrap"))?;
    }
    Ok(directory.to_owned())
}

/// A hard link where the file system has them, else a copy; nothing if it is there already.
fn link(from: &Path, to: &Path) -> Result<()> {
    let source = std::fs::metadata(from)?;
    if std::fs::metadata(to).is_ok_and(|there| (there.dev(), there.ino()) == (source.dev(), source.ino())) {
        return Ok(());
    }
    if to.exists() {
        std::fs::remove_file(to)?;
    }
    if std::fs::hard_link(from, to).is_err() {
        std::fs::copy(from, to).with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
    }
    Ok(())
}
