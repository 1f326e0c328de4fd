//! `rescue parked`: what could not be applied and is kept until people have looked at it.

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use models::ids::MerchantId;
use models::parked::{Fate, Parked, ParkedKey, ParkedKind, Why};
use models::time::to_text;
use order_store::StoreError;
use order_store::dynamo::parked_things;
use serde::Serialize;
use serde_json::Value;

use crate::deployment::Deployment;
use crate::outcome::{Done, Exit, Failure, table};

/// What to do with what is parked.
#[derive(Debug, Subcommand)]
pub enum ParkedCommand {
    /// List what is parked, oldest first. It reads the whole table once.
    List(ListArgs),
    /// Show one parked thing with its redacted copy.
    Show {
        /// Its name as `list` shows it, or the message's own id where only one thing has it.
        // The name of what has no merchant begins with one.
        #[arg(allow_hyphen_values = true)]
        name: String,
    },
}

/// Which parked things to list.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only those of one merchant.
    #[arg(long)]
    merchant: Option<MerchantId>,
    /// Only those of one kind; all but checks otherwise.
    #[arg(long, value_parser = PossibleValuesParser::new(ParkedKind::ALL.iter().map(|kind| kind.word())))]
    kind: Option<String>,
    /// Also events that were matched to their order since.
    #[arg(long)]
    matched: bool,
}

/// A parked thing as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    name: String,
    kind: &'static str,
    merchant: Option<String>,
    order_id: Option<String>,
    arrived_at: String,
    rule: Option<&'static str>,
    path: Option<String>,
    sentence: String,
    fate: &'static str,
    /// The event, where it may still be applied to an order: `rescue webhook replay` does so.
    event: Option<String>,
    next_look_at: Option<Timestamp>,
    keep_until: Timestamp,
}

/// What a parked thing is called: merchant, time of arrival, kind and the message's own id.
#[must_use]
pub fn name_of(key: &ParkedKey) -> String {
    let merchant = key.merchant.as_ref().map_or("-", MerchantId::as_str);
    format!("{merchant}/{}/{}/{}", to_text(key.arrived_at), key.kind.word(), key.id)
}

fn shown(parked: &Parked) -> Shown {
    let (rule, path, sentence) = match &parked.why {
        Why::Refusal(refusal) => {
            (Some(refusal.rule.code()), Some(refusal.path.clone()), refusal.sentence.clone())
        }
        Why::Sentence(sentence) => (None, None, sentence.clone()),
    };
    Shown {
        name: name_of(&parked.key),
        kind: parked.key.kind.word(),
        merchant: parked.key.merchant.as_ref().map(ToString::to_string),
        order_id: parked.order_id.as_ref().map(ToString::to_string),
        arrived_at: to_text(parked.key.arrived_at),
        rule,
        path: path.filter(|path| !path.is_empty()),
        sentence,
        fate: parked.fate.word(),
        event: parked.event.as_ref().map(|event| event.name.clone()),
        next_look_at: parked.due.map(|due| due.at),
        keep_until: parked.keep_until,
    }
}

/// All that is parked and can be read, and what can't be.
///
/// # Errors
/// The table can't be read.
pub async fn all(deployment: &Deployment) -> Result<(Vec<Parked>, Vec<StoreError>), Failure> {
    let things = parked_things(&deployment.dynamodb(), deployment.table_name()?).await?;
    let (mut parked, mut unreadable) = (Vec::new(), Vec::new());
    for thing in things {
        match thing {
            Ok(thing) => parked.push(thing),
            Err(error) => unreadable.push(error),
        }
    }
    Ok((parked, unreadable))
}

/// The one parked thing of this name.
///
/// # Errors
/// There is none, or more than one.
pub async fn find(deployment: &Deployment, name: &str) -> Result<Parked, Failure> {
    let (parked, _) = all(deployment).await?;
    let mut found = parked.into_iter().filter(|thing| name_of(&thing.key) == name || thing.key.id == name);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(Failure::refused(format!("nothing is parked under {name}"))),
        (Some(_), Some(_)) => {
            Err(Failure::usage(format!("more than one thing has the id {name}: say its whole name")))
        }
    }
}

/// Lists or shows.
///
/// # Errors
/// The table can't be read, or there is no such thing.
pub async fn parked(command: &ParkedCommand, deployment: &Deployment) -> Result<Done, Failure> {
    match command {
        ParkedCommand::List(args) => list(args, deployment).await,
        ParkedCommand::Show { name } => show(name, deployment).await,
    }
}

async fn list(args: &ListArgs, deployment: &Deployment) -> Result<Done, Failure> {
    let (parked, unreadable) = all(deployment).await?;
    // Checks are nobody's business but of the doctor that sent them.
    let is_of_kind = |thing: &Parked| match &args.kind {
        Some(kind) => *kind == thing.key.kind.word(),
        None => thing.key.kind != ParkedKind::Check,
    };
    let wanted = |thing: &&Parked| {
        args.merchant.as_ref().is_none_or(|merchant| thing.key.merchant.as_ref() == Some(merchant))
            && is_of_kind(thing)
            && (args.matched || thing.fate == Fate::Parked)
    };
    let things: Vec<_> = parked.iter().filter(wanted).map(shown).collect();
    let unreadable: Vec<_> = unreadable.iter().map(ToString::to_string).collect();
    let rows: Vec<_> = things
        .iter()
        .map(|thing| {
            let order = thing.order_id.clone().unwrap_or_else(|| "-".to_owned());
            let why = thing.rule.map_or_else(|| thing.sentence.clone(), str::to_owned);
            vec![thing.name.clone(), order, why]
        })
        .collect();
    let mut text = match rows.is_empty() {
        true => "nothing is parked".to_owned(),
        false => format!("{}\n{} parked", table(&["name", "order", "why"], &rows), rows.len()),
    };
    for error in &unreadable {
        text.push_str(&format!("\n{error}"));
    }
    let exit = if unreadable.is_empty() { Exit::Done } else { Exit::Findings };
    let document =
        serde_json::json!({ "command": "parked list", "parked": things, "unreadable": unreadable });
    Done::new(text, &document, exit)
}

async fn show(name: &str, deployment: &Deployment) -> Result<Done, Failure> {
    let parked = find(deployment, name).await?;
    let shown = shown(&parked);
    let copy: Value =
        serde_json::from_str(&parked.copy).unwrap_or_else(|_| Value::String(parked.copy.clone()));
    let pretty = serde_json::to_string_pretty(&copy).unwrap_or_default();
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let text = format!(
        "name      {}\nkind      {}\nmerchant  {}\norder     {}\nrule      {}\nfield     {}\nwhy       {}\nfate      {}\nnext look {}\nkept until {}\n\nredacted copy\n{pretty}",
        shown.name,
        shown.kind,
        or_none(&shown.merchant),
        or_none(&shown.order_id),
        shown.rule.unwrap_or("-"),
        or_none(&shown.path),
        shown.sentence,
        shown.fate,
        shown.next_look_at.map_or_else(|| "none".to_owned(), |at| at.to_string()),
        shown.keep_until,
    );
    let document = serde_json::json!({ "command": "parked show", "parked": shown, "copy": copy });
    Done::new(text, &document, Exit::Done)
}
