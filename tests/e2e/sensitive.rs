//! Everything that a running stack holds, as text: what a search for sensitive data has to read.

use canary::{CANARIES, Canary, Found, Kind, Scanner, read_logs};
use rig::Rig;
use serde_json::{Value, json};

/// What was found on a stack, and how much was read.
#[derive(Default)]
pub(crate) struct Search {
    pub(crate) found: Vec<Found>,
    pub(crate) log_lines: usize,
    pub(crate) items: usize,
    pub(crate) messages: usize,
    pub(crate) events: usize,
}

/// Searches everything: logs and published events for every canary; items and messages for every one but personal data, which orders and parked
/// copies may hold.
pub(crate) async fn search(rig: &Rig) -> Search {
    let all = Scanner::new(CANARIES).unwrap();
    let grave: Vec<Canary> =
        CANARIES.iter().copied().filter(|canary| canary.kind != Kind::Personal).collect();
    let grave = Scanner::new(&grave).unwrap();
    let mut search = Search::default();

    let log = rig.stack().functions_log();
    search.log_lines += std::fs::read_to_string(&log).unwrap().lines().count();
    search.found.extend(read_logs(&all, log.parent().unwrap()).unwrap().found);
    for (group, lines) in cloud_watch(rig).await {
        search.found.extend(all.scan(&group, lines.as_bytes()));
    }
    for item in items(rig).await {
        search.items += 1;
        search.found.extend(grave.scan(&place_of(&item), item.to_string().as_bytes()));
    }
    // A request that still rides in its order is packed there, and no text of the item.
    for order in rig.books().await.unwrap().orders {
        let request = serde_json::to_string(&order.request).unwrap();
        search.found.extend(grave.scan(&format!("the request of {}", order.key), request.as_bytes()));
    }
    let outputs = rig.stack().outputs();
    for queue in [
        &outputs.declines_queue_url,
        &outputs.declines_dlq_url,
        &outputs.evaluations_queue_url,
        &outputs.evaluations_dlq_url,
        &outputs.reconciliations_queue_url,
        &outputs.reconciliations_dlq_url,
        &outputs.history_dlq_url,
        &outputs.publisher_dlq_url,
        &outputs.transmissions_queue_url,
        &outputs.transmissions_dlq_url,
    ] {
        for body in drained(rig, queue).await {
            search.messages += 1;
            search.found.extend(grave.scan(queue, body.as_bytes()));
        }
    }
    // What is published goes to whoever has a rule on the bus: not even personal data may be in it.
    for body in drained(rig, outputs.outcomes_sample_queue_url.as_ref().unwrap()).await {
        search.events += 1;
        search.found.extend(all.scan("an outcome", body.as_bytes()));
    }
    search
}

fn place_of(item: &Value) -> String {
    let key = |name: &str| item[name]["S"].as_str().unwrap_or("-").to_owned();
    format!("item {} {}: {} {}", key("pk"), key("sk"), key("kind"), key("sentence"))
}

/// A call by its JSON, as no SDK of CloudWatch Logs is at hand, and as DynamoDB's hides what it does not know.
async fn call(rig: &Rig, target: &str, body: &Value) -> Value {
    let service = if target.starts_with("Logs") { "logs" } else { "dynamodb" };
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let credential = format!("AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request");
    let answer = http
        .post(rig.stack().endpoint())
        .header("x-amz-target", target)
        .header("content-type", "application/x-amz-json-1.1")
        .header("authorization", format!("{credential}, SignedHeaders=host, Signature=0"))
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "{target}: {status}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// What each log group holds: its events, as they are answered.
async fn cloud_watch(rig: &Rig) -> Vec<(String, String)> {
    let groups = call(rig, "Logs_20140328.DescribeLogGroups", &json!({})).await;
    let mut logs = Vec::new();
    for group in groups["logGroups"].as_array().unwrap() {
        let name = group["logGroupName"].as_str().unwrap();
        let events = call(rig, "Logs_20140328.FilterLogEvents", &json!({ "logGroupName": name })).await;
        logs.push((name.to_owned(), events.to_string()));
    }
    logs
}

/// Every item of the table, with all its attributes.
pub(crate) async fn items(rig: &Rig) -> Vec<Value> {
    let (mut items, mut from) = (Vec::new(), Value::Null);
    loop {
        let mut request = json!({ "TableName": rig.stack().outputs().orders_table_name });
        if !from.is_null() {
            request["ExclusiveStartKey"] = from;
        }
        let page = call(rig, "DynamoDB_20120810.Scan", &request).await;
        items.extend(page["Items"].as_array().unwrap().iter().cloned());
        from = page["LastEvaluatedKey"].clone();
        if from.is_null() {
            return items;
        }
    }
}

/// Every message that can be received.
pub(crate) async fn drained(rig: &Rig, queue: &str) -> Vec<String> {
    let mut bodies = Vec::new();
    loop {
        let received = rig.stack().sqs().receive_message().queue_url(queue).max_number_of_messages(10).send();
        let messages = received.await.unwrap().messages.unwrap_or_default();
        if messages.is_empty() {
            return bodies;
        }
        bodies.extend(messages.into_iter().filter_map(|message| message.body));
    }
}
