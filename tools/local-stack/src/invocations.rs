//! What the launcher notes of each invocation.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// An invocation that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Invocation {
    /// The deployed function's name.
    pub function: String,
    /// The id of the key that the function signs its calls with; each function has its own.
    pub key: String,
    /// From the event's hand-over to the function's answer.
    pub micros: u64,
    /// Whether its process was started for it.
    pub cold: bool,
}

/// Reads the log; a line that is being written is left for the next time.
pub(crate) fn read(log: &Path) -> Result<Vec<Invocation>> {
    let text = std::fs::read_to_string(log).with_context(|| format!("reading {}", log.display()))?;
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).context("a line of the invocations' log")).collect()
}
