//! docs/states.md as the code generates it.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use models::ids::{ContentHash, IdempotencyKey};
use models::intake;
use models::order::Order;
use models::schedule::Schedule;
use models::screening::Screened;
use models::status::{Instruction, Status, Transition};
use models::wish::{CancelState, CaptureState, Wish, WishKind, WishState};

const TOP: &str = "\
# States and schedules

Generated from `shared/models/src/status.rs`, `wish.rs` and `schedule.rs`: `UPDATE_DOCS=1 cargo test -p e2e --test states`
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

const ASKED: &str = "
## What people ask for

A cancel or a capture is kept in the order as a wish and pursued by the schedule `wish`; what became of it is told by the status,
however it came there. Who asked for a cancel is never told to resume retries. Where a cancel comes too late a refund is proposed, and
never made by itself. In `escalated`, the wish is given up once its schedule is used up, and may be asked for again.

| status | a cancel is | the billing system is told then | a capture is |
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
    page.push_str(ASKED);
    for status in Status::ALL {
        let (cancelled, captured) = (asked(*status, WishKind::Cancel), asked(*status, WishKind::Capture));
        let cancel = cancelled.cancel_state().map_or("", cancel);
        let told = instruction(cancelled.instruction());
        let capture = captured.capture_state().map_or("", capture);
        writeln!(page, "| `{status}` | {cancel} | {told} | {capture} |").unwrap();
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

/// An order of this status of which something was asked.
fn asked(status: Status, kind: WishKind) -> Order {
    let decline = serde_json::from_str(include_str!("../../events/decline.json")).unwrap();
    let content = ContentHash::of(&serde_json::Value::Null);
    let now = Timestamp::UNIX_EPOCH;
    let order = intake::open(Screened { decline, window_days: 21 }, content, SignedDuration::ZERO, now);
    let key = IdempotencyKey::from_random([0; 16]);
    let wish = Wish { kind, asked_at: now, key, state: WishState::Open };
    Order { status, wish: Some(wish), ..order }
}

const fn cancel(state: CancelState) -> &'static str {
    match state {
        CancelState::Wanted => "pursued",
        CancelState::Confirmed => "confirmed",
        CancelState::TooLate => "too late",
        CancelState::NothingToCancel => "without an object",
        CancelState::GivenUp => "given up",
    }
}

const fn capture(state: CaptureState) -> &'static str {
    match state {
        CaptureState::Wanted => "pursued",
        CaptureState::Captured => "done",
        CaptureState::TooLate => "too late",
        CaptureState::GivenUp => "given up",
    }
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
