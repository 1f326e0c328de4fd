//! What every call must satisfy, and who may call.

use lambda_http::http::HeaderMap;
use lambda_http::lambda_runtime::Context;
use lambda_http::request::LambdaRequest;

use super::*;

/// A request as API Gateway hands it to the function.
fn from_gateway(path: &str, claims: Option<Value>) -> Request {
    let mut event = json!({
        "version": "2.0", "routeKey": "ANY /merchants/{merchant}/{proxy+}", "rawPath": path, "rawQueryString": "",
        "headers": { "host": "api.example" }, "isBase64Encoded": false,
        "requestContext": {
            "accountId": "1", "apiId": "a", "domainName": "api.example", "requestId": "r", "stage": "$default",
            "time": "21/Nov/2026:10:00:00 +0000", "timeEpoch": 1_795_255_200_000_u64,
            "http": { "method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "t" }
        }
    });
    if let Some(claims) = claims {
        event["requestContext"]["authorizer"] = json!({ "jwt": { "claims": claims, "scopes": null } });
    }
    let request: LambdaRequest = serde_json::from_value(event).unwrap();
    Request::from(request).with_lambda_context(Context::default())
}

#[tokio::test]
async fn with_a_token_a_caller_sees_the_merchants_that_its_claim_names_and_no_other() {
    let mut api = tested();
    stored(&api, "INV-1", start(), &[]).await;
    api.authorization = Authorization::Jwt { claim: "merchants".to_owned() };
    let path = "/merchants/acme/orders/INV-1";
    for claims in [json!({"merchants": "acme"}), json!({"merchants": "[globex acme]"})] {
        assert_eq!(api.call(&from_gateway(path, Some(claims))).await.0, 200);
    }
    let forbidden = (403, "not_your_merchant".to_owned());
    for claims in [
        None,
        Some(json!({})),
        Some(json!({"merchants": "globex"})),
        Some(json!({"merchants": "[globex acme-2]"})),
        Some(json!({"merchant": "acme"})),
    ] {
        assert_eq!(api.problem(&from_gateway(path, claims.clone())).await, forbidden, "{claims:?}");
    }
    // Nobody learns which addresses there are, or which orders, of a merchant that is not his.
    for rest in ["orders", "orders/nobody", "orders/INV-1/cancel"] {
        let path = format!("/merchants/acme/{rest}");
        assert_eq!(api.problem(&from_gateway(&path, Some(json!({"merchants": "globex"})))).await, forbidden);
    }
}

#[tokio::test]
async fn with_iam_the_caller_s_policy_decides_and_the_function_adds_nothing() {
    let api = tested();
    stored(&api, "INV-1", start(), &[]).await;
    assert_eq!(api.call(&from_gateway("/merchants/acme/orders/INV-1", None)).await.0, 200);
    // Another merchant's orders are at its own address alone.
    let other = from_gateway("/merchants/globex/orders/INV-1", None);
    assert_eq!(api.problem(&other).await, (404, "order_not_found".to_owned()));
    let (_, page) = api.call(&from_gateway("/merchants/globex/orders", None)).await;
    assert_eq!(page, json!({ "orders": [], "next_cursor": null }));
}

#[tokio::test]
async fn what_is_not_there_is_told_apart_from_the_wrong_method() {
    let api = tested();
    assert_eq!(api.problem(&request("GET", "refunds", "")).await, (404, "not_found".to_owned()));
    let answer = api.answer(&request("DELETE", "orders/INV-1", "")).await;
    assert_eq!((answer.status, answer.allow), (405, Some("GET")));
    let response = answer.into_response();
    assert_eq!(response.headers()["allow"], "GET");
    assert_eq!(response.headers()["cache-control"], "no-store");
    // Nothing is read there, unless an order is called so.
    let answer = api.answer(&request("GET", "orders/INV-1/cancel", "")).await;
    assert_eq!((answer.status, answer.allow), (405, Some("POST")));
    stored(&api, "INV-1/cancel", start(), &[]).await;
    assert_eq!(api.get("orders/INV-1%2Fcancel").await.0, 200);
}

#[tokio::test]
async fn every_post_needs_a_key_of_1_to_255_printable_characters() {
    let api = tested();
    stored(&api, "INV-1", start(), &[Transition::Approve]).await;
    let missing = (400, "idempotency_key_missing".to_owned());
    let posts = [
        ("orders", decline("INV-2").to_string()),
        ("orders/INV-1/cancel", String::new()),
        ("orders/INV-1/capture", String::new()),
        ("orders/INV-1/refunds", json!({"amount": {"minor": 1, "currency": "USD"}}).to_string()),
        ("orders/INV-1/refunds/ab/resolution", json!({"made": true}).to_string()),
    ];
    for (rest, body) in &posts {
        let mut bare = request("POST", rest, body);
        bare.headers_mut().remove("idempotency-key");
        assert_eq!(api.problem(&bare).await, missing, "{rest}");
    }
    let (rest, body) = &posts[0];
    let key = |length: usize| "k".repeat(length).parse().unwrap();
    let mut two = HeaderMap::new();
    two.append("idempotency-key", key(1));
    two.append("idempotency-key", key(2));
    let odd = "\u{e4}".parse().unwrap();
    for value in [key(256), "".parse().unwrap(), " ".parse().unwrap(), odd] {
        let mut wrong = request("POST", rest, body);
        wrong.headers_mut().insert("idempotency-key", value);
        assert_eq!(api.problem(&wrong).await, missing);
    }
    let mut wrong = request("POST", rest, body);
    *wrong.headers_mut() = two;
    assert_eq!(api.problem(&wrong).await, missing);
    assert_eq!(api.store.orders().len(), 1, "nothing was done");
    assert_eq!(api.call(&keyed(request("POST", rest, body), &"k".repeat(255))).await.0, 201);
}

#[tokio::test]
async fn a_body_must_be_json_say_so_and_not_be_too_long() {
    let api = tested();
    let full = format!("\"{}\"", "x".repeat(64 * 1024 - 2));
    for rest in ["orders", "orders/INV-1/refunds", "orders/INV-1/refunds/ab/resolution"] {
        let mut untyped = request("POST", rest, "{}");
        untyped.headers_mut().remove("content-type");
        assert_eq!(api.problem(&untyped).await, (415, "unsupported_media_type".to_owned()));
        untyped.headers_mut().insert("content-type", "text/plain".parse().unwrap());
        assert_eq!(api.problem(&untyped).await, (415, "unsupported_media_type".to_owned()));
        let mut typed = request("POST", rest, "{}");
        typed.headers_mut().insert("content-type", "Application/JSON; charset=utf-8".parse().unwrap());
        assert!([400, 422].contains(&api.call(&typed).await.0));
        assert_ne!(api.call(&request("POST", rest, &full)).await.0, 413, "{rest}");
        let long = format!("{full} ");
        assert_eq!(api.problem(&request("POST", rest, long)).await, (413, "too_large".to_owned()));
    }
    let refund = |body: &str| request("POST", "orders/INV-1/refunds", body);
    for body in [
        "",
        "{",
        "[]",
        r#"{"amount":{"minor":1.5,"currency":"USD"}}"#,
        r#"{"amount":{"minor":1,"currency":"USD"},"x":1}"#,
    ] {
        assert_eq!(api.problem(&refund(body)).await, (400, "malformed".to_owned()), "{body}");
    }
    let (_, told) = api.post("orders/INV-1/refunds", r#"{"amount":"4111111111111111"}"#).await;
    assert!(!told.to_string().contains("4111"), "a value is never repeated: {told}");
}

#[tokio::test]
async fn a_decline_that_is_posted_goes_the_way_of_one_from_the_queue() {
    let api = tested();
    let (status, order) = api.post("orders", decline("INV-1")).await;
    assert_eq!((status, &order["status"], &order["order_id"]), (201, &json!("received"), &json!("INV-1")));
    assert_eq!(order["instruction"], "hold_retries");
    assert_eq!(api.sent(), ["submit acme/INV-1"]);
    let (status, again) = api.call(&keyed(request("POST", "orders", decline("INV-1")), "key-2")).await;
    assert_eq!((status, again), (200, order));

    let mut other = decline("INV-1");
    other["amount"]["minor"] = 2999.into();
    let conflict = api.problem(&request("POST", "orders", &other)).await;
    assert_eq!(conflict, (409, "decline_conflict".to_owned()));
    let mut stale = decline("INV-2");
    stale["declined_at"] = json!("2026-11-01T00:00:00Z");
    let (status, told) = api.post("orders", &stale).await;
    assert_eq!((status, &told["code"], &told["path"]), (422, &json!("stale"), &json!("declined_at")));
    assert_eq!(api.problem(&request("POST", "orders", "{")).await, (422, "not_json".to_owned()));
    assert_eq!(api.store.parked().len(), 3, "each is kept for people, as from the queue");

    let mut foreign = decline("INV-3");
    foreign["merchant"] = json!("globex");
    assert_eq!(
        api.problem(&request("POST", "orders", &foreign)).await,
        (422, "merchant_mismatch".to_owned())
    );
    assert_eq!((api.store.parked().len(), api.store.orders().len()), (3, 1), "it is not taken, nor kept");
}

#[tokio::test]
async fn a_decline_that_could_not_be_handed_on_is_by_the_same_call_again() {
    let api = tested();
    api.reconciliations.is_down.store(true, Ordering::SeqCst);
    let call = request("POST", "orders", decline("INV-1"));
    assert_eq!(api.problem(&call).await, (503, "store_unavailable".to_owned()));
    api.reconciliations.is_down.store(false, Ordering::SeqCst);
    assert_eq!(api.call(&call).await.0, 200);
    assert_eq!(api.sent(), ["submit acme/INV-1"]);
}

#[tokio::test]
async fn what_is_refused_is_parked_once_for_the_same_call_and_apart_for_another() {
    let api = tested();
    api.post("orders", decline("INV-1")).await;
    let mut other = decline("INV-1");
    other["amount"]["minor"] = 2999.into();
    let mut refused = decline("INV-2");
    refused["recurring"] = false.into();
    let unreadable = json!("{").to_string();
    for (number, body) in (1..).zip([other.to_string(), refused.to_string(), unreadable]) {
        for _ in 0..3 {
            assert!([409, 422].contains(&api.post("orders", &body).await.0));
            api.intake.clock.passed_seconds.fetch_add(60, Ordering::SeqCst);
        }
        assert_eq!(api.store.parked().len(), number, "{body}");
    }
    let declined_at: Timestamp = refused["declined_at"].as_str().unwrap().parse().unwrap();
    let mut arrived: Vec<_> = api.store.parked().iter().map(|parked| parked.key.arrived_at).collect();
    arrived.sort();
    assert_eq!(arrived, [Timestamp::UNIX_EPOCH, declined_at, declined_at]);
    refused["recurring"] = json!("no");
    api.post("orders", &refused).await;
    assert_eq!(api.store.parked().len(), 4, "another body under the same key");
    api.call(&keyed(request("POST", "orders", &refused), "key-2")).await;
    assert_eq!(api.store.parked().len(), 5, "another key");
}
