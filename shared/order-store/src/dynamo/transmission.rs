//! What is kept of transmissions, as items: no personal data, and nothing of the message but its hash and its ids.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;
use models::ids::ContentHash;
use models::transmission::{Relayed, Stage, TransmissionKey};

use super::item::{Item, SCHEMA, attr, key_item, number, text, time};
use super::key;
use super::reader::Reader;
use super::table::{DynamoTable, unavailable};
use crate::capability::{KeepTransmission, Took};
use crate::table::StoreError;

/// Attribute names.
mod name {
    pub(super) const ORDER_ID: &str = "order_id";
    pub(super) const APPROVED: &str = "approved";
    pub(super) const TAKEN_AT: &str = "taken_at";
    pub(super) const STAGE: &str = "stage";
    pub(super) const SETTLED_AT: &str = "settled_at";
    pub(super) const TRANSMIT_ID: &str = "transmit_id";
}

/// What is kept, as an item that may be deleted after its time.
fn from_relayed(relayed: &Relayed) -> Item {
    let mut item = key_item(key::transmission(&relayed.key));
    let mut set = |name: &str, value: AttributeValue| item.insert(name.to_owned(), value);
    set(attr::SCHEMA, number(SCHEMA));
    set(name::ORDER_ID, text(relayed.order_id.as_str()));
    set(name::APPROVED, text(relayed.approved.to_string()));
    set(attr::CONTENT, text(relayed.content.as_str()));
    set(name::TAKEN_AT, time(relayed.taken_at));
    set(attr::TTL, number(relayed.keep_until.as_second()));
    item.extend(stage_attributes(&relayed.stage).map(|(name, value)| (name.to_owned(), value)));
    item
}

/// How far it has come, as attributes.
fn stage_attributes(stage: &Stage) -> impl Iterator<Item = (&'static str, AttributeValue)> {
    let (at, id, account) = match stage {
        Stage::Taken => (None, None, None),
        Stage::Transmitted { id, account, at } => (Some(at), id.as_ref(), Some(account)),
        Stage::Refused { at } | Stage::Undelivered { at } => (Some(at), None, None),
    };
    let at = at.map(|at| (name::SETTLED_AT, time(*at)));
    let id = id.map(|id| (name::TRANSMIT_ID, text(id.as_str())));
    let account = account.map(|account| (attr::ACCOUNT, text(account)));
    [Some((name::STAGE, text(stage.word()))), at, id, account].into_iter().flatten()
}

/// Reads from its item what is kept.
pub(super) fn to_relayed(item: &Item) -> Result<Relayed, StoreError> {
    let pk = item.get(attr::PK).and_then(|value| value.as_s().ok()).map_or("", String::as_str);
    // The transaction's id is free text, so that no error names it.
    let key = key::parse_transmission(pk).ok_or_else(|| StoreError::Corrupt {
        item: "transmission".to_owned(),
        why: "its key is no transmission's".to_owned(),
    })?;
    let read = Reader::of(item, format!("transmission of {}", key.merchant))?;
    let keep_until: i64 = read.parsed(attr::TTL)?;
    Ok(Relayed {
        order_id: read.parsed(name::ORDER_ID)?,
        approved: read.parsed(name::APPROVED)?,
        content: ContentHash::from_stored(read.parsed(attr::CONTENT)?),
        taken_at: read.parsed(name::TAKEN_AT)?,
        stage: to_stage(&read)?,
        keep_until: Timestamp::from_second(keep_until).map_err(|error| read.corrupt(error))?,
        key,
    })
}

fn to_stage(read: &Reader<'_>) -> Result<Stage, StoreError> {
    let at = || read.parsed(name::SETTLED_AT);
    match read.parsed::<String>(name::STAGE)?.as_str() {
        Stage::TAKEN => Ok(Stage::Taken),
        Stage::TRANSMITTED => Ok(Stage::Transmitted {
            id: read.optional(name::TRANSMIT_ID)?,
            account: read.parsed(attr::ACCOUNT)?,
            at: at()?,
        }),
        Stage::REFUSED => Ok(Stage::Refused { at: at()? }),
        Stage::UNDELIVERED => Ok(Stage::Undelivered { at: at()? }),
        _ => Err(read.corrupt("its stage is not a known word")),
    }
}

impl KeepTransmission for DynamoTable {
    async fn take_transmission(&self, taken: &Relayed) -> Result<Took, StoreError> {
        let sent = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(from_relayed(taken)))
            .condition_expression(
                "attribute_not_exists(pk) OR (#stage IN (:refused, :undelivered) AND #schema <= :known)",
            )
            .expression_attribute_names("#stage", name::STAGE)
            .expression_attribute_names("#schema", attr::SCHEMA)
            .expression_attribute_values(":known", number(SCHEMA))
            .expression_attribute_values(":refused", text(Stage::REFUSED))
            .expression_attribute_values(":undelivered", text(Stage::UNDELIVERED))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match sent {
            Ok(_) => return Ok(Took::New),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                let stored = failed.item().map(to_relayed).transpose()?;
                let stored =
                    stored.ok_or_else(|| StoreError::Unavailable("no old item came back".to_owned()))?;
                Ok(Took::Exists(Box::new(stored)))
            }
            _ => Err(unavailable(error)),
        }
    }

    async fn transmission(&self, key: &TransmissionKey) -> Result<Option<Relayed>, StoreError> {
        self.get(key::transmission(key)).await?.as_ref().map(to_relayed).transpose()
    }

    async fn settle_transmission(&self, taken: &Relayed, stage: &Stage) -> Result<bool, StoreError> {
        let attributes: Vec<_> = stage_attributes(stage).collect();
        let clauses: Vec<_> = attributes.iter().map(|(name, _)| format!("#{name} = :{name}")).collect();
        let mut request = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(key::transmission(&taken.key))))
            .condition_expression("#stage = :taken AND #content = :content")
            .update_expression(format!("SET {}", clauses.join(", ")))
            .expression_attribute_names("#content", attr::CONTENT)
            .expression_attribute_values(":taken", text(Stage::TAKEN))
            .expression_attribute_values(":content", text(taken.content.as_str()));
        for (name, value) in attributes {
            request = request
                .expression_attribute_names(format!("#{name}"), name)
                .expression_attribute_values(format!(":{name}"), value);
        }
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(unavailable(error)),
            },
        }
    }
}
