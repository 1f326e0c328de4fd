//! The checks of the deployment as a whole.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_sqs::types::MessageSystemAttributeName;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};
use order_store::Table as _;
use order_store::dynamo::key::DUE_SHARDS;

use super::{Check, State};
use crate::deployment::Deployment;
use crate::outcome::Failure;
use crate::queues::{DEAD_LETTERS, QUEUES, depth};

/// A merchant that is certainly not configured: what answers for it is webhook-receiver, and nothing is written.
const NOBODY: &str = "rescue-doctor-nobody";
/// Skew of our clock that is worth a look. AWS refuses signatures from five minutes on.
const SKEW_SECONDS_WARN: i64 = 30;
const SKEW_SECONDS_FAIL: i64 = 300;
/// Waiting messages that are worth a look.
const WAITING_WARN: u64 = 1_000;
/// The sweep runs every minute by default; what is due for longer than this was not looked at.
const OVERDUE: SignedDuration = SignedDuration::from_mins(15);
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn credentials(aws: &SdkConfig) -> Check {
    let name = "credentials";
    let todo = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; for single sign-on: \
                eval \"$(aws configure export-credentials --format env)\".";
    let Some(region) = aws.region() else {
        return Check::bad(State::Fail, name, "no region", "Set AWS_REGION.");
    };
    let Some(provider) = aws.credentials_provider() else {
        return Check::bad(State::Fail, name, "no credentials", todo);
    };
    match provider.provide_credentials().await {
        Err(_) => Check::bad(State::Fail, name, "no credentials could be found", todo),
        Ok(credentials) => {
            let at = aws.endpoint_url().map(|endpoint| format!(", AWS at {endpoint}")).unwrap_or_default();
            let expiry = credentials.expiry().and_then(|expiry| Timestamp::try_from(expiry).ok());
            match expiry {
                Some(expiry) if expiry <= Timestamp::now() => {
                    Check::bad(State::Fail, name, format!("expired at {expiry:.0}"), todo)
                }
                Some(expiry) => Check::ok(name, format!("found, until {expiry:.0}; region {region}{at}")),
                None => Check::ok(name, format!("found; region {region}{at}")),
            }
        }
    }
}

pub(super) fn stack(deployment: &Deployment) -> Check {
    let name = format!("stack {}", deployment.stack);
    match deployment.status.as_str() {
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" => {
            Check::ok(name, deployment.status.clone())
        }
        "UPDATE_ROLLBACK_COMPLETE" => Check::bad(
            State::Warn,
            name,
            deployment.status.clone(),
            "The last deployment was rolled back: see the stack's events.",
        ),
        status => {
            Check::bad(State::Fail, name, status, "Wait for the deployment, or see the stack's events.")
        }
    }
}

/// No proxy leads to a local stack.
pub(super) fn http(deployment: &Deployment) -> Result<reqwest::Client, String> {
    let client = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none());
    let client = if deployment.endpoint().is_some() { client.no_proxy() } else { client };
    client.build().map_err(|_| "the HTTP client can't be set up".to_owned())
}

/// Our clock against AWS's own: the Date header of any answer.
pub(super) async fn clock(deployment: &Deployment) -> Check {
    let name = "clock";
    let region = deployment.aws().region().map(ToString::to_string).unwrap_or_default();
    let url =
        deployment.endpoint().map_or_else(|| format!("https://sqs.{region}.amazonaws.com/"), str::to_owned);
    let asked = async {
        let answer =
            http(deployment)?.get(&url).send().await.map_err(|_| "AWS could not be reached".to_owned())?;
        let date = answer.headers().get("date").and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| DateTimeParser::new().parse_timestamp(date).ok());
        date.ok_or_else(|| "AWS's answer has no date".to_owned())
    };
    match asked.await {
        Err(why) => Check::bad(State::Fail, name, why, "Check the network and the region."),
        Ok(theirs) => skew(name, Timestamp::now().duration_since(theirs).as_secs()),
    }
}

fn skew(name: &str, seconds: i64) -> Check {
    let found = format!("{seconds} s ahead of AWS's");
    let todo = "Set this machine's clock (NTP): from 300 s on AWS refuses what is signed here.";
    match seconds.abs() {
        0..=SKEW_SECONDS_WARN => Check::ok(name, found),
        _ if seconds.abs() < SKEW_SECONDS_FAIL => Check::bad(State::Warn, name, found, todo),
        _ => Check::bad(State::Fail, name, found, todo),
    }
}

/// Whether webhooks reach webhook-receiver: one for nobody is answered by it, and nothing is written.
pub(super) async fn webhook(deployment: &Deployment) -> Check {
    let name = "webhook host";
    let asked = async {
        let nobody = NOBODY.parse().map_err(|_| "the name of nobody is no merchant id".to_owned())?;
        let told = |failure: Failure| failure.message;
        let (url, host) =
            (deployment.webhook_url(&nobody).map_err(told)?, deployment.webhook_host().map_err(told)?);
        let answer = http(deployment)?.post(&url).body("{}").send().await;
        let answer = answer.map_err(|_| format!("{host} could not be reached"))?;
        let status = answer.status().as_u16();
        let body: serde_json::Value = answer.json().await.unwrap_or_default();
        match (status, body.get("code").and_then(serde_json::Value::as_str)) {
            (404, Some("unknown_merchant")) => {
                Ok(format!("webhook-receiver answers; FlexFactor signs for {host}"))
            }
            _ => Err(format!("{host} answered {status}, and not by webhook-receiver")),
        }
    };
    match asked.await {
        Ok(found) => Check::ok(name, found),
        Err(why) => Check::bad(
            State::Fail,
            name,
            why,
            "Check the domain in front of the HTTP API (parameter WebhookHost), its DNS entry and its mapping.",
        ),
    }
}

pub(super) async fn queues(deployment: &Deployment) -> Vec<Check> {
    let mut checks = Vec::new();
    for (queue, output) in QUEUES.into_iter().filter(|(_, output)| deployment.output(output).is_ok()) {
        let name = format!("queue {queue}");
        checks.push(match depth(deployment, queue, output).await {
            Err(failure) => unreadable(name, &failure),
            Ok(depth) => {
                let found = format!("{} waiting, {} in flight", depth.waiting, depth.in_flight);
                match depth.waiting < WAITING_WARN {
                    true => Check::ok(name, found),
                    false => Check::bad(
                        State::Warn,
                        name,
                        found,
                        "See its function's errors and concurrency; the alarm on its age tells when it is late.",
                    ),
                }
            }
        });
    }
    for (queue, output) in DEAD_LETTERS.into_iter().filter(|(_, output)| deployment.output(output).is_ok()) {
        let name = format!("dead letters {queue}");
        checks.push(match depth(deployment, queue, output).await {
            Err(failure) => unreadable(name, &failure),
            Ok(depth) if depth.waiting + depth.in_flight == 0 => Check::ok(name, "none"),
            Ok(depth) => {
                let age = oldest(deployment, output).await;
                let age =
                    age.map_or_else(String::new, |age| format!(", one of them {} h old", age.as_hours()));
                let todo = match queue {
                    "declines-dlq" | "evaluations-dlq" | "reconciliations-dlq" => {
                        format!("rescue redrive {} --dry-run", queue.trim_end_matches("-dlq"))
                    }
                    _ => "See the text of its alarm; these can't be redriven from here.".to_owned(),
                };
                let found = format!("{} (and {} held){age}", depth.waiting, depth.in_flight);
                Check::bad(State::Warn, name, format!("{found}; they are deleted after 14 days"), todo)
            }
        });
    }
    checks
}

fn unreadable(name: String, failure: &Failure) -> Check {
    let todo = "Grant sqs:GetQueueAttributes, or deploy this version's template.";
    Check::bad(State::Fail, name, failure.message.clone(), todo)
}

/// The age of the oldest of the dead letters that SQS shows at once. Nothing counts how often they are received.
async fn oldest(deployment: &Deployment, output: &str) -> Option<SignedDuration> {
    let request = deployment.sqs().receive_message().queue_url(deployment.output(output).ok()?);
    let answer = request
        .max_number_of_messages(10)
        .visibility_timeout(0)
        .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
        .send()
        .await
        .ok()?;
    let sent = answer.messages().iter().filter_map(|message| {
        let millis = message.attributes()?.get(&MessageSystemAttributeName::SentTimestamp)?;
        Timestamp::from_millisecond(millis.parse().ok()?).ok()
    });
    sent.min().map(|sent| Timestamp::now().duration_since(sent))
}

pub(super) async fn schedule(deployment: &Deployment) -> Check {
    let name = "sweep's schedule";
    let schedule = match deployment.output("SweepScheduleName") {
        Ok(schedule) => schedule,
        Err(failure) => {
            return Check::bad(State::Fail, name, failure.message, "Deploy this version's template.");
        }
    };
    let client = aws_sdk_scheduler::Client::new(deployment.aws());
    match client.get_schedule().name(schedule).send().await {
        Err(error) => {
            let failure = crate::deployment::aws_failure("reading the schedule", &error);
            Check::bad(
                State::Fail,
                name,
                failure.message,
                "Grant scheduler:GetSchedule, or deploy the template again.",
            )
        }
        Ok(found) => {
            let state = found.state().map(|state| state.as_str().to_owned()).unwrap_or_default();
            let every = found.schedule_expression().unwrap_or_default();
            match state.as_str() {
                "ENABLED" => Check::ok(name, format!("enabled, {every}")),
                _ => Check::bad(
                    State::Fail,
                    name,
                    format!("{state}, {every}"),
                    "Enable it: without it no lost webhook is found and no order expires.",
                ),
            }
        }
    }
}

/// Whether the sweep does its work: nothing stays due.
pub(super) async fn sweep(deployment: &Deployment) -> Check {
    let name = "sweep runs";
    let asked = async {
        let store = deployment.table()?;
        let as_of = Timestamp::now().saturating_add(-OVERDUE).unwrap_or(Timestamp::MIN);
        let mut overdue = 0;
        for shard in 0..DUE_SHARDS {
            overdue += store.due(shard, as_of, 100).await?.len();
        }
        Ok::<_, Failure>(overdue)
    };
    match asked.await {
        Err(failure) => {
            Check::bad(State::Fail, name, failure.message, "Grant dynamodb:Query on the index due.")
        }
        Ok(0) => Check::ok(name, format!("nothing is due for more than {} minutes", OVERDUE.as_mins())),
        Ok(overdue) => Check::bad(
            State::Fail,
            name,
            format!("{overdue} or more are due for more than {} minutes", OVERDUE.as_mins()),
            "See the logs of expiry-sweep and order-reconcile, and the dead letters of both.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skew_is_judged_at_its_edges_and_both_ways() {
        for (seconds, state) in [
            (0, State::Ok),
            (SKEW_SECONDS_WARN, State::Ok),
            (SKEW_SECONDS_WARN + 1, State::Warn),
            (-SKEW_SECONDS_FAIL + 1, State::Warn),
            (SKEW_SECONDS_FAIL, State::Fail),
            (-SKEW_SECONDS_FAIL, State::Fail),
        ] {
            assert_eq!(skew("clock", seconds).state, state, "{seconds}");
        }
    }
}
