//! `rescue webhook replay`: a parked event, or a recorded webhook, once more.
//!
//! A parked event is not applied here: it is made due at once, and order-reconcile is told, which applies it as it applies
//! every parked event. A recorded webhook is verified with the merchant's keys, as webhook-receiver does but for its age, and
//! then applied by the very code that webhook-receiver applies it by; what is forged is applied by nobody.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, Subcommand};
use flexfactor::webhook::{Delivery, Notice, Policy, verify};
use jiff::{SignedDuration, Timestamp};
use lambda_kit::clock::System;
use lambda_kit::queue::{DueMessage, FanOut as _, ReconciliationsQueue};
use lambda_kit::secrets::{FindSecret as _, Secrets, SecretsManager};
use models::event::OrderEvent;
use models::ids::{MerchantId, OrderKey};
use models::order::{Due, DueReason};
use models::parked::{Fate, Parked};
use order_store::capability::{Applied, ApplyEvent as _};
use order_store::{DueKey, Table as _};
use serde::Deserialize;
use serde_json::json;

use crate::confirm::Consent;
use crate::deployment::Deployment;
use crate::outcome::{Done, Exit, Failure};
use crate::parked::{find, name_of};
use crate::redrive::{Verdict, foresee};

/// Longest recorded webhook, in bytes, with all around it.
const RECORDED_BYTES_MAX: u64 = 1024 * 1024;

/// What to do with webhooks.
#[derive(Debug, Subcommand)]
pub enum WebhookCommand {
    /// Apply a parked event, or a recorded webhook, now.
    Replay(ReplayArgs),
}

/// What to replay.
#[derive(Debug, Args)]
#[group(skip)]
#[command(group = ArgGroup::new("what").required(true).multiple(false))]
pub struct ReplayArgs {
    /// A parked event, by its name in `parked list`.
    #[arg(long, value_name = "NAME", group = "what")]
    parked: Option<String>,
    /// A recorded webhook: the HTTP API's event as events/webhooks has them, with headers and raw body.
    #[arg(long, value_name = "FILE", group = "what")]
    recorded: Option<PathBuf>,
    /// Only say what would happen.
    #[arg(long)]
    dry_run: bool,
}

/// Replays.
///
/// # Errors
/// There is no such thing, it can't be applied, it is not genuine, or it was not confirmed.
pub async fn replay(
    args: &ReplayArgs,
    deployment: &Deployment,
    consent: Consent,
    now: Timestamp,
) -> Result<Done, Failure> {
    match (&args.parked, &args.recorded) {
        (Some(name), _) => {
            let parked = find(deployment, name).await?;
            replay_parked(args, &parked, deployment, consent, now).await
        }
        (None, Some(file)) => replay_recorded(args, file, deployment, consent, now).await,
        (None, None) => Err(Failure::usage("say --parked NAME or --recorded FILE")),
    }
}

/// What is about to happen to an order.
struct Prospect {
    verdict: Verdict,
    says: String,
    from: Option<String>,
    to: Option<String>,
}

async fn prospect(
    deployment: &Deployment,
    key: &OrderKey,
    event: &OrderEvent,
    now: Timestamp,
) -> Result<Prospect, Failure> {
    let order = deployment.table()?.read(key).await?;
    let (verdict, to, says) = foresee(event, order.as_ref(), now);
    let from = order.map(|order| order.status.word().to_owned());
    Ok(Prospect { verdict, says, to: to.map(str::to_owned).or_else(|| from.clone()), from })
}

fn done(
    dry_run: bool,
    what: &str,
    key: &OrderKey,
    prospect: &Prospect,
    result: &str,
    exit: Exit,
) -> Result<Done, Failure> {
    let Prospect { verdict, says, from, to } = prospect;
    let document = json!({
        "command": "webhook replay", "dry_run": dry_run, "what": what, "order": key.to_string(), "from": from, "to": to,
        "verdict": verdict, "says": says, "result": result,
    });
    let status = |status: &Option<String>| status.clone().unwrap_or_else(|| "-".to_owned());
    Done::new(format!("{key}: {} -> {}: {says}\n{result}", status(from), status(to)), &document, exit)
}

async fn replay_parked(
    args: &ReplayArgs,
    parked: &Parked,
    deployment: &Deployment,
    consent: Consent,
    now: Timestamp,
) -> Result<Done, Failure> {
    let name = name_of(&parked.key);
    let (Some(event), Some(merchant)) = (&parked.event, &parked.key.merchant) else {
        return Err(Failure::refused(format!(
            "{name} is kept without an event that could be applied; only those of the kind orphan_event have one"
        )));
    };
    if parked.fate == Fate::Matched {
        return Err(Failure::refused(format!("{name} was applied to its order already")));
    }
    let key = OrderKey { merchant: merchant.clone(), order_id: event.order_id.clone() };
    let prospect = prospect(deployment, &key, event, now).await?;
    if args.dry_run {
        return done(true, &name, &key, &prospect, "nothing was done", Exit::Done);
    }
    if prospect.verdict == Verdict::Rejected {
        return done(false, &name, &key, &prospect, "nothing was done", Exit::Findings);
    }
    consent.to(&format!("Have the event {} applied to {key}", event.name))?;
    // The looks behind it stay counted; one whose schedule was used up begins it anew.
    let due = Due { looks: parked.due.map_or(0, |due| due.looks), ..Due::new(now, DueReason::Orphan) };
    if !deployment.table()?.rearm_parked(&parked.key, parked.due, due).await? {
        let result = "somebody was faster: it was looked at just now";
        return done(false, &name, &key, &prospect, result, Exit::Findings);
    }
    let url = deployment.output("ReconciliationsQueueUrl")?;
    let message = DueMessage::new(DueKey::Parked(parked.key.clone()), now);
    let told = ReconciliationsQueue::new(deployment.sqs(), url).fan_out(&[message]).await;
    let result = match told {
        Ok(()) => "due now, and order-reconcile was told",
        Err(_) => "due now; order-reconcile could not be told, so the next sweep tells it, within a minute",
    };
    done(false, &name, &key, &prospect, result, Exit::Done)
}

/// The parts of the HTTP API's event that are needed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recorded {
    raw_path: String,
    headers: BTreeMap<String, String>,
    body: String,
    #[serde(default)]
    is_base64_encoded: bool,
}

impl Recorded {
    fn load(file: &Path) -> Result<Self, Failure> {
        let told = |why: String| Failure::usage(format!("{}: {why}", file.display()));
        let length = std::fs::metadata(file).map_err(|error| told(error.to_string()))?.len();
        if length > RECORDED_BYTES_MAX {
            return Err(told(format!("it has more than {RECORDED_BYTES_MAX} bytes")));
        }
        let text = std::fs::read(file).map_err(|error| told(error.to_string()))?;
        serde_json::from_slice(&text).map_err(|error| {
            told(format!("line {}: it is no recorded webhook (see events/webhooks)", error.line()))
        })
    }

    fn merchant(&self) -> Result<MerchantId, Failure> {
        let path = self.raw_path.trim_end_matches('/');
        let id = path.rsplit_once("/webhooks/").and_then(|(_, id)| id.parse().ok());
        id.ok_or_else(|| Failure::usage("its rawPath is not /webhooks/{merchant}"))
    }

    fn body(&self) -> Result<Vec<u8>, Failure> {
        use base64::Engine as _;
        match self.is_base64_encoded {
            false => Ok(self.body.clone().into_bytes()),
            true => base64::engine::general_purpose::STANDARD
                .decode(&self.body)
                .map_err(|_| Failure::usage("its body is not base64")),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(header, _)| header.eq_ignore_ascii_case(name));
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }
}

async fn replay_recorded(
    args: &ReplayArgs,
    file: &Path,
    deployment: &Deployment,
    consent: Consent,
    now: Timestamp,
) -> Result<Done, Failure> {
    let recorded = Recorded::load(file)?;
    let merchant = recorded.merchant()?;
    let event = genuine(&recorded, &merchant, deployment, now).await?;
    let key = OrderKey { merchant, order_id: event.order_id.clone() };
    let prospect = prospect(deployment, &key, &event, now).await?;
    let what = file.display().to_string();
    if args.dry_run {
        return done(true, &what, &key, &prospect, "it is genuine; nothing was done", Exit::Done);
    }
    consent.to(&format!("Apply the event {} to {key}", event.name))?;
    let applied = deployment.table()?.apply(&key, &event, now).await?;
    let (result, exit) = match applied {
        Applied::Done => ("applied", Exit::Done),
        Applied::Duplicate | Applied::Replayed => ("it was applied before; nothing changed", Exit::Done),
        Applied::Orphan => ("no order of ours has this id; nothing changed", Exit::Findings),
        Applied::OtherProviderOrder => {
            ("the order is known under another id of FlexFactor's; nothing changed", Exit::Findings)
        }
    };
    done(false, &what, &key, &prospect, result, exit)
}

/// The event of a recorded webhook, if a key of the merchant's made its signature. Its date may be any: it was signed when
/// it was sent.
async fn genuine(
    recorded: &Recorded,
    merchant: &MerchantId,
    deployment: &Deployment,
    now: Timestamp,
) -> Result<OrderEvent, Failure> {
    let configured = deployment.table()?.merchant(merchant).await?;
    let configured =
        configured.ok_or_else(|| Failure::refused(format!("the merchant {merchant} is not configured")))?;
    let client = aws_sdk_secretsmanager::Client::new(deployment.aws());
    let source = SecretsManager::new(client, deployment.output("MerchantSecretPrefix")?);
    let secret = Secrets::new(source, System).secret(merchant).await;
    let secret = secret.map_err(|error| Failure::refused(error.to_string()))?;
    let body = recorded.body()?;
    let delivery = Delivery {
        authorization: recorded.header("x-fc-authorization"),
        content_sha512: recorded.header("x-fc-content-sha512"),
        date: recorded.header("x-fc-date"),
        nonce: recorded.header("x-fc-nonce"),
        body: &body,
    };
    let policy = Policy { host: deployment.webhook_host()?, date_window: SignedDuration::MAX };
    let forged = |check: flexfactor::webhook::Forged| {
        Failure::refused(format!(
            "it is not FlexFactor's, and was not applied: {} ({})",
            check.about(),
            check.code()
        ))
    };
    let verified = verify(&delivery, &secret.webhook_keys, &policy, now).map_err(forged)?;
    match Notice::read(verified, configured.environment).map_err(forged)? {
        Notice::Order(event) => Ok(event),
        Notice::Account(name) => Err(Failure::refused(format!("{name} is about no order"))),
        Notice::Check(_) => Err(Failure::refused("it is a check by `rescue doctor`, about no order")),
        Notice::Unknown(why) => Err(Failure::refused(why.to_string())),
    }
}
