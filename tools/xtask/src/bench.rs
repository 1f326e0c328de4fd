//! `cargo xtask bench`: builds what is measured as it is deployed, the peers beside it, and starts the benchmarks.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::project::Project;
use crate::{functions, peers, python, steps};

/// The stage that looks at packages.
const SIZE: &str = "size";
/// The profile of the benchmarks themselves.
const PROFILE: &str = "simulation";
/// Where the packages for it go.
const PACKAGES: &str = "target/bench/package";
/// Leaves out the build of the packages, which takes as long as all the others together.
const WITHOUT_PACKAGES: &str = "--without-packages";
/// Options of the benchmarks that have a value.
const WITH_VALUE: [&str; 1] = ["--runs"];

/// Builds and measures; `arguments` are the benchmarks' own, and [`WITHOUT_PACKAGES`].
pub(crate) fn run(project: &Project, arguments: &[&str]) -> Result<ExitCode> {
    python::set_up(project, &python::TOOLS)?;
    let functions = functions(project)?;
    // In one selection, and without the benchmarks: theirs would switch on features that are not deployed. What the bare
    // functions depend on, the others do as well.
    let measured = functions.iter().map(String::as_str).chain(["bare"]);
    steps::heading("build the functions as they are deployed");
    let mut build = project.cargo(&["build", "--release"]);
    done(build.args(measured.flat_map(|package| ["-p", package])), "cargo build")?;
    // Fast enough to stand beside them, without the wait for the release profile's link.
    steps::heading("build the benchmarks");
    done(&mut project.cargo(&["build", "--profile", PROFILE, "-p", "bench"]), "cargo build")?;
    peers::set_up(project)?;
    // Packages of an earlier build must not be taken for this one's.
    let packages = project.root().join(PACKAGES);
    if packages.exists() {
        std::fs::remove_dir_all(&packages).context("removing the packages of an earlier run")?;
    }
    if wants_packages(arguments) {
        steps::heading("package the functions, for their size");
        let mut package = crate::package_command(project, "--arm64", PACKAGES)?;
        done(package.args(["--output-format", "zip"]), "cargo lambda build")?;
    }
    let program = project.programs().with_file_name(PROFILE).join("bench");
    let options = arguments.iter().filter(|argument| **argument != WITHOUT_PACKAGES);
    let status = project.command(&program).args(options).status();
    let status = status.with_context(|| format!("starting {}", program.display()))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn done(command: &mut Command, what: &str) -> Result<()> {
    ensure!(command.status().context(what.to_owned())?.success(), "{what} failed");
    Ok(())
}

/// Packages are looked at by one stage, which runs unless others are named.
fn wants_packages(arguments: &[&str]) -> bool {
    let mut stages = Vec::new();
    let mut rest = arguments.iter();
    while let Some(&argument) = rest.next() {
        match argument {
            WITHOUT_PACKAGES | "-h" | "--help" => return false,
            option if WITH_VALUE.contains(&option) => drop(rest.next()),
            option if option.starts_with('-') => {}
            stage => stages.push(stage),
        }
    }
    stages.is_empty() || stages.contains(&SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_built_for_the_stage_that_looks_at_them() {
        for arguments in
            [&[][..], &["--runs", "3"], &["size"], &["start", "--runs", "3", "size"], &["--runs=3"]]
        {
            assert!(wants_packages(arguments), "{arguments:?}");
        }
        let without = [&["start"][..], &["--runs", "3", "start"], &["size", WITHOUT_PACKAGES], &["--help"]];
        for arguments in without {
            assert!(!wants_packages(arguments), "{arguments:?}");
        }
    }
}
