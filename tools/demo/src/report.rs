//! What came of it: the figures, from the sandbox's ledger and the table alone, and every expectation that failed.

use std::collections::BTreeMap;

use models::money::Money;
use models::order::Order;
use models::outcome::OutcomeEvent;
use models::status::Status;
use models::wish::CancelState;
use rig::Books;
use rig::{Finding, FindingKind, Ledger, broken_histories, compare, unpublished};
use serde::Serialize;

use crate::balance::Balance;
use crate::cast::{Kind, Role, kind_of};
use crate::mail::Mail;
use crate::people::{Ask, People};

const REFUNDS: &[Ask] = &[Ask::RefundInPart, Ask::RefundInFull, Ask::RefundTooMuch];

/// target/demo/report.json.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Messages put on the declines queue.
    pub(crate) sent: usize,
    /// Orders in the table.
    pub(crate) accepted: usize,
    /// Refused messages that are kept with their reason.
    pub(crate) rejected: usize,
    /// Messages that changed nothing: what was sent less what is in the table in any form.
    pub(crate) duplicates_ignored: usize,
    /// Other declines under a taken id, kept.
    pub(crate) conflicts: usize,
    /// Orders by how they ended, in the table.
    pub(crate) approved: usize,
    pub(crate) expired: usize,
    pub(crate) declined: usize,
    pub(crate) cancelled: usize,
    /// Orders that have not come to their end. Must be 0.
    pub(crate) pending: usize,
    /// Forged webhooks sent, and those answered 2xx. The second must be 0.
    pub(crate) forged_sent: u64,
    pub(crate) forged_accepted: u64,
    /// Orders at FlexFactor.
    pub(crate) provider_orders: u64,
    /// What FlexFactor charged, in minor units, by currency.
    pub(crate) provider_charged_minor: BTreeMap<String, i64>,
    /// Calls of /evaluate that FlexFactor received.
    pub(crate) provider_evaluate_requests: u64,
    /// Webhooks that FlexFactor delivered, and those that never left.
    pub(crate) webhooks_delivered: u64,
    pub(crate) webhooks_lost: u64,
    /// Orders that took effect twice at FlexFactor. Must be 0.
    pub(crate) submitted_twice: u64,
    /// Declines, orders at FlexFactor or acknowledged events that are nowhere in the table. Must be 0.
    pub(crate) lost: usize,
    /// Orders on which table and ledger differ. Must be 0.
    pub(crate) mismatches: usize,
    /// Orders whose hash-chained history is whole and ends where the order stands. Must be all.
    pub(crate) histories_verified: usize,
    /// Messages in the dead-letter queues. Must be 0.
    pub(crate) dead_letters: u64,
    /// Cancels that people asked for, by what became of them: confirmed, too late (a refund is proposed), refused at once.
    pub(crate) cancels_confirmed: usize,
    pub(crate) cancels_too_late: usize,
    pub(crate) cancels_refused: usize,
    /// Refunds that people asked for and that were made, and those that were refused as too much.
    pub(crate) refunds_made: usize,
    pub(crate) refunds_refused: usize,
    /// What FlexFactor refunded, in minor units, by currency.
    pub(crate) provider_refunded_minor: BTreeMap<String, i64>,
    /// Copies of transactions that reached FlexFactor's risk model, and those that were refused.
    pub(crate) transmitted: u64,
    pub(crate) transmissions_refused: usize,
    /// Events on the bus, by type.
    pub(crate) published: BTreeMap<String, usize>,
    /// Orders that stand otherwise than the last event told, or of which none told. Must be 0.
    pub(crate) not_published: usize,
    /// Orders on which the billing system's declines, FlexFactor and the table do not balance. Must be 0.
    pub(crate) balance_gaps: usize,
    /// From the first message to the last check.
    pub(crate) seconds: u64,
    /// From nothing to a deployed stack.
    pub(crate) seconds_to_deploy: u64,
    /// Expectations that failed.
    pub(crate) failures: Vec<String>,
}

/// A fault that did not take place proves nothing.
fn faults_that_did_not_happen(ledger: &Ledger) -> impl Iterator<Item = String> {
    let spared = |entry: &&rig::OrderEntry| {
        entry.faults.is_empty() && kind_of(&entry.external_order_id).is_some_and(Kind::has_fault)
    };
    ledger
        .orders
        .iter()
        .filter(spared)
        .map(|entry| format!("{}: no fault befell it", entry.external_order_id))
}

/// A cancel that came too late proposes a refund, and makes none.
fn late_cancels_without_a_proposal(books: &Books) -> impl Iterator<Item = String> {
    let late = |order: &&Order| order.cancel_state() == Some(CancelState::TooLate);
    let wrong = |order: &&Order| order.proposed_refund() != Some(order.amount);
    books.orders.iter().filter(late).filter(wrong).map(|order| {
        format!(
            "{}: its cancel came too late, and {:?} is proposed to be refunded",
            order.key,
            order.proposed_refund()
        )
    })
}

/// What was seen at the end.
pub(crate) struct Seen<'a> {
    pub(crate) books: &'a Books,
    pub(crate) ledger: &'a Ledger,
    pub(crate) published: &'a [OutcomeEvent],
    pub(crate) balance: &'a Balance,
    pub(crate) dead_letters: u64,
}

/// What a run took.
pub(crate) struct Times {
    pub(crate) to_deploy: std::time::Duration,
    pub(crate) run: std::time::Duration,
}

impl Report {
    pub(crate) fn new(roles: &[Role], mail: &Mail, people: &People, seen: &Seen<'_>, times: &Times) -> Self {
        let Seen { books, ledger, published, balance, dead_letters } = *seen;
        let sent: Vec<_> =
            roles.iter().map(|role| (role.kind.merchant.to_owned(), role.order_id.clone())).collect();
        let mut findings = compare(&sent, books, ledger);
        findings.extend(broken_histories(books));
        findings.extend(unpublished(books, published));
        let found = |kind| findings.iter().filter(|finding| finding.kind == kind).count();
        let ended = |status| books.orders.iter().filter(|order| order.status == status).count();
        let parked =
            |kinds: &[&str]| books.parked.iter().filter(|item| kinds.contains(&item.kind.as_str())).count();
        let cancels = |state| books.orders.iter().filter(|order| order.cancel_state() == Some(state)).count();
        let messages = mail.good.len() + mail.rest.len();
        let (rejected, conflicts) = (parked(&["refused", "unparseable"]), parked(&["conflict"]));
        let summary = &ledger.summary;
        let mut report = Self {
            sent: messages,
            accepted: books.orders.len(),
            rejected,
            duplicates_ignored: messages.saturating_sub(books.orders.len() + rejected + conflicts),
            conflicts,
            approved: ended(Status::Approved),
            expired: ended(Status::Expired),
            declined: ended(Status::Declined),
            cancelled: ended(Status::Cancelled),
            pending: found(FindingKind::Pending),
            forged_sent: summary.forged_sent,
            forged_accepted: summary.forged_accepted,
            provider_orders: summary.orders,
            provider_charged_minor: summary.charged_minor.clone(),
            provider_evaluate_requests: summary.evaluate_requests,
            webhooks_delivered: summary.webhooks.delivered,
            webhooks_lost: summary.webhooks.lost,
            submitted_twice: summary.submitted_twice,
            lost: found(FindingKind::Lost),
            mismatches: found(FindingKind::Mismatch),
            histories_verified: books.orders.len().saturating_sub(found(FindingKind::History)),
            dead_letters,
            cancels_confirmed: cancels(CancelState::Confirmed),
            cancels_too_late: cancels(CancelState::TooLate),
            cancels_refused: people.count(&[Ask::Cancel], |status| status == 409),
            refunds_made: people.count(REFUNDS, |status| status == 201),
            refunds_refused: people.count(REFUNDS, |status| status == 422),
            provider_refunded_minor: summary.refunded_minor.clone(),
            transmitted: summary.transmitted,
            transmissions_refused: parked(&["transmission_refused"]),
            published: by_type(published),
            not_published: found(FindingKind::Outcome),
            balance_gaps: balance.gaps,
            seconds: times.run.as_secs(),
            seconds_to_deploy: times.to_deploy.as_secs(),
            failures: Vec::new(),
        };
        report.failures = report.judge(&findings, mail, books);
        report.failures.extend(faults_that_did_not_happen(ledger));
        report.failures.extend(people.failures.iter().cloned());
        report.failures.extend(late_cancels_without_a_proposal(books));
        report
    }

    /// Every expectation that failed, with its order.
    fn judge(&self, findings: &[Finding], mail: &Mail, books: &Books) -> Vec<String> {
        let mut failures: Vec<_> = findings.iter().map(Finding::to_string).collect();
        for order in &books.orders {
            let Some(kind) = kind_of(order.key.order_id.as_str()) else {
                failures.push(format!("{}: nobody sent it", order.key));
                continue;
            };
            if order.status != kind.ends {
                let why = order.reason.as_ref().map_or("no reason", |reason| reason.detail.as_str());
                failures.push(format!(
                    "{}: it must end {} and is {} ({why})",
                    order.key, kind.ends, order.status
                ));
            }
        }
        let mut expect = |what: &str, is: usize, must: usize| {
            if is != must {
                failures.push(format!("{what}: {is}, and must be {must}"));
            }
        };
        expect("accepted", self.accepted, mail.good.len());
        expect("rejected", self.rejected, mail.refused_by.len());
        expect("conflicts", self.conflicts, mail.conflicts);
        expect("duplicates_ignored", self.duplicates_ignored, mail.duplicates);
        expect("transmitted", usize::try_from(self.transmitted).unwrap_or(usize::MAX), mail.to_transmit);
        expect("transmissions_refused", self.transmissions_refused, mail.not_transmitted_by.len());
        expect("balance_gaps", self.balance_gaps, 0);
        expect("submitted_twice", usize::try_from(self.submitted_twice).unwrap_or(usize::MAX), 0);
        expect("dead_letters", usize::try_from(self.dead_letters).unwrap_or(usize::MAX), 0);
        expect("forged_accepted", usize::try_from(self.forged_accepted).unwrap_or(usize::MAX), 0);
        expect("forged webhooks sent (none is no test)", usize::from(self.forged_sent > 0), 1);
        let mut rules: Vec<_> = books.parked.iter().filter_map(|item| item.rule.as_deref()).collect();
        let mut wanted = [mail.refused_by.as_slice(), &mail.not_transmitted_by].concat();
        rules.sort_unstable();
        wanted.sort_unstable();
        if rules != wanted {
            failures.push(format!("refused by {rules:?}, and must be by {wanted:?}"));
        }
        failures
    }

    /// The summary for people.
    pub(crate) fn print(&self) {
        println!(
            "  declines sent       {:>6}   accepted {}, rejected {}, duplicates ignored {}, conflicts kept {}",
            self.sent, self.accepted, self.rejected, self.duplicates_ignored, self.conflicts
        );
        println!(
            "  orders              {:>6}   approved {}, expired {}, declined {}, cancelled {}, pending {}",
            self.accepted, self.approved, self.expired, self.declined, self.cancelled, self.pending
        );
        println!(
            "  at FlexFactor       {:>6}   from {} calls of /evaluate; charged {}",
            self.provider_orders,
            self.provider_evaluate_requests,
            shown(&self.provider_charged_minor)
        );
        println!(
            "  webhooks delivered  {:>6}   lost on the way {}, forged {} (accepted {})",
            self.webhooks_delivered, self.webhooks_lost, self.forged_sent, self.forged_accepted
        );
        println!(
            "  submitted twice {}, lost {}, mismatches {}: by FlexFactor's ledger and the table",
            self.submitted_twice, self.lost, self.mismatches
        );
        println!(
            "  cancels asked for   {:>6}   confirmed {}, too late {} (a refund is proposed), refused {}",
            self.cancels_confirmed + self.cancels_too_late + self.cancels_refused,
            self.cancels_confirmed,
            self.cancels_too_late,
            self.cancels_refused
        );
        println!(
            "  refunds asked for   {:>6}   made {}, refused {}; FlexFactor refunded {}, its portal's included",
            self.refunds_made + self.refunds_refused,
            self.refunds_made,
            self.refunds_refused,
            shown(&self.provider_refunded_minor)
        );
        println!(
            "  transmitted         {:>6}   refused {}: copies of sales for FlexFactor's risk model",
            self.transmitted, self.transmissions_refused
        );
        let told: Vec<_> = self.published.iter().map(|(word, count)| format!("{count} {word}")).collect();
        println!("  events published    {:>6}   {}", self.published.values().sum::<usize>(), told.join(", "));
        println!(
            "  balance             {:>6}   gaps between the declines accepted, FlexFactor and the table",
            self.balance_gaps
        );
        println!("  histories verified {} of {}", self.histories_verified, self.accepted);
        println!("  {} s to deploy, {} s for 21 days", self.seconds_to_deploy, self.seconds);
    }
}

/// How many events of each type there are. One that came twice is one.
fn by_type(published: &[OutcomeEvent]) -> BTreeMap<String, usize> {
    let once: BTreeMap<_, _> = published.iter().map(|event| (event.id(), event.word())).collect();
    let mut counts = BTreeMap::new();
    for word in once.into_values() {
        *counts.entry(word.to_owned()).or_default() += 1;
    }
    counts
}

/// Amounts by currency, for people.
fn shown(amounts: &BTreeMap<String, i64>) -> String {
    let shown = amounts.iter().map(|(code, minor)| match (u64::try_from(*minor), code.parse()) {
        (Ok(minor), Ok(currency)) => Money::new(minor, currency).to_string(),
        _ => format!("{minor} minor units of {code}"),
    });
    shown.collect::<Vec<_>>().join(", ")
}
