//! SQS, Secrets Manager and EventBridge, as far as functions ask them: they take everything and keep nothing but the count.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use uuid::Uuid;

/// What was taken, and the secrets that there are.
#[derive(Debug, Default)]
pub(crate) struct Services {
    /// By name.
    secrets: BTreeMap<String, String>,
    queued: AtomicUsize,
    published: AtomicUsize,
}

impl Services {
    /// Services that have these secrets, by name.
    pub(crate) fn with_secrets(secrets: BTreeMap<String, String>) -> Arc<Self> {
        Arc::new(Self { secrets, ..Self::default() })
    }

    /// How many messages were put on queues.
    pub(crate) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// How many events were put on buses.
    pub(crate) fn published(&self) -> usize {
        self.published.load(Ordering::Relaxed)
    }

    /// Serves all three, until `servers` is dropped.
    pub(crate) async fn serve(self: &Arc<Self>, servers: &mut JoinSet<()>) -> Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = Router::new().fallback(answer).with_state(Arc::clone(self));
        let listener = listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                eprintln!("services: {error}");
            }
        });
        servers.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("services: {error}");
            }
        });
        Ok(address)
    }

    fn said(&self, target: &str, request: &Value) -> Option<Value> {
        let entries = || request["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
        match target {
            "AmazonSQS.SendMessage" => {
                self.queued.fetch_add(1, Ordering::Relaxed);
                Some(sent(&request["MessageBody"]))
            }
            "AmazonSQS.SendMessageBatch" => {
                self.queued.fetch_add(entries().len(), Ordering::Relaxed);
                let successful = entries().iter().map(|entry| {
                    let mut sent = sent(&entry["MessageBody"]);
                    sent["Id"] = entry["Id"].clone();
                    sent
                });
                Some(json!({ "Successful": successful.collect::<Vec<_>>() }))
            }
            "AWSEvents.PutEvents" => {
                self.published.fetch_add(entries().len(), Ordering::Relaxed);
                let put = entries().iter().map(|_| json!({ "EventId": Uuid::new_v4() }));
                Some(json!({ "FailedEntryCount": 0, "Entries": put.collect::<Vec<_>>() }))
            }
            "secretsmanager.GetSecretValue" => {
                let name = request["SecretId"].as_str()?;
                let secret = self.secrets.get(name)?;
                Some(json!({
                    "ARN": format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}-AbCdEf"),
                    "CreatedDate": 1_795_255_200,
                    "Name": name,
                    "SecretString": secret,
                    "VersionId": "3f0e6a52-6b0c-4a51-9d7e-7a1c2b3d4e5f",
                    "VersionStages": ["AWSCURRENT"],
                }))
            }
            _ => None,
        }
    }
}

/// A message's receipt. SDKs compare the digest with their own.
fn sent(body: &Value) -> Value {
    let digest = md5::compute(body.as_str().unwrap_or_default());
    json!({ "MessageId": Uuid::new_v4(), "MD5OfMessageBody": format!("{digest:x}") })
}

async fn answer(State(services): State<Arc<Services>>, headers: HeaderMap, body: String) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let request = serde_json::from_str(&body).unwrap_or_default();
    let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amzn-requestid", "measured")];
    match services.said(target, &request) {
        Some(answer) => (headers, answer.to_string()).into_response(),
        None => {
            let problem = json!({ "__type": "UnknownOperationException", "message": target });
            (StatusCode::BAD_REQUEST, headers, problem.to_string()).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_counted_and_what_is_not_known_is_refused() {
        let secrets = [("a/acme".to_owned(), "{}".to_owned())].into();
        let services = Services::with_secrets(secrets);
        let one = services.said("AmazonSQS.SendMessage", &json!({ "MessageBody": "x" })).unwrap();
        assert_eq!(one["MD5OfMessageBody"], "9dd4e461268c8034f5c8564e155c67a6");
        let batch =
            json!({ "Entries": [{ "Id": "0", "MessageBody": "x" }, { "Id": "1", "MessageBody": "y" }] });
        let answer = services.said("AmazonSQS.SendMessageBatch", &batch).unwrap();
        assert_eq!(answer["Successful"][1]["Id"], "1");
        assert_eq!((services.queued(), services.published()), (3, 0));
        let put = services.said("AWSEvents.PutEvents", &json!({ "Entries": [{}, {}] })).unwrap();
        assert_eq!((put["Entries"].as_array().unwrap().len(), services.published()), (2, 2));
        let secret =
            |name: &str| services.said("secretsmanager.GetSecretValue", &json!({ "SecretId": name }));
        assert_eq!(secret("a/acme").unwrap()["SecretString"], "{}");
        assert_eq!(secret("a/other"), None);
        assert_eq!(services.said("AmazonSQS.PurgeQueue", &json!({})), None);
    }
}
