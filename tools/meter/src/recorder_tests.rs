//! What is read of a call. Capacity is tested with its rules, and the reads around a write on the stack.

use serde_json::json;

use super::*;

fn call(name: &str, body: &Value) -> Call {
    Call { name: name.to_owned(), headers: Default::default(), body: body.to_string().into_bytes().into() }
}

fn answered(body: &Value) -> Answer {
    Answer {
        status: Default::default(),
        headers: Default::default(),
        body: body.to_string().into_bytes().into(),
    }
}

fn key_of(pk: &str, sk: &str) -> Value {
    json!({ "pk": { "S": pk }, "sk": { "S": sk } })
}

#[test]
fn items_are_told_by_their_keys() {
    for (pk, sk, wanted) in [
        ("ORDER#acme#INV-1", "ORDER", ItemKind::Order),
        ("ORDER#acme#INV-1", "HISTORY#0000000001", ItemKind::History),
        ("ORDER#acme#INV-1", "LISTING", ItemKind::Line),
        ("PARKED#acme", "2026", ItemKind::Parked),
        ("TRANSMIT#acme#txn-1", "TRANSMISSION", ItemKind::Transmission),
        ("MERCHANT#acme", "CONFIG", ItemKind::Merchant),
        ("KEYS#acme", "WEBHOOK#9c1e77ab", ItemKind::WebhookKey),
    ] {
        assert_eq!(kind(&key_of(pk, sk)).unwrap(), wanted);
    }
    assert!(kind(&key_of("ORDER#acme#INV-1", "NOTE")).is_err(), "a new kind of item must be counted apart");
}

#[test]
fn a_write_that_is_not_understood_is_an_error_and_never_uncounted() {
    let put = json!({ "TableName": "orders", "Item": key_of("p", "s") });
    assert!(written(&call("DynamoDB_20120810.PutItem", &put)).unwrap().unwrap().asked.is_some());
    assert!(written(&call("DynamoDB_20120810.GetItem", &json!({}))).unwrap().is_none());
    assert!(written(&call("DynamoDB_20120810.TransactWriteItems", &json!({}))).is_err());
    assert!(of_others((Service::Sqs, "SendMessage"), &json!({}), &answered(&json!({}))).is_ok());
    assert!(
        of_others((Service::SecretsManager, "PutSecretValue"), &json!({}), &answered(&json!({}))).is_err()
    );
    let filtered = json!({ "FilterExpression": "a = b" });
    assert!(of_others((Service::DynamoDb, "Query"), &filtered, &answered(&json!({ "Items": [] }))).is_err());
}

#[test]
fn a_query_takes_what_all_its_items_take_together() {
    let item = json!({ "a": { "S": "x".repeat(1500) } });
    let read = |items: &[Value]| {
        let answer = answered(&json!({ "Items": items }));
        of_others((Service::DynamoDb, "Query"), &json!({ "ConsistentRead": true }), &answer).unwrap()
    };
    let units = |half_units| What::Read { of: ItemKind::Order, half_units };
    assert_eq!(read(&[]), units(2));
    assert_eq!(read(&[item.clone(), item.clone()]), units(2));
    assert_eq!(read(&[item.clone(), item.clone(), item]), units(4));
}

#[test]
fn a_batch_is_one_request_of_several_messages_until_it_is_too_large() {
    let entry = |bytes: usize| json!({ "MessageBody": "x".repeat(bytes) });
    let sent = |entries: &[Value]| {
        let body = json!({ "Entries": entries });
        of_others((Service::Sqs, "SendMessageBatch"), &body, &answered(&json!({}))).unwrap()
    };
    assert_eq!(sent(&[entry(10), entry(10)]), What::Sent { count: 2, charged: 1 });
    assert_eq!(sent(&[entry(70_000)]), What::Sent { count: 1, charged: 2 });
}

#[test]
fn calls_of_flexfactor_are_told_without_ids() {
    assert_eq!(without_ids("GET /v1/orders/0b7c4f9e-51d2"), "GET /v1/orders/{id}");
    assert_eq!(without_ids("POST /v1/orders/x/refund"), "POST /v1/orders/{id}/refund");
    assert_eq!(without_ids("POST /v1/oauth2/token"), "POST /v1/oauth2/token");
    assert_eq!(without_ids("POST /v1/evaluate"), "POST /v1/evaluate");
}
