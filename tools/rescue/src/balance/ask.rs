//! Asking FlexFactor: its list of each merchant, and each order that we have its id of.

use std::collections::BTreeMap;

use flexfactor::{Account, Client, ListNames, ListOrders as _, Listing, Outcome, ReadOrder as _};
use futures_util::stream::{self, StreamExt as _};
use indicatif::ProgressBar;
use jiff::{SignedDuration, Timestamp};
use lambda_kit::clock::System;
use lambda_kit::secrets::{FindSecret as _, Secrets, SecretsManager};
use models::ids::{MerchantId, OrderKey, ProviderOrderId};
use models::merchant::Merchant;
use models::order::Order;
use models::time::later;

use super::compare::{Reading, Said, Theirs};
use crate::deployment::Deployment;
use crate::outcome::Failure;

/// Calls to FlexFactor at once. It publishes no limit.
const READS_AT_ONCE: usize = 8;
/// How much earlier than our own receipt of a decline FlexFactor may have it, by its clock.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_hours(1);

/// Who is asked, with what.
pub(super) struct Asking {
    client: Client,
    names: ListNames,
    accounts: BTreeMap<MerchantId, (Account, String)>,
    now: Timestamp,
}

impl Asking {
    /// Gets the credentials of all merchants; those that can't be asked, and why.
    pub(super) async fn new(
        deployment: &Deployment,
        merchants: &BTreeMap<MerchantId, Merchant>,
        now: Timestamp,
    ) -> Result<(Self, Vec<String>), Failure> {
        let client =
            Client::new(&deployment.provider()?).map_err(|error| Failure::refused(error.to_string()))?;
        let source = aws_sdk_secretsmanager::Client::new(deployment.aws());
        let source = SecretsManager::new(source, deployment.output("MerchantSecretPrefix")?);
        let secrets = Secrets::new(source, System);
        let (mut accounts, mut silent) = (BTreeMap::new(), Vec::new());
        for (id, merchant) in merchants {
            match secrets.secret(id).await {
                Ok(secret) => {
                    let account = Account {
                        merchant: id.clone(),
                        environment: merchant.environment,
                        credentials: secret.credentials.clone(),
                    };
                    accounts.insert(id.clone(), (account, merchant.mid.clone()));
                }
                Err(error) => silent.push(format!("{id}: {error}")),
            }
        }
        let names = ListNames {
            orders: deployment.parameter("OrderListArray")?,
            reference: deployment.parameter("OrderReferenceField")?,
        };
        Ok((Self { client, names, accounts, now }, silent))
    }

    /// Reads each merchant's list from a moment on; what could not be read is told.
    pub(super) async fn list(&self, since: Timestamp, theirs: &mut Theirs, silent: &mut Vec<String>) {
        for (id, (account, mid)) in &self.accounts {
            let listing = Listing { mid, since: later(since, -CLOCK_SLACK), names: &self.names };
            match self.client.list_orders(account, listing, self.now).await {
                Outcome::Done(listed) => theirs.list(id, listed),
                // FlexFactor's words may repeat what was sent.
                Outcome::Refused(refused) => {
                    silent.push(format!("{id}: the list of orders was refused, HTTP {}", refused.http));
                }
                Outcome::Unknown(lost) => silent.push(format!("{id}: the list of orders: {lost}")),
            }
        }
    }

    /// Reads each order that has an id at FlexFactor: the one that we know, or else each that its list has under our own.
    pub(super) async fn read<'a>(
        &self,
        orders: impl Iterator<Item = &'a Order>,
        listed: &'a BTreeMap<OrderKey, Vec<ProviderOrderId>>,
        bar: &ProgressBar,
    ) -> BTreeMap<OrderKey, Reading> {
        let reads = orders.filter_map(|order| {
            // Of several that are listed the first is read; that there are several is a gap of its own.
            let id = order.provider_order.as_ref().or_else(|| listed.get(&order.key)?.first())?;
            Some(async move {
                let reading = match self.accounts.get(&order.key.merchant) {
                    None => Reading::NoAnswer("its merchant can't be asked for".to_owned()),
                    Some((account, _)) => match self.client.read_order(account, id, self.now).await {
                        Outcome::Done(answer) => Reading::Has(Said {
                            view: answer.status.view(),
                            word: answer.word,
                            totals: answer.totals,
                        }),
                        Outcome::Refused(refused) if refused.http == 404 => Reading::HasNot,
                        Outcome::Refused(refused) => {
                            Reading::NoAnswer(format!("refused, HTTP {}", refused.http))
                        }
                        Outcome::Unknown(lost) => Reading::NoAnswer(lost.to_string()),
                    },
                };
                bar.inc(1);
                (order.key.clone(), reading)
            })
        });
        stream::iter(reads).buffer_unordered(READS_AT_ONCE).collect().await
    }
}
