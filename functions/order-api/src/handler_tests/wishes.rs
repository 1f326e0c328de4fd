//! Cancelling and capturing.

use super::*;

#[tokio::test]
async fn a_cancel_is_kept_in_the_order_and_looked_after_at_once() {
    let api = tested();
    stored(&api, "INV-1", start(), &[Transition::Accept]).await;
    let (status, order) = api.post("orders/INV-1/cancel", "").await;
    assert_eq!(
        (status, &order["cancel"]["state"], &order["due"]["reason"]),
        (202, &json!("wanted"), &json!("wish"))
    );
    let message = r#"{"order":{"merchant":"acme","order_id":"INV-1"},"as_of":"2026-11-21T10:00:00Z"}"#;
    assert_eq!(api.sent(), [message]);
    // The same again, whatever its key: it is wanted already.
    let again = keyed(request("POST", "orders/INV-1/cancel", "{}"), "key-2");
    assert_eq!(api.call(&again).await, (202, order));
    assert_eq!(api.sent().len(), 1);
}

#[tokio::test]
async fn a_cancel_is_taken_while_the_queue_is_down_and_the_sweep_finds_it() {
    let api = tested();
    stored(&api, "INV-1", start(), &[Transition::Accept]).await;
    api.reconciliations.is_down.store(true, Ordering::SeqCst);
    assert_eq!(api.post("orders/INV-1/cancel", "").await.0, 202);
    assert!(api.order("INV-1").due.is_some_and(|due| due.at <= NOW.parse().unwrap()));
}

#[tokio::test]
async fn an_order_that_was_never_sent_is_cancelled_on_the_spot() {
    let api = tested();
    stored(&api, "INV-1", start(), &[]).await;
    let (status, order) = api.post("orders/INV-1/cancel", "").await;
    assert_eq!(
        (status, &order["status"], &order["cancel"]["state"]),
        (202, &json!("cancelled"), &json!("confirmed"))
    );
    assert_eq!(order["instruction"], "do_not_retry");
    assert_eq!(api.sent(), [""; 0]);
}

#[tokio::test]
async fn a_cancel_that_comes_too_late_is_told_what_is_left_to_do() {
    let api = tested();
    stored(&api, "INV-1", start(), &[Transition::Approve]).await;
    let (status, told) = api.post("orders/INV-1/cancel", "").await;
    assert_eq!((status, &told["code"]), (409, &json!("order_approved")));
    assert_eq!(told["proposed_refund"], json!({ "minor": 1999, "currency": "USD" }));
    assert_eq!(api.order("INV-1").version, 2, "nothing was changed");
    assert_eq!(api.provider.refunds.load(Ordering::SeqCst), 0, "and nothing was refunded");
}

#[tokio::test]
async fn what_waits_for_its_capture_is_captured_and_nothing_else_is() {
    let api = tested();
    stored(&api, "INV-1", start(), &[Transition::RequireCapture]).await;
    stored(&api, "INV-2", start(), &[Transition::Accept]).await;
    let (status, order) = api.post("orders/INV-1/capture", "").await;
    assert_eq!((status, &order["capture"]["state"]), (202, &json!("wanted")));
    assert_eq!(api.sent().len(), 1);
    let refused = api.problem(&request("POST", "orders/INV-2/capture", "")).await;
    assert_eq!(refused, (409, "not_capturable".to_owned()));
    let nobody = api.problem(&request("POST", "orders/INV-9/capture", "")).await;
    assert_eq!(nobody, (404, "order_not_found".to_owned()));
}

#[tokio::test]
async fn a_wish_takes_no_body() {
    let api = tested();
    stored(&api, "INV-1", start(), &[Transition::Accept]).await;
    let told = api.problem(&request("POST", "orders/INV-1/cancel", r#"{"in_a_week":true}"#)).await;
    assert_eq!(told, (400, "malformed".to_owned()));
    assert!(api.order("INV-1").wish.is_none());
}
