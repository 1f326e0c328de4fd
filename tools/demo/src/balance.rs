//! The balance, struck by the command line as anybody would: what was accepted, what FlexFactor knows, what is held here.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use rig::Rig;
use serde::Deserialize;
use serde_json::Value;

/// What `rescue balance --json` says.
#[derive(Debug, Default)]
pub(crate) struct Balance {
    /// The gaps it found.
    pub(crate) gaps: usize,
    /// What it printed for people.
    pub(crate) shown: String,
}

#[derive(Debug, Deserialize)]
struct Document {
    gaps: Vec<Value>,
}

/// Strikes it.
///
/// # Errors
/// The program is not there, or could not compare everything.
pub(crate) async fn strike(rig: &Rig) -> Result<Balance> {
    let shown = rescue(rig, &["balance"]).await?;
    let document = rescue(rig, &["balance", "--json"]).await?;
    let document: Document = serde_json::from_str(&document).context("the balance is not as expected")?;
    Ok(Balance { gaps: document.gaps.len(), shown })
}

async fn rescue(rig: &Rig, arguments: &[&str]) -> Result<String> {
    let program = std::env::current_exe()?.with_file_name("rescue");
    let mut command = std::process::Command::new(program);
    command
        .args(arguments)
        .env("AWS_ENDPOINT_URL", rig.stack().endpoint())
        .envs([("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env_remove("AWS_PROFILE")
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await?.context("running rescue")?;
    // 1 says that there are gaps, which are counted here; past it nothing was compared.
    let is_struck = matches!(output.status.code(), Some(0 | 1));
    ensure!(is_struck, "rescue {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
