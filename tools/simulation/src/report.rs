//! What a simulation found, for people and as JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::audit::{Damage, Finding};

/// Most findings that are told one by one.
const TOLD_MAX: usize = 20;

/// The result of a simulation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The seed: the same seed and the same other arguments give the same report.
    pub seed: u64,
    /// Good declines sent.
    pub orders: u64,
    /// Orders by the status in which they ended.
    pub statuses: BTreeMap<String, u64>,
    /// Faults by what happened.
    pub faults: BTreeMap<String, u64>,
    /// Good declines and acknowledged webhooks that are nowhere.
    pub lost: u64,
    /// Orders that FlexFactor took more than once.
    pub submitted_twice: u64,
    /// Orders that have not ended, and messages left over.
    pub not_terminal: u64,
    /// Differences between the table and FlexFactor's ledger.
    pub mismatches: u64,
    /// Events that had their effect more than once.
    pub applied_twice: u64,
    /// Forged webhooks that were accepted.
    pub forged_accepted: u64,
    /// Refunds of more than was captured, made or asked for.
    pub over_refunded: u64,
    /// Refunds of which something else is said than what FlexFactor did.
    pub refunds_untrue: u64,
    /// Cancels and captures of which something else is said than what became of them.
    pub wishes_untrue: u64,
    /// What people asked for and nobody looks after.
    pub left_open: u64,
    /// Orders that held personal data longer than they may, or at the end.
    pub held_too_long: u64,
    /// The longest that an order held personal data, in minutes.
    pub held_minutes_longest: i64,
    /// Cancels by how they ended.
    pub cancels: BTreeMap<String, u64>,
    /// Captures by how they ended.
    pub captures: BTreeMap<String, u64>,
    /// Refunds by how they ended.
    pub refunds: BTreeMap<String, u64>,
    /// Refunds called made because FlexFactor's side refunded at the same time.
    pub made_by_others: u64,
    /// Orders that FlexFactor charged after it had confirmed their cancel.
    pub charged_all_the_same: u64,
    /// Orders handed back to people, explicitly.
    pub handed_back: u64,
    /// Good declines parked because our own delay made them too old.
    pub too_old: u64,
    /// Charges after an order's end of which no webhook ever arrived.
    pub untold: u64,
    /// SHA-256 over the event logs of all worlds.
    pub hash: String,
    /// The first findings.
    pub findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn count(&mut self, finding: &Finding) {
        let counter = match finding.damage {
            Damage::Lost => &mut self.lost,
            Damage::SubmittedTwice => &mut self.submitted_twice,
            Damage::NotTerminal => &mut self.not_terminal,
            Damage::Mismatch => &mut self.mismatches,
            Damage::AppliedTwice => &mut self.applied_twice,
            Damage::ForgedAccepted => &mut self.forged_accepted,
            Damage::OverRefunded => &mut self.over_refunded,
            Damage::RefundUntrue => &mut self.refunds_untrue,
            Damage::WishUntrue => &mut self.wishes_untrue,
            Damage::LeftOpen => &mut self.left_open,
            Damage::HeldTooLong => &mut self.held_too_long,
        };
        *counter += 1;
        if self.findings.len() < TOLD_MAX {
            self.findings.push(finding.clone());
        }
    }

    /// All damage taken together.
    #[must_use]
    pub fn damage(&self) -> u64 {
        [
            self.lost,
            self.submitted_twice,
            self.not_terminal,
            self.mismatches,
            self.applied_twice,
            self.forged_accepted,
            self.over_refunded,
            self.refunds_untrue,
            self.wishes_untrue,
            self.left_open,
            self.held_too_long,
        ]
        .iter()
        .sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>12}  orders", self.orders)?;
        writeln!(f, "{:>12}  faults:", self.faults.values().sum::<u64>())?;
        for (what, count) in &self.faults {
            writeln!(f, "{count:>16}  {what}")?;
        }
        writeln!(f, "{:>12}  orders ended:", self.statuses.values().sum::<u64>())?;
        for (status, count) in &self.statuses {
            writeln!(f, "{count:>16}  {status}")?;
        }
        for (what, ends) in
            [("cancels", &self.cancels), ("captures", &self.captures), ("refunds", &self.refunds)]
        {
            writeln!(f, "{:>12}  {what} asked for:", ends.values().sum::<u64>())?;
            for (end, count) in ends {
                writeln!(f, "{count:>16}  {end}")?;
            }
        }
        for (count, what) in [
            (self.lost, "lost"),
            (self.submitted_twice, "submitted twice"),
            (self.not_terminal, "not terminal"),
            (self.mismatches, "mismatches with FlexFactor's ledger"),
            (self.applied_twice, "events applied twice"),
            (self.forged_accepted, "forged webhooks accepted"),
            (self.over_refunded, "refunded beyond what was captured"),
            (self.refunds_untrue, "refunds that are not as they are said to be"),
            (self.wishes_untrue, "cancels and captures that are not as they are said to be"),
            (self.left_open, "left open, unseen"),
            (self.held_too_long, "held personal data too long"),
            (self.handed_back, "handed back to people"),
            (self.too_old, "parked as too old"),
            (self.untold, "charged after their end and never told"),
            (self.made_by_others, "refunds told by a refund of FlexFactor's side"),
            (self.charged_all_the_same, "charged after a confirmed cancel, and shown so"),
        ] {
            writeln!(f, "{count:>12}  {what}")?;
        }
        writeln!(f, "{:>12}  minutes that an order held personal data, at most", self.held_minutes_longest)?;
        for finding in &self.findings {
            writeln!(f, "  {:?} {}: {}", finding.damage, finding.order, finding.why)?;
        }
        write!(f, "hash {}", self.hash)
    }
}
