//! What the workspace asks of its dependencies, as cargo reads its manifests.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::crates::cargo;

/// Crates of somebody else's that a manifest here takes with their default features.
///
/// # Errors
/// Cargo can't read the manifests, or answers in a form that is not known.
pub(crate) fn with_defaults() -> Result<BTreeSet<String>> {
    let text = cargo(&["metadata", "--locked", "--no-deps", "--format-version", "1"])?;
    read(&text).context("cargo metadata answered something else")
}

fn read(metadata: &str) -> Option<BTreeSet<String>> {
    let metadata: Value = serde_json::from_str(metadata).ok()?;
    let mut names = BTreeSet::new();
    for package in metadata.get("packages")?.as_array()? {
        for dependency in package.get("dependencies")?.as_array()? {
            // One of ours has no source.
            let is_others = !dependency.get("source")?.is_null();
            if dependency.get("uses_default_features")?.as_bool()? && is_others {
                names.insert(dependency.get("name")?.as_str()?.to_owned());
            }
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_that_is_taken_with_its_default_features_is_named() {
        let metadata = r#"{"packages":[{"dependencies":[
            {"name":"models","source":null,"uses_default_features":true},
            {"name":"serde","source":"registry+x","uses_default_features":true},
            {"name":"jiff","source":"registry+x","uses_default_features":false}
        ]}]}"#;
        assert_eq!(read(metadata), Some(BTreeSet::from(["serde".to_owned()])));
        assert_eq!(read(r#"{"packages":[{"dependencies":[{"name":"serde"}]}]}"#), None);
    }
}
