//! A file of declines, line by line: JSON lines, or CSV with a header. A line that can't be read fails alone.

use clap::ValueEnum;
use models::card_guard::holds_card_number;
use models::refusal::{Refusal, Rule};
use serde_json::{Map, Value};

use super::columns::{Column, Kind, METADATA, columns, set};
use crate::outcome::Failure;

/// Largest file taken, in bytes: some hundred thousand declines. It is held in memory.
pub(crate) const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON object per line.
    Jsonl,
    /// A header line with the dotted paths of the message, then one decline per record.
    Csv,
}

impl Format {
    /// By the end of the file's name.
    #[must_use]
    pub(crate) fn of(name: &str) -> Option<Self> {
        let ending = name.rsplit_once('.')?.1.to_ascii_lowercase();
        match ending.as_str() {
            "jsonl" | "ndjson" | "json" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its number, from 1, as an editor shows it.
    pub(crate) number: u64,
    /// The message's body, or why there is none.
    pub(crate) body: Result<String, Refusal>,
}

/// Reads a file's lines. Blank ones are no lines.
///
/// # Errors
/// The header of a CSV file names a column that is none.
pub(crate) fn read(bytes: &[u8], format: Format) -> Result<Vec<Line>, Failure> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    match format {
        Format::Jsonl => Ok(json_lines(bytes)),
        Format::Csv => csv_lines(bytes),
    }
}

fn json_lines(bytes: &[u8]) -> Vec<Line> {
    let numbered = (1..).zip(bytes.split(|byte| *byte == b'\n'));
    let lines = numbered.map(|(number, bytes)| (number, bytes.trim_ascii()));
    let lines = lines.filter(|(_, bytes)| !bytes.is_empty());
    lines.map(|(number, bytes)| Line { number, body: utf8(bytes).map(str::to_owned) }).collect()
}

fn utf8(bytes: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(bytes).map_err(|_| Refusal::new(Rule::NotJson, "", "The line is not UTF-8."))
}

fn csv_lines(bytes: &[u8]) -> Result<Vec<Line>, Failure> {
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).has_headers(true).trim(csv::Trim::All).from_reader(bytes);
    let heading = reader.byte_headers().map_err(|error| Failure::usage(format!("the header: {error}")))?;
    let header = heading.iter().enumerate().map(|(index, name)| Heading::read(index, name));
    let header: Vec<Heading> = header.collect::<Result<_, _>>()?;
    let known = columns()?;
    let header: Vec<_> =
        header.into_iter().map(|heading| heading.column(&known)).collect::<Result<_, _>>()?;
    for (index, (path, _)) in header.iter().enumerate() {
        if header.iter().take(index).any(|(other, _)| other == path) {
            return Err(Failure::usage(format!("the column {path} is there twice")));
        }
    }
    let mut lines: Vec<Line> = Vec::new();
    for record in reader.byte_records() {
        // In memory nothing can fail but the reading of the header, which is done.
        let record = record.map_err(|error| Failure::usage(format!("the file can't be read: {error}")))?;
        let number = record.position().map_or(0, csv::Position::line);
        // What was sent is kept by its line: two lines of one number would pass for one.
        if lines.last().is_some_and(|last| last.number >= number) {
            let why = "the lines can't be told apart: they must end in a line feed, and not in a carriage return alone";
            return Err(Failure::usage(why.to_owned()));
        }
        lines.push(Line { number, body: message(&record, &header) });
    }
    Ok(lines)
}

struct Heading {
    index: usize,
    name: String,
}

impl Heading {
    fn read(index: usize, name: &[u8]) -> Result<Self, Failure> {
        let name = std::str::from_utf8(name)
            .map_err(|_| Failure::usage(format!("the name of column {} is not UTF-8", index + 1)))?;
        Ok(Self { index, name: name.to_owned() })
    }

    /// The field that the heading names.
    fn column(self, known: &[Column]) -> Result<(String, Kind), Failure> {
        let Self { index, name } = self;
        if name.strip_prefix(METADATA).is_some_and(|entry| !entry.is_empty()) {
            return Ok((name, Kind::Text));
        }
        if let Some(column) = known.iter().find(|column| column.path == name) {
            return Ok((name, column.kind));
        }
        // A file without a header begins with a decline's values, which are not repeated.
        let is_a_name = name.len() <= 64 && !holds_card_number(&name) && !name.contains('@');
        let told = if is_a_name { format!(" ({name})") } else { String::new() };
        Err(Failure::usage(format!(
            "column {}{told} is no field of a decline; the first line must be a header of dotted paths such as \
             amount.minor (`rescue send --columns` lists them)",
            index + 1
        )))
    }
}

/// The message of a record.
fn message(record: &csv::ByteRecord, header: &[(String, Kind)]) -> Result<String, Refusal> {
    if record.len() != header.len() {
        let sentence = format!("The line has {} cells, and the header has {}.", record.len(), header.len());
        return Err(Refusal::new(Rule::Schema, "", sentence));
    }
    let mut message = Map::new();
    for (cell, (path, kind)) in record.iter().zip(header) {
        set(&mut message, path, *kind, utf8(cell)?);
    }
    // The one field that a table need not have: it says how the message is written, which is done here.
    message.entry("version").or_insert_with(|| Value::from(models::decline::DECLINE_VERSION));
    Ok(Value::Object(message).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_count_and_are_no_lines() {
        let lines = read(b"\xef\xbb\xbf{\"a\":1}\r\n\n  \n{\"b\":2}", Format::Jsonl).unwrap();
        let lines: Vec<_> = lines.into_iter().map(|line| (line.number, line.body.unwrap())).collect();
        assert_eq!(lines, [(1, "{\"a\":1}".to_owned()), (4, "{\"b\":2}".to_owned())]);
    }

    #[test]
    fn a_line_that_is_no_text_fails_alone() {
        let lines = read(b"{}\n\xff\xfe\n{}", Format::Jsonl).unwrap();
        assert!(lines[0].body.is_ok() && lines[1].body.is_err() && lines[2].body.is_ok());
    }

    #[test]
    fn a_record_becomes_a_message_and_an_empty_cell_is_absent() {
        let csv = b"merchant,order_id,amount.minor,site,recurring,metadata.plan\n\
                    acme,\"INV,1\",1999,,true,plus\n";
        let line = &read(csv, Format::Csv).unwrap()[0];
        let message: Value = serde_json::from_str(line.body.as_ref().unwrap()).unwrap();
        assert_eq!(
            message,
            serde_json::json!({
                "version": 1, "merchant": "acme", "order_id": "INV,1", "amount": { "minor": 1999 },
                "recurring": true, "metadata": { "plan": "plus" }
            })
        );
        assert_eq!(line.number, 2);
    }

    #[test]
    fn a_record_with_a_cell_too_many_fails_alone() {
        let lines = read(b"merchant,order_id\nacme,1\nacme,2,3\nacme,4\n", Format::Csv).unwrap();
        let good: Vec<_> = lines.iter().map(|line| (line.number, line.body.is_ok())).collect();
        assert_eq!(good, [(2, true), (3, false), (4, true)]);
    }

    #[test]
    fn a_header_that_is_none_is_refused_and_never_repeats_what_may_be_a_card() {
        let told = read(b"merchant,amout.minor\n", Format::Csv).unwrap_err().message;
        assert!(told.contains("column 2 (amout.minor)"), "{told}");
        let told = read(b"acme,4111111111111111\n", Format::Csv).unwrap_err().message;
        assert!(told.contains("column 1 (acme)") && !told.contains("4111"), "{told}");
        let told = read(b"merchant,merchant\n", Format::Csv).unwrap_err().message;
        assert!(told.contains("twice"), "{told}");
    }

    #[test]
    fn the_format_follows_from_the_name() {
        assert_eq!(Format::of("declines.JSONL"), Some(Format::Jsonl));
        assert_eq!(Format::of("a.b.csv"), Some(Format::Csv));
        assert_eq!(Format::of("declines"), None);
    }
}
