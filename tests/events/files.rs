//! The directory: reading it, listing it, and writing what is generated.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;

use crate::{asyncapi, outcomes, schemas, sqs, webhooks};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn directory() -> PathBuf {
    static UPDATED: OnceLock<()> = OnceLock::new();
    let directory = root().join("events");
    // Before anything is read, so that tests that run side by side see the new files only.
    UPDATED.get_or_init(|| {
        if std::env::var_os("UPDATE_EVENTS").is_some_and(|value| value == "1") {
            for (path, content) in generated() {
                let path = directory.join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, content).unwrap();
            }
        }
    });
    directory
}

/// What is generated, by path below `events/`.
pub(crate) fn generated() -> Vec<(String, String)> {
    let groups =
        [schemas::generated, webhooks::generated, sqs::generated, outcomes::generated, asyncapi::generated];
    groups.into_iter().flat_map(|generated| generated()).collect()
}

/// A file of the repository that is written by hand.
pub(crate) fn repository(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A file below `events/`.
pub(crate) fn text(path: &str) -> String {
    let found = directory().join(path);
    std::fs::read_to_string(found).unwrap_or_else(|error| panic!("events/{path}: {error}"))
}

/// A JSON file below `events/`.
pub(crate) fn json(path: &str) -> Value {
    serde_json::from_str(&text(path)).unwrap_or_else(|error| panic!("events/{path}: {error}"))
}

/// JSON as it is published.
pub(crate) fn pretty(value: &impl serde::Serialize) -> String {
    format!("{}\n", serde_json::to_string_pretty(value).unwrap())
}

/// Every file below `events/`, by its path, sorted.
pub(crate) fn all() -> Vec<String> {
    let directory = directory();
    let mut files = Vec::new();
    let mut open = vec![directory.clone()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.push(path.strip_prefix(&directory).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}
