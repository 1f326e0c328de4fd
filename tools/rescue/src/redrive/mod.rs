//! `rescue redrive`: dead letters back onto their queue, with what each would do shown before anything moves.
//!
//! The selection is frozen: one run receives every message of the dead-letter queue once, hides it from others while it
//! shows and asks, and moves exactly those that were selected, by their ids. Receive, send, delete: that selects, which
//! `StartMessageMoveTask` can't.

mod mover;
mod plan;
mod queues;

use std::collections::BTreeSet;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use order_store::Table as _;
use serde_json::json;

use crate::confirm::Consent;
use crate::deployment::Deployment;
use crate::outcome::{Done, Exit, Failure, table};
pub(crate) use mover::Letters;
use mover::foresee as foresee_ends;
use mover::{Counts, End, Ended, carry_out, count};
pub(crate) use plan::Letter;
use plan::{Known, Planned, Rules, order_of, plan, wanted};
pub(crate) use plan::{Verdict, foresee};
pub(crate) use queues::{DeadLetters, LETTERS_MAX};

/// The queues whose dead letters can be moved back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Queue {
    /// Declines that decline-intake failed on.
    Declines,
    /// Submissions that evaluate-submission failed on.
    Evaluations,
    /// Looks that order-reconcile failed on.
    Reconciliations,
}

impl Queue {
    /// The queue's name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Declines => "declines",
            Self::Evaluations => "evaluations",
            Self::Reconciliations => "reconciliations",
        }
    }

    /// The stack's outputs with the addresses of the queue and of its dead letters.
    #[must_use]
    pub const fn outputs(self) -> (&'static str, &'static str) {
        match self {
            Self::Declines => ("DeclinesQueueUrl", "DeclinesDlqUrl"),
            Self::Evaluations => ("EvaluationsQueueUrl", "EvaluationsDlqUrl"),
            Self::Reconciliations => ("ReconciliationsQueueUrl", "ReconciliationsDlqUrl"),
        }
    }
}

/// What to move.
#[derive(Debug, Args)]
pub struct RedriveArgs {
    /// Whose dead letters. Those of the sweep and of the histories are no messages of ours and can't be moved.
    #[arg(value_enum)]
    queue: Queue,
    /// Show what each message would do, and move nothing.
    #[arg(long)]
    dry_run: bool,
    /// Move only the message with this id; may be said several times.
    #[arg(long = "message", value_name = "ID")]
    messages: Vec<String>,
    /// How long the messages stay hidden from others while they are shown and moved, in seconds.
    #[arg(long, default_value_t = 900, value_parser = clap::value_parser!(i32).range(30..=43_200))]
    hold_seconds: i32,
}

/// Plans, asks and moves.
///
/// # Errors
/// The queues or the table can't be used, or it was not confirmed. Nothing was moved then.
pub async fn redrive(
    args: &RedriveArgs,
    deployment: &Deployment,
    consent: Consent,
    now: Timestamp,
) -> Result<Done, Failure> {
    let (live, dead) = args.queue.outputs();
    let rules = Rules { limits: deployment.limits()?, look: deployment.look_rules()? };
    let queues = DeadLetters::new(
        deployment.sqs(),
        deployment.output(live)?,
        deployment.output(dead)?,
        args.hold_seconds,
    );
    let letters = queues.receive_all().await?;
    let foreseen = match foresee_all(args, deployment, &letters, &rules, now).await {
        Ok(foreseen) => foreseen,
        Err(failure) => return Err(release(&queues, &letters, failure).await),
    };
    if args.dry_run {
        queues.release_all(&letters).await;
        return shown(args, true, foreseen);
    }
    let moves = foreseen.iter().filter(|ended| ended.end == End::Applied).count();
    if moves > 0 {
        if consent == Consent::Ask {
            eprintln!("{}\n", rows(&foreseen));
        }
        let what = format!("Move {moves} of {} messages back to {}", letters.len(), args.queue.word());
        if let Err(failure) = consent.to(&what) {
            return Err(release(&queues, &letters, failure).await);
        }
    }
    let ended = carry_out(&queues, &letters, foreseen).await;
    shown(args, false, ended)
}

async fn release(queues: &DeadLetters, letters: &[Letter], failure: Failure) -> Failure {
    queues.release_all(letters).await;
    failure
}

async fn foresee_all(
    args: &RedriveArgs,
    deployment: &Deployment,
    letters: &[Letter],
    rules: &Rules,
    now: Timestamp,
) -> Result<Vec<Ended>, Failure> {
    let selected: BTreeSet<_> = args.messages.iter().cloned().collect();
    if let Some(missing) = selected.iter().find(|id| !letters.iter().any(|letter| letter.id == **id)) {
        return Err(Failure::usage(format!(
            "no message {missing} is in the dead letters. Nothing was moved."
        )));
    }
    let known = read(args.queue, deployment, letters).await?;
    let plan = |letter| plan(args.queue, letter, &known, rules, now);
    let planned: Vec<Planned> = letters.iter().map(plan).collect();
    Ok(foresee_ends(planned, &selected))
}

/// Reads what the letters are about.
async fn read(queue: Queue, deployment: &Deployment, letters: &[Letter]) -> Result<Known, Failure> {
    let (store, mut known) = (deployment.table()?, Known::default());
    let wanted: Vec<_> = letters.iter().map(|letter| wanted(queue, letter)).collect();
    let (mut orders, mut merchants) = (BTreeSet::new(), BTreeSet::new());
    for wanted in wanted {
        orders.extend(wanted.order);
        merchants.extend(wanted.merchant);
        if let Some(key) = wanted.parked
            && let Some(parked) = store.read_parked(&key).await?
        {
            orders.extend(order_of(&parked));
            known.parked.insert(key, parked);
        }
    }
    for id in merchants {
        if let Some(merchant) = store.merchant(&id).await? {
            known.merchants.insert(id, merchant);
        }
    }
    for key in orders {
        if let Some(order) = store.read(&key).await? {
            known.orders.insert(key, order);
        }
    }
    Ok(known)
}

fn rows(ended: &[Ended]) -> String {
    let cells = |ended: &Ended| {
        let planned = &ended.planned;
        let status = |status: &Option<String>| status.clone().unwrap_or_else(|| "-".to_owned());
        let end = match ended.end {
            End::Applied => "applied",
            End::StillParked => "still parked",
            End::Rejected => "rejected",
        };
        let note = ended.note.as_ref().map(|note| format!(" [{note}]")).unwrap_or_default();
        vec![
            planned.id.clone(),
            planned.about.clone().unwrap_or_else(|| "-".to_owned()),
            format!("{} -> {}", status(&planned.from), status(&planned.to)),
            end.to_owned(),
            format!("{}{note}", planned.says),
        ]
    };
    let rows: Vec<_> = ended.iter().map(cells).collect();
    table(&["message", "about", "order", "ends", "what it does"], &rows)
}

fn shown(args: &RedriveArgs, is_dry: bool, ended: Vec<Ended>) -> Result<Done, Failure> {
    let counts = count(ended.iter().map(|ended| &ended.end));
    let Counts { received, applied, still_parked, rejected } = counts;
    let would = if is_dry { "would be " } else { "" };
    let text = match received {
        0 => format!("no dead letters of {}", args.queue.word()),
        _ => format!(
            "{}\n\n{received} dead letters: {applied} {would}applied, {still_parked} still parked, {rejected} rejected{}",
            rows(&ended),
            if is_dry { ". Nothing was moved." } else { "" }
        ),
    };
    let document = json!({
        "command": "redrive", "queue": args.queue.word(), "dry_run": is_dry, "counts": counts, "messages": ended,
    });
    let exit = if still_parked + rejected > 0 { Exit::Findings } else { Exit::Done };
    Done::new(text, &document, exit)
}
