//! Setting up merchants as an operator would: a configuration item and a secret.

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

use crate::clients::Clients;
use crate::deploy::Outputs;

/// All that a merchant needs.
#[derive(Debug, Clone)]
pub struct MerchantSetup {
    /// Its id in messages, URLs and keys.
    pub id: String,
    /// The configuration, as kept in the orders table.
    pub config: Value,
    /// The secret's JSON.
    pub secret: Value,
}

/// Writes both; a merchant that exists is replaced.
pub(crate) async fn put(clients: &Clients, outputs: &Outputs, merchant: &MerchantSetup) -> Result<()> {
    put_config(clients, &outputs.orders_table_name, merchant)
        .await
        .with_context(|| format!("writing the configuration of merchant {}", merchant.id))?;
    put_secret(clients, &outputs.merchant_secret_prefix, merchant)
        .await
        .with_context(|| format!("writing the secret of merchant {}", merchant.id))
}

async fn put_config(clients: &Clients, table: &str, merchant: &MerchantSetup) -> Result<()> {
    clients
        .dynamodb
        .put_item()
        .table_name(table)
        .item("pk", AttributeValue::S(format!("MERCHANT#{}", merchant.id)))
        .item("sk", AttributeValue::S("CONFIG".to_owned()))
        .item("config", AttributeValue::S(merchant.config.to_string()))
        .send()
        .await?;
    Ok(())
}

async fn put_secret(clients: &Clients, prefix: &str, merchant: &MerchantSetup) -> Result<()> {
    let name = format!("{prefix}{}", merchant.id);
    let text = merchant.secret.to_string();
    let created = clients.secrets.create_secret().name(&name).secret_string(&text).send().await;
    let Err(error) = created else { return Ok(()) };
    let error = error.into_service_error();
    if !error.is_resource_exists_exception() {
        return Err(error.into());
    }
    clients.secrets.put_secret_value().secret_id(&name).secret_string(&text).send().await?;
    Ok(())
}
