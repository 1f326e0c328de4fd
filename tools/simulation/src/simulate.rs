//! A simulation: as many worlds as its orders fill, side by side, and one report.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::{Result, anyhow};
use sha2::{Digest, Sha256};

use crate::audit::{Audit, Finding, audit};
use crate::breaking::Rule;
use crate::report::Report;
use crate::runtime::lock;
use crate::world::{self, Ended, Recipe};

/// Orders in one world.
const WORLD_ORDERS: u64 = 500;

/// What is to be simulated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// How many good declines.
    pub orders: u64,
    /// Where all chance comes from.
    pub seed: u64,
    /// The chance of a fault, of each call and each delivery.
    pub faults_per_cent: u32,
    /// The protection that is switched off.
    pub broken: Option<Rule>,
}

impl Plan {
    fn worlds(&self) -> u64 {
        self.orders.div_ceil(WORLD_ORDERS)
    }

    fn recipe(&self, index: u64) -> Recipe {
        let before = index.saturating_mul(WORLD_ORDERS);
        Recipe {
            seed: self.seed,
            index,
            orders: self.orders.saturating_sub(before).min(WORLD_ORDERS),
            per_cent: self.faults_per_cent,
            broken: self.broken,
            watched: None,
        }
    }
}

/// What is kept of a world.
struct Summary {
    orders: u64,
    faults: Vec<(String, u64)>,
    audit: Audit,
    hash: [u8; 32],
}

/// Runs a simulation on all cores.
///
/// # Errors
/// The world could not be set up, or a thread of it broke down.
pub fn simulate(plan: &Plan) -> Result<Report> {
    let next = AtomicU64::new(0);
    let results: Mutex<Vec<(u64, Result<Summary>)>> = Mutex::default();
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= plan.worlds() {
                        return;
                    }
                    let summary = summary(&plan.recipe(index));
                    lock(&results).push((index, summary));
                }
            });
        }
    });
    let mut results = results.into_inner().map_err(|_| anyhow!("a world broke down"))?;
    results.sort_by_key(|(index, _)| *index);
    report(plan, results)
}

/// The log lines of one world in which `watched` stands.
///
/// # Errors
/// As [`simulate`].
pub fn trace(plan: &Plan, index: u64, watched: &str) -> Result<Vec<String>> {
    let recipe = Recipe { watched: Some(watched.to_owned()), ..plan.recipe(index) };
    Ok(world::run(&recipe)?.functions.env.finish_log().1)
}

fn summary(recipe: &Recipe) -> Result<Summary> {
    let ended = world::run(recipe)?;
    let mut audit = audit(&ended);
    for finding in &mut audit.findings {
        finding.order = format!("world {} {}", recipe.index, finding.order);
    }
    let orders = u64::try_from(ended.good.len())?;
    Ok(Summary { orders, faults: faults(&ended), audit, hash: ended.functions.env.finish_log().0 })
}

/// Faults on our side, and those that FlexFactor notes of its webhooks.
fn faults(ended: &Ended) -> Vec<(String, u64)> {
    let ours = ended.functions.env.counts();
    let mut faults: Vec<_> =
        ours.into_iter().map(|(fault, count)| (fault.words().to_owned(), count)).collect();
    for entry in &ended.ledger.orders {
        faults.extend(entry.faults.iter().map(|note| (note.kind.replace('_', " "), 1)));
    }
    faults.push(("webhook forged, single copies".to_owned(), ended.ledger.summary.forged_sent));
    faults
}

fn report(plan: &Plan, results: Vec<(u64, Result<Summary>)>) -> Result<Report> {
    let mut report = Report { seed: plan.seed, ..Report::default() };
    let mut hash = Sha256::new();
    for (_, summary) in results {
        let summary = summary?;
        hash.update(summary.hash);
        report.orders += summary.orders;
        for (what, count) in summary.faults.into_iter().filter(|(_, count)| *count > 0) {
            *report.faults.entry(what).or_insert(0) += count;
        }
        for (status, count) in summary.audit.statuses {
            *report.statuses.entry(status).or_default() += count;
        }
        report.handed_back += summary.audit.handed_back;
        report.too_old += summary.audit.too_old;
        report.untold += summary.audit.untold;
        report.held_minutes_longest = report.held_minutes_longest.max(summary.audit.held_longest.as_mins());
        report.made_by_others += summary.audit.asked.made_by_others;
        report.charged_all_the_same += summary.audit.asked.charged_all_the_same;
        add(&mut report.cancels, &summary.audit.asked.cancels);
        add(&mut report.captures, &summary.audit.asked.captures);
        add(&mut report.refunds, &summary.audit.asked.refunds);
        summary.audit.findings.iter().for_each(|finding: &Finding| report.count(finding));
    }
    report.hash = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(report)
}

fn add(to: &mut BTreeMap<String, u64>, counts: &BTreeMap<&'static str, u64>) {
    for (what, count) in counts {
        *to.entry((*what).to_owned()).or_default() += count;
    }
}
