//! The project's own tasks: `cargo xtask <task>`. What CI runs is `cargo xtask test`, nothing else.

mod bench;
mod peers;
mod project;
mod prove;
mod python;
mod steps;
mod test;

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::project::Project;

const HELP: &str = "\
cargo xtask <task>

  demo [--keep] [--orders N]  send orders through the deployed local stack and check what came of them;
                              --keep leaves the stack running
  down                        stop a stack that was left running
  test [--fast]               all that CI runs; --fast leaves out what needs the stack
  simulate [--orders N] [--seed S] [--faults P] [--break RULE] [--json]
                              send orders through the real handlers in a simulated world in which P per cent of all calls
                              and deliveries fail, and compare the books; with a protection switched off it must fail
  prove NAME [--seed S] [--full]
                              run one proof by machine: its short form, or all of it with --full
                              (crashes, forgery, fuzz, model, permutations)
  bench [STAGE...] [--runs N] [--without-packages]
                              measure the functions beside the same in Python, TypeScript and bare Rust, and write
                              target/bench/report.md; `bench --help` names the stages. The packages, whose sizes are one of
                              them, take long to build
  supply                      list the crates that are built, with licences and duplicates, and hold them to our rules
  setup                       make the Python environment in .tools/python (the other tasks do so by themselves)
  package [--x86-64]          build the functions for AWS into target/package (arm64 unless told otherwise)
  help                        this text
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<ExitCode> {
    match arguments {
        ["demo", rest @ ..] => demo(&Project::find()?, rest),
        ["down"] => down(&Project::find()?),
        ["test"] => test::run(&Project::find()?, test::Extent::Everything),
        ["test", "--fast"] => test::run(&Project::find()?, test::Extent::WithoutStack),
        ["simulate", ..] | ["prove", "crashes", ..] => simulation(&Project::find()?, arguments),
        ["prove", rest @ ..] => prove::run(&Project::find()?, rest),
        ["bench", rest @ ..] => bench::run(&Project::find()?, rest),
        ["supply"] => supply(&Project::find()?),
        ["setup"] => python::set_up(&Project::find()?, &python::TOOLS).map(|()| ExitCode::SUCCESS),
        ["package"] => package(&Project::find()?, "--arm64"),
        ["package", "--x86-64"] => package(&Project::find()?, "--x86-64"),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        other => {
            eprint!("unknown task: {}\n\n{HELP}", other.join(" "));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The same build as the tests use, so that neither makes the other build again.
const BUILD_PROGRAMS: [&str; 3] = ["build", "--workspace", "--bins"];

fn demo(project: &Project, arguments: &[&str]) -> Result<ExitCode> {
    python::set_up(project, &python::TOOLS)?;
    steps::heading("build the functions and the demo");
    if !project.cargo(&BUILD_PROGRAMS).status()?.success() {
        return Ok(ExitCode::FAILURE);
    }
    let status = project.command(project.programs().join("demo")).args(arguments).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the simulation program, built to be fast.
fn simulation(project: &Project, arguments: &[&str]) -> Result<ExitCode> {
    let run = ["run", "--quiet", "--profile", "simulation", "-p", "simulation", "--"];
    let status = project.cargo(&[&run, arguments].concat()).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn supply(project: &Project) -> Result<ExitCode> {
    let status = project.cargo(&["run", "--quiet", "-p", "supply"]).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn down(project: &Project) -> Result<ExitCode> {
    match stack_process::down(project.root())? {
        0 => println!("no stack was running"),
        _ => println!("the stack is stopped"),
    }
    Ok(ExitCode::SUCCESS)
}

/// The functions, each a crate that is named as its directory.
fn functions(project: &Project) -> Result<Vec<String>> {
    let directories = std::fs::read_dir(project.root().join("functions"))?;
    let names = directories.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

fn package(project: &Project, architecture: &str) -> Result<ExitCode> {
    python::set_up(project, &python::TOOLS)?;
    let status = package_command(project, architecture, "target/package")?.status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds all functions for AWS. The directory is told, as cargo-lambda's default path does not tell architectures apart.
fn package_command(project: &Project, architecture: &str, directory: &str) -> Result<Command> {
    let mut command = project.command(python::TOOLS.program(project, "cargo-lambda"));
    command
        .args(["lambda", "build", "--release", architecture, "--lambda-dir", directory])
        .args(functions(project)?.iter().flat_map(|function| ["-p", function]))
        .env("PATH", python::path_with_tools(project)?);
    Ok(command)
}
