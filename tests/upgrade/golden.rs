//! The items as each schema wrote them: `tests/golden/items/schema-N.jsonl`, one item a line, sorted by key.

use std::path::PathBuf;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// What present code writes.
pub(crate) const PRESENT: u64 = 2;
/// All that was ever written. A file is never changed once another schema has taken its place.
pub(crate) const ALL: [u64; 2] = [1, PRESENT];

/// SHA-256 of the files that are never changed.
const EARLIER: [(u64, &str); 1] = [(1, "e2d0359e465f895872cf6afd17ee9dd5f9f4a548435fc13a81100d0a6318507b")];

fn path(schema: u64) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("golden/items/schema-{schema}.jsonl"))
}

/// The items that this schema's code wrote.
pub(crate) fn read(schema: u64) -> Vec<Value> {
    let text = std::fs::read_to_string(path(schema)).unwrap();
    let items: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!items.is_empty());
    items
}

/// Holds the files of earlier schemas to what they were.
pub(crate) fn hold_earlier() {
    let pinned: Vec<_> = EARLIER.iter().map(|(schema, _)| *schema).chain([PRESENT]).collect();
    assert_eq!(pinned, ALL, "every schema but the present one has its hash here");
    for (schema, hash) in EARLIER {
        let read = Sha256::digest(std::fs::read(path(schema)).unwrap());
        let read: String = read.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(read, hash, "schema-{schema}.jsonl is what tables in the field hold, and never changes");
    }
}

/// Names of the items that one has and the other has not, or otherwise.
pub(crate) fn differing(some: &[Value], others: &[Value]) -> Vec<String> {
    let missing = |these: &[Value], those: &[Value]| {
        these.iter().filter(|item| !those.contains(item)).map(name).collect::<Vec<_>>()
    };
    [missing(some, others), missing(others, some)].concat()
}

fn name(item: &Value) -> String {
    format!("{} {}", item["pk"]["S"], item["sk"]["S"])
}

fn lines(items: &[Value]) -> String {
    items.iter().map(|item| format!("{item}\n")).collect()
}

/// Holds what was written against the file, or writes it anew where that is wanted.
pub(crate) fn hold(schema: u64, items: &[Value]) {
    if std::env::var_os("UPDATE_ITEMS").is_some() {
        std::fs::write(path(schema), lines(items)).unwrap();
        return;
    }
    let kept = read(schema);
    for item in items {
        let before = kept.iter().find(|before| name(before) == name(item));
        assert_eq!(
            before,
            Some(item),
            "{} is not written as it was: does the version before read it, and is it a new SCHEMA \
             (docs/operations.md, Upgrades)? If all is well: UPDATE_ITEMS=1",
            name(item)
        );
    }
    assert_eq!(kept.len(), items.len(), "an item is not written any more");
}
