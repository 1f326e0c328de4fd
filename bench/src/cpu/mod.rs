//! What the functions' own work costs in CPU, beside the hashing that the protocol wants: bench/cpu, measured by criterion.

mod estimates;

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::Bench;
use crate::section::{Goal, Section, Table};
use estimates::{Estimate, Estimates};

const METHOD: &str = "\
Criterion on the functions' own code, built with the release profile: the median of the thread's processor time (not the \
clock's, which others on the machine lengthen), its 95 % interval, and how many times the floor. \
Bodies are the published samples, filled up: webhooks with event data that we do not read, declines with metadata and longer \
texts. A decline has at most 256 bytes a text and 20 entries of metadata, so that the larger one stays below the webhook's \
20,480 bytes: it is as long as metadata and free texts may be. The floor of a webhook is SHA-512 of its body and HMAC-SHA512 of the text that is signed, which names the body by \
its hash; the floor of a decline is SHA-256 of its body, as its content is kept as a hash. \
*All of it* is the handler from Lambda's event to its answer, warm, over the real store and SDK with a connection that answers at \
once: request and answer are built, signed and read, log lines are made and dropped. Not in it: TLS, sockets, the runtime API, \
writing logs out, and for declines the call to SQS. Criterion chooses how often each operation runs; `--runs` does not count here.";

/// The design's budget for a webhook of 2 KB, without the database's own time.
const WEBHOOK_MICROS_MAX: f64 = 200.0;

/// Operations by their names in bench/cpu, and what they are.
type Operations = &'static [(&'static str, &'static str)];

const WEBHOOK: Operations = &[
    ("SHA-512", "SHA-512 of the body"),
    ("floor", "**the floor**: that and HMAC-SHA512 of the signed text"),
    ("event", "read Lambda's event"),
    ("verify", "verify"),
    ("parse", "parse the notice"),
    ("transition", "transition: decide on the change"),
    ("condition", "build condition and update"),
    ("request", "make the change through the SDK, with condition and answer"),
    ("whole", "**all of it**"),
    ("resolve", "off the common path: resolve a refused event"),
    ("holds", "in memory only: whether the change holds"),
    ("apply", "in memory only: apply the change"),
];

const DECLINE: Operations = &[
    ("floor", "**the floor**: SHA-256 of the body"),
    ("parse", "parse JSON"),
    ("read", "card guard, and read as a decline"),
    ("content", "hash the content"),
    ("screen", "screen"),
    ("open", "open the order"),
    ("request", "put the order through the SDK, with item and condition"),
    ("whole", "**all of it**"),
];

/// What of a webhook's way is measured piece by piece.
const PARTS: [&str; 5] = ["event", "verify", "parse", "transition", "request"];

pub(crate) async fn run(bench: &Bench) -> Result<Section> {
    let home = bench.output.join("criterion");
    if home.exists() {
        std::fs::remove_dir_all(&home)?;
    }
    let mut cargo = cargo(bench);
    cargo.args(["bench", "--package", "cpu", "--bench", "cpu"]).env("CRITERION_HOME", &home);
    ensure!(cargo.status().context("cargo bench")?.success(), "cargo bench failed");
    let estimates = Estimates::read(&home)?;
    let mut tables = Vec::new();
    for (group, what, operations) in [("webhook", "webhook", WEBHOOK), ("decline", "decline", DECLINE)] {
        for bytes in estimates.sizes(group) {
            tables.push(table(&estimates, group, what, bytes, operations)?);
        }
    }
    Ok(Section {
        title: "CPU".to_owned(),
        method: METHOD.to_owned(),
        tables,
        goals: vec![goal(&estimates)?],
        data: json!(estimates),
    })
}

/// The cargo that runs us, without the variables that it sets for a program it starts: they would make builds differ.
fn cargo(bench: &Bench) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(&bench.root);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

fn table(
    estimates: &Estimates,
    group: &str,
    what: &str,
    bytes: u64,
    operations: Operations,
) -> Result<Table> {
    let caption = format!("A {what} of {bytes} bytes");
    let mut table = Table::new(&caption, &["operation", "median in µs", "95 % interval", "× floor"]);
    let floor = estimates.of(group, "floor", bytes)?.median_nanos;
    for (operation, about) in operations {
        let Estimate { median_nanos, low_nanos, high_nanos, .. } = estimates.of(group, operation, bytes)?;
        let micros = |nanos: f64| format!("{:.2}", nanos / 1_000.0);
        table.row([
            (*about).to_owned(),
            micros(*median_nanos),
            format!("{}–{}", micros(*low_nanos), micros(*high_nanos)),
            format!("{:.2}", median_nanos / floor),
        ]);
    }
    Ok(table)
}

fn goal(estimates: &Estimates) -> Result<Goal> {
    let bytes = estimates.sizes("webhook").next().context("no webhook was measured")?;
    let micros = |operation: &str| Ok(estimates.of("webhook", operation, bytes)?.median_nanos / 1_000.0);
    let whole = micros("whole")?;
    let parts = PARTS.into_iter().map(micros).sum::<Result<f64>>()?;
    Ok(Goal {
        what: format!("warm webhook of {bytes} bytes, everything but the database call"),
        wanted: format!("≤ {WEBHOOK_MICROS_MAX:.0} µs"),
        found: format!("{whole:.1} µs (the sum of its parts: {parts:.1} µs)"),
        met: whole <= WEBHOOK_MICROS_MAX,
    })
}
