//! Tokenize, evaluate again, get, list, refund, cancel, capture, outcome, transmit.

use sandbox::{Fate, Mode, Phase, Settings, domain::settings::RepeatedRefund};
use serde_json::{Value, json};

use crate::support::{DAY, Stage, always, approve, evaluate, evaluate_unmanaged};

#[tokio::test]
async fn a_repeated_idempotency_key_replays_the_first_answer() {
    let stage = Stage::managed(vec![always(approve(60))]).await;
    let first = stage.submit("order").await;
    stage.advance(120).await;
    let again = stage.post("evaluate", &evaluate("order", "order")).await;
    assert_eq!(first.json(), again.json());
    let mut other = evaluate("order", "order");
    other["transaction"]["amount"] = json!(500);
    assert_eq!(stage.post("evaluate", &other).await.status, 409);

    let ledger = stage.ledger();
    let order = &ledger.orders[0];
    assert_eq!(
        (order.evaluate_requests, order.effective_submissions, order.idempotency_keys.len()),
        (3, 1, 1)
    );
    assert_eq!((ledger.summary.submitted_twice, order.charges.len()), (0, 1));
}

#[tokio::test]
async fn a_managed_order_submitted_under_two_keys_is_rescued_twice() {
    let stage = Stage::managed(vec![always(approve(60))]).await;
    let one = stage.submit("order").await.order_id();
    let two = stage.post("evaluate", &evaluate("order", "another key")).await.order_id();
    assert_ne!(one, two);
    stage.advance(120).await;
    let summary = stage.ledger().summary;
    assert_eq!((summary.orders, summary.submitted_twice), (2, 1));
    assert_eq!(summary.charged_minor["USD"], 2 * 1999);
}

#[tokio::test]
async fn an_unmanaged_order_submitted_again_answers_its_current_state() {
    let stage = Stage::unmanaged(vec![always(approve(DAY))]).await;
    let first = stage.post("evaluate", &evaluate_unmanaged("order", "one")).await;
    assert_eq!((&first.json()["status"], &first.json()["success"]), (&json!("DECLINED"), &json!(false)));
    stage.running.advance(60);
    assert_eq!(stage.status(&first.order_id()).await, 4);

    let mut stage = stage;
    stage.advance(DAY).await;
    stage.log_in_again().await;
    let second = stage.post("evaluate", &evaluate_unmanaged("order", "two")).await;
    assert_eq!(second.json()["status"], "APPROVED");
    assert_eq!(second.order_id(), first.order_id());
    let ledger = stage.ledger();
    assert_eq!((ledger.summary.submitted_twice, ledger.orders[0].evaluate_requests), (0, 2));
}

#[tokio::test]
async fn tokenize_keeps_the_card_and_its_trigger() {
    let stage = Stage::unmanaged(vec![]).await;
    let card = json!({"payment_method": {"credit_card": {
        "first_name": "Cure", "last_name": "Tester", "number": "4000002760003184", "month": 9, "year": "2030"}}});
    let answer = stage.post("tokenize", &card).await.json();
    let method = &answer["transaction"]["payment_method"];
    assert_eq!(
        (&method["last_four_digits"], &method["first_six_digits"]),
        (&json!("3184"), &json!("40000027"))
    );
    assert_eq!((&method["month"], &method["number"]), (&json!(9), &Value::Null));
    let mut body = evaluate_unmanaged("order", "order");
    body["paymentMethod"]["cardNumber"] = method["token"].clone();
    let evaluated = stage.post("evaluate", &body).await;
    assert_eq!(evaluated.json()["status"], "APPROVED");

    let bare = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = |key: &str| format!("{}/tokenize?mid={}&environment={key}", stage.running.base_url, stage.mid);
    let status =
        async |key: &str| bare.post(url(key)).body(card.to_string()).send().await.unwrap().status().as_u16();
    assert_eq!((status("unmanaged-tokenization").await, status("wrong").await), (200, 401));
}

#[tokio::test]
async fn a_refund_never_exceeds_what_is_left() {
    let stage = Stage::managed(vec![always(approve(60))]).await;
    let order_id = stage.submit("order").await.order_id();
    let path = format!("orders/{order_id}/refund");
    let refused = stage.post(&path, &json!({"amountToRefund": 1.00})).await;
    assert_eq!(refused.status, 200);
    assert_eq!(
        refused.json()["errors"][0],
        json!({"item1": "Amount to refund (1.00) is greater than maximum refund amount in (0.00))",
               "item2": "2001", "item3": "2001", "item4": true})
    );
    stage.advance(120).await;
    let refund = async |amount: &str| {
        let body: Value = serde_json::from_str(&format!("{{\"AmountToRefund\": {amount}}}")).unwrap();
        stage.post(&path, &body).await.json()
    };
    assert_eq!(refund("12.00").await["responseMessage"], "APPROVED");
    assert_eq!(stage.status(&order_id).await, 7);
    assert_eq!(refund("8").await["status"], "FAILED");
    assert_eq!(refund("7.99").await["status"], "SUCCESS");
    assert_eq!(refund("0.01").await["responseCode"], "2001");
    assert_eq!(stage.status(&order_id).await, 6);
    assert_eq!(stage.post(&path, &json!({"amountToRefund": "x"})).await.status, 400);
    assert_eq!(stage.post(&path, &json!({})).await.status, 400);
    stage.rest().await;
    assert_eq!(stage.ledger().summary.refunded_minor["USD"], 1999);
    assert_eq!(stage.receiver.events(), ["order.completed", "order.refunded", "order.refunded"]);
}

#[tokio::test]
async fn a_repeated_refund_is_what_the_setting_says() {
    for (setting, second, refunded) in [
        (RepeatedRefund::Separate, "SUCCESS", 1000),
        (RepeatedRefund::SameAmountRepeats, "SUCCESS", 500),
        (RepeatedRefund::OnlyFirst, "FAILED", 500),
    ] {
        let mut settings = Settings::default();
        settings.orders.repeated_refund = setting;
        let stage = Stage::start(Mode::Managed, vec![always(approve(0))], settings).await;
        let path = format!("orders/{}/refund", stage.submit("order").await.order_id());
        stage.post(&path, &json!({"amountToRefund": 5})).await;
        let again = stage.post(&path, &json!({"amountToRefund": 5})).await;
        assert_eq!(again.json()["status"], second, "{setting:?}");
        assert_eq!(stage.ledger().summary.refunded_minor["USD"], refunded, "{setting:?}");
    }
}

#[tokio::test]
async fn a_pending_order_is_cancelled_once() {
    let stage = Stage::managed(vec![always(approve(DAY))]).await;
    let order_id = stage.submit("order").await.order_id();
    let path = format!("orders/{order_id}/cancel");
    let cancelled = stage.post(&path, &json!({})).await;
    assert_eq!((cancelled.status, cancelled.text.as_str()), (200, ""));
    assert_eq!(stage.post("orders/order/external-cancel", &json!({})).await.status, 200);
    stage.advance(30 * DAY).await;
    assert_eq!(stage.receiver.events(), ["order.cancelled"]);
    let order = &stage.ledger().orders[0];
    assert_eq!((order.phase, order.charges.len()), (Phase::Cancelled, 0));
}

#[tokio::test]
async fn a_cancel_that_comes_too_late_is_refused() {
    let stage = Stage::managed(vec![always(approve(0))]).await;
    let order_id = stage.submit("order").await.order_id();
    assert_eq!(stage.post(&format!("orders/{order_id}/cancel"), &json!({})).await.status, 400);
    assert_eq!(stage.post("orders/nothing/external-cancel", &json!({})).await.status, 404);
    assert_eq!(stage.ledger().orders[0].phase, Phase::Completed);
}

#[tokio::test]
async fn a_cancel_key_stands_for_one_order() {
    let stage = Stage::managed(vec![]).await;
    let (one, two) = (stage.submit("one").await.order_id(), stage.submit("two").await.order_id());
    let key = json!({"idempotencyKey": "6f0d6a3e-0e3a-4a0e-8f63-0b9a6a1f2c11"});
    assert_eq!(stage.post(&format!("orders/{one}/cancel"), &key).await.status, 200);
    assert_eq!(stage.post(&format!("orders/{one}/cancel"), &key).await.status, 200);
    assert_eq!(stage.post(&format!("orders/{two}/cancel"), &key).await.status, 409);
}

#[tokio::test]
async fn a_capture_takes_the_authorized_amount_once() {
    let stage = Stage::managed(vec![always(Fate::CaptureRequired { window_seconds: None })]).await;
    let order_id = stage.submit("order").await.order_id();
    let order = stage.get(&format!("orders/{order_id}")).await.json();
    assert_eq!((&order["status"], &order["statusName"]), (&json!(5), &json!("CAPTUREREQUIRED")));
    let capture = |key: u128, amount: i64| json!({"idempotencyKey": uuid::Uuid::from_u128(key).to_string(), "orderId": order_id, "amount": amount, "currency": "USD"});
    assert_eq!(stage.post("capture", &capture(1, 1000)).await.json()["status"], "FAILED");
    assert_eq!(stage.post("capture", &capture(2, 1999)).await.json()["status"], "SUCCESS");
    assert_eq!(stage.post("capture", &capture(2, 1999)).await.json()["status"], "SUCCESS");
    assert_eq!(stage.post("capture", &capture(3, 1999)).await.json()["status"], "FAILED");
    assert_eq!(stage.post("capture", &json!({})).await.status, 400);
    stage.advance(30 * DAY).await;
    assert_eq!(stage.ledger().summary.charged_minor["USD"], 1999);
    assert_eq!(stage.receiver.events(), ["order.capturerequired", "order.completed"]);
}

#[tokio::test]
async fn an_order_not_captured_in_time_is_voided() {
    let stage = Stage::managed(vec![always(Fate::CaptureRequired { window_seconds: Some(300) })]).await;
    let order_id = stage.submit("order").await.order_id();
    stage.advance(299).await;
    assert_eq!(stage.status(&order_id).await, 5);
    stage.advance(1).await;
    assert_eq!(stage.status(&order_id).await, 2);
    assert_eq!(stage.receiver.events(), ["order.capturerequired", "order.cancelled"]);
}

#[tokio::test]
async fn the_list_has_pages_and_filters() {
    let stage = Stage::managed(vec![always(approve(60))]).await;
    for number in 0..12 {
        stage.submit(&format!("order-{number:02}")).await;
        stage.running.advance(10);
    }
    let page = stage.get("orders?pageNumber=2&sort=asc").await.json();
    assert_eq!(
        (&page["pageCount"], &page["totalItemCount"], &page["isLastPage"]),
        (&json!(2), &json!(12), &json!(true))
    );
    assert_eq!((&page["firstItemOnPage"], &page["lastItemOnPage"]), (&json!(11), &json!(12)));
    assert_eq!(page["orders"][0]["referenceNumber"], "order-10");
    let completed = stage.get("orders?status=7&status=6&pageSize=50").await.json();
    assert_eq!(completed["totalItemCount"], 7);
    let since = stage.get("orders?from=2030-01-01T00:01:50Z").await.json();
    assert_eq!(since["orders"][0]["referenceNumber"], "order-11");
    assert_eq!(stage.get("orders?query=order-05").await.json()["totalItemCount"], 1);
    assert_eq!(stage.get("orders?pageSize=none").await.status, 400);
    assert_eq!(stage.get("orders?mid=another").await.status, 403);
}

#[tokio::test]
async fn outcome_and_transmit_answer_as_documented() {
    let stage = Stage::managed(vec![always(approve(60))]).await;
    let key = stage.submit("order").await.order_id();
    let outcome = async |key: &str| {
        stage.post("outcome", &json!({"orderSessionKey": key})).await.json()["status"].clone()
    };
    assert_eq!(outcome(&key).await, "SUBMITTED");
    assert_eq!(outcome("unknown").await, "NOTFOUND");
    stage.advance(60).await;
    assert_eq!(outcome(&key).await, "APPROVED");

    let transmit = stage.post("transmit", &evaluate("order", "order")).await.json();
    assert_eq!((&transmit["result"], transmit["transmitId"].is_string()), (&json!("success"), true));
    assert_eq!(stage.post("transmit", &json!({})).await.status, 400);
    let ledger = stage.ledger();
    assert_eq!(ledger.summary.transmitted, 1, "what is refused is not transmitted");
    let entry = &ledger.transmitted[0];
    assert_eq!((entry.external_order_id.as_str(), entry.declined), ("order", true));
    assert_eq!(transmit["transmitId"], entry.transmit_id);
    assert!(entry.has_card_number, "the request was one to /evaluate");
}
