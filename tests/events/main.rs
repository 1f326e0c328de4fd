//! `events/`: every published sample and schema is what it is said to be, and is what the code takes.
//!
//! Each file of the directory is given to the check that belongs to its name; a file without one fails. What can be
//! generated is: `UPDATE_EVENTS=1 cargo test -p e2e --test events` writes it anew, and always to the same bytes.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod asyncapi;
mod files;
mod limits;
mod mutations;
mod outcomes;
mod page;
mod refine;
mod samples;
mod schedule;
mod schemas;
mod sqs;
mod webhooks;

use std::collections::BTreeMap;

use serde_json::Value;

#[test]
fn generated_files_are_what_the_code_generates() {
    for (path, expected) in files::generated() {
        let found = files::text(&path);
        assert!(
            found == expected,
            "events/{path} is out of date; write it anew with: UPDATE_EVENTS=1 cargo test -p e2e --test events"
        );
    }
}

#[test]
fn every_file_is_checked_by_its_name() {
    let files = files::all();
    for path in &files {
        check(path);
    }
    let readme = files::text("README.md");
    for path in files.iter().filter(|path| *path != "README.md") {
        let named = match path.split_once('/') {
            None => format!("`{path}`"),
            // Each event and each message has its own: the directory is named, not each file.
            Some((directory, _)) => format!("`{directory}/"),
        };
        assert!(readme.contains(&named), "README.md does not say what {path} is");
    }
}

fn check(path: &str) {
    match path {
        "README.md" => {}
        asyncapi::PATH => asyncapi::check(),
        "sqs-decline.json" | "sqs-evaluation.json" | "sqs-transmission.json" => sqs::check(path),
        _ => match path.split_once('/') {
            Some(("schemas", name)) => schemas::check(name),
            Some(("outcomes", name)) => outcomes::check(name),
            Some(("webhooks", name)) => webhooks::check(name),
            Some(_) => panic!("no check knows events/{path}"),
            None => samples::check(path),
        },
    }
}

/// Other encodings of the same text are taken apart as well: a body that is JSON, or base64.
#[test]
fn no_file_holds_what_the_card_guard_refuses() {
    for path in files::all().iter().filter(|path| path.ends_with(".json")) {
        let mut parts = vec![files::json(path)];
        while let Some(part) = parts.pop() {
            assert_eq!(models::card_guard::find(&part), None, "events/{path}");
            collect_embedded(&part, &mut parts);
        }
    }
}

fn collect_embedded(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::String(text) => {
            if let Some(object) = serde_json::from_str(text).ok().filter(Value::is_object) {
                found.push(object);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_embedded(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| collect_embedded(field, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn nothing_that_must_be_published_is_missing() {
    let files: BTreeMap<String, ()> = files::all().into_iter().map(|path| (path, ())).collect();
    for path in samples::ALL.iter().map(|sample| sample.path) {
        assert!(files.contains_key(path), "{path}");
    }
    for (path, _) in files::generated() {
        assert!(files.contains_key(&path), "{path}");
    }
    for event in flexfactor::mapping::EventName::KNOWN {
        assert!(files.contains_key(&format!("webhooks/{event}.json")), "{event}");
    }
}
