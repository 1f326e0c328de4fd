//! What a stage found.

use serde::Serialize;
use serde_json::Value;

/// One stage's part of the report.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Section {
    /// Its heading.
    pub(crate) title: String,
    /// How it was measured, and what it does not show: Markdown.
    pub(crate) method: String,
    /// The figures, for people.
    pub(crate) tables: Vec<Table>,
    /// What was wanted, and whether it was met.
    pub(crate) goals: Vec<Goal>,
    /// The figures, for programs: every single measurement, with its unit in its name.
    pub(crate) data: Value,
}

/// A table of texts.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Table {
    /// What it shows.
    pub(crate) caption: String,
    /// Its columns' heads, each with its unit.
    pub(crate) columns: Vec<String>,
    /// Its rows, each as long as the columns.
    pub(crate) rows: Vec<Vec<String>>,
}

/// A goal, and what was found.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Goal {
    /// What it is about.
    pub(crate) what: String,
    /// What was wanted.
    pub(crate) wanted: String,
    /// What was found.
    pub(crate) found: String,
    /// Whether that is enough.
    pub(crate) met: bool,
}

impl Table {
    pub(crate) fn new(caption: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        Self { caption: caption.to_owned(), columns, rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}
