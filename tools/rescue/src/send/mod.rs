//! `rescue send`: a file of declines onto the declines queue, each line checked by the functions' own rules before.

mod check;
mod columns;
mod journal;
mod lines;
mod run;

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use models::ids::MerchantId;
use models::merchant::Merchant;
use order_store::capability::FindMerchant as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::deployment::{Deployment, aws_failure};
use crate::outcome::{Done, Exit, Failure, table};
use check::{Checked, RefusedLine};
use journal::{Journal, Past};
use lines::Format;
use run::{NotSent, NotTaken, SendBatch, Sent};

/// Refused lines that are shown to people; `--json` has them all.
const SHOWN_MAX: usize = 50;

/// What to send.
#[derive(Debug, Args)]
pub struct SendArgs {
    /// A file of declines: JSON lines (.jsonl, .ndjson, .json) or CSV with a header (.csv).
    #[arg(required_unless_present = "columns")]
    file: Option<PathBuf>,
    /// How the file is written, where its name does not say.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Check every line and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Send nothing where any line is refused.
    #[arg(long)]
    all_or_nothing: bool,
    /// List the columns that a CSV file may have.
    #[arg(long)]
    columns: bool,
}

impl SendArgs {
    /// Whether only the columns are asked for, which needs no deployment.
    #[must_use]
    pub fn wants_columns(&self) -> bool {
        self.columns
    }
}

/// The result of `send`.
#[derive(Debug, Serialize)]
struct Report {
    command: &'static str,
    file: String,
    sha256: String,
    dry_run: bool,
    /// Lines of the file that are not blank.
    lines: usize,
    /// Lines that passed every rule.
    valid: usize,
    /// Lines on the queue by this run.
    sent: usize,
    /// Lines on the queue by earlier runs.
    sent_before: usize,
    /// Of those sent now, lines that an earlier run may have sent already.
    sent_again: Vec<u64>,
    /// Lines that say the same as an earlier one.
    repeated: Vec<u64>,
    refused: Vec<RefusedLine>,
    not_sent: Vec<NotSent>,
    /// Lines that are still to be sent.
    left: usize,
    /// Why the run ended before its end.
    stopped: Option<String>,
}

/// Lists the columns.
///
/// # Errors
/// The built-in schema can't be read.
pub fn show_columns() -> Result<Done, Failure> {
    let columns = columns::columns()?;
    let mut rows: Vec<_> = columns
        .iter()
        .map(|column| {
            let kind = match column.kind {
                columns::Kind::Text => "text",
                columns::Kind::Integer => "integer",
                columns::Kind::Boolean => "true/false",
            };
            // This one is filled in where it is missing.
            let needed = if column.is_required && column.path != "version" { "required" } else { "" };
            vec![column.path.clone(), kind.to_owned(), needed.to_owned(), column.about.clone()]
        })
        .collect();
    let free = "Anything to be handed to the provider with the order, at most 20 entries.";
    rows.push([&format!("{}<name>", columns::METADATA), "text", "", free].map(str::to_owned).into());
    let text = table(&["column", "kind", "", "meaning"], &rows);
    let paths: Vec<_> = columns.iter().map(|column| column.path.as_str()).collect();
    Done::new(text, &serde_json::json!({ "command": "send", "columns": paths }), Exit::Done)
}

/// Checks a file and sends it.
///
/// # Errors
/// The file, the journal or the deployment can't be used. What was sent by then is in the journal.
pub async fn send(args: &SendArgs, deployment: &Deployment, now: Timestamp) -> Result<Done, Failure> {
    let file = args.file.as_deref().ok_or_else(|| Failure::usage("name a file to send"))?;
    let bytes = load(file)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let format = args.format.or_else(|| Format::of(&name)).ok_or_else(|| {
        Failure::usage(
            "the file's name ends neither in .jsonl nor in .csv: say --format jsonl or --format csv",
        )
    })?;
    let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let lines = lines::read(&bytes, format)?;
    let mut report = Report {
        command: "send",
        file: file.display().to_string(),
        sha256,
        dry_run: args.dry_run,
        lines: lines.len(),
        valid: 0,
        sent: 0,
        sent_before: 0,
        sent_again: Vec::new(),
        repeated: Vec::new(),
        refused: Vec::new(),
        not_sent: Vec::new(),
        left: 0,
        stopped: None,
    };
    let checked = check(lines, deployment, now).await?;
    report.valid = checked.good.len() + checked.repeated.len();
    report.repeated = checked.repeated;
    let queue = Declines { client: deployment.sqs(), url: deployment.output("DeclinesQueueUrl")?.to_owned() };
    let beside = Journal::beside(file);
    // A line that went when it was fresh is not refused because it has become stale since.
    let past = Journal::peek(&beside, &report.sha256, &queue.url)?;
    let refused = unless_sent(checked.refused, &past);
    if args.dry_run || (args.all_or_nothing && !refused.is_empty()) {
        report.refused = refused;
        report.sent_before = past.sent.len();
        report.left = run::remaining(checked.good, &past).len();
        return shown(report);
    }
    let (mut journal, past) = Journal::open(&beside, &report.sha256, &queue.url)?;
    report.refused = refused;
    report.sent_before = past.sent.len();
    let remaining = run::remaining(checked.good, &past);
    let sent = send_all(&remaining, &past, &mut journal, &queue).await?;
    report.sent = sent.sent.len();
    report.sent_again = sent.again;
    report.left = remaining.len() - sent.sent.len();
    report.not_sent = sent.not_sent;
    report.stopped = sent.stopped;
    shown(report)
}

fn unless_sent(refused: Vec<RefusedLine>, past: &Past) -> Vec<RefusedLine> {
    refused.into_iter().filter(|line| !past.sent.contains(&line.line)).collect()
}

fn load(file: &Path) -> Result<Vec<u8>, Failure> {
    let told = |error: std::io::Error| Failure::usage(format!("{}: {error}", file.display()));
    let length = std::fs::metadata(file).map_err(told)?.len();
    if length > lines::FILE_BYTES_MAX {
        return Err(Failure::usage(format!(
            "{} has {length} bytes; split it into files of at most {}",
            file.display(),
            lines::FILE_BYTES_MAX
        )));
    }
    std::fs::read(file).map_err(told)
}

async fn check(lines: Vec<lines::Line>, deployment: &Deployment, now: Timestamp) -> Result<Checked, Failure> {
    let (readable, refused) = check::read(lines);
    let store = deployment.table()?;
    let mut merchants: BTreeMap<MerchantId, Option<Merchant>> = BTreeMap::new();
    let named: BTreeSet<_> = readable.iter().map(|decline| decline.merchant().clone()).collect();
    for id in named {
        let merchant = store.find_merchant(&id).await?;
        merchants.insert(id, merchant);
    }
    Ok(check::screen(readable, refused, &merchants, &deployment.limits()?, now))
}

async fn send_all(
    lines: &[check::Outgoing],
    past: &Past,
    journal: &mut Journal,
    queue: &Declines,
) -> Result<Sent, Failure> {
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::new(u64::try_from(lines.len()).unwrap_or(u64::MAX))
    } else {
        ProgressBar::hidden()
    };
    let style = ProgressStyle::with_template("  {pos}/{len} lines {bar:40} {per_sec}, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let wait = |time: Duration| tokio::time::sleep(time);
    let progress = |lines: usize| bar.inc(u64::try_from(lines).unwrap_or(u64::MAX));
    let sent = run::run(lines, past, journal, queue, wait, progress).await;
    bar.finish_and_clear();
    sent
}

/// The declines queue.
struct Declines {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl SendBatch for Declines {
    async fn send(&self, bodies: &[&str]) -> Result<Vec<NotTaken>, Failure> {
        let entry = |(index, body): (usize, &&str)| {
            let entry = SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(*body);
            entry.build().map_err(|error| Failure::refused(error.to_string()))
        };
        let entries: Vec<_> = bodies.iter().enumerate().map(entry).collect::<Result<_, _>>()?;
        let sent = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries)).send();
        let sent = sent.await.map_err(|error| aws_failure("sending to the declines queue", &error))?;
        let failed = sent.failed().iter().filter_map(|failed| {
            let index = failed.id().parse().ok()?;
            Some(NotTaken { index, code: failed.code().to_owned(), is_ours: failed.sender_fault() })
        });
        Ok(failed.collect())
    }
}

fn shown(report: Report) -> Result<Done, Failure> {
    let exit = if report.stopped.is_some() || report.not_sent.iter().any(|_| true) {
        Exit::Unreachable
    } else if report.refused.is_empty() {
        Exit::Done
    } else {
        Exit::Findings
    };
    Done::new(text(&report), &report, exit)
}

fn text(report: &Report) -> String {
    let mut text =
        vec![format!("{} lines: {} valid, {} refused", report.lines, report.valid, report.refused.len())];
    if !report.repeated.is_empty() {
        text.push(format!("{} lines say the same as an earlier one and go once", report.repeated.len()));
    }
    if report.sent_before > 0 {
        text.push(format!("{} lines were sent by an earlier run", report.sent_before));
    }
    if report.dry_run {
        text.push(format!("nothing was sent; {} lines would be", report.left));
    } else {
        text.push(format!("{} lines sent, {} left", report.sent, report.left));
    }
    if !report.sent_again.is_empty() {
        text.push(format!(
            "{} of these may have been sent before, as that run did not see SQS's answer; the same decline again changes nothing",
            report.sent_again.len()
        ));
    }
    if let Some(why) = &report.stopped {
        text.push(format!("stopped: {why}. The same command goes on from here."));
    }
    if !report.not_sent.is_empty() {
        let rows: Vec<_> =
            report.not_sent.iter().map(|line| vec![line.line.to_string(), line.code.clone()]).collect();
        text.push(format!(
            "\nnot taken by SQS; the same command tries them again\n{}",
            table(&["line", "code"], &rows)
        ));
    }
    if !report.refused.is_empty() {
        let cells = |line: &RefusedLine| {
            let path = if line.path.is_empty() { "-".to_owned() } else { line.path.clone() };
            vec![line.line.to_string(), line.rule.clone(), path, line.sentence.clone()]
        };
        let rows: Vec<_> = report.refused.iter().take(SHOWN_MAX).map(cells).collect();
        text.push(format!("\nrefused\n{}", table(&["line", "rule", "path", "why"], &rows)));
        if report.refused.len() > SHOWN_MAX {
            text.push(format!("and {} more; --json has them all", report.refused.len() - SHOWN_MAX));
        }
    }
    text.join("\n")
}
