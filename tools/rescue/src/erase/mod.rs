//! `rescue erase`: what is kept of one customer's personal data, removed. What it leaves alone it tells.
//!
//! Personal data lies in three places: in an order until FlexFactor has answered, in the copies of what was parked, and in
//! messages. Copies are emptied and dead letters deleted. An order that may still be submitted needs its decline, which goes
//! by itself; whoever can't wait cancels the order.

mod person;

use clap::Args;
use jiff::Timestamp;
use models::ids::{MerchantId, OrderId};
use models::order::Order;
use models::parked::ParkedKey;
use order_store::dynamo::export;
use serde::Serialize;
use serde_json::json;

use crate::confirm::Consent;
use crate::deployment::Deployment;
use crate::outcome::{Done, Exit, Failure};
use crate::parked::{all as parked_things, name_of};
use crate::queues::{Depth, depth};
use crate::redrive::{DeadLetters, Letter, Letters as _};
use person::Person;

/// Queues whose messages hold personal data: the queue, its dead letters, and the stack's outputs with their addresses. All
/// others carry ids alone.
const QUEUES: [(&str, &str, &str); 2] = [
    ("declines", "DeclinesQueueUrl", "DeclinesDlqUrl"),
    ("transmissions", "TransmissionsQueueUrl", "TransmissionsDlqUrl"),
];
/// How long dead letters are hidden from others while they are looked through, in seconds.
const HOLD_SECONDS: i32 = 900;

/// Whose data to erase.
#[derive(Debug, Args)]
pub struct EraseArgs {
    /// The merchant whose customer it is.
    #[arg(long, env = "RESCUE_MERCHANT")]
    merchant: MerchantId,
    /// The customer's e-mail address; may be said several times, as the next two.
    #[arg(long = "email", value_name = "ADDRESS", required_unless_present_any = ["customers", "orders"])]
    emails: Vec<String>,
    /// The merchant's id of the customer.
    #[arg(long = "customer", value_name = "ID")]
    customers: Vec<String>,
    /// An order of the customer's.
    #[arg(long = "order", value_name = "ID")]
    orders: Vec<OrderId>,
    /// Show what there is, and erase nothing.
    #[arg(long)]
    dry_run: bool,
}

impl EraseArgs {
    fn person(&self) -> Person {
        Person {
            merchant: self.merchant.clone(),
            emails: self.emails.iter().map(|email| email.trim().to_lowercase()).collect(),
            customers: self.customers.iter().cloned().collect(),
            orders: self.orders.iter().cloned().collect(),
        }
    }
}

/// A queue's dead letters that are the customer's, held.
struct Held {
    name: &'static str,
    queue: DeadLetters,
    letters: Vec<Letter>,
}

/// What was found, and what became of it.
#[derive(Debug, Default, Serialize)]
struct Found {
    /// Parked copies, by their names.
    copies: Vec<String>,
    /// Dead letters, by queue and id.
    dead_letters: Vec<String>,
    /// Orders that still hold the customer's decline, with their status.
    orders: Vec<String>,
    /// What could not be looked into or erased.
    left: Vec<String>,
}

/// Finds, asks and erases.
///
/// # Errors
/// The table or the queues can't be read, or it was not confirmed. Nothing was erased then.
pub async fn erase(
    args: &EraseArgs,
    deployment: &Deployment,
    consent: Consent,
    now: Timestamp,
) -> Result<Done, Failure> {
    let person = args.person();
    let mut found = Found { orders: holding(&person, deployment).await?, ..Found::default() };
    let copies = copies(&person, deployment, &mut found).await?;
    let held = dead_letters(&person, deployment, &mut found).await?;
    let what = format!(
        "Erase {} parked copies and {} dead letters of this customer of {}",
        found.copies.len(),
        found.dead_letters.len(),
        args.merchant
    );
    let is_something = !found.copies.is_empty() || !found.dead_letters.is_empty();
    let agreed = if args.dry_run || !is_something { Ok(()) } else { consent.to(&what) };
    if args.dry_run || agreed.is_err() {
        for held in &held {
            held.queue.release_all(&held.letters).await;
        }
        agreed?;
        return shown(true, &found);
    }
    let table = deployment.table()?;
    for key in &copies {
        match table.erase_copy(key, now).await {
            // Gone meanwhile, as its time was over.
            Ok(_) => {}
            Err(error) => found.left.push(format!("the copy of {}: {error}", name_of(key))),
        }
    }
    for held in &held {
        delete(held, &mut found.left).await;
    }
    shown(false, &found)
}

/// Orders that hold the customer's decline still.
async fn holding(person: &Person, deployment: &Deployment) -> Result<Vec<String>, Failure> {
    let books = export(&deployment.dynamodb(), deployment.table_name()?).await?;
    let is_theirs = |order: &&Order| order.request.as_ref().is_some_and(|decline| person.has(decline));
    let told = |order: &Order| format!("{} ({})", order.key, order.status);
    Ok(books.orders.iter().filter(is_theirs).map(told).collect())
}

async fn copies(
    person: &Person,
    deployment: &Deployment,
    found: &mut Found,
) -> Result<Vec<ParkedKey>, Failure> {
    let (parked, unreadable) = parked_things(deployment).await?;
    found.left.extend(unreadable.iter().map(|error| format!("not looked into: {error}")));
    let is_the_merchant_s =
        |key: &ParkedKey| key.merchant.as_ref().is_none_or(|merchant| *merchant == person.merchant);
    let theirs = parked.into_iter().filter(|thing| {
        let is_order = thing.order_id.as_ref().is_some_and(|id| person.orders.contains(id));
        is_the_merchant_s(&thing.key)
            && !is_erased(&thing.copy)
            && (is_order && thing.key.merchant.is_some() || person.is_in(&thing.copy))
    });
    let keys: Vec<_> = theirs.map(|thing| thing.key).collect();
    found.copies = keys.iter().map(name_of).collect();
    Ok(keys)
}

fn is_erased(copy: &str) -> bool {
    copy.starts_with(order_store::dynamo::ERASED)
}

async fn dead_letters(
    person: &Person,
    deployment: &Deployment,
    found: &mut Found,
) -> Result<Vec<Held>, Failure> {
    let mut all = Vec::new();
    for (name, live, dead) in QUEUES {
        let Depth { waiting, in_flight, .. } = depth(deployment, name, live).await?;
        if waiting + in_flight > 0 {
            found.left.push(format!(
                "not looked into: {} messages on the queue {name}; ask again when they are worked off",
                waiting + in_flight
            ));
        }
        let (live, dead) = (deployment.output(live)?, deployment.output(dead)?);
        let queue = DeadLetters::new(deployment.sqs(), live, dead, HOLD_SECONDS);
        let (letters, others): (Vec<_>, Vec<_>) =
            queue.receive_all().await?.into_iter().partition(|letter| person.is_in(&letter.body));
        queue.release_all(&others).await;
        found.dead_letters.extend(letters.iter().map(|letter| format!("{name}-dlq/{}", letter.id)));
        all.push(Held { name, queue, letters });
    }
    Ok(all)
}

async fn delete(held: &Held, left: &mut Vec<String>) {
    for letter in &held.letters {
        // Somebody may have taken long to say yes: what is not held any more may be on its way back to its queue.
        let deleted = match held.queue.hold(letter).await {
            Ok(()) => held.queue.delete(letter).await,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = deleted {
            left.push(format!("the dead letter {}-dlq/{}: {failure}", held.name, letter.id));
        }
    }
}

fn shown(is_dry_run: bool, found: &Found) -> Result<Done, Failure> {
    let part = |title: &str, lines: &[String]| match lines.is_empty() {
        true => String::new(),
        false => format!(
            "{title}\n{}\n\n",
            lines.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
        ),
    };
    let done = if is_dry_run { "would be erased" } else { "erased" };
    let text = [
        part(&format!("parked copies, {done}"), &found.copies),
        part(&format!("dead letters, {done}"), &found.dead_letters),
        part("orders that hold the decline until FlexFactor has answered; cancel them to end it now", &found.orders),
        part("left", &found.left),
        "Not reached from here: backups and the table's stream, FlexFactor's own copy, and the billing system \
         (docs/operations.md, \"Erasing a customer\")."
            .to_owned(),
    ]
    .concat();
    let is_left = !found.orders.is_empty() || !found.left.is_empty();
    let exit = if is_left { Exit::Findings } else { Exit::Done };
    Done::new(text, &json!({ "command": "erase", "dry_run": is_dry_run, "found": found }), exit)
}
