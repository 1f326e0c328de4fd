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
        for (count, what) in [
            (self.lost, "lost"),
            (self.submitted_twice, "submitted twice"),
            (self.not_terminal, "not terminal"),
            (self.mismatches, "mismatches with FlexFactor's ledger"),
            (self.applied_twice, "events applied twice"),
            (self.forged_accepted, "forged webhooks accepted"),
            (self.handed_back, "handed back to people"),
            (self.too_old, "parked as too old"),
            (self.untold, "charged after their end and never told"),
        ] {
            writeln!(f, "{count:>12}  {what}")?;
        }
        for finding in &self.findings {
            writeln!(f, "  {:?} {}: {}", finding.damage, finding.order, finding.why)?;
        }
        write!(f, "hash {}", self.hash)
    }
}
