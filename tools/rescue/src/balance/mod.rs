//! `rescue balance`: what the billing system handed over, what is held here, and what FlexFactor has; every gap with its
//! order.

mod ask;
mod compare;
mod metric;

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;

use clap::Args;
use indicatif::ProgressBar;
use jiff::{SignedDuration, Timestamp};
use models::ids::{MerchantId, OrderKey};
use models::merchant::Merchant;
use models::money::{Currency, Money};
use models::order::Order;
use models::parked::{Fate, ParkedKind};
use models::time::later;
use order_store::Table as _;
use order_store::dynamo::{Books, ParkedItem, export, merchants};
use serde::Serialize;
use serde_json::{Value, json};

use crate::deployment::Deployment;
use crate::outcome::{Done, Exit, Failure, table};
use crate::report::sum;
use ask::Asking;
use compare::{Gap, GapKind, Theirs, gaps};

/// How far back FlexFactor's list is read where nothing here says more: the longest window, its grace, and some days.
const LIST_TIME: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What to compare.
#[derive(Debug, Args)]
pub struct BalanceArgs {
    /// Only one merchant.
    #[arg(long)]
    merchant: Option<MerchantId>,
    /// Only orders received from then on, such as 2026-11-01T00:00:00Z.
    #[arg(long)]
    from: Option<Timestamp>,
    /// Print the number of gaps as well, as a line of which CloudWatch makes a metric. For a scheduled run whose output goes to
    /// CloudWatch Logs. There is none where something was not compared and no gap was found.
    #[arg(long, conflicts_with = "json")]
    metric: bool,
}

/// Counts and amounts of one merchant and currency.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
struct Row {
    merchant: String,
    currency: String,
    /// From the billing system: orders, those lost since, and declines that were refused and parked.
    accepted: Sum,
    /// Of these, parked.
    refused: Sum,
    /// Orders in the table.
    held: Sum,
    /// Of these, those that FlexFactor says it has.
    known: Sum,
    /// Of these, those that FlexFactor has not, or did not say: not submitted yet, rejected, or a gap.
    only_held: Sum,
}

/// So many, of so much.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
struct Sum {
    count: u64,
    minor: u64,
    amount: String,
}

impl Sum {
    fn add(&mut self, minor: u64) -> Result<(), Failure> {
        self.count += 1;
        self.minor = sum(self.minor, minor)?;
        Ok(())
    }

    fn finish(&mut self, currency: &str) {
        let currency = currency.parse::<Currency>().ok();
        let decimal = currency.and_then(|currency| Money::new(self.minor, currency).to_decimal().ok());
        self.amount = decimal.unwrap_or_else(|| "-".to_owned());
    }
}

/// Compares the books.
///
/// # Errors
/// The table or the secrets can't be read. That FlexFactor does not answer is told in the result.
pub async fn balance(args: &BalanceArgs, deployment: &Deployment, now: Timestamp) -> Result<Done, Failure> {
    let client = deployment.dynamodb();
    let name = deployment.table_name()?;
    let (configured, mut silent) = configured(merchants(&client, name).await?, args);
    let books = export(&client, name).await?;
    let wanted = |key: &OrderKey| args.merchant.as_ref().is_none_or(|merchant| key.merchant == *merchant);
    let since = |order: &&Order| args.from.is_none_or(|from| order.received_at >= from);
    let mut orders: BTreeMap<OrderKey, Order> = books
        .orders
        .iter()
        .filter(|order| wanted(&order.key))
        .filter(since)
        .map(|order| (order.key.clone(), order.clone()))
        .collect();
    let remembered = remembered(&books, args, &wanted);
    let (asking, unasked) = Asking::new(deployment, &configured, now).await?;
    silent.extend(unasked);
    let mut theirs = Theirs::default();
    let oldest = orders.values().map(|order| order.received_at).min();
    // Also where we hold nothing: what FlexFactor has then is missing here.
    let long_ago = later(now, -LIST_TIME);
    let since = args.from.unwrap_or_else(|| oldest.map_or(long_ago, |oldest| oldest.min(long_ago)));
    asking.list(since, &mut theirs, &mut silent).await;
    // What is older than asked for is not missing here, only not compared.
    let older: BTreeSet<_> =
        books.orders.iter().map(|order| &order.key).filter(|key| !orders.contains_key(key)).collect();
    theirs.listed.retain(|key, _| !older.contains(key));
    let bar = progress(orders.len());
    theirs.read = asking.read(orders.values(), &theirs.listed, &bar).await;
    look_again(deployment, &asking, &mut orders, &remembered, &mut theirs).await?;
    bar.finish_and_clear();
    let (found, unread) = gaps(&orders, &remembered, &theirs);
    silent.extend(unread);
    let rows = rows(&orders, &books.parked, args, &theirs, &found)?;
    let mut done = shown(&rows, &found, &silent)?;
    // Where FlexFactor was silent, no gap is no news: it must not end an alarm.
    if args.metric && (silent.is_empty() || !found.is_empty()) {
        done.text.push_str(&format!("\n{}", metric::line(&deployment.stack, found.len(), now)));
    }
    Ok(done)
}

fn configured(
    read: BTreeMap<String, Result<Merchant, order_store::StoreError>>,
    args: &BalanceArgs,
) -> (BTreeMap<MerchantId, Merchant>, Vec<String>) {
    let (mut configured, mut silent) = (BTreeMap::new(), Vec::new());
    for (name, merchant) in read {
        match (name.parse::<MerchantId>(), merchant) {
            (Ok(id), _) if args.merchant.as_ref().is_some_and(|wanted| *wanted != id) => {}
            (Ok(id), Ok(merchant)) => {
                configured.insert(id, merchant);
            }
            (_, Err(error)) => silent.push(error.to_string()),
            (Err(error), Ok(_)) => silent.push(format!("a merchant's id {error}")),
        }
    }
    (configured, silent)
}

/// The orders that have a history: an account of what was taken that stands beside the orders themselves.
fn remembered(books: &Books, args: &BalanceArgs, wanted: &impl Fn(&OrderKey) -> bool) -> BTreeSet<OrderKey> {
    let since = |entries: &Vec<models::history::Entry>| {
        args.from.is_none_or(|from| entries.first().is_some_and(|entry| entry.at >= from))
    };
    let histories = books.histories.iter().filter(|(key, entries)| wanted(key) && since(entries));
    histories.map(|(key, _)| key.clone()).collect()
}

fn progress(orders: usize) -> ProgressBar {
    match std::io::stderr().is_terminal() {
        true => ProgressBar::new(u64::try_from(orders).unwrap_or(u64::MAX)),
        false => ProgressBar::hidden(),
    }
}

/// The books were not read at one moment: what seems not to fit is read once more, on both sides.
async fn look_again(
    deployment: &Deployment,
    asking: &Asking,
    orders: &mut BTreeMap<OrderKey, Order>,
    remembered: &BTreeSet<OrderKey>,
    theirs: &mut Theirs,
) -> Result<(), Failure> {
    let (first, _) = gaps(orders, remembered, theirs);
    let suspects: BTreeSet<_> = first.into_iter().map(|gap| gap.order).collect();
    let known: BTreeSet<OrderKey> =
        orders.keys().chain(theirs.listed.keys()).chain(remembered).cloned().collect();
    let store = deployment.table()?;
    let mut again = Vec::new();
    for key in known.into_iter().filter(|key| suspects.contains(&key.to_string())) {
        if let Some(order) = store.read(&key).await? {
            again.push(order.clone());
            orders.insert(key, order);
        }
    }
    let read = asking.read(again.iter(), &theirs.listed, &ProgressBar::hidden()).await;
    theirs.read.extend(read);
    Ok(())
}

fn rows(
    orders: &BTreeMap<OrderKey, Order>,
    parked: &[ParkedItem],
    args: &BalanceArgs,
    theirs: &Theirs,
    gaps: &[Gap],
) -> Result<Vec<Row>, Failure> {
    let mut rows: BTreeMap<(String, String), Row> = BTreeMap::new();
    for (key, order) in orders {
        let row = rows.entry((key.merchant.to_string(), order.amount.currency.to_string())).or_default();
        let minor = order.amount.minor.get();
        row.accepted.add(minor)?;
        row.held.add(minor)?;
        if theirs.has(key) { row.known.add(minor)? } else { row.only_held.add(minor)? }
    }
    // What was lost here was accepted once; its amount went with it.
    for gap in gaps.iter().filter(|gap| gap.kind == GapKind::LostHere) {
        let merchant = gap.order.split('/').next().unwrap_or("-").to_owned();
        rows.entry((merchant, "-".to_owned())).or_default().accepted.add(0)?;
    }
    let declines = [ParkedKind::Refused, ParkedKind::Unparseable, ParkedKind::Conflict].map(ParkedKind::word);
    let wanted = |item: &&ParkedItem| {
        declines.contains(&item.kind.as_str())
            && item.fate == Fate::Parked.word()
            && args.merchant.as_ref().is_none_or(|merchant| item.merchant == merchant.as_str())
    };
    for item in parked.iter().filter(wanted) {
        let (currency, minor) = amount_of(&item.copy);
        let row = rows.entry((item.merchant.clone(), currency)).or_default();
        row.accepted.add(minor)?;
        row.refused.add(minor)?;
    }
    let finish = |((merchant, currency), mut row): ((String, String), Row)| {
        for sum in [&mut row.accepted, &mut row.refused, &mut row.held, &mut row.known, &mut row.only_held] {
            sum.finish(&currency);
        }
        Row { merchant, currency, ..row }
    };
    Ok(rows.into_iter().map(finish).collect())
}

/// The amount in the redacted copy of a parked decline; what is none counts nothing.
fn amount_of(copy: &str) -> (String, u64) {
    let value: Value = serde_json::from_str(copy).unwrap_or_default();
    let currency = value.pointer("/amount/currency").and_then(Value::as_str);
    let currency = currency.filter(|code| code.parse::<Currency>().is_ok());
    match (currency, value.pointer("/amount/minor").and_then(Value::as_u64)) {
        (Some(currency), Some(minor)) => (currency.to_owned(), minor),
        _ => ("-".to_owned(), 0),
    }
}

fn shown(rows: &[Row], gaps: &[Gap], silent: &[String]) -> Result<Done, Failure> {
    let cells = |row: &Row| {
        let sum = |sum: &Sum| format!("{} ({})", sum.count, sum.amount);
        let mut cells = vec![row.merchant.clone(), row.currency.clone()];
        cells.extend([&row.accepted, &row.refused, &row.held, &row.known, &row.only_held].map(sum));
        cells
    };
    let headings =
        ["merchant", "currency", "accepted", "of it refused", "held", "known to FlexFactor", "only held"];
    let mut text = vec![table(&headings, &rows.iter().map(cells).collect::<Vec<_>>())];
    if gaps.is_empty() {
        text.push("\nzero gaps".to_owned());
    } else {
        let kind = |kind: GapKind| {
            serde_json::to_value(kind)
                .ok()
                .and_then(|kind| kind.as_str().map(str::to_owned))
                .unwrap_or_default()
        };
        let cells = |gap: &Gap| vec![gap.order.clone(), kind(gap.kind), gap.why.clone()];
        let rows: Vec<_> = gaps.iter().map(cells).collect();
        text.push(format!("\n{} gaps\n{}", gaps.len(), table(&["order", "gap", "why"], &rows)));
    }
    if !silent.is_empty() {
        text.push(format!("\nnot compared, as nobody said:\n  {}", silent.join("\n  ")));
    }
    let exit = match (gaps.is_empty(), silent.is_empty()) {
        (false, _) => Exit::Findings,
        (true, false) => Exit::Unreachable,
        (true, true) => Exit::Done,
    };
    let document = json!({ "command": "balance", "rows": rows, "gaps": gaps, "not_compared": silent });
    Done::new(text.join("\n"), &document, exit)
}
