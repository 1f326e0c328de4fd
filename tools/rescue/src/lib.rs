//! The command line of a deployment: send declines, look at orders, repair what got stuck, compare the books.
//!
//! It is a tool of people and scripts, and no function needs it. What it says a function would do, it decides by the same
//! code as the function; what it has done, the functions do wherever they can: it puts messages on queues, and does not write
//! to orders but by the one path by which verified webhooks are applied.

pub mod balance;
pub mod cli;
pub mod confirm;
pub mod deployment;
pub mod doctor;
pub mod erase;
pub mod orders;
pub mod outcome;
pub mod parked;
pub mod queues;
pub mod redrive;
pub mod replay;
pub mod report;
pub mod send;
pub mod watch;

use jiff::Timestamp;
use serde_json::json;

use cli::{Cli, Command};
use confirm::Consent;
use deployment::{Deployment, aws_config};
use outcome::{Done, Exit, Failure};
use replay::WebhookCommand;

/// Does what the command line says.
///
/// # Errors
/// Why it could not be done.
pub async fn run(cli: &Cli, now: Timestamp) -> Result<Done, Failure> {
    match &cli.command {
        // These need no deployment.
        Command::Completions { shell } => {
            let script = cli::completions(*shell)?;
            Done::new(&script, &json!({ "command": "completions", "script": script }), Exit::Done)
        }
        Command::ExitCodes => {
            let codes = Exit::ALL.map(|exit| json!({ "code": exit.code(), "meaning": exit.meaning() }));
            Done::new(cli::meanings(), &json!({ "command": "exit-codes", "exit_codes": codes }), Exit::Done)
        }
        Command::Send(args) if args.wants_columns() => send::show_columns(),
        Command::Doctor(args) => {
            let aws = aws_config().await;
            doctor::doctor(args, Deployment::find(&cli.stack, aws.clone()).await, &aws, now).await
        }
        Command::Send(_)
        | Command::Watch(_)
        | Command::Parked(_)
        | Command::Redrive(_)
        | Command::Webhook(_)
        | Command::Report(_)
        | Command::Balance(_)
        | Command::Erase(_)
        | Command::Order(_) => on_deployment(cli, now).await,
    }
}

async fn on_deployment(cli: &Cli, now: Timestamp) -> Result<Done, Failure> {
    let deployment = Deployment::find(&cli.stack, aws_config().await).await?;
    let consent = Consent::of(cli.yes);
    match &cli.command {
        Command::Send(args) => send::send(args, &deployment, now).await,
        Command::Watch(args) => watch::watch(args, &deployment, cli.json).await,
        Command::Parked(command) => parked::parked(command, &deployment).await,
        Command::Redrive(args) => redrive::redrive(args, &deployment, consent, now).await,
        Command::Webhook(WebhookCommand::Replay(args)) => {
            replay::replay(args, &deployment, consent, now).await
        }
        Command::Report(args) => report::report(args, &deployment).await,
        Command::Order(args) => orders::order(args, &deployment, consent).await,
        Command::Erase(args) => erase::erase(args, &deployment, consent, now).await,
        Command::Balance(args) => balance::balance(args, &deployment, now).await,
        // Dealt with by [`run`].
        Command::Doctor(_) | Command::Completions { .. } | Command::ExitCodes => {
            Err(Failure::usage("this command needs no deployment"))
        }
    }
}
