//! `docs/states.md` is what the code generates, and shows every step that the table allows and no other.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod page;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use models::status::{Status, Transition};

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/states.md")
}

#[test]
fn the_page_is_what_the_code_generates() {
    let expected = page::generated();
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        std::fs::write(path(), &expected).unwrap();
    }
    let found = std::fs::read_to_string(path()).unwrap_or_default();
    assert!(
        found == expected,
        "docs/states.md is out of date; write it anew with: UPDATE_DOCS=1 cargo test -p e2e --test states"
    );
}

/// Reads the arrows back, those of a box as one of each status in it.
fn drawn(page: &str) -> BTreeSet<(String, String, String)> {
    let diagram = page.split("```mermaid\n").nth(1).unwrap().split("```").next().unwrap();
    let mut boxes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut open: Vec<String> = Vec::new();
    let mut arrows = BTreeSet::new();
    for line in diagram.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("state ") {
            open.push(name.trim_end_matches(" {").to_owned());
        } else if line == "}" {
            open.pop();
        } else if !open.is_empty() {
            for name in &open {
                boxes.entry(name.clone()).or_default().push(line.to_owned());
            }
        } else if let Some((from, rest)) = line.split_once(" --> ") {
            let Some((to, step)) = rest.split_once(": ") else { continue };
            for from in boxes.get(from).cloned().unwrap_or_else(|| vec![from.to_owned()]) {
                arrows.insert((from, to.to_owned(), step.to_owned()));
            }
        }
    }
    arrows
}

#[test]
fn the_diagram_in_the_page_has_every_edge_of_the_table_and_no_other() {
    let mut allowed = BTreeSet::new();
    for step in Transition::ALL {
        for (from, to) in step.from().iter().filter_map(|from| Some((from, step.to()?))) {
            allowed.insert((from.to_string(), to.to_string(), format!("{step:?}")));
        }
    }
    assert!(allowed.len() > Status::ALL.len(), "the table has edges");
    assert_eq!(drawn(&std::fs::read_to_string(path()).unwrap()), allowed);
}
