//! The command line as people type it.

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::balance::BalanceArgs;
use crate::doctor::DoctorArgs;
use crate::erase::EraseArgs;
use crate::orders::OrderArgs;
use crate::outcome::{Failure, exit_codes};
use crate::parked::ParkedCommand;
use crate::redrive::RedriveArgs;
use crate::replay::WebhookCommand;
use crate::report::ReportArgs;
use crate::send::SendArgs;
use crate::watch::WatchArgs;

/// Send declines, look at orders, repair what got stuck, and compare the books of a rebill-rescue deployment.
///
/// AWS is found as by the AWS command line: AWS_REGION, AWS_PROFILE or keys, AWS_ENDPOINT_URL for a local stack. Everything
/// else is read from the outputs of the CloudFormation stack.
#[derive(Debug, Parser)]
#[command(
    name = "rescue",
    version,
    after_help = "Exit codes: `rescue exit-codes`. All commands: docs/rescue.md."
)]
pub struct Cli {
    /// Name of the CloudFormation stack.
    #[arg(long, global = true, env = "RESCUE_STACK", default_value = "rebill-rescue-dev")]
    pub stack: String,
    /// Print one JSON document in place of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// Confirm what would be asked.
    #[arg(long, global = true)]
    pub yes: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check a file of declines and put it on the declines queue; the same command again goes on where it stopped.
    Send(SendArgs),
    /// Show, list, cancel, capture and refund orders, through order-api.
    Order(OrderArgs),
    /// Count orders by status and messages by queue, over and over. It reads the whole table each time.
    Watch(WatchArgs),
    /// Look at what could not be applied and is kept.
    #[command(subcommand)]
    Parked(ParkedCommand),
    /// Move dead letters back to their queue, after showing what each would do.
    Redrive(RedriveArgs),
    /// Apply an event of FlexFactor's once more.
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// How rescues go: counts, amounts and rates. It reads the whole table.
    Report(ReportArgs),
    /// Compare what was accepted, what is held, and what FlexFactor has. It reads the whole table and every order there.
    Balance(BalanceArgs),
    /// Erase what is kept of one customer's personal data. It reads the whole table.
    Erase(EraseArgs),
    /// Check credentials, clock, secrets, webhooks, queues and the sweep; with --deep, send a webhook of our own through.
    Doctor(DoctorArgs),
    /// Print the completions for a shell.
    Completions {
        /// Which shell.
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print what the exit codes mean.
    ExitCodes,
}

/// The completions for a shell.
///
/// # Errors
/// They are not text.
pub fn completions(shell: Shell) -> Result<String, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "rescue", &mut script);
    String::from_utf8(script).map_err(|error| Failure::refused(error.to_string()))
}

/// What the exit codes mean, as text.
#[must_use]
pub fn meanings() -> String {
    exit_codes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_of_all_commands_are_taken_anywhere() {
        let cli =
            Cli::try_parse_from(["rescue", "redrive", "declines", "--dry-run", "--json", "--stack", "x"])
                .unwrap();
        assert!(cli.json && cli.stack == "x");
        assert!(Cli::try_parse_from(["rescue", "redrive", "history"]).is_err());
        assert!(Cli::try_parse_from(["rescue", "webhook", "replay"]).is_err(), "what to replay must be said");
        assert!(Cli::try_parse_from(["rescue", "webhook", "replay", "--parked", "a", "--dry-run"]).is_ok());
        assert!(
            Cli::try_parse_from(["rescue", "webhook", "replay", "--parked", "a", "--recorded", "b"]).is_err()
        );
        assert!(
            Cli::try_parse_from(["rescue", "parked", "show", "-/2026/refused/1", "--json"]).unwrap().json
        );
        assert!(Cli::try_parse_from(["rescue", "balance", "--metric"]).is_ok());
        assert!(Cli::try_parse_from(["rescue", "balance", "--metric", "--json"]).is_err());
        assert!(Cli::try_parse_from(["rescue", "doctor", "--deep", "--merchant", "acme"]).is_ok());
        assert!(Cli::try_parse_from(["rescue", "doctor", "--merchant", "acme"]).is_err());
        assert!(
            Cli::try_parse_from(["rescue", "erase", "--merchant", "acme"]).is_err(),
            "whose must be said"
        );
        assert!(
            Cli::try_parse_from(["rescue", "erase", "--merchant", "acme", "--email", "a@example.com"])
                .is_ok()
        );
        assert!(Cli::try_parse_from(["rescue", "send"]).is_err());
        assert!(Cli::try_parse_from(["rescue", "send", "--columns"]).is_ok());
    }

    #[test]
    fn completions_name_every_command() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = completions(shell).unwrap();
            for command in Cli::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
        }
    }
}
