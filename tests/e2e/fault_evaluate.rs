//! FlexFactor misbehaves while orders are submitted to the deployed stack.

use models::status::Status;
use rig::{MANAGED, RigOptions};
use serde_json::{Value, json};

use crate::support::{LIMIT, at_provider, decline, find, rig, until_status};

fn fails(order_id: &str, kind: &str, times: u32) -> Value {
    json!({
        "when": { "order_id": order_id }, "fate": { "kind": "stay_pending" },
        "calls": [{ "kind": kind, "on": ["evaluate"], "times": times, "hold_millis": 5_000 }]
    })
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn whatever_becomes_of_the_answer_an_order_takes_effect_once() {
    let kinds = [
        "timeout_after",
        "timeout_before",
        "error_after",
        "error_before",
        "too_many_requests",
        "malformed_body",
        "connection_cut",
        "token_revoked",
    ];
    let rules: Vec<_> = kinds.iter().map(|kind| fails(&format!("{kind}-1"), kind, 2)).collect();
    let rig = rig(RigOptions::new("fault-evaluate"), rules.into()).await;
    let ids = kinds.map(|kind| format!("{kind}-1"));
    rig.send(&ids.each_ref().map(|id| decline(MANAGED, id).body())).await.unwrap();
    for id in &ids {
        let order = until_status(&rig, id, Status::Pending).await;
        let entry = at_provider(&rig, id).await;
        assert_eq!((entry.effective_submissions, entry.idempotency_keys.len()), (1, 1), "{id}");
        assert!(!entry.faults.is_empty(), "{id}: the fault took place");
        assert_eq!(order.provider_order.unwrap().as_str(), entry.order_id, "{id}");
        assert!(order.request.is_none() && order.due.is_some());
    }
    rig.down().unwrap();
}

/// Longer than the queue delivers: the message ends, and neither the order with it nor in the dead-letter queue.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn an_order_outlives_its_message() {
    let options = RigOptions::new("fault-outage").parameter("SubmissionRetrySeconds", "0");
    let rig = rig(options, json!([fails("outage-1", "error_before", 8)])).await;
    rig.send(&[decline(MANAGED, "outage-1").body()]).await.unwrap();
    let wanted = |books: &rig::Books| match find(books, "outage-1") {
        Some(order) if order.submission.attempts == 8 && order.status == Status::Unknown => Ok(()),
        other => Err(format!("{other:?}")),
    };
    rig.until(LIMIT, wanted).await.unwrap();
    rig.until_quiet(LIMIT).await.unwrap();
    assert_eq!(rig.messages().await.unwrap(), (0, 0), "no dead letter");

    // FlexFactor is back, and the sweep finds the order that should have been submitted.
    let mut rig = rig;
    rig.pass_seconds(16 * 60).await.unwrap();
    assert_eq!(rig.sweep().await.unwrap()[0]["sent"], 1);
    let order = until_status(&rig, "outage-1", Status::Pending).await;
    let entry = at_provider(&rig, "outage-1").await;
    assert_eq!((entry.effective_submissions, entry.idempotency_keys.len()), (1, 1));
    assert_eq!(entry.idempotency_keys[0], order.submission.idempotency_key.unwrap().to_string());
    rig.down().unwrap();
}
