//! Measures what the functions cost in time, memory and money, beside the same functions in Python, TypeScript and bare
//! Rust, all in one run on one machine. `cargo xtask bench` builds what it needs and starts it.
//!
//! Nothing here passes or fails by a time: what is told are medians, spreads and ratios, and which goals they meet.

#![allow(clippy::float_arithmetic, reason = "ratios of times and sizes; no money is reckoned in floats")]

mod checks;
mod cost;
mod cpu;
mod delivery;
mod figures;
mod growth;
mod intake;
mod local;
mod orders;
mod processes;
mod report;
mod section;
mod size;
mod stage;
mod staging;
mod start;
mod variant;
mod webhook;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

use crate::report::Report;
use crate::stage::Stage;

/// Measures the functions beside their peers.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
struct Arguments {
    /// What to measure; everything, in this order, unless told.
    #[arg(value_enum)]
    stages: Vec<Stage>,
    /// How often each thing is measured; more runs make spreads narrower and take longer.
    #[arg(long, default_value_t = 15)]
    runs: usize,
}

/// Where things are, and how much to measure.
#[derive(Debug)]
pub(crate) struct Bench {
    /// The checkout.
    pub(crate) root: PathBuf,
    /// Where the release binaries are.
    pub(crate) programs: PathBuf,
    /// Where reports and logs go: target/bench.
    pub(crate) output: PathBuf,
    /// How often each thing is measured.
    pub(crate) runs: usize,
}

impl Bench {
    fn new(runs: usize) -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("bench has moved")?.to_owned();
        // Wherever cargo puts things, and whichever profile this program was built in: what is measured is released.
        let program = std::env::current_exe()?;
        let own = program.parent().context("bench is in no directory")?;
        let programs = own.with_file_name("release");
        let output = root.join("target/bench");
        std::fs::create_dir_all(&output)?;
        Ok(Self { root, programs, output, runs })
    }

    /// Our functions, each a crate that is named as its directory.
    pub(crate) fn functions(&self) -> Result<Vec<String>> {
        let directories = std::fs::read_dir(self.root.join("functions"))?;
        let names = directories.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let mut names = names.collect::<Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    let bench = Bench::new(arguments.runs)?;
    let stages = if arguments.stages.is_empty() { Stage::ALL.to_vec() } else { arguments.stages.clone() };
    let mut report = Report::begin();
    let mut failed = Vec::new();
    for stage in stages {
        println!("\n== {}", stage.title());
        // One stage that fails does not cost the figures of the others, which are written as they come.
        match stage.run(&bench).await {
            Ok(section) => report.add(section),
            Err(error) => {
                eprintln!("bench: {}: {error:#}", stage.title());
                failed.push(stage.title());
            }
        }
        report.write(&bench.output)?;
    }
    println!("written: report.json and report.md in {}", bench.output.display());
    anyhow::ensure!(failed.is_empty(), "not measured: {}", failed.join(", "));
    Ok(())
}
