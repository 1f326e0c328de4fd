//! How a command ends: what it shows, and the exit code that says how it went.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

/// Exit codes. They are a promise to scripts: a code is never given another meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, and nothing is left to say.
    Done,
    /// Done, and something was found: a refused line, a gap, a failed check, a message that stays parked.
    Findings,
    /// The command line can't be carried out as it stands, or what must be confirmed was not.
    Usage,
    /// AWS, the API or FlexFactor could not be reached; what was begun can be repeated.
    Unreachable,
    /// AWS or the API said no: no permission, no such stack, order or parked thing, or it can't be done.
    Refused,
}

impl Exit {
    /// All of them, by their numbers.
    pub const ALL: [Self; 5] = [Self::Done, Self::Findings, Self::Usage, Self::Unreachable, Self::Refused];

    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Findings => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Refused => 4,
        }
    }

    /// What it means, in one sentence.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done, and nothing is left to say",
            Self::Findings => {
                "done, and something was found: a refused line, a gap, a failed check, a message that stays where it is"
            }
            Self::Usage => {
                "the command line can't be carried out as it stands, or what must be confirmed was not"
            }
            Self::Unreachable => {
                "AWS, the API or FlexFactor could not be reached; what was begun can be repeated"
            }
            Self::Refused => {
                "AWS or the API said no: no permission, no such stack, order or parked thing, or it can't be done"
            }
        }
    }
}

/// The table of exit codes, as help shows it.
#[must_use]
pub fn exit_codes() -> String {
    let line = |exit: &Exit| format!("  {}  {}", exit.code(), exit.meaning());
    Exit::ALL.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What a command that came to its end shows.
#[derive(Debug)]
pub struct Done {
    /// For people.
    pub text: String,
    /// For programs: one document with stable fields.
    pub document: Value,
    /// How it went.
    pub exit: Exit,
}

impl Done {
    /// A result that is shown as `text`, or as `document`.
    ///
    /// # Errors
    /// The document can't be written as JSON, which its types rule out.
    pub fn new(text: impl Into<String>, document: &impl Serialize, exit: Exit) -> Result<Self, Failure> {
        let document = serde_json::to_value(document)
            .map_err(|error| Failure::refused(format!("the result can't be written as JSON: {error}")))?;
        Ok(Self { text: text.into(), document, exit })
    }
}

/// Why a command did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// How it is told to scripts.
    pub exit: Exit,
    /// One sentence, and what to do about it. It holds no secret and no value of a message.
    pub message: String,
}

impl Failure {
    /// The command line can't be carried out.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into() }
    }

    /// Something could not be reached.
    #[must_use]
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self { exit: Exit::Unreachable, message: message.into() }
    }

    /// Something was refused.
    #[must_use]
    pub fn refused(message: impl Into<String>) -> Self {
        Self { exit: Exit::Refused, message: message.into() }
    }

    /// The document of `--json`.
    #[must_use]
    pub fn document(&self) -> Value {
        json!({ "error": { "exit_code": self.exit.code(), "message": self.message } })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<order_store::StoreError> for Failure {
    fn from(error: order_store::StoreError) -> Self {
        match error {
            order_store::StoreError::Unavailable(_) => Self::unreachable(error.to_string()),
            order_store::StoreError::Corrupt { .. } => Self::refused(error.to_string()),
        }
    }
}

/// Rows under headings, each column as wide as its widest cell. Numbers are the caller's to align.
#[must_use]
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(headings.get(column).map(|heading| heading.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..headings.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let head = line(headings.to_vec());
    let body = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    std::iter::once(head).chain(body).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_exit_code_is_its_own_and_in_the_help() {
        let codes: Vec<_> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4]);
        for exit in Exit::ALL {
            assert!(exit_codes().contains(&format!("{}  {}", exit.code(), exit.meaning())));
        }
    }

    #[test]
    fn a_store_that_is_down_is_no_refusal() {
        let down = order_store::StoreError::Unavailable("no answer in time".to_owned());
        assert_eq!(Failure::from(down).exit, Exit::Unreachable);
        let broken = order_store::StoreError::Corrupt { item: "acme/1".to_owned(), why: "x".to_owned() };
        assert_eq!(Failure::from(broken).exit, Exit::Refused);
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["a".to_owned(), "long cell".to_owned()], vec!["wider".to_owned(), "b".to_owned()]];
        assert_eq!(table(&["x", "y"], &rows), "x      y\na      long cell\nwider  b");
    }
}
