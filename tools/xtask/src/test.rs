//! `cargo xtask test`: the steps of CI, cheapest first, up to the first that fails.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::project::Project;
use crate::steps::{self, Counts};
use crate::{BUILD_PROGRAMS, python};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Everything,
    /// Without what needs MiniStack.
    WithoutStack,
}

pub(crate) fn run(project: &Project, extent: Extent) -> Result<ExitCode> {
    python::set_up(project, &python::TOOLS)?;
    python::set_up(project, &python::CHECKOV)?;
    if extent == Extent::Everything {
        forget_calls(&project.root().join(RUNS))?;
    }
    let mut total = Counts::default();
    for (title, command) in plan(project, extent) {
        let (counts, success) = steps::run(title, command)?;
        total.add(counts);
        if !success {
            if title == ON_THE_STACK {
                // What a role does not allow shows in a test as something that did not happen in time: this tells it.
                total.add(steps::run("calls that no role allows", check_calls(project, &["--missing"]))?.0);
            }
            eprintln!("\nstopped at: {title}");
            report(total);
            return Ok(ExitCode::FAILURE);
        }
    }
    report(total);
    Ok(ExitCode::SUCCESS)
}

fn report(total: Counts) {
    println!("\n{} passed, {} failed", total.passed, total.failed);
}

const ON_THE_STACK: &str = "tests on the deployed local stack";
/// Where each stack leaves its files, in a directory of its own.
const RUNS: &str = "target/local";

/// Removes what earlier runs noted of the functions' calls: what is checked is what this run calls.
fn forget_calls(runs: &Path) -> Result<()> {
    if !runs.is_dir() {
        return Ok(());
    }
    for run in std::fs::read_dir(runs)? {
        let calls = run?.path().join("calls.log");
        if calls.is_file() {
            std::fs::remove_file(calls)?;
        }
    }
    Ok(())
}

/// Least logs that the stacks of a run leave behind, two each, and bytes in them: a search that reads less has missed some.
const LOGS_MIN: &str = "36";
const LOG_BYTES_MIN: &str = "500000";

/// Few distinct builds, as they are what takes the time: one to check (clippy, docs), one to run. Every selection is
/// the whole workspace, since another one would have cargo choose other features and build the AWS SDK again.
fn plan(project: &Project, extent: Extent) -> Vec<(&'static str, Command)> {
    let mut steps = vec![
        ("format", project.cargo(&["fmt", "--all", "--check"])),
        ("template: cfn-lint", lint_template(project)),
        ("template: our own rules", python_tests(project, "infra", "test_*.py")),
        ("template: the rules of cfn-lint and checkov, as it is deployed", check_policies(project)),
        ("local stack: corrections", python_tests(project, "tools/local-stack/python", "test_launcher.py")),
        (
            "supply chain: licences, duplicates, sources, features",
            project.cargo(&["run", "--quiet", "-p", "supply"]),
        ),
        ("clippy", clippy(project)),
        ("documentation", documentation(project)),
        ("unit and property tests", project.cargo(&["test", "--workspace", "--no-fail-fast"])),
    ];
    if extent == Extent::Everything {
        steps.push(("build the functions", project.cargo(&BUILD_PROGRAMS)));
        // Tests that need MiniStack are marked `#[ignore]`, in whichever crate they are.
        let on_the_stack = ["test", "--workspace", "--no-fail-fast", "--tests", "--", "--ignored"];
        steps.push((ON_THE_STACK, project.cargo(&on_the_stack)));
        let mut demo = project.command(project.programs().join("demo"));
        demo.args(["--orders", "120"]);
        steps.push(("the demo, with fewer orders", demo));
        steps.push(("what roles allow is what was called", check_calls(project, &[])));
        let mut canary = project.command(project.programs().join("canary"));
        canary.args([RUNS, LOGS_MIN, LOG_BYTES_MIN]);
        steps.push(("nothing sensitive in any log of these runs", canary));
        let mut canary = project.command(project.programs().join("canary"));
        canary.args(["target/demo", "1", "100"]);
        steps.push(("nothing sensitive in the demo's report", canary));
    }
    steps
}

fn lint_template(project: &Project) -> Command {
    let mut command = project.command(python::TOOLS.program(project, "cfn-lint"));
    command.arg("infra/template.yaml");
    command
}

fn python_tests(project: &Project, directory: &str, file: &str) -> Command {
    let mut command = project.command(python::TOOLS.program(project, "python"));
    command.args(["-B", "-m", "unittest", "discover", "--start-directory", directory, "--pattern", file]);
    command
}

fn check_policies(project: &Project) -> Command {
    let mut command = project.command(python::TOOLS.program(project, "python"));
    command.args(["-B", "infra/policies.py"]);
    command.args([python::TOOLS.program(project, "cfn-lint"), python::CHECKOV.program(project, "checkov")]);
    command
}

/// Holds the calls that the functions made in this run against their roles.
fn check_calls(project: &Project, options: &[&str]) -> Command {
    let mut command = project.command(python::TOOLS.program(project, "python"));
    command.args(["-B", "infra/calls.py", RUNS]).args(options);
    command
}

fn clippy(project: &Project) -> Command {
    project.cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

fn documentation(project: &Project) -> Command {
    let mut command = project.cargo(&["doc", "--workspace", "--no-deps", "--document-private-items"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_earlier_runs_are_forgotten_and_nothing_else_is() {
        let runs = std::env::temp_dir().join(format!("xtask-forget-{}", std::process::id()));
        forget_calls(&runs).unwrap();
        for run in ["one", "two"] {
            std::fs::create_dir_all(runs.join(run)).unwrap();
        }
        for file in ["one/calls.log", "one/functions.log", "two/functions.log", "stack.json"] {
            std::fs::write(runs.join(file), "{}").unwrap();
        }
        forget_calls(&runs).unwrap();
        assert!(!runs.join("one/calls.log").exists());
        for kept in ["one/functions.log", "two/functions.log", "stack.json"] {
            assert!(runs.join(kept).is_file(), "{kept}");
        }
        std::fs::remove_dir_all(runs).unwrap();
    }
}
