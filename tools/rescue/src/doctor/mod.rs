//! `rescue doctor`: whether the deployment is in order, and what to do where it is not. It changes nothing; with `--deep` it
//! leaves a check for each webhook key, which is forgotten after a day.

mod checks;
mod deep;
mod keys;
mod merchants;

use clap::Args;
use jiff::Timestamp;
use models::ids::MerchantId;
use serde::Serialize;
use serde_json::json;

use crate::deployment::Deployment;
use crate::outcome::{Done, Exit, Failure, table};

/// How far to look.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Also send a signed webhook of our own for each merchant and key and find it, ask FlexFactor for a token, and read a list.
    #[arg(long)]
    deep: bool,
    /// Only this merchant's deep checks.
    #[arg(long, requires = "deep")]
    merchant: Option<MerchantId>,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// In order.
    Ok,
    /// Works, and someone should look.
    Warn,
    /// Does not work.
    Fail,
}

/// A check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// How it came out.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do about it, where there is something to do.
    pub todo: Option<String>,
}

impl Check {
    fn ok(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Ok, found: found.into(), todo: None }
    }

    fn bad(state: State, name: impl Into<String>, found: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { name: name.into(), state, found: found.into(), todo: Some(todo.into()) }
    }
}

/// Checks everything. What can't be checked fails, and hides nothing else.
///
/// # Errors
/// The result can't be shown.
pub async fn doctor(
    args: &DoctorArgs,
    found: Result<Deployment, Failure>,
    aws: &aws_config::SdkConfig,
    now: Timestamp,
) -> Result<Done, Failure> {
    let mut checks = vec![checks::credentials(aws).await];
    match found {
        Err(failure) => {
            let todo = "Check AWS_REGION, --stack and the permission cloudformation:DescribeStacks.";
            checks.push(Check::bad(State::Fail, "stack", failure.message, todo));
        }
        Ok(deployment) => {
            checks.push(checks::stack(&deployment));
            checks.push(checks::clock(&deployment).await);
            checks.push(checks::webhook(&deployment).await);
            let (of_merchants, merchants) = merchants::merchants(&deployment, now).await;
            checks.extend(of_merchants);
            checks.extend(checks::queues(&deployment).await);
            checks.push(checks::schedule(&deployment).await);
            checks.push(checks::sweep(&deployment).await);
            if args.deep {
                checks.extend(deep::deep(&deployment, &merchants, args.merchant.as_ref()).await);
            }
        }
    }
    shown(&checks)
}

fn shown(checks: &[Check]) -> Result<Done, Failure> {
    let cells = |check: &Check| {
        let state = match check.state {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "FAIL",
        };
        let todo = check.todo.as_ref().map(|todo| format!(" => {todo}")).unwrap_or_default();
        vec![state.to_owned(), check.name.clone(), format!("{}{todo}", check.found)]
    };
    let rows: Vec<_> = checks.iter().map(cells).collect();
    let count = |state| checks.iter().filter(|check| check.state == state).count();
    let text = format!(
        "{}\n\n{} ok, {} to look at, {} failed",
        table(&["", "check", "found"], &rows),
        count(State::Ok),
        count(State::Warn),
        count(State::Fail)
    );
    let exit = if count(State::Fail) > 0 { Exit::Findings } else { Exit::Done };
    Done::new(text, &json!({ "command": "doctor", "checks": checks }), exit)
}
