//! Reading one order, and listing.

use super::*;

fn with_query(query: &str) -> Request {
    let request = request("GET", "orders", "");
    let query: std::collections::HashMap<String, String> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    request.with_query_string_parameters(query)
}

#[tokio::test]
async fn an_order_is_read_with_its_history_and_whether_that_is_whole() {
    let api = tested();
    stored(&api, "a/b#c?d", start(), &[Transition::Accept, Transition::Approve]).await;
    let (status, order) = api.get("orders/a%2Fb%23c%3Fd").await;
    assert_eq!((status, &order["status"], &order["version"]), (200, &json!("approved"), &json!(3)));
    assert_eq!(order["instruction"], "mark_paid");
    assert_eq!(order["history_verified"], true);
    assert_eq!(order["money"]["refundable_minor"], 1999);
    let steps: Vec<_> = order["history"].as_array().unwrap().iter().map(|entry| &entry["status"]).collect();
    assert_eq!(steps, ["received", "pending", "approved"]);
    assert!(!order.to_string().contains("@"), "none of the decline's personal data: {order}");

    // The order has moved, and its history is not written yet.
    let key = api.order("a/b#c?d").key;
    let note = Change::new(Transition::Note, NOW.parse().unwrap());
    api.store.change(&key, &note).await.unwrap();
    assert_eq!(api.get("orders/a%2Fb%23c%3Fd").await.1["history_verified"], false);
}

#[tokio::test]
async fn what_no_order_can_be_called_is_not_found() {
    let api = tested();
    for rest in
        ["orders/nobody", "orders/4111111111111111", "orders/a%20b", &format!("orders/{}", "x".repeat(101))]
    {
        assert_eq!(
            api.problem(&request("GET", rest, "")).await,
            (404, "order_not_found".to_owned()),
            "{rest}"
        );
    }
}

#[tokio::test]
async fn a_list_is_paged_to_its_end_with_each_order_once() {
    let api = tested();
    for number in 0..5 {
        let steps: &[Transition] = if number % 2 == 0 { &[] } else { &[Transition::Approve] };
        let received_at = start() + SignedDuration::from_mins(number / 2);
        stored(&api, &format!("INV-{number}"), received_at, steps).await;
    }
    let mut ids = Vec::new();
    let mut query = "limit=2".to_owned();
    loop {
        let (status, page) = api.call(&with_query(&query)).await;
        assert_eq!(status, 200);
        let orders = page["orders"].as_array().unwrap();
        assert!(orders.len() <= 2);
        ids.extend(orders.iter().map(|order| order["order_id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("limit=2&cursor={cursor}");
    }
    assert_eq!(ids, ["INV-0", "INV-1", "INV-2", "INV-3", "INV-4"]);
    let (_, page) = api.call(&with_query("limit=5")).await;
    assert_eq!(page["next_cursor"], Value::Null, "a full last page is the last one");
    let summary = &page["orders"][1];
    assert_eq!((&summary["status"], &summary["amount"]["minor"]), (&json!("approved"), &json!(1999)));
    let (_, page) = api.call(&with_query("status=approved")).await;
    assert_eq!(page["orders"].as_array().unwrap().len(), 2);
    let (_, page) = api.call(&with_query("from=2026-11-21T08:01:00Z&to=2026-11-21T08:02:00Z")).await;
    assert_eq!(page["orders"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_query_that_is_not_understood_is_never_passed_over() {
    let api = tested();
    for query in [
        "status=paid",
        "status=",
        "from=yesterday",
        "to=2026-11-21",
        "limit=0",
        "limit=101",
        "limit=x",
        "cursor=x",
        "cursor=",
        "stauts=approved",
    ] {
        assert_eq!(api.problem(&with_query(query)).await, (400, "malformed".to_owned()), "{query}");
    }
    let twice: std::collections::HashMap<String, Vec<String>> =
        [("limit".to_owned(), vec!["1".to_owned(), "2".to_owned()])].into();
    let twice = request("GET", "orders", "").with_query_string_parameters(twice);
    assert_eq!(api.problem(&twice).await.0, 400);
}
