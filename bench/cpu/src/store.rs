//! The store that the functions use, over a connection whose answers are there at once: all of the SDK's own work is done,
//! building, signing and reading, and nothing is waited for.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, HttpClient, Region, RuntimeComponents, SharedHttpClient,
};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_types::body::SdkBody;
use models::order::Order;
use order_store::Table as _;
use order_store::dynamo::DynamoTable;
use serde_json::Value;

/// What is answered to each request; and the last request that came.
#[derive(Debug, Clone)]
struct Answering {
    answer: Arc<str>,
    /// Only where somebody wants to know: keeping costs time.
    last: Option<Arc<Mutex<Vec<u8>>>>,
}

impl HttpConnector for Answering {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if let Some(last) = &self.last {
            let body = request.body().bytes().unwrap_or_default().to_vec();
            *last.lock().unwrap_or_else(PoisonError::into_inner) = body;
        }
        let status = aws_smithy_runtime_api::http::StatusCode::try_from(200_u16);
        HttpConnectorFuture::ready(match status {
            Ok(status) => Ok(HttpResponse::new(status, SdkBody::from(&*self.answer))),
            Err(error) => {
                Err(aws_smithy_runtime_api::client::result::ConnectorError::other(error.into(), None))
            }
        })
    }
}

impl HttpClient for Answering {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

fn table(connection: Answering) -> DynamoTable {
    // Time limits and retries as in lambda-kit's aws.rs: they cost, too.
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(std::time::Duration::from_secs(1))
        .operation_attempt_timeout(std::time::Duration::from_millis(1_500))
        .operation_timeout(std::time::Duration::from_secs(3))
        .build();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("local", "local", Some("session".to_owned()), None, "bench"))
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .http_client(SharedHttpClient::new(connection))
        .build();
    DynamoTable::new(aws_sdk_dynamodb::Client::from_conf(config), "orders")
}

/// A table that answers every put with what DynamoDB answers to one.
#[must_use]
pub fn taking() -> DynamoTable {
    table(Answering { answer: Arc::from("{}"), last: None })
}

/// A table that answers every change with `order`, as it is after the change.
///
/// # Errors
/// The order could not be written.
pub async fn answering(order: &Order) -> Result<DynamoTable> {
    // The item is what the store itself would have put.
    let last = Arc::new(Mutex::new(Vec::new()));
    let noting = table(Answering { answer: Arc::from("{}"), last: Some(last.clone()) });
    noting.insert(order).await?;
    let put: Value = serde_json::from_slice(&last.lock().unwrap_or_else(PoisonError::into_inner))?;
    let item = put.get("Item").context("the put has no item")?;
    let answer = serde_json::json!({ "Attributes": item }).to_string();
    Ok(table(Answering { answer: answer.into(), last: None }))
}
