//! The handlers as their `main` wires them, warm: configuration and secret are in their caches, the store answers at once.

use anyhow::Result;
use intake::{Intake, IntakeRules};
use jiff::{SignedDuration, Timestamp};
use lambda_kit::merchants::Merchants;
use lambda_kit::queue::{HandOn, QueueError};
use lambda_kit::secrets::{FetchSecret, SecretError, Secrets};
use models::ids::{MerchantId, OrderKey};
use models::merchant::Merchant;
use order_store::StoreError;
use order_store::capability::FindMerchant;
use order_store::dynamo::DynamoTable;
use secrecy::SecretString;
use webhook_receiver::handler::Receiver;
use webhook_receiver::keys::KeysNoted;
use webhook_receiver::settings::ReceiverRules;

use crate::{Fixed, merchant, webhook};

/// The one merchant there is.
#[derive(Debug)]
pub struct Known(Merchant);

impl FindMerchant for Known {
    async fn find_merchant(&self, _: &MerchantId) -> Result<Option<Merchant>, StoreError> {
        Ok(Some(self.0.clone()))
    }
}

/// Its secret.
#[derive(Debug)]
pub struct Sample;

impl FetchSecret for Sample {
    async fn fetch(&self, _: &MerchantId) -> Result<SecretString, SecretError> {
        Ok(SecretString::from(webhook::SECRET))
    }
}

/// A queue that takes everything at once.
#[derive(Debug)]
pub struct Taking;

impl HandOn for Taking {
    async fn hand_on(&self, _: &OrderKey) -> Result<(), QueueError> {
        Ok(())
    }

    async fn hand_on_all(&self, keys: &[OrderKey]) -> Vec<Result<(), QueueError>> {
        vec![Ok(()); keys.len()]
    }
}

/// webhook-receiver's handler.
pub type WebhookReceiver = Receiver<DynamoTable, Merchants<Known, Fixed>, Secrets<Sample, Fixed>, Fixed>;

/// webhook-receiver's handler over `store`, at the moment `now`.
///
/// # Errors
/// The sample is not as it should be.
pub fn webhook_receiver(store: DynamoTable, now: Timestamp) -> Result<WebhookReceiver> {
    Ok(Receiver {
        store,
        merchants: Merchants::new(Known(merchant()?), Fixed(now)),
        secrets: Secrets::new(Sample, Fixed(now)),
        clock: Fixed(now),
        noted: KeysNoted::default(),
        rules: ReceiverRules {
            host: webhook::HOST.to_owned(),
            date_window: SignedDuration::from_secs(300),
            parked_copy: SignedDuration::from_hours(24 * 90),
        },
    })
}

/// What decline-intake does with each message.
pub type DeclineIntake = Intake<DynamoTable, Taking, Merchants<Known, Fixed>, Fixed>;

/// What decline-intake does with each message, over `store`, at the moment `now`.
///
/// # Errors
/// The sample is not as it should be.
pub fn decline_intake(store: DynamoTable, rules: IntakeRules, now: Timestamp) -> Result<DeclineIntake> {
    let merchants = Merchants::new(Known(merchant()?), Fixed(now));
    Ok(Intake { store, queue: Taking, merchants, clock: Fixed(now), rules })
}
