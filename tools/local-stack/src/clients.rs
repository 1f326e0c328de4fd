//! AWS clients that talk to a local endpoint over plain HTTP.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;

use crate::server::{DUMMY_KEY, REGION};

#[derive(Debug, Clone)]
pub(crate) struct Clients {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
}

impl Clients {
    pub(crate) async fn at(endpoint: &str) -> Self {
        let config = configuration(endpoint).await;
        Self {
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
        }
    }
}

async fn configuration(endpoint: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .endpoint_url(endpoint)
        .region(Region::from_static(REGION))
        .credentials_provider(Credentials::new(DUMMY_KEY, DUMMY_KEY, None, None, "local-stack"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .load()
        .await
}
