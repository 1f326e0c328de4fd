//! Events as Lambda hands them on.

use anyhow::Result;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use rig::{Account, WEBHOOK_HOST};
use sandbox::webhook::sign;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// A batch of a queue.
pub(crate) fn sqs(queue: &str, bodies: &[String]) -> Value {
    let now = Timestamp::now().as_millisecond().to_string();
    let record = |body: &String| {
        json!({
            "messageId": Uuid::new_v4(),
            "receiptHandle": "AQEB-measured",
            "body": body,
            "attributes": {
                "ApproximateFirstReceiveTimestamp": now,
                "ApproximateReceiveCount": "1",
                "SenderId": "AIDASAMPLE",
                "SentTimestamp": now
            },
            "messageAttributes": {},
            "md5OfBody": format!("{:x}", md5::compute(body)),
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:us-east-1:123456789012:{queue}"),
            "awsRegion": "us-east-1"
        })
    };
    json!({ "Records": bodies.iter().map(record).collect::<Vec<_>>() })
}

/// A batch of the table's stream.
pub(crate) fn stream(records: &[Value]) -> Value {
    let record = |record: &Value| {
        let is_new = record["dynamodb"]["OldImage"].is_null();
        let mut record = record.clone();
        record["eventID"] = Uuid::new_v4().simple().to_string().into();
        record["eventName"] = if is_new { "INSERT" } else { "MODIFY" }.into();
        record["eventVersion"] = "1.1".into();
        record["eventSource"] = "aws:dynamodb".into();
        record["awsRegion"] = "us-east-1".into();
        record
    };
    json!({ "Records": records.iter().map(record).collect::<Vec<_>>() })
}

/// A call of an HTTP API without a body.
pub(crate) fn get(path: &str) -> Value {
    http("GET", path, Map::from_iter([("host".to_owned(), json!("api.example.com"))]), None)
}

/// Names and order as recorded.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Webhook<'a> {
    event: &'a str,
    time_stamp: String,
    event_data: Option<()>,
    external_order_id: &'a str,
    order_id: &'a str,
    confirmation_id: &'a str,
    is_test_mode: bool,
    is_resent: bool,
}

/// A signed webhook: the order was rescued.
///
/// # Errors
/// The account's key is not base64.
pub(crate) fn webhook(account: &Account, order_id: &str, provider_order: &str) -> Result<Value> {
    let now = Timestamp::now();
    let body = serde_json::to_string(&Webhook {
        event: "order.completed",
        time_stamp: now.to_string(),
        event_data: None,
        external_order_id: order_id,
        order_id: provider_order,
        confirmation_id: "22ACD1D9",
        is_test_mode: true,
        is_resent: false,
    })?;
    let key = STANDARD.decode(account.webhook_key)?;
    let (nonce, date) = (Uuid::new_v4().simple().to_string(), sign::http_date(now));
    let hash = sign::content_hash(body.as_bytes());
    let signature = sign::signature(&key, &nonce, &date, WEBHOOK_HOST, &hash);
    let headers = [
        ("content-length", body.len().to_string()),
        ("content-type", "application/json".to_owned()),
        ("host", WEBHOOK_HOST.to_owned()),
        ("x-fc-authorization", sign::authorization(&signature)),
        ("x-fc-content-sha512", hash),
        ("x-fc-date", date),
        ("x-fc-nonce", nonce),
        ("x-fc-signature", sign::body_signature(&key, body.as_bytes())),
        ("x-forwarded-for", "203.0.113.10".to_owned()),
        ("x-forwarded-port", "443".to_owned()),
        ("x-forwarded-proto", "https".to_owned()),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), Value::from(value)));
    Ok(http("POST", &format!("/webhooks/{}", account.id), Map::from_iter(headers), Some(body)))
}

/// Payload format 2.0.
fn http(method: &str, path: &str, headers: Map<String, Value>, body: Option<String>) -> Value {
    let now = Timestamp::now();
    let parts: Vec<&str> = path.trim_start_matches('/').splitn(3, '/').collect();
    let route = if parts.len() == 3 { "/merchants/{merchant}/{proxy+}" } else { "/webhooks/{merchant}" };
    let domain = headers.get("host").cloned();
    let mut event = json!({
        "version": "2.0",
        "routeKey": format!("{method} {route}"),
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "pathParameters": { "merchant": parts.get(1) },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": domain,
            "domainPrefix": "a1b2c3d4e5",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.10",
                "userAgent": "measured"
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": format!("{method} {route}"),
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": now.as_millisecond()
        },
        "isBase64Encoded": false
    });
    if let Some(body) = body {
        event["body"] = body.into();
    }
    event
}
