//! The report: target/bench/report.json for programs, report.md for people.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use jiff::Timestamp;
use serde::Serialize;

use crate::section::{Goal, Section, Table};

/// What a run found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    began_at: Timestamp,
    machine: String,
    sections: Vec<Section>,
}

impl Report {
    pub(crate) fn begin() -> Self {
        Self { began_at: Timestamp::now(), machine: machine(), sections: Vec::new() }
    }

    pub(crate) fn add(&mut self, section: Section) {
        println!("{}", markdown(&section));
        self.sections.push(section);
    }

    /// Writes both files.
    ///
    /// # Errors
    /// They can't be written.
    pub(crate) fn write(&self, directory: &Path) -> Result<()> {
        let (json, page) = (directory.join("report.json"), directory.join("report.md"));
        std::fs::write(&json, serde_json::to_string_pretty(self)?)?;
        let mut text = format!("Measured {} on {}.\n", self.began_at, self.machine);
        self.sections.iter().for_each(|section| text.push_str(&markdown(section)));
        std::fs::write(&page, text)?;
        Ok(())
    }
}

fn markdown(section: &Section) -> String {
    let mut text = format!("\n## {}\n\n{}\n", section.title, section.method.trim());
    for table in &section.tables {
        text.push_str(&table_of(table));
    }
    if !section.goals.is_empty() {
        let mut goals = Table::new("Goals", &["goal", "wanted", "found", "met"]);
        for Goal { what, wanted, found, met } in &section.goals {
            let met = if *met { "yes" } else { "**no**" };
            goals.row([what.clone(), wanted.clone(), found.clone(), met.to_owned()]);
        }
        text.push_str(&table_of(&goals));
    }
    text
}

fn table_of(table: &Table) -> String {
    let mut text = format!("\n{}:\n\n| {} |\n", table.caption, table.columns.join(" | "));
    writeln!(text, "|{}", "---|".repeat(table.columns.len())).unwrap_or_default();
    for row in &table.rows {
        writeln!(text, "| {} |", row.join(" | ")).unwrap_or_default();
    }
    text
}

/// The processor and how many there are.
fn machine() -> String {
    let about = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = about.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unnamed processor", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cores} cores of {model}, {}", std::env::consts::ARCH)
}
