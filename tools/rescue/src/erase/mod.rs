//! `rescue erase`: what is kept of one customer's personal data, removed. What it leaves alone it tells.
//!
//! Personal data lies in three places: in an order until FlexFactor has answered, in the copies of what was parked, and in
//! messages. Copies are emptied and dead letters deleted. An order that may still be submitted needs its decline, which goes
//! by itself; whoever can't wait cancels the order.

mod person;
mod search;

use clap::Args;
use jiff::Timestamp;
use models::ids::{MerchantId, OrderId};
use models::time::to_text;
use serde::Serialize;
use serde_json::{Value, json};

use crate::confirm::Consent;
use crate::deployment::Deployment;
use crate::outcome::{Done, Exit, Failure};
use crate::redrive::Letters as _;
use person::Person;
use search::{Copied, Held, Search};

/// Whose data to erase.
#[derive(Debug, Args)]
pub struct EraseArgs {
    /// The merchant whose customer it is.
    #[arg(long, env = "RESCUE_MERCHANT")]
    merchant: MerchantId,
    /// The customer's e-mail address; may be said several times, as all that follow.
    #[arg(
        long = "email", value_name = "ADDRESS", value_parser = address,
        required_unless_present_any = ["customers", "orders", "parked", "messages"]
    )]
    emails: Vec<String>,
    /// The merchant's id of the customer.
    #[arg(long = "customer", value_name = "ID", value_parser = id)]
    customers: Vec<String>,
    /// An order of the customer's.
    #[arg(long = "order", value_name = "ID")]
    orders: Vec<OrderId>,
    /// A parked thing that you have looked at and know to be the customer's, by its name.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    parked: Vec<String>,
    /// A dead letter that you have looked at and know to be the customer's, by its message's id.
    #[arg(long = "message", value_name = "ID")]
    messages: Vec<String>,
    /// Show what there is, and erase nothing.
    #[arg(long)]
    dry_run: bool,
}

fn address(text: &str) -> Result<String, String> {
    let text = text.trim().to_lowercase();
    let is_address =
        text.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty());
    if is_address { Ok(text) } else { Err("is no e-mail address".to_owned()) }
}

/// Never an empty one, as from a variable that is not set: it would be found everywhere.
fn id(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("is empty".to_owned()) } else { Ok(text.to_owned()) }
}

impl EraseArgs {
    fn person(&self) -> Person {
        Person {
            merchant: self.merchant.clone(),
            emails: self.emails.iter().cloned().collect(),
            customers: self.customers.iter().cloned().collect(),
            orders: self.orders.iter().cloned().collect(),
        }
    }
}

/// What is shown.
#[derive(Debug, Default, Serialize)]
struct Told {
    /// Parked copies that were erased, or would be, by their names.
    copies: Vec<String>,
    /// Dead letters that were deleted, or would be, by queue and id.
    dead_letters: Vec<String>,
    /// Orders that still hold the customer's decline, with their status.
    orders: Vec<String>,
    /// What was not looked into, may be the customer's, or could not be erased.
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
    let table = deployment.table()?;
    let search = Search::run(args, deployment).await?;
    let letters: usize = search.held.iter().map(|held| held.letters.len()).sum();
    let count = search.copies.len() + letters;
    let what = format!(
        "Erase {} parked copies and {letters} dead letters of this customer of {}",
        search.copies.len(),
        args.merchant
    );
    let agreed = if args.dry_run || count == 0 { Ok(()) } else { consent.to(&what) };
    if args.dry_run || agreed.is_err() {
        search.release().await;
        agreed?;
        return shown(true, &search.foreseen());
    }
    let mut told = Told { orders: search.orders, left: search.left, ..Told::default() };
    for Copied { key, name, copy } in &search.copies {
        match table.erase_copy(key, &left_of(copy, now)).await {
            // Or it is gone meanwhile, as its time was over.
            Ok(_) => told.copies.push(name.clone()),
            Err(error) => told.left.push(format!("the copy of {name}: {error}")),
        }
    }
    for held in &search.held {
        delete(held, &mut told).await;
    }
    shown(false, &told)
}

/// What is left of a copy: when it was erased, and the amount, which is nobody's and is summed up by `balance`.
fn left_of(copy: &str, now: Timestamp) -> String {
    let copy: Value = serde_json::from_str(copy).unwrap_or_default();
    let mut left = json!({ "erased_at": to_text(now) });
    let amount = (copy.pointer("/amount/minor"), copy.pointer("/amount/currency").and_then(Value::as_str));
    if let (Some(minor @ Value::Number(_)), Some(currency)) = amount
        && currency.len() == 3
    {
        left["amount"] = json!({ "minor": minor, "currency": currency });
    }
    left.to_string()
}

async fn delete(held: &Held, told: &mut Told) {
    for letter in &held.letters {
        let name = held.name_of(letter);
        // Somebody may have taken long to say yes: what is not held any more may be on its way back to its queue.
        let deleted = match held.queue.hold(letter).await {
            Ok(()) => held.queue.delete(letter).await,
            Err(failure) => Err(failure),
        };
        match deleted {
            Ok(()) => told.dead_letters.push(name),
            Err(failure) => told.left.push(format!("the dead letter {name}: {failure}")),
        }
    }
}

fn shown(is_dry_run: bool, told: &Told) -> Result<Done, Failure> {
    let part = |title: &str, lines: &[String]| match lines.is_empty() {
        true => String::new(),
        false => {
            let lines: Vec<_> = lines.iter().map(|line| format!("  {line}")).collect();
            format!("{title}\n{}\n\n", lines.join("\n"))
        }
    };
    let done = if is_dry_run { "would be erased" } else { "erased" };
    let is_found =
        ![&told.copies, &told.dead_letters, &told.orders, &told.left].into_iter().all(Vec::is_empty);
    let text = [
        if is_found { String::new() } else { "nothing of this customer was found\n\n".to_owned() },
        part(&format!("parked copies, {done}"), &told.copies),
        part(&format!("dead letters, {done}"), &told.dead_letters),
        part(
            "orders that hold the decline until FlexFactor has answered; cancel them to end it now",
            &told.orders,
        ),
        part("left", &told.left),
        "Not reached from here: backups and the table's stream, FlexFactor's own copy, and the billing system \
         (docs/operations.md, \"Erasing a customer\")."
            .to_owned(),
    ]
    .concat();
    let is_left = !told.orders.is_empty() || !told.left.is_empty();
    let exit = if is_left { Exit::Findings } else { Exit::Done };
    Done::new(text, &json!({ "command": "erase", "dry_run": is_dry_run, "found": told }), exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_found_everywhere_is_not_looked_for() {
        for text in ["", " ", "@", "pat@", "@example.com", "pat"] {
            assert!(address(text).is_err(), "{text:?}");
        }
        assert_eq!(address(" Pat@Example.com").as_deref(), Ok("pat@example.com"));
        assert!(id("").is_err() && id("  ").is_err());
        assert_eq!(id(" cus-7 ").as_deref(), Ok("cus-7"));
    }

    #[test]
    fn only_the_amount_is_left_of_a_copy() {
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        let copy = json!({ "customer": { "email": "pat@example.com" }, "amount": { "minor": 5, "currency": "USD", "x": "Pat" } });
        let left: Value = serde_json::from_str(&left_of(&copy.to_string(), now)).unwrap();
        let amount = json!({ "minor": 5, "currency": "USD" });
        assert_eq!(left, json!({ "erased_at": "2026-11-21T10:00:00.000Z", "amount": amount }));
        for copy in [
            "Pat",
            "{}",
            r#"{"amount":{"minor":"Pat","currency":"USD"}}"#,
            r#"{"amount":{"minor":5,"currency":"Pat Doe"}}"#,
        ] {
            assert_eq!(left_of(copy, now), r#"{"erased_at":"2026-11-21T10:00:00.000Z"}"#, "{copy}");
        }
    }
}
