//! `rescue report`: how rescues go, by site, descriptor, decline code or day.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use models::facts::Facts;
use models::ids::MerchantId;
use models::money::{Currency, Money};
use models::order::Order;
use models::status::Status;
use order_store::dynamo::{Books, export};
use serde::Serialize;
use serde_json::json;

use crate::deployment::Deployment;
use crate::outcome::{Done, Exit, Failure, table};

/// What an order is counted under that has no such fact.
const NONE: &str = "(none)";
/// What an order is counted under that was stored before facts were kept.
const NOT_KEPT: &str = "(not kept)";

/// What orders are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// The merchant's site.
    Site,
    /// The descriptor on the customer's statement.
    Descriptor,
    /// The processor's decline code, with whose it is.
    DeclineCode,
    /// The day on which the decline was received, in UTC.
    Day,
}

/// What to report.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// What orders are grouped by.
    #[arg(long, value_enum)]
    by: By,
    /// Only orders of one merchant.
    #[arg(long)]
    merchant: Option<MerchantId>,
    /// Only orders received from then on, such as 2026-11-01T00:00:00Z.
    #[arg(long)]
    from: Option<Timestamp>,
    /// Only orders received before then.
    #[arg(long)]
    to: Option<Timestamp>,
    /// As CSV.
    #[arg(long)]
    csv: bool,
}

/// A row: the orders of one group and currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    group: String,
    currency: &'static str,
    orders: u64,
    open: u64,
    approved: u64,
    declined: u64,
    expired: u64,
    cancelled: u64,
    rejected: u64,
    escalated: u64,
    amount_minor: u64,
    amount: String,
    rescued_minor: u64,
    rescued: String,
    /// Approved of those that ended at FlexFactor (approved, declined, expired, cancelled), in tenths of a percent.
    rescue_rate_permille: Option<u64>,
}

const HEADINGS: [&str; 15] = [
    "group",
    "currency",
    "orders",
    "open",
    "approved",
    "declined",
    "expired",
    "cancelled",
    "rejected",
    "escalated",
    "amount_minor",
    "amount",
    "rescued_minor",
    "rescued",
    "rescue_rate",
];

/// Reports.
///
/// # Errors
/// The table can't be read.
pub async fn report(args: &ReportArgs, deployment: &Deployment) -> Result<Done, Failure> {
    let books = export(&deployment.dynamodb(), deployment.table_name()?).await?;
    let rows = rows(args, &books)?;
    let text = if args.csv { csv(&rows)? } else { shown(&rows) };
    Done::new(text, &json!({ "command": "report", "rows": rows }), Exit::Done)
}

fn rows(args: &ReportArgs, books: &Books) -> Result<Vec<Row>, Failure> {
    let mut groups: BTreeMap<(String, &'static str), (Currency, Tally)> = BTreeMap::new();
    let wanted = books.orders.iter().filter(|order| {
        args.merchant.as_ref().is_none_or(|merchant| order.key.merchant == *merchant)
            && args.from.is_none_or(|from| order.received_at >= from)
            && args.to.is_none_or(|to| order.received_at < to)
    });
    for order in wanted {
        let currency = order.amount.currency;
        let group = group(args.by, order, books.facts.get(&order.key));
        let (_, tally) =
            groups.entry((group, currency.code())).or_insert_with(|| (currency, Tally::default()));
        tally.add(order)?;
    }
    Ok(groups.into_iter().map(|((group, _), (currency, tally))| tally.row(group, currency)).collect())
}

fn group(by: By, order: &Order, facts: Option<&Facts>) -> String {
    let fact = |read: fn(&Facts) -> Option<String>| match facts {
        Some(facts) => read(facts).unwrap_or_else(|| NONE.to_owned()),
        None => NOT_KEPT.to_owned(),
    };
    match by {
        By::Site => fact(|facts| facts.site.clone()),
        By::Descriptor => fact(|facts| facts.descriptor.clone()),
        By::DeclineCode => {
            fact(|facts| Some(format!("{} {}", facts.response_code_source, facts.response_code)))
        }
        By::Day => order.received_at.to_zoned(TimeZone::UTC).date().to_string(),
    }
}

#[derive(Debug, Default)]
struct Tally {
    orders: u64,
    open: u64,
    approved: u64,
    declined: u64,
    expired: u64,
    cancelled: u64,
    rejected: u64,
    escalated: u64,
    amount: u64,
    rescued: u64,
}

impl Tally {
    fn add(&mut self, order: &Order) -> Result<(), Failure> {
        self.orders += 1;
        let minor = order.amount.minor.get();
        self.amount = sum(self.amount, minor)?;
        match order.status {
            Status::Received
            | Status::Submitting
            | Status::Unknown
            | Status::Pending
            | Status::CaptureRequired => {
                self.open += 1;
            }
            Status::Approved => {
                self.approved += 1;
                self.rescued = sum(self.rescued, minor)?;
            }
            Status::Declined => self.declined += 1,
            Status::Expired => self.expired += 1,
            Status::Cancelled => self.cancelled += 1,
            Status::Rejected => self.rejected += 1,
            Status::Escalated => self.escalated += 1,
        }
        Ok(())
    }

    fn row(self, group: String, currency: Currency) -> Row {
        let decimal = |minor| Money::new(minor, currency).to_decimal().unwrap_or_else(|_| "-".to_owned());
        let ended = self.approved + self.declined + self.expired + self.cancelled;
        // Rounded half up.
        let rate = (self.approved * 1_000 + ended / 2).checked_div(ended);
        Row {
            group,
            currency: currency.code(),
            orders: self.orders,
            open: self.open,
            approved: self.approved,
            declined: self.declined,
            expired: self.expired,
            cancelled: self.cancelled,
            rejected: self.rejected,
            escalated: self.escalated,
            amount_minor: self.amount,
            amount: decimal(self.amount),
            rescued_minor: self.rescued,
            rescued: decimal(self.rescued),
            rescue_rate_permille: rate,
        }
    }
}

/// Adds amounts; a sum that can't be held is told, never cut.
///
/// # Errors
/// It can't be held.
pub fn sum(a: u64, b: u64) -> Result<u64, Failure> {
    a.checked_add(b).ok_or_else(|| Failure::refused("a sum of amounts is too large to be held"))
}

fn cells(row: &Row) -> Vec<String> {
    let rate = row
        .rescue_rate_permille
        .map_or_else(|| "-".to_owned(), |rate| format!("{}.{}%", rate / 10, rate % 10));
    let mut cells = vec![row.group.clone(), row.currency.to_owned()];
    let counts = [
        row.orders,
        row.open,
        row.approved,
        row.declined,
        row.expired,
        row.cancelled,
        row.rejected,
        row.escalated,
    ];
    cells.extend(counts.map(|count| count.to_string()));
    cells.extend([
        row.amount_minor.to_string(),
        row.amount.clone(),
        row.rescued_minor.to_string(),
        row.rescued.clone(),
        rate,
    ]);
    cells
}

fn shown(rows: &[Row]) -> String {
    match rows {
        [] => "no orders".to_owned(),
        rows => table(&HEADINGS, &rows.iter().map(cells).collect::<Vec<_>>()),
    }
}

/// As CSV. A group that a spreadsheet would take for a formula is made text by an apostrophe.
fn csv(rows: &[Row]) -> Result<String, Failure> {
    let told = |error: &dyn std::fmt::Display| Failure::refused(format!("the CSV can't be written: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADINGS).map_err(|error| told(&error))?;
    for row in rows {
        let mut cells = cells(row);
        if let Some(group) = cells.first_mut().filter(|group| group.starts_with(['=', '+', '-', '@', '\t'])) {
            group.insert(0, '\'');
        }
        writer.write_record(cells).map_err(|error| told(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| told(&error))?;
    String::from_utf8(bytes).map(|text| text.trim_end().to_owned()).map_err(|error| told(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use models::screening::Screened;
    use models::{intake, screening};

    fn order(number: u32, status: Status, minor: u64, descriptor: &str) -> (Order, Facts) {
        let mut value: serde_json::Value =
            serde_json::from_str(include_str!("../../../events/decline.json")).unwrap();
        value["order_id"] = format!("INV-{number}").into();
        value["amount"]["minor"] = minor.into();
        value["transaction"]["descriptor"] = descriptor.into();
        let decline = screening::read(&value).unwrap();
        let (facts, content) = (Facts::of(&decline), decline.content().unwrap());
        let now = format!("2026-11-2{}T23:59:59Z", number % 2).parse().unwrap();
        let screened = Screened { decline, window_days: 21 };
        let mut order = intake::open(screened, content, SignedDuration::from_mins(15), now);
        order.status = status;
        (order, facts)
    }

    fn books(orders: Vec<(Order, Facts)>) -> Books {
        let facts = orders.iter().map(|(order, facts)| (order.key.clone(), facts.clone())).collect();
        Books { facts, orders: orders.into_iter().map(|(order, _)| order).collect(), ..Books::default() }
    }

    fn args(by: By) -> ReportArgs {
        ReportArgs { by, merchant: None, from: None, to: None, csv: false }
    }

    #[test]
    fn orders_are_counted_and_the_rate_is_of_those_that_ended_at_flexfactor() {
        let books = books(vec![
            order(1, Status::Approved, 1_999, "A"),
            order(2, Status::Expired, 500, "A"),
            order(3, Status::Declined, 500, "A"),
            order(4, Status::Pending, 500, "A"),
            order(5, Status::Rejected, 500, "A"),
            order(6, Status::Pending, 700, "=B"),
        ]);
        let rows = rows(&args(By::Descriptor), &books).unwrap();
        let a = rows.iter().find(|row| row.group == "A").unwrap();
        assert_eq!((a.orders, a.open, a.approved, a.rejected), (5, 1, 1, 1));
        assert_eq!((a.amount_minor, a.amount.as_str(), a.rescued.as_str()), (3_999, "39.99", "19.99"));
        assert_eq!(a.rescue_rate_permille, Some(333));
        let b = rows.iter().find(|row| row.group == "=B").unwrap();
        assert_eq!(b.rescue_rate_permille, None, "nothing has ended");
        assert!(csv(&rows).unwrap().contains("\n'=B,USD,1,1,"));
    }

    #[test]
    fn groups_are_days_of_receipt_codes_and_what_was_not_kept() {
        let mut books = books(vec![order(1, Status::Pending, 1, "A"), order(2, Status::Pending, 1, "A")]);
        let names = |by, books: &Books| {
            rows(&args(by), books).unwrap().into_iter().map(|row| row.group).collect::<Vec<_>>()
        };
        assert_eq!(names(By::Day, &books), ["2026-11-20", "2026-11-21"]);
        assert_eq!(names(By::DeclineCode, &books), ["NMI 51"]);
        assert_eq!(names(By::Site, &books), ["plans"]);
        books.facts.clear();
        assert_eq!(names(By::Site, &books), [NOT_KEPT]);
    }

    #[test]
    fn a_sum_that_can_t_be_held_is_told() {
        let books = books(vec![order(1, Status::Pending, u64::MAX, "A"), order(2, Status::Pending, 1, "A")]);
        assert!(rows(&args(By::Site), &books).is_err());
    }
}
