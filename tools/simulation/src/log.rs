//! The event log: every call, fault, delivery and change of state is a line, and all lines together are one hash.

use std::fmt;

use sha2::{Digest, Sha256};

/// A log that keeps its hash and, where somebody wants to read it, its lines about one thing.
#[derive(Debug)]
pub(crate) struct Log {
    hash: Sha256,
    watched: Option<String>,
    kept: Vec<String>,
    line: String,
}

impl Log {
    /// A log that keeps the lines in which `watched` stands.
    pub(crate) fn new(watched: Option<String>) -> Self {
        Self { hash: Sha256::new(), watched, kept: Vec::new(), line: String::new() }
    }

    pub(crate) fn write(&mut self, millis: i64, line: fmt::Arguments<'_>) {
        use fmt::Write as _;
        self.line.clear();
        // Writing to a String can't fail.
        writeln!(self.line, "{millis} {line}").unwrap_or_default();
        self.hash.update(self.line.as_bytes());
        if self.watched.as_ref().is_some_and(|watched| self.line.contains(watched.as_str())) {
            self.kept.push(self.line.trim_end().to_owned());
        }
    }

    /// The hash so far, and the lines that were kept.
    pub(crate) fn finish(&self) -> ([u8; 32], Vec<String>) {
        (self.hash.clone().finalize().into(), self.kept.clone())
    }
}
