//! The command line `rescue`. Only wiring is here.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use jiff::Timestamp;
use rescue::cli::Cli;
use rescue::outcome::Failure;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let (shown, exit, is_failure) = match rescue::run(&cli, Timestamp::now()).await {
        Ok(done) if cli.json => (done.document.to_string(), done.exit, false),
        Ok(done) => (done.text, done.exit, false),
        Err(failure) if cli.json => (failure.document().to_string(), failure.exit, false),
        Err(Failure { exit, message }) => (format!("rescue: {message}"), exit, true),
    };
    let written = match is_failure {
        true => writeln!(std::io::stderr(), "{shown}"),
        false => writeln!(std::io::stdout(), "{shown}"),
    };
    // Whoever reads may have gone, which changes nothing about what was done.
    drop(written);
    ExitCode::from(exit.code())
}
