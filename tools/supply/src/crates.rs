//! The crates that are built, as cargo's own resolver has them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// What functions are built for.
const LAMBDA: [&str; 2] = ["aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu"];

/// A crate of somebody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Crate {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Its SPDX expression; empty where it names none.
    pub(crate) licence: String,
    /// Where it comes from, unless from crates.io.
    pub(crate) elsewhere: Option<String>,
    /// Whether a function links it, or is built with it as a macro.
    pub(crate) is_shipped: bool,
}

/// All of them: on all platforms, for building, testing and running. `ours` are the workspace's own crates.
///
/// # Errors
/// Cargo can't resolve the workspace as Cargo.lock has it, or answers in a form that is not known.
pub(crate) fn read(ours: &BTreeSet<String>) -> Result<Vec<Crate>> {
    let shipped: BTreeSet<_> = shipped(ours)?.into_keys().collect();
    ensure!(!shipped.is_empty(), "no function needs any crate, which can't be");
    let all = tree(ours, &["--workspace", "--target", "all", "--edges", "normal,build,dev"])?;
    let crates = all.into_iter().map(|((name, version), (licence, elsewhere))| {
        let is_shipped = shipped.contains(&(name.clone(), version.clone()));
        Crate { name, version, licence, elsewhere, is_shipped }
    });
    Ok(crates.collect())
}

fn shipped(ours: &BTreeSet<String>) -> Result<BTreeMap<Named, Told>> {
    let mut arguments = vec!["--edges".to_owned(), "normal".to_owned()];
    arguments.extend(LAMBDA.iter().flat_map(|target| ["--target".to_owned(), (*target).to_owned()]));
    for function in std::fs::read_dir("functions").context("functions")? {
        arguments.extend(["--package".to_owned(), function?.file_name().to_string_lossy().into_owned()]);
    }
    tree(ours, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Name and version.
type Named = (String, String);
/// Licence, and where it comes from unless from crates.io.
type Told = (String, Option<String>);

fn tree(ours: &BTreeSet<String>, arguments: &[&str]) -> Result<BTreeMap<Named, Told>> {
    let text =
        cargo(&[&["tree", "--locked", "--prefix", "none", "--format", "{p}|{l}"], arguments].concat())?;
    // A line is empty between two packages that were asked for, and marked where the crate stood in an earlier one.
    let lines = text.lines().filter(|line| !line.is_empty() && !line.ends_with(" (*)"));
    let crates = lines.map(|line| read_line(line).with_context(|| format!("cargo tree said {line:?}")));
    // One of ours comes from a path; so does a stranger that somebody put beside them.
    let is_ours = |(named, told): &(Named, Told)| {
        ours.contains(&named.0) && told.1.as_ref().is_some_and(|from| from.starts_with("(/"))
    };
    crates.filter(|one| !one.as_ref().is_ok_and(is_ours)).collect()
}

/// What cargo prints.
pub(crate) fn cargo(arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let output = command.args(arguments).output().context("starting cargo")?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// `name v1.2.3|MIT`, with what it is or where it comes from in brackets behind the version.
fn read_line(line: &str) -> Result<(Named, Told)> {
    let (package, licence) = line.split_once('|').context("it has no licence's place")?;
    let mut words = package.splitn(3, ' ');
    let name = words.next().context("it has no name")?;
    let version = words.next().and_then(|word| word.strip_prefix('v')).context("it has no version")?;
    let from = words.next().map(|rest| rest.replace("(proc-macro)", "").trim().to_owned());
    let from = from.filter(|from| !from.is_empty());
    Ok(((name.to_owned(), version.to_owned()), (licence.to_owned(), from)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_s_lines_are_understood() {
        let (named, told) = read_line("serde_derive v1.0.229 (proc-macro)|MIT OR Apache-2.0").unwrap();
        assert_eq!(named, ("serde_derive".to_owned(), "1.0.229".to_owned()));
        assert_eq!(told, ("MIT OR Apache-2.0".to_owned(), None));
        for (line, expected) in [
            ("odd v0.1.0 (https://example.com/odd.git#0a1b)|", "(https://example.com/odd.git#0a1b)"),
            ("models v0.1.0 (/home/somebody/shared/models)|", "(/home/somebody/shared/models)"),
        ] {
            let (_, (licence, from)) = read_line(line).unwrap();
            assert_eq!((licence.as_str(), from.as_deref()), ("", Some(expected)));
        }
        assert!(read_line("serde").is_err() && read_line("serde 1|MIT").is_err());
    }
}
