//! `rescue watch`: how many orders stand where, and how many messages lie on the queues, over and over.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use models::status::Status;
use order_store::dynamo::count_by_status;
use serde_json::{Map, Value, json};

use crate::deployment::Deployment;
use crate::outcome::{Done, Exit, Failure, table};
use crate::queues::{Depth, depths};

/// How to watch.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Count once and end.
    #[arg(long)]
    once: bool,
    /// Time between two counts, in seconds. Each count reads the whole table, which costs read units.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(5..=86_400))]
    interval_seconds: u64,
}

/// Counts until it is stopped; with `--once`, once.
///
/// # Errors
/// The table or the queues can't be read.
pub async fn watch(args: &WatchArgs, deployment: &Deployment, is_json: bool) -> Result<Done, Failure> {
    loop {
        let round = round(deployment).await?;
        if args.once {
            return Ok(round);
        }
        let mut to = std::io::stdout().lock();
        let shown = match is_json {
            true => writeln!(to, "{}", round.document),
            // A terminal is cleared, so that the table stands still.
            false if to.is_terminal() => writeln!(to, "\u{1b}[2J\u{1b}[H{}", round.text),
            false => writeln!(to, "{}\n", round.text),
        };
        if shown.and_then(|()| to.flush()).is_err() {
            // Whoever read it is gone.
            return Done::new("", &Value::Null, Exit::Done);
        }
        drop(to);
        tokio::time::sleep(Duration::from_secs(args.interval_seconds)).await;
    }
}

async fn round(deployment: &Deployment) -> Result<Done, Failure> {
    let counts = count_by_status(&deployment.dynamodb(), deployment.table_name()?).await?;
    let depths = depths(deployment).await?;
    let at = Timestamp::now();
    let count = |status: &Status| counts.get(status).copied().unwrap_or(0);
    let orders: Vec<_> =
        Status::ALL.iter().map(|status| vec![status.word().to_owned(), count(status).to_string()]).collect();
    let of_queue =
        |depth: &Depth| vec![depth.queue.to_owned(), depth.waiting.to_string(), depth.in_flight.to_string()];
    let queues: Vec<_> = depths.iter().map(of_queue).collect();
    let text = format!(
        "{} at {at:.0}\n\n{}\n\n{}",
        deployment.stack,
        table(&["orders", ""], &orders),
        table(&["queue", "waiting", "in flight"], &queues)
    );
    let by_status: Map<String, Value> =
        Status::ALL.iter().map(|status| (status.word().to_owned(), count(status).into())).collect();
    let document = json!({ "command": "watch", "at": at, "orders": by_status, "queues": depths });
    Done::new(text, &document, Exit::Done)
}
