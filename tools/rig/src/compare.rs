//! Comparing our table with FlexFactor's ledger: every difference is named with its order.

use std::collections::BTreeMap;
use std::fmt;

use models::order::{Order, Tag};
use models::status::Status;
use order_store::dynamo::Books;
use sandbox::domain::order::Movement;
use sandbox::{Ledger, OrderEntry, Phase};

use crate::merchants::accounts;

/// What kind of difference it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// Something that should be there is nowhere.
    Lost,
    /// Both have it, and they differ.
    Mismatch,
    /// An order took effect twice at FlexFactor.
    SubmittedTwice,
    /// An order has not come to its end.
    Pending,
    /// An order's history is not what led to where it stands.
    History,
    /// What became of it was not published as it is.
    Outcome,
}

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What kind of difference.
    pub kind: FindingKind,
    /// Which order, by merchant and id.
    pub order: String,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({:?})", self.order, self.why, self.kind)
    }
}

/// Compares what was sent, what is stored, and what FlexFactor has. `sent` are the good declines, by merchant and id;
/// everything is expected to have come to its end.
#[must_use]
pub fn compare(sent: &[(String, String)], books: &Books, ledger: &Ledger) -> Vec<Finding> {
    let stored: BTreeMap<_, _> = books.orders.iter().map(|order| (name_of(order), order)).collect();
    let provider: BTreeMap<_, _> =
        ledger.orders.iter().map(|entry| (name_at_provider(entry), entry)).collect();
    let mut findings = Findings(Vec::new());
    for (merchant, order_id) in sent {
        let name = format!("{merchant}/{order_id}");
        if !stored.contains_key(&name) {
            findings.add(FindingKind::Lost, &name, "it was sent and is not in the table");
        }
    }
    for (name, order) in &stored {
        if !order.status.is_terminal() {
            findings.add(FindingKind::Pending, name, format!("it is still {}", order.status));
        }
        match provider.get(name) {
            Some(entry) => findings.compare_order(name, order, entry),
            None if order.status == Status::Rejected => {}
            // Cancelled before anything was sent.
            None if order.status == Status::Cancelled && order.submission.first_attempt_at.is_none() => {}
            None => findings.add(
                FindingKind::Mismatch,
                name,
                format!("it is {} and FlexFactor has no such order", order.status),
            ),
        }
    }
    for (name, entry) in &provider {
        if entry.effective_submissions > 1 {
            let why = format!("FlexFactor took it {} times", entry.effective_submissions);
            findings.add(FindingKind::SubmittedTwice, name, why);
        }
        match stored.get(name) {
            Some(order) => findings.compare_events(name, order, entry),
            None => findings.add(FindingKind::Lost, name, "FlexFactor has it and the table does not"),
        }
    }
    findings.0.sort();
    findings.0
}

fn name_of(order: &Order) -> String {
    order.key.to_string()
}

fn name_at_provider(entry: &OrderEntry) -> String {
    let account = accounts().into_iter().find(|account| account.mid == entry.mid);
    format!("{}/{}", account.map_or(entry.mid.as_str(), |account| account.id), entry.external_order_id)
}

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, kind: FindingKind, order: &str, why: impl Into<String>) {
        self.0.push(Finding { kind, order: order.to_owned(), why: why.into() });
    }

    fn compare_order(&mut self, name: &str, order: &Order, entry: &OrderEntry) {
        let mut mismatch = |why: String| self.add(FindingKind::Mismatch, name, why);
        if !agree(order.status, entry.phase) {
            mismatch(format!("it is {} here and {:?} at FlexFactor", order.status, entry.phase));
        }
        if i64::try_from(order.amount.minor.get()) != Ok(entry.amount_minor)
            || order.amount.currency.code() != entry.currency
        {
            mismatch(format!(
                "it is {} here and {} {} (minor) there",
                order.amount, entry.amount_minor, entry.currency
            ));
        }
        let charges = usize::from(order.status == Status::Approved);
        if entry.charges.len() != charges {
            mismatch(format!("it is {} and was charged {} times", order.status, entry.charges.len()));
        }
        if order.provider_order.as_ref().is_none_or(|id| id.as_str() != entry.order_id) {
            mismatch("FlexFactor knows it under another id".to_owned());
        }
        if entry.idempotency_keys.len() > 1 {
            mismatch(format!("it was submitted under {} idempotency keys", entry.idempotency_keys.len()));
        }
        let sum = |movements: &[Movement]| movements.iter().map(|movement| movement.money.minor).sum::<i64>();
        let (charged, refunded) = (sum(&entry.charges), sum(&entry.refunds));
        if refunded > charged {
            mismatch(format!("{refunded} (minor) were refunded of {charged}"));
        }
        if i64::try_from(order.refunded().get()) != Ok(refunded) {
            mismatch(format!("{} (minor) are refunded here and {refunded} there", order.refunded().get()));
        }
        if order.reserved().get() > 0 || order.open_wish().is_some() {
            mismatch("a refund or a wish is still open".to_owned());
        }
        if order.status.is_terminal()
            && (order.due.is_some() && !order.has_errand() || order.request.is_some())
        {
            mismatch("it has ended and is still due, or still holds personal data".to_owned());
        }
    }

    /// What was acknowledged must be remembered.
    fn compare_events(&mut self, name: &str, order: &Order, entry: &OrderEntry) {
        for webhook in entry.webhooks.iter().filter(|webhook| webhook.delivered) {
            if !order.seen.contains(&Tag::event(&webhook.event, &webhook.time_stamp)) {
                let why = format!("{} was acknowledged and is not remembered", webhook.event);
                self.add(FindingKind::Lost, name, why);
            }
        }
    }
}

/// Which of our statuses may stand beside which phase at FlexFactor, once everything has come to its end.
fn agree(status: Status, phase: Phase) -> bool {
    match phase {
        Phase::Completed | Phase::Returned | Phase::ChargedBack => status == Status::Approved,
        Phase::Declined => matches!(status, Status::Declined | Status::Cancelled),
        Phase::Cancelled => status == Status::Cancelled,
        Phase::Expired => status == Status::Expired,
        // A challenge that nobody takes is a decline to us.
        Phase::Challenged => status == Status::Declined,
        Phase::CaptureRequired => status == Status::CaptureRequired,
        // Still worked on there after window and grace: over here.
        Phase::Draft | Phase::Processing | Phase::OnHold => status == Status::Expired,
        Phase::Problem => status == Status::Escalated,
    }
}
