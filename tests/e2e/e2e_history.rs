//! Histories, as the deployed function writes them from the table's stream.

use aws_sdk_dynamodb::types::AttributeValue;
use models::status::Status;
use rig::{MANAGED, Rig, RigOptions, UNMANAGED, broken_histories};
use serde_json::json;

use crate::support::{DAY_SECONDS, LIMIT, decline, rig, until_status};

/// Writes past everything that we have, as somebody may who has the right to.
async fn tamper(rig: &Rig, order_id: &str, sk: &str, update: &str) {
    let mut request =
        rig.stack().dynamodb().update_item().table_name(&rig.stack().outputs().orders_table_name);
    for (name, value) in [("pk", format!("ORDER#{MANAGED}#{order_id}")), ("sk", sk.to_owned())] {
        request = request.key(name, AttributeValue::S(value));
    }
    let forged = AttributeValue::S("FORGED".to_owned());
    let request = request.update_expression(update).expression_attribute_values(":forged", forged);
    request.condition_expression("attribute_exists(pk)").send().await.unwrap();
}

/// The broken histories, once the stream has been read to its end; only a history that was broken on purpose may be.
async fn until_broken(rig: &Rig, broken: &[&str]) {
    let wanted = |books: &rig::Books| {
        let told: Vec<_> = broken_histories(books).iter().map(ToString::to_string).collect();
        if told == broken { Ok(()) } else { Err(format!("{told:?}")) }
    };
    rig.until(LIMIT, wanted).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn every_history_verifies_after_a_life_with_faults_and_a_tampered_one_does_not() {
    let approve = json!({ "kind": "approve", "after_seconds": DAY_SECONDS });
    let fails = |kind: &str| {
        json!({
            "when": { "order_id": format!("{kind}-*") }, "fate": approve,
            "calls": [{ "kind": kind, "on": ["evaluate"], "times": 2, "hold_millis": 5_000 }]
        })
    };
    let kinds = ["timeout_after", "error_before", "connection_cut"];
    let mut rules: Vec<_> = kinds.iter().map(|kind| fails(kind)).collect();
    rules.push(
        json!({ "when": { "order_id": "quick-*" }, "fate": { "kind": "approve", "after_seconds": 0 } }),
    );
    rules.push(json!({ "when": {}, "fate": { "kind": "expire" } }));
    let mut rig = rig(RigOptions::new("e2e-history"), rules.into()).await;
    let ids = kinds.map(|kind| format!("{kind}-1"));
    let mut bodies: Vec<_> = ids.iter().map(|id| decline(MANAGED, id).body()).collect();
    bodies.extend((0..20).map(|number| decline(UNMANAGED, &format!("quick-{number}")).body()));
    bodies.push(decline(MANAGED, "expires-1").body());
    rig.send(&bodies).await.unwrap();
    for id in ids.iter().map(String::as_str).chain(["expires-1"]) {
        until_status(&rig, id, Status::Pending).await;
    }
    rig.pass_seconds(DAY_SECONDS + 1).await.unwrap();
    for id in &ids {
        until_status(&rig, id, Status::Approved).await;
    }
    rig.pass_seconds(21 * DAY_SECONDS).await.unwrap();
    rig.sweep().await.unwrap();
    until_status(&rig, "expires-1", Status::Expired).await;

    let books = rig.until_histories_verify(LIMIT).await.unwrap();
    assert_eq!((books.orders.len(), books.histories.len()), (24, 24));
    let order = books.orders.iter().find(|order| order.key.order_id.as_str() == "timeout_after-1").unwrap();
    let history = &books.histories[&order.key];
    let went: Vec<_> = history.iter().map(|entry| entry.state.status.word()).collect();
    assert!(went.contains(&"unknown") && went.contains(&"pending"), "{went:?}");
    let has_requests: Vec<_> = history.iter().map(|entry| entry.state.holds_request).collect();
    assert!(has_requests[0] && !has_requests[has_requests.len() - 1], "the end of its personal data is told");

    let mut deleted = books.clone();
    deleted.orders.retain(|order| order.key.order_id.as_str() != "quick-7");
    let told: Vec<_> = broken_histories(&deleted).iter().map(ToString::to_string).collect();
    assert_eq!(told, ["globex/quick-7: it has a history and is not there (History)"]);

    tamper(&rig, "timeout_after-1", "HISTORY#0000000002", "SET account = :forged").await;
    let altered = "acme/timeout_after-1: its history is broken: entry 2: its content is not what its hash says (History)";
    until_broken(&rig, &[altered]).await;

    // A write by hand to an order: its history does not tell it, and that is told. Others go on.
    tamper(&rig, "expires-1", "ORDER", "SET confirmation = :forged").await;
    let last = books.orders.iter().find(|order| order.key.order_id.as_str() == "expires-1").unwrap().version;
    let edited = format!(
        "acme/expires-1: its history is broken: entry {last}: it is the last one, and the order differs from it (History)"
    );
    rig.send(&[decline(UNMANAGED, "quick-99").body()]).await.unwrap();
    until_status(&rig, "quick-99", Status::Approved).await;
    until_broken(&rig, &[&edited, altered]).await;
    let log = std::fs::read_to_string(rig.stack().functions_log()).unwrap();
    assert!(log.contains("a change could not be entered into its order's history"));
    rig.down().unwrap();
}
