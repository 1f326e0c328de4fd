//! A webhook without anything but its write: no configuration, no signature, no rules. What it writes is what webhook-receiver
//! writes for an order that was rescued, so that the database has the same to do.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use lambda_http::{Body, Error, Request, RequestExt as _, Response, run, service_fn};
use lambda_kit::aws;
use serde::Deserialize;

const CONDITION: &str = "attribute_exists(pk) AND #status IN (:s0, :s1, :s2, :s3, :s4, :s5, :s6, :s7, :s8, :s9) AND \
     (attribute_not_exists(refund) OR refund <> :signalled) AND (attribute_not_exists(dispute) OR dispute <> :signalled) AND \
     attribute_not_exists(wish) AND attribute_not_exists(refund_under_way_minor) AND NOT contains(seen, :event) AND \
     (attribute_not_exists(provider_order) OR provider_order = :provider)";
const UPDATE: &str = "SET updated_at = :now, #version = #version + :one, #status = :approved, reason = :webhook, \
     reason_detail = :name, provider_order = :provider, confirmation = :confirmation \
     REMOVE due_at, due_reason, due_looks, due_shard, lease_until, #request ADD seen :seen";
const LOWER: [&str; 10] = [
    "received",
    "submitting",
    "unknown",
    "rejected",
    "pending",
    "capture_required",
    "escalated",
    "expired",
    "cancelled",
    "declined",
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    event: String,
    time_stamp: String,
    external_order_id: String,
    order_id: String,
    confirmation_id: String,
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

async fn apply(client: &Client, table: &str, request: &Request) -> Result<Response<Body>, Error> {
    let event: Event = serde_json::from_slice(request.body())?;
    let merchant = request.raw_http_path().rsplit('/').next().unwrap_or_default();
    let tag = format!("e:{}@{}", event.event, event.time_stamp);
    let nonce = request.headers().get("x-fc-nonce").and_then(|nonce| nonce.to_str().ok()).unwrap_or_default();
    let update = client
        .update_item()
        .table_name(table)
        .key("pk", text(format!("ORDER#{merchant}#{}", event.external_order_id)))
        .key("sk", text("ORDER"))
        .condition_expression(CONDITION)
        .update_expression(UPDATE)
        .expression_attribute_names("#status", "status")
        .expression_attribute_names("#version", "version")
        .expression_attribute_names("#request", "request")
        .expression_attribute_values(":seen", AttributeValue::Ss(vec![tag.clone(), format!("n:{nonce}")]))
        .expression_attribute_values(":event", text(tag))
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .expression_attribute_values(":now", text("2026-11-21T10:00:00.000Z"))
        .expression_attribute_values(":approved", text("approved"))
        .expression_attribute_values(":signalled", text("signalled"))
        .expression_attribute_values(":webhook", text("webhook"))
        .expression_attribute_values(":name", text(event.event))
        .expression_attribute_values(":provider", text(event.order_id))
        .expression_attribute_values(":confirmation", text(event.confirmation_id));
    let lower = LOWER.iter().enumerate();
    let update = lower.fold(update, |update, (rank, word)| {
        update.expression_attribute_values(format!(":s{rank}"), text(*word))
    });
    update.send().await?;
    // The local stack waits for a line of each invocation; without one it would take the bare function for the slowest.
    println!("applied");
    Ok(Response::new(Body::Empty))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let client = &Client::new(&aws::config());
    let table = &std::env::var("ORDERS_TABLE")?;
    run(service_fn(async move |request: Request| apply(client, table, &request).await)).await
}
