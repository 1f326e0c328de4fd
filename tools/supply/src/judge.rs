//! Holds the crates to the policy.

use std::collections::{BTreeMap, BTreeSet};

use crate::crates::Crate;
use crate::policy::Policy;

/// Crates of which there is more than one version, with the versions.
pub(crate) fn duplicates(crates: &[Crate]) -> BTreeMap<&str, Vec<&Crate>> {
    let mut versions: BTreeMap<&str, Vec<&Crate>> = BTreeMap::new();
    for one in crates {
        versions.entry(&one.name).or_default().push(one);
    }
    versions.retain(|_, versions| versions.len() > 1);
    versions
}

/// All that is against the rules, one sentence each.
pub(crate) fn problems(crates: &[Crate], policy: &Policy) -> Vec<String> {
    let mut problems = Vec::new();
    for one in crates {
        let named = |why: String| format!("{} {}: {why}.", one.name, one.version);
        problems.extend(licence_problem(one, policy).map(named));
        problems.extend(
            one.elsewhere.as_ref().map(|from| named(format!("it comes from {from} and not from crates.io"))),
        );
        let banned = policy.banned.iter().find(|(name, _)| *name == one.name);
        problems.extend(banned.map(|(_, why)| named((*why).to_owned())));
    }
    let duplicates = duplicates(crates);
    for (name, versions) in &duplicates {
        let shipped = versions.iter().filter(|one| one.is_shipped).count();
        let known = policy.twice.iter().find(|known| known.name == *name);
        let (all_max, shipped_max) = known.map_or((1, 1), |known| known.versions);
        if versions.len() > all_max || shipped > shipped_max.max(1) {
            let all: Vec<_> = versions.iter().map(|one| one.version.as_str()).collect();
            problems.push(format!(
                "{name}: too many versions of it ({}; {shipped} in functions).",
                all.join(", ")
            ));
        }
    }
    for known in policy.twice {
        let found = duplicates.get(known.name).map_or((1, 0), |versions| {
            (versions.len(), versions.iter().filter(|one| one.is_shipped).count())
        });
        if found.0 < known.versions.0 || found.1 < known.versions.1 {
            problems.push(format!("{}: this exception is no longer needed, or not for so many.", known.name));
        }
    }
    problems
}

/// Which crates are taken with their default features though they may not be, and which exceptions are none.
pub(crate) fn feature_problems(with_defaults: &BTreeSet<String>, policy: &Policy) -> Vec<String> {
    let known: BTreeSet<_> = policy.defaults.iter().map(|(name, _)| (*name).to_owned()).collect();
    let too_many = with_defaults.difference(&known);
    let unneeded = known.difference(with_defaults);
    too_many
        .map(|name| format!("{name}: it is taken with its default features."))
        .chain(unneeded.map(|name| format!("{name}: its default features are not taken any more.")))
        .collect()
}

fn licence_problem(one: &Crate, policy: &Policy) -> Option<String> {
    let Crate { licence, .. } = one;
    if licence.is_empty() {
        return Some("it names no licence".to_owned());
    }
    match policy.permits(licence) {
        Ok(true) => None,
        Ok(false) => Some(format!("{licence} is not allowed")),
        Err(error) => Some(format!("its licence {licence} can't be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::policy::Twice;

    const POLICY: Policy = Policy {
        licences: &["MIT", "Apache-2.0 WITH LLVM-exception"],
        banned: &[("ring", "one TLS stack")],
        defaults: &[("serde", "std"), ("gone", "std")],
        twice: &[Twice { name: "syn", versions: (2, 1), why: "macros are moving to the newer one" }],
    };

    fn judged(crates: &[(&str, &str, &str)]) -> Vec<String> {
        let crates: Vec<_> = crates
            .iter()
            .map(|(name, version, licence)| Crate {
                name: (*name).to_owned(),
                version: (*version).to_owned(),
                licence: (*licence).to_owned(),
                elsewhere: (*name == "elsewhere").then(|| "(https://example.com/elsewhere.git)".to_owned()),
                is_shipped: *version == "3.0.0",
            })
            .collect();
        problems(&crates, &POLICY)
    }

    #[test]
    fn what_is_allowed_is_not_told() {
        let crates = [
            ("syn", "2.0.0", "MIT/Apache-2.0"),
            ("syn", "3.0.0", "GPL-3.0-only OR MIT"),
            ("target", "1.0.0", "Apache-2.0 WITH LLVM-exception"),
        ];
        assert_eq!(judged(&crates), [""; 0]);
    }

    #[test]
    fn an_exception_holds_for_so_many_versions_and_no_more() {
        let syn = |version| ("syn", version, "MIT");
        assert_eq!(judged(&[syn("2.0.0"), syn("3.0.0")]), [""; 0]);
        let told = ["syn: too many versions of it (1.0.0, 2.0.0, 3.0.0; 1 in functions)."];
        assert_eq!(judged(&[syn("1.0.0"), syn("2.0.0"), syn("3.0.0")]), told);
        let told = ["syn: this exception is no longer needed, or not for so many."];
        assert_eq!(judged(&[syn("1.0.0"), syn("2.0.0")]), told, "none of them is in functions");
    }

    #[test]
    fn default_features_are_told_unless_they_are_known() {
        let taken = BTreeSet::from(["serde".to_owned(), "reqwest".to_owned()]);
        let expected = [
            "reqwest: it is taken with its default features.",
            "gone: its default features are not taken any more.",
        ];
        assert_eq!(feature_problems(&taken, &POLICY), expected);
    }

    #[test]
    fn each_rule_is_told_with_its_crate() {
        let crates = [
            ("copyleft", "1.0.0", "MIT AND GPL-3.0-only"),
            ("elsewhere", "1.0.0", "MIT"),
            ("odd", "1.0.0", "none of your business"),
            ("ring", "0.17.0", "MIT"),
            ("silent", "1.0.0", ""),
            ("twice", "1.0.0", "MIT"),
            ("twice", "2.0.0", "MIT"),
        ];
        let told = judged(&crates);
        let begins = [
            "copyleft 1.0.0: MIT AND GPL-3.0-only is not allowed.",
            "elsewhere 1.0.0: it comes from (https://example.com/elsewhere.git) and not from crates.io.",
            "odd 1.0.0: its licence none of your business can't be read: ",
            "ring 0.17.0: one TLS stack.",
            "silent 1.0.0: it names no licence.",
            "twice: too many versions of it (1.0.0, 2.0.0; 0 in functions).",
            "syn: this exception is no longer needed, or not for so many.",
        ];
        assert_eq!(told.len(), begins.len(), "{told:#?}");
        for (told, begin) in told.iter().zip(begins) {
            assert!(told.starts_with(begin), "{told}");
        }
    }
}
