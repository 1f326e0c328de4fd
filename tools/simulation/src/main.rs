//! `simulation simulate` and `simulation prove`, as `cargo xtask` calls them.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::Parser;
use simulation::{Plan, Rule, crashes, simulate, trace};

/// The short form tries each so many-th call.
const SHORT_STRIDE: usize = 11;

/// The real handlers in a simulated world.
#[derive(Debug, Parser)]
#[command(name = "simulation")]
enum Command {
    /// Sends declines through the handlers while everything fails now and then, and compares the books at the end.
    Simulate(Simulate),
    /// Shows a promise.
    #[command(subcommand)]
    Prove(Prove),
}

#[derive(Debug, clap::Subcommand)]
enum Prove {
    /// Lets the process die at every call of every story, before and after its effect, and compares the ends.
    Crashes {
        /// Where all chance comes from; drawn from the clock when absent.
        #[arg(long)]
        seed: Option<u64>,
        /// At every call instead of every eleventh.
        #[arg(long)]
        full: bool,
        /// Switches one protection off: ends must differ then.
        #[arg(long = "break")]
        broken: Option<Rule>,
    },
}

#[derive(Debug, Parser)]
struct Simulate {
    /// How many good declines.
    #[arg(long, default_value_t = 10_000)]
    orders: u64,
    /// Where all chance comes from; drawn from the clock when absent.
    #[arg(long)]
    seed: Option<u64>,
    /// The chance of a fault, of each call and each delivery, in per cent.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=100))]
    faults: u32,
    /// Switches one protection off: the run must then report damage.
    #[arg(long = "break")]
    broken: Option<Rule>,
    /// Prints the report as JSON.
    #[arg(long)]
    json: bool,
    /// Prints the log lines of one world that hold a text, such as an order's id, instead of a report: `4:late-000017`.
    #[arg(long, value_name = "WORLD:TEXT")]
    trace: Option<String>,
}

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Simulate(arguments) => run(&arguments),
        Command::Prove(Prove::Crashes { seed, full, broken }) => prove_crashes(seed, full, broken),
    };
    done.unwrap_or_else(|error| {
        eprintln!("simulation: {error:#}");
        ExitCode::FAILURE
    })
}

/// The seed, told before anything can go wrong.
fn seed_of(given: Option<u64>) -> u64 {
    let seed = given.unwrap_or_else(|| jiff::Timestamp::now().as_microsecond().unsigned_abs());
    eprintln!("seed {seed}");
    seed
}

fn prove_crashes(seed: Option<u64>, is_full: bool, broken: Option<Rule>) -> Result<ExitCode> {
    let crashes = crashes(seed_of(seed), if is_full { 1 } else { SHORT_STRIDE }, broken)?;
    for difference in &crashes.differences {
        println!("{}: {}", difference.story, difference.point);
        println!("  expected {}\n  found    {}", difference.expected, difference.found);
    }
    println!("{} stories, {} calls at which a process can die", crashes.stories, crashes.points);
    println!("{} deaths, {} steps done twice", crashes.deaths, crashes.repeated);
    println!("{} ends differ from the clean run's", crashes.differences.len());
    Ok(if crashes.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run(arguments: &Simulate) -> Result<ExitCode> {
    let seed = seed_of(arguments.seed);
    let plan =
        Plan { orders: arguments.orders, seed, faults_per_cent: arguments.faults, broken: arguments.broken };
    if let Some((world, text)) = arguments.trace.as_deref().and_then(|trace| trace.split_once(':')) {
        for line in trace(&plan, world.parse()?, text)? {
            println!("{line}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let started = Instant::now();
    let report = simulate(&plan)?;
    match arguments.json {
        true => println!("{}", serde_json::to_string_pretty(&report)?),
        false => println!("{report}"),
    }
    eprintln!("took {} s", started.elapsed().as_secs());
    Ok(if report.damage() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
