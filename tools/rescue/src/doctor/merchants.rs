//! The checks of each merchant: configuration, and the shape of the secret. No value of a secret is ever shown.

use lambda_kit::secrets::{FetchSecret as _, MerchantSecret, SecretError, SecretsManager};
use models::ids::MerchantId;
use models::merchant::Merchant;
use order_store::StoreError;
use order_store::dynamo::merchants as configured;

use super::{Check, State};
use crate::deployment::Deployment;
use crate::outcome::Failure;

const SECRET_TODO: &str = "aws secretsmanager put-secret-value with app_key, app_secret and webhook_keys \
                           (events/schemas/merchant-secret.schema.json).";

pub(super) async fn merchants(deployment: &Deployment) -> Vec<Check> {
    let read = async {
        let merchants = configured(&deployment.dynamodb(), deployment.table_name()?).await?;
        let client = aws_sdk_secretsmanager::Client::new(deployment.aws());
        Ok::<_, Failure>((merchants, SecretsManager::new(client, deployment.output("MerchantSecretPrefix")?)))
    };
    let (merchants, secrets) = match read.await {
        Ok(read) => read,
        Err(failure) => {
            let todo = "Grant dynamodb:Scan on the orders table to people who run this.";
            return vec![Check::bad(State::Fail, "merchants", failure.message, todo)];
        }
    };
    if merchants.is_empty() {
        let todo = "Write a configuration item (README, \"Deploying to AWS\") for each merchant.";
        return vec![Check::bad(State::Fail, "merchants", "none is configured", todo)];
    }
    let mut checks = Vec::new();
    for (name, merchant) in merchants {
        checks.push(configuration(&name, &merchant));
        if let Ok(id) = name.parse::<MerchantId>() {
            checks.push(judge(&name, read_secret(&secrets, &id).await));
        }
    }
    checks
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

async fn read_secret(secrets: &SecretsManager, id: &MerchantId) -> Result<usize, SecretError> {
    use secrecy::ExposeSecret as _;
    let json = secrets.fetch(id).await?;
    Ok(MerchantSecret::parse(json.expose_secret())?.webhook_keys.len())
}

fn judge(name: &str, webhook_keys: Result<usize, SecretError>) -> Check {
    let check = format!("secret of {name}");
    match webhook_keys {
        Err(error) => Check::bad(State::Fail, check, error.to_string(), SECRET_TODO),
        Ok(0) => Check::bad(
            State::Fail,
            check,
            "it has no webhook key: every webhook is refused",
            "Add the subscriber key of FlexFactor's portal to webhook_keys.",
        ),
        Ok(1) => Check::ok(check, "right shape, 1 webhook key"),
        Ok(2) => Check::ok(check, "right shape, 2 webhook keys, as during a rotation"),
        Ok(keys) => Check::bad(
            State::Warn,
            check,
            format!("it has {keys} webhook keys"),
            "Remove those that are not used any more: each one is a way in.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_judged_by_its_shape_and_never_shown() {
        assert_eq!(judge("acme", Ok(0)).state, State::Fail);
        assert_eq!(judge("acme", Ok(1)).state, State::Ok);
        assert_eq!(judge("acme", Ok(3)).state, State::Warn);
        let malformed = MerchantSecret::parse("{\"app_key\":\"tell-nobody\"}").map(|_| 0);
        let told = judge("acme", malformed);
        assert!(told.state == State::Fail && !format!("{told:?}").contains("tell-nobody"));
    }
}
