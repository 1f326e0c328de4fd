//! A bill as text: the same for the same counts, so that a change of any shows as a changed line.

use std::fmt::Write as _;

use crate::bill::{Bill, Step};
use crate::request::{ItemKind, Service};

/// Whether items' sizes are told. They differ by some bytes from one order to the next: not for comparing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// They are.
    Shown,
    /// They are not.
    Hidden,
}

/// A bill under its heading.
#[must_use]
pub fn text(title: &str, bill: &Bill, sizes: Sizes) -> String {
    let mut page = format!("## {title}\n\n");
    for (kind, steps) in &bill.steps {
        writeln!(page, "{}: {}", kind.name(), sum(bill, *kind)).unwrap_or_default();
        for (number, step) in steps.iter().enumerate() {
            writeln!(page, "  {}. {}", number + 1, line(step, sizes)).unwrap_or_default();
        }
    }
    let mut row = |name: &str, value: String| writeln!(page, "{name}: {value}").unwrap_or_default();
    row("write units", bill.all_write_units().to_string());
    row("read units", halves(bill.all_half_read_units()));
    for ((service, operation, function), count) in &bill.requests {
        let by = if function.is_empty() { String::new() } else { format!(" by {function}") };
        row(&format!("{} {operation}{by}", service.name()), count.to_string());
    }
    for service in [Service::Sqs, Service::EventBridge] {
        let charged = bill.charged.get(&service).copied().unwrap_or_default();
        row(&format!("{} requests charged", service.name()), charged.to_string());
    }
    row("HTTP API requests", bill.http_requests.to_string());
    for (function, count) in &bill.invocations {
        row(&format!("invocations of {function}"), count.to_string());
    }
    page.push('\n');
    page
}

fn sum(bill: &Bill, kind: ItemKind) -> String {
    let steps = bill.writes(kind);
    let table: u64 = steps.iter().map(|step| step.write.units.table).sum();
    let all = bill.write_units(kind);
    let refused = steps.iter().filter(|step| !step.write.is_made).count();
    let refused = if refused > 0 { format!(", {refused} of them refused") } else { String::new() };
    format!("{} writes{refused}, {all} write units (table {table}, indexes {})", steps.len(), all - table)
}

fn line(step: &Step, sizes: Sizes) -> String {
    let Step { function, operation, write } = step;
    let mut line = format!("{function} {operation}");
    match (&write.status_before, &write.status_after) {
        (None, Some(after)) => line.push_str(&format!(", {after}")),
        (Some(before), Some(after)) if before != after => line.push_str(&format!(", {before} -> {after}")),
        (Some(status), _) => line.push_str(&format!(", {status}")),
        (None, None) => {}
    }
    if !write.is_made {
        line.push_str(", refused");
    }
    if sizes == Sizes::Shown {
        let bytes =
            |bytes: Option<u64>| bytes.map_or_else(|| "none".to_owned(), |bytes| format!("{bytes} B"));
        line.push_str(&format!(", {} -> {}", bytes(write.bytes_before), bytes(write.bytes_after)));
    }
    line.push_str(&format!(": table {}", write.units.table));
    for (index, (entry, units)) in &write.units.indexes {
        line.push_str(&format!(", {index} {} {units}", entry.word()));
    }
    line
}

/// Half units as units.
#[must_use]
pub fn halves(half_units: u64) -> String {
    let half = if half_units % 2 == 1 { ".5" } else { "" };
    format!("{}{half}", half_units / 2)
}
