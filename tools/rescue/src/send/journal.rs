//! The journal beside a file: which of its lines are on the queue. It is written before and after each call to SQS, so that
//! a run that died goes on where it was: nothing is skipped, and a line that may have been sent is said to be.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::outcome::Failure;

/// The version of the journals written here.
const VERSION: u32 = 1;

/// An entry: one line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Begun { version: u32, sha256: String, queue: String },
    Sending(Vec<u64>),
    Sent(Vec<u64>),
    Refused(Vec<u64>),
}

/// What the runs before this one did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Past {
    /// Lines that SQS acknowledged.
    pub(crate) sent: BTreeSet<u64>,
    /// Lines that were handed to SQS without its answer being seen: they may be on the queue.
    pub(crate) in_doubt: BTreeSet<u64>,
}

/// An open journal. Nobody else has it open.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Where the journal of `file` is.
    #[must_use]
    pub(crate) fn beside(file: &Path) -> PathBuf {
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(".rescue-journal");
        file.with_file_name(name)
    }

    /// Opens the journal of a file whose content has this hash and goes to this queue, or begins it.
    ///
    /// # Errors
    /// The journal belongs to another content or another queue, somebody else has it open, or it can't be read or written.
    pub(crate) fn open(path: &Path, sha256: &str, queue: &str) -> Result<(Self, Past), Failure> {
        let told = |error: std::io::Error| {
            Failure::usage(format!("the journal {} can't be used: {error}", path.display()))
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(told)?;
        file.try_lock()
            .map_err(|_| Failure::usage(format!("another run has the journal {} open", path.display())))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(told)?;
        // A run that died while it wrote has left a part of a line, which says nothing.
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        text.truncate(whole);
        file.set_len(whole as u64).and_then(|()| file.seek(std::io::SeekFrom::End(0))).map_err(told)?;
        let mut journal = Self { file, path: path.to_owned() };
        let past = if text.is_empty() {
            let begun = Entry::Begun { version: VERSION, sha256: sha256.to_owned(), queue: queue.to_owned() };
            journal.write(&begun)?;
            Past::default()
        } else {
            journal.past(&text, sha256, queue)?
        };
        Ok((journal, past))
    }

    /// What a journal tells, without opening it for writing: for a run that sends nothing.
    ///
    /// # Errors
    /// See [`Journal::open`].
    pub(crate) fn peek(path: &Path, sha256: &str, queue: &str) -> Result<Past, Failure> {
        match std::fs::metadata(path) {
            Ok(_) => Self::open(path, sha256, queue).map(|(_, past)| past),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Past::default()),
            Err(error) => Err(Failure::usage(format!("the journal {}: {error}", path.display()))),
        }
    }

    fn past(&self, text: &[u8], sha256: &str, queue: &str) -> Result<Past, Failure> {
        let unreadable = || {
            Failure::usage(format!(
                "{} is no journal of this version; move it away only if you know what was sent",
                self.path.display()
            ))
        };
        let mut entries = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let parse = |line: &[u8]| serde_json::from_slice::<Entry>(line).map_err(|_| unreadable());
        match entries.next().map(parse).transpose()? {
            Some(Entry::Begun { version: VERSION, sha256: began, queue: to }) => {
                let other = match (began == sha256, to == queue) {
                    (true, true) => None,
                    (false, _) => Some("the file was changed since a part of it was sent"),
                    (true, false) => Some("a part of the file was sent to another queue"),
                };
                if let Some(why) = other {
                    return Err(Failure::usage(format!(
                        "{why}. Put what is new into a file of its own; or move {} away: lines that were sent are then sent \
                         again, which changes nothing where they are the same",
                        self.path.display()
                    )));
                }
            }
            Some(_) | None => return Err(unreadable()),
        }
        let mut past = Past::default();
        for line in entries {
            match parse(line)? {
                Entry::Begun { .. } => return Err(unreadable()),
                Entry::Sending(lines) => past.in_doubt.extend(lines),
                Entry::Sent(lines) => {
                    lines.iter().for_each(|line| {
                        past.in_doubt.remove(line);
                    });
                    past.sent.extend(lines);
                }
                Entry::Refused(lines) => lines.iter().for_each(|line| {
                    past.in_doubt.remove(line);
                }),
            }
        }
        Ok(past)
    }

    /// Says that these lines are about to be sent.
    ///
    /// # Errors
    /// The journal can't be written; nothing must be sent then.
    pub(crate) fn sending(&mut self, lines: Vec<u64>) -> Result<(), Failure> {
        self.write(&Entry::Sending(lines))
    }

    /// Says that SQS acknowledged these lines.
    ///
    /// # Errors
    /// The journal can't be written: the next run will take them for doubtful.
    pub(crate) fn sent(&mut self, lines: Vec<u64>) -> Result<(), Failure> {
        if lines.is_empty() { Ok(()) } else { self.write(&Entry::Sent(lines)) }
    }

    /// Says that SQS did not take these lines.
    ///
    /// # Errors
    /// The journal can't be written: the next run will take them for doubtful.
    pub(crate) fn refused(&mut self, lines: Vec<u64>) -> Result<(), Failure> {
        if lines.is_empty() { Ok(()) } else { self.write(&Entry::Refused(lines)) }
    }

    fn write(&mut self, entry: &Entry) -> Result<(), Failure> {
        let told = |error: std::io::Error| {
            Failure::usage(format!("the journal {} can't be written: {error}", self.path.display()))
        };
        let mut line = serde_json::to_vec(entry).map_err(|error| Failure::usage(error.to_string()))?;
        line.push(b'\n');
        self.file.write_all(&line).and_then(|()| self.file.sync_data()).map_err(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "abc";
    const QUEUE: &str = "https://sqs.example/declines";

    fn place(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("rescue-journal-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = Journal::beside(&directory.join(name));
        if path.exists() {
            std::fs::remove_file(&path).unwrap();
        }
        path
    }

    #[test]
    fn what_was_acknowledged_is_known_to_the_next_run_and_what_was_not_is_in_doubt() {
        let path = place("goes-on.jsonl");
        assert!(path.to_str().unwrap().ends_with("goes-on.jsonl.rescue-journal"));
        let (mut journal, past) = Journal::open(&path, HASH, QUEUE).unwrap();
        assert_eq!(past, Past::default());
        journal.sending(vec![1, 2, 3]).unwrap();
        journal.sent(vec![1, 2]).unwrap();
        journal.refused(vec![3]).unwrap();
        journal.sending(vec![4, 5]).unwrap();
        drop(journal);
        let (_, past) = Journal::open(&path, HASH, QUEUE).unwrap();
        assert_eq!((past.sent, past.in_doubt), (BTreeSet::from([1, 2]), BTreeSet::from([4, 5])));
    }

    #[test]
    fn a_line_that_was_cut_by_a_crash_says_nothing_and_is_written_over() {
        let path = place("cut.jsonl");
        let (mut journal, _) = Journal::open(&path, HASH, QUEUE).unwrap();
        journal.sending(vec![1]).unwrap();
        drop(journal);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"sent\":[1").unwrap();
        drop(file);
        let (mut journal, past) = Journal::open(&path, HASH, QUEUE).unwrap();
        assert_eq!(past.in_doubt, BTreeSet::from([1]));
        journal.sent(vec![1]).unwrap();
        drop(journal);
        assert_eq!(Journal::peek(&path, HASH, QUEUE).unwrap().sent, BTreeSet::from([1]));
    }

    #[test]
    fn a_changed_file_another_queue_and_a_second_run_are_refused() {
        let path = place("changed.jsonl");
        let (journal, _) = Journal::open(&path, HASH, QUEUE).unwrap();
        let told = Journal::open(&path, HASH, QUEUE).unwrap_err().message;
        assert!(told.contains("another run"), "{told}");
        drop(journal);
        let told = Journal::open(&path, "other", QUEUE).unwrap_err().message;
        assert!(told.contains("was changed"), "{told}");
        let told = Journal::open(&path, HASH, "https://sqs.example/other").unwrap_err().message;
        assert!(told.contains("another queue"), "{told}");
    }
}
