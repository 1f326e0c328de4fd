//! `rescue doctor --deep`: what can only be seen by using it. A webhook of our own, signed with each key of the secret, goes
//! the way that FlexFactor's go, and is read back from the table; FlexFactor is asked for a token, order-api for a list.

use flexfactor::webhook::{WebhookKey, check_body};
use flexfactor::{Account, Client, Lost};
use jiff::Timestamp;
use lambda_kit::secrets::SECRET_REREAD_AFTER;
use models::ids::MerchantId;
use models::parked::{ParkedKey, ParkedKind};
use models::time::{later, to_millis};
use order_store::Table as _;
use uuid::Uuid;

use super::checks::http;
use super::merchants::Found;
use super::{Check, State};
use crate::deployment::Deployment;
use crate::orders::read_page;
use crate::outcome::Failure;

/// What is wrong with the way in, and what to do about it.
struct Wrong {
    found: String,
    todo: String,
}

impl Wrong {
    fn new(found: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { found: found.into(), todo: todo.into() }
    }
}

impl From<Failure> for Wrong {
    fn from(failure: Failure) -> Self {
        Self::new(
            failure.message,
            "Grant what docs/rescue.md names for doctor, or deploy this version's template.",
        )
    }
}

/// The deep checks of those merchants that can be worked with, or of the one that is asked for.
pub(super) async fn deep(deployment: &Deployment, found: &[Found], only: Option<&MerchantId>) -> Vec<Check> {
    let mut checks = Vec::new();
    for merchant in found.iter().filter(|found| only.is_none_or(|only| *only == found.id)) {
        for key in &merchant.secret.webhook_keys {
            let name = format!("check webhook of {}, key {}", merchant.id, key.fingerprint());
            checks.push(shown(name, send_check(deployment, merchant, key).await));
        }
        checks.push(shown(format!("API key of {}", merchant.id), sign_in(deployment, merchant).await));
        checks.push(shown(format!("order-api for {}", merchant.id), list(deployment, &merchant.id).await));
    }
    if checks.is_empty() {
        let who =
            only.map_or_else(|| "no merchant".to_owned(), |only| format!("{only} is not a merchant that"));
        let found = format!("{who} could be checked deeply");
        let todo = "Configure it and its secret first, as the checks above say.";
        checks.push(Check::bad(State::Fail, "check webhook", found, todo));
    }
    checks
}

fn shown(name: String, checked: Result<String, Wrong>) -> Check {
    match checked {
        Ok(found) => Check::ok(name, found),
        Err(wrong) => Check::bad(State::Fail, name, wrong.found, wrong.todo),
    }
}

/// Sends a check and finds it in the table: this very one, by its time and nonce.
async fn send_check(deployment: &Deployment, found: &Found, key: &WebhookKey) -> Result<String, Wrong> {
    let (now, nonce) = (Timestamp::now(), Uuid::new_v4().simple().to_string());
    let (host, url) = (deployment.webhook_host()?, deployment.webhook_url(&found.id)?);
    let body = check_body(now, found.merchant.environment);
    let signed = key.sign(body.as_bytes(), host, &nonce, now);
    let signed = signed.ok_or_else(|| Wrong::new("this machine's clock tells no date", "Set it (NTP)."))?;
    let client = http(deployment).map_err(|why| Wrong::new(why, "See the checks above."))?;
    let request = client.post(&url).header("content-type", "application/json").body(body.clone());
    let request =
        signed.headers().into_iter().fold(request, |request, (name, value)| request.header(name, value));
    let answer = request.send().await.map_err(|_| {
        Wrong::new(format!("{host} could not be reached"), "Check the domain, its DNS entry and its mapping.")
    })?;
    let status = answer.status().as_u16();
    if status != 200 {
        return Err(Wrong::new(format!("{host} answered {status}"), todo_of(status, found, now)));
    }
    let kept = ParkedKey {
        merchant: Some(found.id.clone()),
        arrived_at: to_millis(now),
        kind: ParkedKind::Check,
        id: nonce,
    };
    match deployment.table()?.read_parked(&kept).await.map_err(Failure::from)? {
        Some(_) => Ok(format!("signed for {host}, taken, and found in the table")),
        None => Err(Wrong::new(
            format!("{host} answered 200, and the check is not in this stack's table"),
            "The domain leads to another stack, or to a webhook-receiver older than this command: see where it is mapped, and \
             deploy this version.",
        )),
    }
}

/// What an answer other than 200 comes from, and what to do.
fn todo_of(status: u16, found: &Found, now: Timestamp) -> String {
    match status {
        401 => {
            let is_new = now < later(found.version.made_at, SECRET_REREAD_AFTER + SECRET_REREAD_AFTER);
            let first = match is_new {
                true => "The secret was changed just now; instances may know it in a few seconds: run this again. If it stays so: ",
                false => "",
            };
            format!(
                "{first}webhook-receiver's log says which check failed (`a webhook was refused`). `signature`: it was deployed with \
                 another host (WebhookHost), or can't read the secret. `date_window`: its clock, or this machine's."
            )
        }
        404 => "webhook-receiver does not find the merchant's configuration. If it is new, run this again in a few seconds; else \
                the domain leads to another stack."
            .to_owned(),
        429 => "The API lets no more webhooks in (WebhookRequestsPerSecondMax). Run this again.".to_owned(),
        503 => "webhook-receiver could not read the secret or write to the table: see its log (`a webhook could not be taken`), its \
                role and the KMS key."
            .to_owned(),
        500..=599 => "webhook-receiver failed or could not be called: see its log, and the API's.".to_owned(),
        _ => "It is not webhook-receiver that answered: see what the domain leads to.".to_owned(),
    }
}

/// Whether FlexFactor gives a token for the API key. Nothing else is asked of it.
async fn sign_in(deployment: &Deployment, found: &Found) -> Result<String, Wrong> {
    let client = Client::new(&deployment.provider()?).map_err(|error| Failure::refused(error.to_string()))?;
    let account = Account {
        merchant: found.id.clone(),
        environment: found.merchant.environment,
        credentials: found.secret.credentials.clone(),
    };
    let key = account.credentials.fingerprint();
    match client.sign_in(&account, Timestamp::now()).await {
        Ok(()) => Ok(format!("FlexFactor takes {key}")),
        Err(Lost::Unauthorized) => Err(Wrong::new(
            format!("FlexFactor does not take {key}"),
            "Put a pair of app_key and app_secret of this environment into the secret (docs/recipes/rotate-keys.md).",
        )),
        Err(
            lost @ (Lost::TimedOut
            | Lost::Disconnected
            | Lost::ServerFailed(_)
            | Lost::Busy(_)
            | Lost::Malformed),
        ) => Err(Wrong::new(
            format!("whether FlexFactor takes {key} is not known: {lost}"),
            "Run this again from where FlexFactor can be reached (FlexFactorSandboxUrl, FlexFactorProductionUrl).",
        )),
    }
}

/// Whether order-api answers: its gateway, authorization, function and index.
async fn list(deployment: &Deployment, id: &MerchantId) -> Result<String, Wrong> {
    match read_page(deployment, id).await {
        Ok(()) => Ok("a list was read".to_owned()),
        Err(failure) => Err(Wrong::new(
            failure.message,
            "Grant execute-api:Invoke, or set RESCUE_API_TOKEN (docs/order-api.md); else see order-api's log.",
        )),
    }
}
