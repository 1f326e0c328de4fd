//! Authentication, validation, and the shapes of errors.

use sandbox::{Endpoint, Mode, Settings, domain::settings::ErrorShape};
use serde_json::json;

use crate::support::{Stage, evaluate};

#[tokio::test]
async fn a_wrong_secret_is_a_400() {
    let stage = Stage::managed(vec![]).await;
    let answer = stage.post("oauth2/token", &json!({"AppKey": "managed-key", "AppSecret": "no"})).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["errors"], json!({}));
}

#[tokio::test]
async fn a_token_has_the_recorded_shape_and_life() {
    let mut stage = Stage::managed(vec![]).await;
    let answer =
        stage.post("oauth2/token", &json!({"appkey": "managed-key", "appsecret": "managed-secret"})).await;
    let token = answer.json();
    let expires: jiff::Timestamp = "2030-01-01T00:10:00Z".parse().unwrap();
    assert_eq!(token["expires"], expires.as_millisecond());
    assert_eq!((&token["success"], &token["errors"]), (&json!(true), &json!([])));
    assert_eq!(token["accessToken"].as_str().unwrap().split('.').count(), 3);

    stage.running.advance(599);
    assert_eq!(stage.get("orders").await.status, 200);
    stage.running.advance(1);
    let expired = stage.get("orders").await;
    assert_eq!((expired.status, expired.text.as_str()), (401, ""));
    stage.log_in_again().await;
    assert_eq!(stage.get("orders").await.status, 200);
    assert_eq!(stage.running.revoke_tokens(None), 1 + 2);
    assert_eq!(stage.get("orders").await.status, 401);
}

#[tokio::test]
async fn evaluate_names_exactly_the_fields_that_were_recorded_as_required() {
    let stage = Stage::managed(vec![]).await;
    let body = json!({"transaction": {"amount": 1999, "currency": "USD"}});
    let answer = stage.post("evaluate", &body).await;
    assert_eq!(answer.status, 400);
    let errors = answer.json();
    let mut names: Vec<&String> = errors.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(
        names,
        [
            "IdempotencyKey",
            "IsDeclined",
            "OrderId",
            "TraceId",
            "Transaction.AvsResultCode",
            "Transaction.CavvResultCode",
            "Transaction.CvvResultCode",
            "Transaction.Id",
            "Transaction.ResponseCode",
            "Transaction.ResponseCodeSource",
        ]
    );
    assert_eq!(errors["OrderId"], json!(["Merchant's orderId is required"]));
    assert_eq!(stage.ledger().summary.orders, 0);
    assert_eq!(stage.ledger().refused.len(), 1);
}

#[tokio::test]
async fn amounts_are_refused_at_the_documented_limits() {
    let stage = Stage::managed(vec![]).await;
    for (amount, status) in [(10, 400), (11, 200), (19_999, 200), (20_000, 400)] {
        let order_id = format!("order-{amount}");
        let mut body = evaluate(&order_id, &order_id);
        body["transaction"]["amount"] = json!(amount);
        assert_eq!(stage.post("evaluate", &body).await.status, status, "{amount}");
    }
    let mut body = evaluate("dollars", "dollars");
    body["transaction"]["amount"] = json!(19.99);
    let answer = stage.post("evaluate", &body).await;
    assert_eq!(
        answer.json()["Transaction.Amount"][0],
        "The JSON value could not be converted to System.Int32."
    );
}

#[tokio::test]
async fn a_managed_order_needs_a_valid_expiry() {
    let stage = Stage::managed(vec![]).await;
    for (expiry, message) in [
        (json!(null), "The ExpiryDateUtc field is required."),
        (json!(""), "The field ExpiryDateUtc is invalid."),
        (json!("in three weeks"), "The field ExpiryDateUtc is invalid."),
    ] {
        let mut body = evaluate("order", "order");
        body["expiryDateUtc"] = expiry;
        let answer = stage.post("evaluate", &body).await;
        assert_eq!((answer.status, &answer.json()["ExpiryDateUtc"][0]), (400, &json!(message)));
    }
}

#[tokio::test]
async fn another_merchants_mid_is_a_403() {
    let stage = Stage::managed(vec![]).await;
    let mut body = evaluate("order", "order");
    body["mid"] = json!("00000000-0000-0000-0000-000000000000");
    assert_eq!(stage.post("evaluate", &body).await.status, 403);
    body["mid"] = json!(stage.mid.to_uppercase());
    assert_eq!(stage.post("evaluate", &body).await.status, 200);
}

#[tokio::test]
async fn names_are_read_without_regard_to_case() {
    let stage = Stage::managed(vec![]).await;
    let text = evaluate("order", "order").to_string();
    let text = text.replace("\"transaction\"", "\"Transaction\"").replace("\"orderId\"", "\"ORDERID\"");
    assert_eq!(stage.post("evaluate", &serde_json::from_str(&text).unwrap()).await.status, 200);
}

#[tokio::test]
async fn the_shape_of_errors_is_a_setting() {
    let mut settings = Settings::default();
    settings.errors.shapes.insert(Endpoint::Evaluate, ErrorShape::StatusText);
    settings.errors.shapes.insert(Endpoint::OrderGet, ErrorShape::Tuples);
    settings.orders.unknown_id_http_status = 400;
    let stage = Stage::start(Mode::Managed, vec![], settings).await;
    assert_eq!(stage.post("evaluate", &json!({})).await.json()["status"], "400");
    let unknown = stage.get("orders/00000000-0000-0000-0000-000000000000").await;
    assert_eq!((unknown.status, &unknown.json()["errors"][0]["item2"]), (400, &json!("400")));
}

#[tokio::test]
async fn a_card_number_is_taken_and_counted() {
    let stage = Stage::managed(vec![]).await;
    let mut body = evaluate("order", "order");
    body["paymentMethod"] = json!({"cardNumber": "4242424242424242", "Token": false});
    assert_eq!(stage.post("evaluate", &body).await.status, 200);
    assert_eq!(stage.ledger().summary.card_numbers_seen, 1);
    let text = serde_json::to_string(&stage.ledger()).unwrap();
    assert!(!text.contains("4242424242424242"));
}
