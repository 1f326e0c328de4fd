//! docs/states.md as the code generates it.

use std::fmt::Write as _;

use jiff::SignedDuration;
use models::schedule::Schedule;
use models::status::{Instruction, Status, Transition};

const TOP: &str = "\
# States and schedules

Generated from `shared/models/src/status.rs` and `shared/models/src/schedule.rs`: `UPDATE_DOCS=1 cargo test -p e2e --test states`
writes it anew, and a test fails where it differs. What the words mean is in [terms.md](terms.md), and how the steps come about
in [architecture.md](architecture.md).

## Which status may follow which

An arrow from a box is one from each status in it, also from those in a box within. The step `Note` changes no status, is possible
in all, and is not drawn.
";

const STATUSES: &str = "
## Statuses

By rank. Knowledge only moves an order up; only `Claim` and `Release` lead down. A terminal status may still give way to one of a
higher rank: a late approval is taken.

| rank | status | terminal | instruction to the billing system |
|---|---|---|---|
";

const SCHEDULES: &str = "
## Schedules

A look that leads to nothing is repeated after these waits. Past the last there is none: every schedule ends.

| schedule | what is done | waits | bound |
|---|---|---|---|
";

/// The whole page.
pub(crate) fn generated() -> String {
    let mut page = format!("{TOP}\n```mermaid\n{}```\n{STATUSES}", diagram());
    for (rank, status) in (1..).zip(Status::ALL) {
        let terminal = if status.is_terminal() { "yes" } else { "no" };
        let instruction = instruction(status.instruction());
        writeln!(page, "| {rank} | `{status}` | {terminal} | {instruction} |").unwrap();
    }
    page.push_str(SCHEDULES);
    for schedule in Schedule::ALL {
        let waits: Vec<_> = schedule.waits().map(duration).collect();
        let (name, meaning, bound) = (schedule.name, schedule.meaning, duration(schedule.bound()));
        writeln!(page, "| `{name}` | {meaning} | {} | {bound} |", waits.join(", ")).unwrap();
    }
    page
}

/// Statuses that are drawn in a box, the larger one first; the second stands in the first.
fn boxes() -> [(&'static str, Vec<Status>); 2] {
    let below = |rank| Status::ALL.iter().copied().filter(|status| *status < rank).collect();
    [("unsettled", below(Status::Expired)), ("unanswered", below(Status::Pending))]
}

fn diagram() -> String {
    let mut lines = String::from("stateDiagram-v2\n");
    let [unsettled, unanswered] = boxes();
    writeln!(lines, "    state {} {{\n        state {} {{", unsettled.0, unanswered.0).unwrap();
    for status in &unanswered.1 {
        writeln!(lines, "            {status}").unwrap();
    }
    lines.push_str("        }\n");
    for status in unsettled.1.iter().filter(|status| !unanswered.1.contains(status)) {
        writeln!(lines, "        {status}").unwrap();
    }
    writeln!(lines, "    }}\n    [*] --> {}", Status::Received).unwrap();
    for step in Transition::ALL {
        let Some(to) = step.to() else { continue };
        for from in sources(step.from(), to) {
            writeln!(lines, "    {from} --> {to}: {step:?}").unwrap();
        }
    }
    lines
}

/// The statuses to draw arrows from, by their boxes where all of a box leads there. An arrow never leads into its own box.
fn sources(from: &[Status], to: Status) -> Vec<&'static str> {
    let mut left = from.to_vec();
    let mut sources = Vec::new();
    for (name, statuses) in boxes() {
        if statuses.iter().all(|status| left.contains(status)) && !statuses.contains(&to) {
            left.retain(|status| !statuses.contains(status));
            sources.push(name);
        }
    }
    sources.extend(left.iter().map(|status| status.word()));
    sources
}

const fn instruction(instruction: Instruction) -> &'static str {
    match instruction {
        Instruction::HoldRetries => "hold retries",
        Instruction::MarkPaid => "mark paid",
        Instruction::ResumeRetries => "resume retries",
        Instruction::DoNotRetry => "do not retry",
    }
}

/// In the largest unit that leaves no rest.
fn duration(duration: SignedDuration) -> String {
    let minutes = duration.as_mins();
    match (minutes % 1_440, minutes % 60) {
        (0, _) => format!("{} d", minutes / 1_440),
        (_, 0) => format!("{} h", minutes / 60),
        (_, rest) if minutes > 60 => format!("{} h {rest} min", minutes / 60),
        (_, rest) => format!("{rest} min"),
    }
}
