//! Recording what the functions call: on the way to AWS, and on the way to FlexFactor.
//!
//! What a write consumes follows from the item before and after it, which are read past the proxy, straight from the
//! emulator. That is exact as long as nobody else writes the same item between the two reads: writes go one by one here, and
//! whoever runs a scenario handles one order at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use order_store::dynamo::key;
use rig::{Answer, Call, Observe};
use serde_json::{Value, json};

use crate::capacity::{Item, TableRules, half_read_units, item_bytes};
use crate::request::{ItemKind, Request, Service, What, Write};

/// SQS and EventBridge charge every started so many bytes as a request.
const CHUNK_BYTES: usize = 64 * 1024;

/// What was recorded so far.
pub struct Recorder {
    http: reqwest::Client,
    /// Where the emulator answers without a proxy.
    endpoint: String,
    /// A header by which it takes us for the account's own user.
    authorization: String,
    rules: TableRules,
    one_write: tokio::sync::Mutex<()>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    requests: Vec<Request>,
    /// What could not be understood.
    problems: Vec<String>,
}

/// Watches the calls of AWS.
pub struct AwsWatch(pub Arc<Recorder>);
/// Watches the calls of FlexFactor.
pub struct ProviderWatch(pub Arc<Recorder>);

impl Observe for AwsWatch {
    fn around<'a>(
        &'a self,
        call: &'a Call,
        sent: BoxFuture<'a, Result<Answer>>,
    ) -> BoxFuture<'a, Result<Answer>> {
        self.0.around_aws(call, sent).boxed()
    }
}

impl Observe for ProviderWatch {
    fn around<'a>(
        &'a self,
        call: &'a Call,
        sent: BoxFuture<'a, Result<Answer>>,
    ) -> BoxFuture<'a, Result<Answer>> {
        let operation = without_ids(&call.name);
        let request = Request {
            key: None,
            service: Service::Provider,
            operation,
            is_repeated: false,
            what: What::Made,
        };
        self.0.seen().requests.push(request);
        sent
    }
}

impl Recorder {
    /// Records for the table of `rules`, which it reads at `endpoint`.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub fn new(rules: TableRules, endpoint: &str, authorization: String) -> Result<Arc<Self>> {
        Ok(Arc::new(Self {
            http: reqwest::Client::builder().no_proxy().build()?,
            endpoint: endpoint.to_owned(),
            authorization,
            rules,
            one_write: tokio::sync::Mutex::default(),
            seen: Mutex::default(),
        }))
    }

    /// What was recorded since this was asked last.
    ///
    /// # Errors
    /// Something was not understood: then nothing that was counted can be relied on.
    pub fn take(&self) -> Result<Vec<Request>> {
        let Seen { requests, problems } = std::mem::take(&mut *self.seen());
        ensure!(problems.is_empty(), "requests that can't be counted: {}", problems.join("; "));
        Ok(requests)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn around_aws(&self, call: &Call, sent: BoxFuture<'_, Result<Answer>>) -> Result<Answer> {
        let (answer, seen) = self.watched(call, sent).await;
        match seen {
            Ok(request) => self.seen().requests.push(request),
            Err(error) => self.seen().problems.push(format!("{}: {error:#}", call.name)),
        }
        answer
    }

    /// The answer, whatever becomes of the record.
    async fn watched(
        &self,
        call: &Call,
        sent: BoxFuture<'_, Result<Answer>>,
    ) -> (Result<Answer>, Result<Request>) {
        let written = match written(call) {
            Ok(written) => written,
            Err(error) => return (sent.await, Err(error)),
        };
        let Some(written) = written else {
            let answer = sent.await;
            let seen = answer.as_ref().map_err(|_| anyhow::anyhow!("no answer"));
            let seen =
                seen.and_then(|answer| request(call, |operation, body| of_others(operation, body, answer)));
            return (answer, seen);
        };
        let _one = self.one_write.lock().await;
        let before = self.item(&written).await;
        let answer = sent.await;
        let after = self.item(&written).await;
        let seen = match &answer {
            Ok(answer) => self.write(call, &written, before, after, answer),
            Err(_) => Err(anyhow::anyhow!("no answer")),
        };
        (answer, seen)
    }

    fn write(
        &self,
        call: &Call,
        written: &Written,
        before: Result<Option<Item>>,
        after: Result<Option<Item>>,
        answer: &Answer,
    ) -> Result<Request> {
        let (before, after) = (before?, after?);
        let is_made = answer.status.is_success();
        let refused = String::from_utf8_lossy(&answer.body).contains("ConditionalCheckFailedException");
        ensure!(is_made || refused, "answered {}", answer.status);
        let units = match is_made {
            true => self.rules.write(before.as_ref(), after.as_ref())?,
            false => self.rules.refused(before.as_ref(), written.asked.as_ref())?,
        };
        let write = Write {
            of: kind(&written.key)?,
            is_made,
            bytes_before: before.as_ref().map(item_bytes).transpose()?,
            bytes_after: after.as_ref().map(item_bytes).transpose()?,
            status_before: before.as_ref().and_then(status),
            status_after: after.as_ref().and_then(status),
            units,
        };
        request(call, |_, _| Ok(What::Write(write)))
    }

    /// An item as it is now.
    async fn item(&self, written: &Written) -> Result<Option<Item>> {
        let get = json!({ "TableName": written.table, "Key": written.key, "ConsistentRead": true });
        let answer = self
            .http
            .post(&self.endpoint)
            .header("x-amz-target", "DynamoDB_20120810.GetItem")
            .header("content-type", "application/x-amz-json-1.0")
            .header("authorization", &self.authorization)
            .body(get.to_string())
            .send()
            .await?;
        ensure!(answer.status().is_success(), "reading the item: {}", answer.status());
        let mut answer: Value = answer.json().await?;
        Ok(answer.get_mut("Item").and_then(Value::as_object_mut).map(std::mem::take))
    }
}

/// What a write is about.
struct Written {
    table: String,
    key: Value,
    /// The whole item, where the request has it.
    asked: Option<Item>,
}

fn body(call: &Call) -> Result<Value> {
    serde_json::from_slice(&call.body).context("its body is no JSON")
}

/// What the call writes, if it writes an item. Writes of several items at once are not understood.
fn written(call: &Call) -> Result<Option<Written>> {
    let Some((Service::DynamoDb, operation)) = Service::of_target(&call.name) else { return Ok(None) };
    let body = body(call)?;
    let table = body["TableName"].as_str().unwrap_or_default().to_owned();
    match operation {
        "PutItem" => {
            let asked = body["Item"].as_object().context("it puts nothing")?.clone();
            let key = json!({ "pk": asked.get("pk"), "sk": asked.get("sk") });
            Ok(Some(Written { table, key, asked: Some(asked) }))
        }
        "UpdateItem" | "DeleteItem" => Ok(Some(Written { table, key: body["Key"].clone(), asked: None })),
        "GetItem" | "Query" => Ok(None),
        other => bail!("the capacity of {other} is not known here"),
    }
}

/// Everything but writes.
fn of_others((service, operation): (Service, &str), body: &Value, answer: &Answer) -> Result<What> {
    let reply = || serde_json::from_slice::<Value>(&answer.body).context("its answer is no JSON");
    ensure!(answer.status.is_success(), "answered {}", answer.status);
    let consistent = body["ConsistentRead"] == true;
    match (service, operation) {
        (Service::DynamoDb, "GetItem") => {
            ensure!(
                body.get("ProjectionExpression").is_none(),
                "what is left out of the answer is read, too"
            );
            let bytes = reply()?["Item"].as_object().map_or(Ok(0), item_bytes)?;
            Ok(What::Read { of: kind(&body["Key"])?, half_units: half_read_units(bytes, consistent) })
        }
        (Service::DynamoDb, "Query") => {
            let hidden = ["FilterExpression", "ProjectionExpression"];
            ensure!(hidden.iter().all(|name| body.get(name).is_none()), "what is left out is read, too");
            let reply = reply()?;
            let items = reply["Items"].as_array().context("no items")?;
            let bytes =
                items.iter().map(|item| item.as_object().map_or(Ok(0), item_bytes)).sum::<Result<u64>>()?;
            // Both indexes, and the partitions of the table that are queried, hold what is about orders.
            Ok(What::Read { of: ItemKind::Order, half_units: half_read_units(bytes, consistent) })
        }
        (Service::Sqs, _) => {
            let count = body["Entries"].as_array().map_or(1, Vec::len);
            Ok(What::Sent { count: u64::try_from(count)?, charged: chunks(body.to_string().len())? })
        }
        (Service::EventBridge, "PutEvents") => {
            let events = body["Entries"].as_array().context("no events")?;
            let charged = events.iter().map(|event| chunks(event["Detail"].as_str().map_or(0, str::len)));
            Ok(What::Sent { count: u64::try_from(events.len())?, charged: charged.sum::<Result<u64>>()? })
        }
        (Service::SecretsManager, "GetSecretValue") => Ok(What::Made),
        (service, operation) => bail!("{} {operation} has no price here", service.name()),
    }
}

fn chunks(bytes: usize) -> Result<u64> {
    Ok(u64::try_from(bytes.div_ceil(CHUNK_BYTES).max(1))?)
}

fn request(call: &Call, what: impl FnOnce((Service, &str), &Value) -> Result<What>) -> Result<Request> {
    let header =
        |name: &str| call.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (service, operation) = Service::of_target(&call.name).context("nobody known is called")?;
    let key = header("authorization").split("Credential=").nth(1).and_then(|rest| rest.split('/').next());
    Ok(Request {
        key: Some(key.context("it is not signed")?.to_owned()),
        service,
        operation: operation.to_owned(),
        is_repeated: !header("amz-sdk-request").starts_with("attempt=1;"),
        what: what((service, operation), &body(call)?)?,
    })
}

/// Which kind of item has this key.
fn kind(key: &Value) -> Result<ItemKind> {
    let part = |name: &str| key[name]["S"].as_str().unwrap_or_default();
    let (pk, sk) = (part("pk"), part("sk"));
    let of_an_order = key::parse_order(pk).is_some();
    match sk {
        key::ORDER if of_an_order => Ok(ItemKind::Order),
        key::LISTING if of_an_order => Ok(ItemKind::Line),
        _ if of_an_order && sk.starts_with(key::HISTORY) => Ok(ItemKind::History),
        _ if pk.starts_with(key::PARKED) => Ok(ItemKind::Parked),
        _ if key::parse_transmission(pk).is_some() => Ok(ItemKind::Transmission),
        _ if pk.starts_with("MERCHANT#") => Ok(ItemKind::Merchant),
        _ if pk.starts_with("KEYS#") => Ok(ItemKind::WebhookKey),
        _ => bail!("an item of no known kind"),
    }
}

fn status(item: &Item) -> Option<String> {
    item.get("status")?.get("S")?.as_str().map(ToOwned::to_owned)
}

/// A method and a path, with a placeholder for what names one order.
fn without_ids(name: &str) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    if let Some(at) = parts.iter().position(|part| *part == "orders") {
        parts.iter_mut().skip(at + 1).take(1).for_each(|part| *part = "{id}");
    }
    parts.join("/")
}

#[cfg(test)]
#[path = "recorder_tests.rs"]
mod tests;
