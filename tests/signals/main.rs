//! What operators are told, and that it is true: alarms stand on metrics that the code counts, each links a page of
//! docs/runbook that exists, docs/logging.md lists the log's fields, and docs/threats.md names tests that exist.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod alarms;
mod emitted;
mod logging;
mod runbook;
mod template;
mod threats;

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All Rust files below a folder: path from the root, and text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} has no sources");
    found
}

/// A file's part that is deployed, and its part that tests it. Ours keep tests in files of their own or at the end.
fn parts(path: &str, text: &str) -> (String, String) {
    let file = path.rsplit('/').next().unwrap();
    if path.contains("_tests/")
        || file.ends_with("_tests.rs")
        || path.contains("/tests/")
        || file == "testing.rs"
    {
        return (String::new(), text.to_owned());
    }
    let (shipped, tests) = text.split_once("#[cfg(test)]\nmod tests").unwrap_or((text, ""));
    (shipped.to_owned(), tests.to_owned())
}

/// A name in CamelCase as the names of files and crates are written.
fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.extend(letter.to_lowercase());
    }
    kebab
}
