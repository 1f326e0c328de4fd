//! The checks of each merchant: configuration, secret, and which keys are in use. No value of a secret is ever shown: keys
//! go by their fingerprints.

use std::time::SystemTime;

use jiff::Timestamp;
use lambda_kit::secrets::{MerchantSecret, SECRET_FRESH};
use models::fingerprint::Fingerprint;
use models::ids::MerchantId;
use models::merchant::Merchant;
use models::time::later;
use order_store::StoreError;
use order_store::capability::ReadKey as _;
use order_store::dynamo::merchants as configured;

use super::keys::{KeyUse, keys_in_use};
use super::{Check, State};
use crate::deployment::{Deployment, aws_failure};
use crate::outcome::Failure;

const SECRET_TODO: &str = "aws secretsmanager put-secret-value with app_key, app_secret and webhook_keys \
                           (events/schemas/merchant-secret.schema.json).";
/// How much is shown of a version's id, in bytes: enough to tell it from the one before.
const VERSION_BYTES: usize = 8;

/// A merchant that can be worked with.
pub(super) struct Found {
    pub(super) id: MerchantId,
    pub(super) merchant: Merchant,
    pub(super) secret: MerchantSecret,
    pub(super) version: Version,
}

/// Which version of a secret it is.
#[derive(Debug, Clone)]
pub(super) struct Version {
    id: String,
    pub(super) made_at: Timestamp,
}

/// The checks of all merchants, and those merchants whose configuration and secret can be read.
pub(super) async fn merchants(deployment: &Deployment, now: Timestamp) -> (Vec<Check>, Vec<Found>) {
    let read = async {
        let prefix = deployment.output("MerchantSecretPrefix")?;
        let merchants = configured(&deployment.dynamodb(), deployment.table_name()?).await?;
        Ok::<_, Failure>((merchants, prefix))
    };
    let (merchants, prefix) = match read.await {
        Ok(read) => read,
        Err(failure) => {
            let todo = "Grant dynamodb:Scan on the orders table to people who run this.";
            return (vec![Check::bad(State::Fail, "merchants", failure.message, todo)], Vec::new());
        }
    };
    if merchants.is_empty() {
        let todo = "Write a configuration item (README, \"Deploying to AWS\") for each merchant.";
        return (vec![Check::bad(State::Fail, "merchants", "none is configured", todo)], Vec::new());
    }
    let client = aws_sdk_secretsmanager::Client::new(deployment.aws());
    let (mut checks, mut found) = (Vec::new(), Vec::new());
    for (name, merchant) in merchants {
        checks.push(configuration(&name, &merchant));
        let Ok(id) = name.parse::<MerchantId>() else { continue };
        match read_secret(&client, prefix, &id).await {
            Err(failure) => checks.push(unreadable(&name, &failure)),
            Ok((secret, version)) => {
                checks.push(of_secret(&name, &secret, &version, now));
                checks.extend(in_use(deployment, &id, &secret, now).await);
                if let Ok(merchant) = merchant {
                    found.push(Found { id, merchant, secret, version });
                }
            }
        }
    }
    (checks, found)
}

fn configuration(name: &str, merchant: &Result<Merchant, StoreError>) -> Check {
    let check = format!("merchant {name}");
    match merchant {
        Err(error) => Check::bad(
            State::Fail,
            check,
            error.to_string(),
            "Write its configuration anew (events/schemas/merchant.schema.json).",
        ),
        Ok(merchant) if !merchant.enabled => Check::bad(
            State::Warn,
            check,
            "switched off: its declines are refused",
            "Set enabled to true when it is to be rescued again.",
        ),
        Ok(merchant) => Check::ok(check, format!("configured, {}", merchant.environment.word())),
    }
}

async fn read_secret(
    client: &aws_sdk_secretsmanager::Client,
    prefix: &str,
    id: &MerchantId,
) -> Result<(MerchantSecret, Version), Failure> {
    let answer = client.get_secret_value().secret_id(format!("{prefix}{id}")).send().await;
    let answer = answer.map_err(|error| aws_failure("reading the merchant's secret", &error))?;
    let json = answer.secret_string().ok_or_else(|| Failure::refused("the merchant's secret is binary"))?;
    let secret = MerchantSecret::parse(json).map_err(|error| Failure::refused(error.to_string()))?;
    let made_at = answer.created_date().and_then(|at| SystemTime::try_from(*at).ok());
    let made_at = made_at.and_then(|at| Timestamp::try_from(at).ok());
    let version = Version {
        id: answer.version_id().unwrap_or_default().chars().take(VERSION_BYTES).collect(),
        made_at: made_at.ok_or_else(|| Failure::refused("Secrets Manager does not say since when it is"))?,
    };
    Ok((secret, version))
}

fn unreadable(name: &str, failure: &Failure) -> Check {
    Check::bad(State::Fail, format!("secret of {name}"), failure.message.clone(), SECRET_TODO)
}

fn of_secret(name: &str, secret: &MerchantSecret, version: &Version, now: Timestamp) -> Check {
    let check = format!("secret of {name}");
    let keys: Vec<_> = fingerprints(secret).iter().map(ToString::to_string).collect();
    let everywhere = later(version.made_at, SECRET_FRESH);
    let since = if everywhere <= now { "since" } else { "from" };
    let found = format!(
        "version {} of {:.0}, in all instances {since} {everywhere:.0}; API key {}; webhook keys {}",
        version.id,
        version.made_at,
        secret.credentials.fingerprint(),
        if keys.is_empty() { "none".to_owned() } else { keys.join(", ") },
    );
    match keys.len() {
        0 => Check::bad(
            State::Fail,
            check,
            format!("{found}: every webhook is refused"),
            "Add the subscriber key of FlexFactor's portal to webhook_keys.",
        ),
        1 | 2 => Check::ok(check, found),
        _ => Check::bad(
            State::Warn,
            check,
            found,
            "Remove the webhook keys that are not used any more: each one is a way in.",
        ),
    }
}

fn fingerprints(secret: &MerchantSecret) -> Vec<Fingerprint> {
    secret.webhook_keys.iter().map(flexfactor::webhook::WebhookKey::fingerprint).collect()
}

/// Which of its webhook keys FlexFactor signs with, as webhook-receiver has noted it.
async fn in_use(
    deployment: &Deployment,
    id: &MerchantId,
    secret: &MerchantSecret,
    now: Timestamp,
) -> Option<Check> {
    let keys = fingerprints(secret);
    if keys.is_empty() {
        return None;
    }
    let read = async {
        let table = deployment.table()?;
        let mut uses = Vec::new();
        for key in keys {
            uses.push(KeyUse { key, seen_at: table.key_seen(id, key).await? });
        }
        Ok::<_, Failure>(uses)
    };
    let name = format!("webhook keys of {id}");
    Some(match read.await {
        Ok(uses) => Check::ok(name, keys_in_use(&uses, now)),
        Err(failure) => {
            Check::bad(State::Fail, name, failure.message, "Grant dynamodb:GetItem on the orders table.")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 3] = [
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "AgECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    ];

    fn secret(keys: &[&str]) -> MerchantSecret {
        let json = serde_json::json!({ "app_key": "tell-nobody", "app_secret": "tell-nobody", "webhook_keys": keys });
        MerchantSecret::parse(&json.to_string()).unwrap()
    }

    fn judged(keys: &[&str], now: &str) -> Check {
        let made_at = "2026-11-21T14:03:05Z".parse().unwrap();
        let version = Version { id: "1a2b3c4d".to_owned(), made_at };
        of_secret("acme", &secret(keys), &version, now.parse().unwrap())
    }

    #[test]
    fn a_secret_is_judged_by_its_shape_and_never_shown() {
        for (keys, state) in [(0, State::Fail), (1, State::Ok), (2, State::Ok), (3, State::Warn)] {
            let check = judged(&KEYS[..keys], "2026-11-21T15:00:00Z");
            assert_eq!(check.state, state, "{keys} keys");
            let told = format!("{check:?}");
            assert!(!told.contains("tell-nobody") && !KEYS.iter().any(|key| told.contains(key)), "{told}");
            assert!(told.contains(&secret(&[]).credentials.fingerprint().to_string()));
            for key in fingerprints(&secret(&KEYS[..keys])) {
                assert!(told.contains(&key.to_string()), "{told}");
            }
        }
    }

    #[test]
    fn a_version_is_in_use_everywhere_five_minutes_after_it_was_made() {
        let before = judged(&KEYS[..1], "2026-11-21T14:08:04Z").found;
        let text = "version 1a2b3c4d of 2026-11-21T14:03:05Z, in all instances from 2026-11-21T14:08:05Z;";
        assert!(before.starts_with(text), "{before}");
        let after = judged(&KEYS[..1], "2026-11-21T14:08:05Z").found;
        assert!(after.contains("in all instances since 2026-11-21T14:08:05Z;"), "{after}");
    }
}
