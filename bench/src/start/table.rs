//! What was found, for people: tables, ratios and goals.

use anyhow::{Context, Result};

use super::load::Amount;
use super::process::{Events, Measured, Moment};
use super::{Found, NOTHING, WITH_PEERS};
use crate::figures::Figures;
use crate::section::{Goal, Section, Table};
use crate::variant::Variant;

/// Goals of docs/performance.md.
const PEER_RATIO_MIN: f64 = 20.0;
const FLOOR_RATIO_MAX: f64 = 1.5;
const START_MB_MAX: f64 = 12.0;
const LOAD_MB_MAX: f64 = 24.0;
const BYTES_PER_MB: f64 = 1e6;

/// What it was measured under.
#[derive(Debug)]
pub(crate) struct Conditions {
    /// Certificates that functions trust.
    pub(crate) roots: usize,
    /// Memory of a deployed function, in MB.
    pub(crate) memory_mb: u64,
    /// What was not measured, and why.
    pub(crate) missing: Vec<String>,
    /// Events after the first.
    pub(crate) warm: Amount,
    /// Rounds with such events.
    pub(crate) warm_rounds: usize,
}

/// The section.
pub(crate) fn section(found: &[Found], conditions: &Conditions) -> Result<Section> {
    let data = serde_json::to_value(found)?;
    let tables = vec![starts(found), loads(found)];
    let goals = goals(found)?;
    Ok(Section { title: "Start and memory".to_owned(), method: method(conditions), tables, goals, data })
}

fn method(conditions: &Conditions) -> String {
    let Conditions { roots, memory_mb, missing, warm, warm_rounds } = conditions;
    let Amount { warm, full } = warm;
    let mut text = format!(
        "Each process gets a world of its own: Lambda's runtime API in this program; DynamoDB (dynoxide, with the template's \
table), SQS, Secrets Manager, EventBridge and FlexFactor (the sandbox) each on a port of its own behind TLS 1.3; one merchant; \
and the orders that its events are about. Its settings are the template's. Every event is new work, and its answer is checked; \
of our functions also what it left in the table, the queues, the bus or FlexFactor's ledger.

Times are from the start of the process (fork) until its request is here. \"Ready\" is the first request for an event, \
\"answered\" the answer to the first event, with all connections, handshakes and caches that it needs. Processor time is the \
kernel's clock of the whole process with its threads and children; the event's is that between the two. Memory is the peak of \
the resident set (VmHWM), in MB of a million bytes. Shown are median, least and most of all rounds. Subjects take turns \
within a round; the first round is not counted.

First events: decline-intake takes one decline (DynamoDB twice, SQS); evaluate-submission submits one order (DynamoDB three \
times, Secrets Manager, FlexFactor's token and /evaluate); expiry-sweep puts what is due on the queue; order-api reads one order; \
order-history enters one arrival; order-reconcile reads one order at FlexFactor and settles it; outcome-publisher publishes \
one event (no DynamoDB: its first call is EventBridge's); transmit-relay transmits one transaction; webhook-receiver takes one \
signed webhook (DynamoDB three times, Secrets Manager). \"{NOTHING}\" is lambda_runtime alone, which calls nobody.

Ours and Python read {roots} certificates from a file, as they do on Lambda; Node has its own and reads one more. Then, in {warm_rounds} of \
the rounds, {warm} events like the first, one after the other, and {full} of the largest: the template's batch size of records, for \
the sweep 1,000 due orders; a function of an HTTP API gets one request at a time.

Not in these figures: download and unpacking of the package, the start of the sandbox around it, distance to AWS, and Lambda's \
share of a processor. At {memory_mb} MB, Lambda gives an event {memory_mb}/1769 of one, but init a whole one: processor time before \"ready\" \
counts once there, and that of events about {:.0} times.",
        1769.0 / f64::from(u32::try_from(*memory_mb).unwrap_or(u32::MAX))
    );
    for missing in missing {
        text.push_str("\n\n**Not measured**: ");
        text.push_str(missing);
        text.push('.');
    }
    text
}

fn figures(found: &Found, value: impl Fn(&Measured) -> f64) -> Figures {
    found.processes.iter().map(value).collect()
}

fn megabytes(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss)]
    let bytes = bytes as f64;
    bytes / BYTES_PER_MB
}

fn starts(found: &[Found]) -> Table {
    let columns = [
        "function",
        "variant",
        "ready, ms",
        "answered, ms",
        "CPU until ready, ms",
        "CPU of the first event, ms",
        "peak when ready, MB",
        "peak when answered, MB",
    ];
    let mut table = Table::new("Start", &columns);
    for subject in found {
        let moment = |of: fn(&Measured) -> Moment, value: fn(Moment) -> f64, decimals| {
            figures(subject, |measured| value(of(measured))).spread(decimals)
        };
        let event_cpu = figures(subject, |measured| measured.answered.cpu_ms - measured.ready.cpu_ms);
        table.row([
            subject.subject.function.clone(),
            subject.subject.variant.name().to_owned(),
            moment(|of| of.ready, |at| at.ms, 1),
            moment(|of| of.answered, |at| at.ms, 1),
            moment(|of| of.ready, |at| at.cpu_ms, 1),
            event_cpu.spread(1),
            moment(|of| of.ready, |at| megabytes(at.peak_bytes), 1),
            moment(|of| of.answered, |at| megabytes(at.peak_bytes), 1),
        ]);
    }
    table
}

fn loads(found: &[Found]) -> Table {
    let columns = [
        "function",
        "variant",
        "an event, ms: median",
        "99th",
        "its CPU, ms",
        "a largest event, ms: median",
        "its CPU, ms",
        "peak, MB",
    ];
    let mut table = Table::new("Events after the first, and memory under load", &columns);
    for subject in found {
        let loaded = || subject.processes.iter().filter(|measured| measured.warm.is_some());
        let of = |events: fn(&Measured) -> Option<&Events>, value: fn(&Events) -> f64, decimals| {
            let values: Figures = loaded().filter_map(events).map(value).collect();
            let shown = values.spread(decimals);
            if values.median().is_nan() { "–".to_owned() } else { shown }
        };
        let peaks: Figures = loaded().map(|measured| megabytes(measured.peak_bytes)).collect();
        table.row([
            subject.subject.function.clone(),
            subject.subject.variant.name().to_owned(),
            of(|measured| measured.warm.as_ref(), |events| events.ms.median(), 2),
            of(|measured| measured.warm.as_ref(), |events| events.ms.quantile(0.99), 2),
            of(|measured| measured.warm.as_ref(), |events| events.cpu_ms, 2),
            of(|measured| measured.full.as_ref(), |events| events.ms.median(), 1),
            of(|measured| measured.full.as_ref(), |events| events.cpu_ms, 1),
            peaks.spread(1),
        ]);
    }
    table
}

/// What a subject's first answer took, in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Answered {
    passed: f64,
    cpu: f64,
}

fn answered(found: &[Found], function: &str, variant: Variant) -> Option<Answered> {
    let is_it = |it: &&Found| it.subject.function == function && it.subject.variant == variant;
    let subject = found.iter().find(is_it)?;
    let passed = figures(subject, |measured| measured.answered.ms).median();
    Some(Answered { passed, cpu: figures(subject, |measured| measured.answered.cpu_ms).median() })
}

fn goals(found: &[Found]) -> Result<Vec<Goal>> {
    let nothing = answered(found, NOTHING, Variant::Bare).context("the floor was not measured")?;
    let mut goals = Vec::new();
    for function in WITH_PEERS {
        let ours = answered(found, function, Variant::Ours);
        let ours = ours.with_context(|| format!("{function} was not measured"))?;
        for peer in [Variant::Python, Variant::Typescript] {
            let theirs = answered(found, function, peer);
            goals.push(beside_peer(function, peer.name(), ours, theirs));
        }
        let write = answered(found, function, Variant::Bare);
        goals.push(beside_floor(function, "a function that does nothing", ours, Some(nothing)));
        goals.push(beside_floor(function, "one with the one write", ours, write));
    }
    goals.extend([
        memory(found, "when the first event is answered", START_MB_MAX, |it| Some(it.answered.peak_bytes)),
        memory(found, "under load", LOAD_MB_MAX, |it| it.warm.is_some().then_some(it.peak_bytes)),
    ]);
    Ok(goals)
}

/// Times decide; processor time is told beside them, as it depends less on what else the machine does.
fn beside_peer(function: &str, name: &str, ours: Answered, theirs: Option<Answered>) -> Goal {
    let what = format!("{function}: start to first answer, beside {name}");
    let wanted = format!("at most 1/{PEER_RATIO_MIN:.0}");
    let Some(theirs) = theirs else { return not_measured(what, wanted) };
    let found = format!(
        "1/{:.1} ({:.1} of {:.1} ms; processor time 1/{:.1}, {:.1} of {:.1} ms)",
        theirs.passed / ours.passed,
        ours.passed,
        theirs.passed,
        theirs.cpu / ours.cpu,
        ours.cpu,
        theirs.cpu
    );
    Goal { what, wanted, found, met: ours.passed * PEER_RATIO_MIN <= theirs.passed }
}

fn beside_floor(function: &str, name: &str, ours: Answered, floor: Option<Answered>) -> Goal {
    let what = format!("{function}: start to first answer, beside {name}");
    let wanted = format!("at most {FLOOR_RATIO_MAX:.1} ×");
    let Some(floor) = floor else { return not_measured(what, wanted) };
    let found = format!(
        "{:.2} × ({:.1} and {:.1} ms; processor time {:.2} ×, {:.1} and {:.1} ms)",
        ours.passed / floor.passed,
        ours.passed,
        floor.passed,
        ours.cpu / floor.cpu,
        ours.cpu,
        floor.cpu
    );
    Goal { what, wanted, found, met: ours.passed <= FLOOR_RATIO_MAX * floor.passed }
}

fn not_measured(what: String, wanted: String) -> Goal {
    Goal { what, wanted, found: "not measured".to_owned(), met: false }
}

/// Of all our functions; those above it are named, and if there are none, the largest.
fn memory(found: &[Found], when: &str, most: f64, of: impl Fn(&Measured) -> Option<u64>) -> Goal {
    let ours = found.iter().filter(|it| it.subject.variant == Variant::Ours);
    let mut peaks: Vec<(f64, &str)> = ours
        .map(|it| {
            let peaks: Figures = it.processes.iter().filter_map(&of).map(megabytes).collect();
            (peaks.median(), it.subject.function.as_str())
        })
        .collect();
    peaks.sort_by(|one, other| other.0.total_cmp(&one.0));
    let above = peaks.iter().filter(|(peak, _)| *peak > most).count();
    let named = peaks.iter().take(above.max(1)).map(|(peak, name)| format!("{name} {peak:.1} MB"));
    let names = named.collect::<Vec<_>>().join(", ");
    let found = match above {
        0 => format!("all; the largest is {names}"),
        above => format!("{above} of {} above: {names}", peaks.len()),
    };
    // Figures that are not there meet nothing.
    let met = !peaks.is_empty() && peaks.iter().all(|(peak, _)| *peak <= most);
    Goal { what: format!("peak memory {when}"), wanted: format!("at most {most:.0} MB"), found, met }
}

#[cfg(test)]
mod tests {
    use super::super::Subject;
    use super::*;

    fn found(function: &str, variant: Variant, ms: f64, peak_bytes: u64) -> Found {
        let moment = Moment { ms, cpu_ms: ms, peak_bytes };
        let warm = Some(Events { ms: [1.0].into_iter().collect(), cpu_ms: 1.0 });
        let measured = Measured { ready: moment, answered: moment, warm, full: None, peak_bytes };
        Found { subject: Subject { function: function.to_owned(), variant }, processes: vec![measured] }
    }

    fn all(ours_ms: f64, bytes: u64) -> Vec<Found> {
        let mut all = vec![found(NOTHING, Variant::Bare, 4.0, 1)];
        for function in WITH_PEERS {
            all.push(found(function, Variant::Ours, ours_ms, bytes));
            all.push(found(function, Variant::Bare, 5.0, 1));
            all.push(found(function, Variant::Python, 120.0, 1));
            all.push(found(function, Variant::Typescript, 140.0, 1));
        }
        all
    }

    #[test]
    fn goals_are_met_up_to_their_edge_and_not_beyond() {
        let met = |found: &[Found]| goals(found).unwrap().iter().map(|goal| goal.met).collect::<Vec<_>>();
        assert!(met(&all(6.0, 12_000_000)).iter().all(|met| *met));
        // Beside Python, TypeScript, nothing, the write; for both functions; then memory.
        let slower = [false, true, false, true];
        assert_eq!(met(&all(6.5, 12_000_000)), [&slower[..], &slower[..], &[true, true]].concat());
        assert_eq!(met(&all(6.0, 12_000_001))[8..], [false, true]);
        assert_eq!(met(&all(6.0, 24_000_001))[8..], [false, false]);
    }

    #[test]
    fn what_was_not_measured_meets_nothing() {
        let mut some = all(6.0, 1);
        some.retain(|it| matches!(it.subject.variant, Variant::Ours) || it.subject.function == NOTHING);
        let goals = goals(&some).unwrap();
        let missing = goals.iter().filter(|goal| goal.found == "not measured");
        assert_eq!((missing.clone().count(), missing.filter(|goal| goal.met).count()), (6, 0));
        some.iter_mut().for_each(|it| it.processes.clear());
        assert!(super::goals(&some).unwrap().iter().all(|goal| !goal.met));
    }
}
