//! Secrets Manager, with a secret for each of the merchants.

use lambda_kit::secrets::{FetchSecret, SecretError};
use models::ids::MerchantId;
use secrecy::SecretString;

use crate::env::{Env, System};
use crate::fault::Fault;
use crate::merchants::account;

/// Secrets Manager.
#[derive(Debug, Clone)]
pub(crate) struct SecretsManager(pub(crate) Env);

impl FetchSecret for SecretsManager {
    async fn fetch(&self, merchant: &MerchantId) -> Result<SecretString, SecretError> {
        let env = &self.0;
        let fault = env.fault(System::Secrets, Fault::OF_SECRETS, &format!("secret {merchant}"));
        env.pass(1, 30).await;
        match fault {
            Some(Fault::DiesBefore) => env.die().await,
            Some(_) => Err(SecretError::Unavailable("a simulated fault".to_owned())),
            None => match account(merchant.as_str()) {
                Some(account) => Ok(SecretString::from(account.secret())),
                None => Err(SecretError::Unavailable("no such secret".to_owned())),
            },
        }
    }
}
