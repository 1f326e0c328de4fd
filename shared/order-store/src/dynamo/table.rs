//! The calls themselves: one request each, a refused condition brings the old item along.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;
use models::change::Change;
use models::history::Entry;
use models::ids::{MerchantId, OrderKey};
use models::merchant::Merchant;
use models::order::{Due, Order};
use models::parked::{Fate, Parked, ParkedKey};

use super::compile::compile;
use super::history::{from_entry, to_entry};
use super::item::{Item, attr, from_order, key_item, number, text, to_merchant, to_order};
use super::key;
use super::parked::{Settle, from_parked, rearm, settle, to_parked};
use crate::capability::KeepHistory;
use crate::sdk::describe;
use crate::table::{Appended, Changed, DueKey, DueSince, Inserted, StoreError, Table};

/// The name of the index of due orders.
pub(super) const DUE_INDEX: &str = "due";

/// A table of orders in DynamoDB.
#[derive(Debug, Clone)]
pub struct DynamoTable {
    pub(super) client: Client,
    pub(super) name: String,
}

impl DynamoTable {
    /// The table called `name`.
    #[must_use]
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }

    /// The table called `name`, over a connection that is open already. The first call of a process loads the roots of trust
    /// and shakes hands; on Lambda that runs at full speed while the function starts, and later at its memory's share of a
    /// CPU. It is one read of an item that nobody has.
    ///
    /// # Errors
    /// None: where the table can't be reached now, the first real call says so.
    pub async fn connected(client: Client, name: impl Into<String>) -> Self {
        let table = Self::new(client, name);
        if let Err(error) = table.get(key::nobody()).await {
            tracing::warn!(%error, "the table could not be reached while the function started");
        }
        table
    }

    pub(super) async fn get(&self, key: key::ItemKey) -> Result<Option<Item>, StoreError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key_item(key)))
            .consistent_read(true)
            .send()
            .await
            .map_err(unavailable)?;
        Ok(output.item)
    }

    /// For tools: makes a parked event due, so that the functions look at it. `was_due` is what it was when it was read;
    /// `false` where it changed since, or is parked no more.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn rearm_parked(
        &self,
        key: &ParkedKey,
        was_due: Option<Due>,
        due: Due,
    ) -> Result<bool, StoreError> {
        self.settle_item(key, rearm(key, was_due, due)).await
    }

    pub(super) async fn settle_item(&self, key: &ParkedKey, settle: Settle) -> Result<bool, StoreError> {
        let sent = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(key::parked(key))))
            .update_expression(settle.update)
            .condition_expression(settle.condition)
            .set_expression_attribute_names(Some(settle.names))
            .set_expression_attribute_values(Some(settle.values))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(unavailable(error)),
            },
        }
    }
}

pub(super) fn unavailable<E: ProvideErrorMetadata, R>(error: SdkError<E, R>) -> StoreError {
    StoreError::Unavailable(describe(&error))
}

impl Table for DynamoTable {
    async fn insert(&self, order: &Order) -> Result<Inserted, StoreError> {
        let sent = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(from_order(order)?))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match sent {
            Ok(_) => return Ok(Inserted::New),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                let stored = failed.item().map(to_order).transpose()?;
                let stored =
                    stored.ok_or_else(|| StoreError::Unavailable("no old item came back".to_owned()))?;
                Ok(Inserted::Exists(Box::new(stored)))
            }
            _ => Err(unavailable(error)),
        }
    }

    async fn change(&self, key: &OrderKey, change: &Change) -> Result<Changed, StoreError> {
        let update = compile(key, change);
        let sent = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(key::order(key))))
            .condition_expression(update.condition)
            .update_expression(update.update)
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match sent {
            Ok(output) => {
                let item = output.attributes().ok_or_else(|| no_item(key))?;
                Ok(Changed::Made(Box::new(to_order(item)?)))
            }
            Err(error) => refused_by(error),
        }
    }

    async fn read(&self, key: &OrderKey) -> Result<Option<Order>, StoreError> {
        self.get(key::order(key)).await?.as_ref().map(to_order).transpose()
    }

    async fn park(&self, parked: &Parked) -> Result<(), StoreError> {
        let sent = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(from_parked(parked)?))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(unavailable(error)),
            },
        }
    }

    async fn read_parked(&self, key: &ParkedKey) -> Result<Option<Parked>, StoreError> {
        self.get(key::parked(key)).await?.map(|item| to_parked(key.clone(), &item)).transpose()
    }

    async fn settle_parked(
        &self,
        key: &ParkedKey,
        was_due: Due,
        fate: Fate,
        due: Option<Due>,
    ) -> Result<bool, StoreError> {
        self.settle_item(key, settle(key, was_due, fate, due)).await
    }

    async fn due(&self, shard: u8, as_of: Timestamp, limit: usize) -> Result<Vec<DueSince>, StoreError> {
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(DUE_INDEX)
            .key_condition_expression("#shard = :shard AND #at <= :at")
            .expression_attribute_names("#shard", attr::DUE_SHARD)
            .expression_attribute_names("#at", attr::DUE_AT)
            .expression_attribute_values(":shard", text(key::shard_name(shard)))
            .expression_attribute_values(":at", number(as_of.as_second()))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(unavailable)?;
        let due = output.items().iter().filter_map(|item| {
            let part =
                |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
            let key = key::ItemKey { pk: part(attr::PK), sk: part(attr::SK) };
            let order = key::parse_order(&key.pk).map(DueKey::Order);
            let found = order.or_else(|| key::parse_parked(&key).map(DueKey::Parked));
            let second = item.get(attr::DUE_AT).and_then(|value| value.as_n().ok()?.parse().ok());
            let at = second.and_then(|second| Timestamp::from_second(second).ok());
            if found.is_none() {
                // It must not keep the others of its shard from being found.
                tracing::error!(sk = key.sk, "an item of no known kind is in the due index");
            }
            // An item is in the index by its time; should that ever be no time, the item is due all the same.
            found.map(|key| DueSince { at: at.unwrap_or(as_of), key })
        });
        Ok(due.collect())
    }

    async fn merchant(&self, id: &MerchantId) -> Result<Option<Merchant>, StoreError> {
        self.get(key::merchant(id)).await?.map(|item| to_merchant(id, &item)).transpose()
    }
}

impl KeepHistory for DynamoTable {
    async fn append(&self, entry: &Entry) -> Result<Appended, StoreError> {
        let sent = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(from_entry(entry)))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match sent {
            Ok(_) => return Ok(Appended::New),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                let stored = failed.item().map(to_entry).transpose()?;
                let stored =
                    stored.ok_or_else(|| StoreError::Unavailable("no old item came back".to_owned()))?;
                Ok(if stored == *entry { Appended::Again } else { Appended::Differs(Box::new(stored)) })
            }
            _ => Err(unavailable(error)),
        }
    }

    async fn entry(&self, key: &OrderKey, version: u64) -> Result<Option<Entry>, StoreError> {
        self.get(key::history(key, version)).await?.as_ref().map(to_entry).transpose()
    }
}

fn no_item(key: &OrderKey) -> StoreError {
    StoreError::Corrupt { item: key.to_string(), why: "the changed item did not come back".to_owned() }
}

fn refused_by<R>(error: SdkError<UpdateItemError, R>) -> Result<Changed, StoreError> {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
            let order = failed.item().map(to_order).transpose()?;
            Ok(Changed::Refused(order.map(Box::new)))
        }
        _ => Err(unavailable(error)),
    }
}
