//! The workspace's own manifests, as cargo reads them.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::crates::cargo;

/// What they say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifests {
    /// The workspace's own crates.
    pub(crate) members: BTreeSet<String>,
    /// Crates of somebody else's that are taken with their default features.
    pub(crate) with_defaults: BTreeSet<String>,
}

impl Manifests {
    /// Reads them.
    ///
    /// # Errors
    /// Cargo can't, or answers in a form that is not known.
    pub(crate) fn read() -> Result<Self> {
        let text = cargo(&["metadata", "--locked", "--no-deps", "--format-version", "1"])?;
        Self::parse(&text).context("cargo metadata answered something else")
    }

    fn parse(metadata: &str) -> Option<Self> {
        let metadata: Value = serde_json::from_str(metadata).ok()?;
        let mut manifests = Self::default();
        for package in metadata.get("packages")?.as_array()? {
            manifests.members.insert(package.get("name")?.as_str()?.to_owned());
            for dependency in package.get("dependencies")?.as_array()? {
                // One of ours has no source.
                let is_others = !dependency.get("source")?.is_null();
                if dependency.get("uses_default_features")?.as_bool()? && is_others {
                    manifests.with_defaults.insert(dependency.get("name")?.as_str()?.to_owned());
                }
            }
        }
        Some(manifests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_named_and_crates_that_are_taken_with_their_default_features() {
        let metadata = r#"{"packages":[{"name":"intake","dependencies":[
            {"name":"models","source":null,"uses_default_features":true},
            {"name":"serde","source":"registry+x","uses_default_features":true},
            {"name":"jiff","source":"registry+x","uses_default_features":false}
        ]}]}"#;
        let only = |name: &str| BTreeSet::from([name.to_owned()]);
        let expected = Manifests { members: only("intake"), with_defaults: only("serde") };
        assert_eq!(Manifests::parse(metadata), Some(expected));
        assert_eq!(
            Manifests::parse(r#"{"packages":[{"name":"intake","dependencies":[{"name":"serde"}]}]}"#),
            None
        );
    }
}
