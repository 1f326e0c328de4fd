//! Functions are killed at their work, at the worst moments.

use models::status::Status;
use rig::{Fault, MANAGED, RigOptions};
use serde_json::json;

use crate::support::{DAY_SECONDS, at_provider, decline, find, until_status};
use crate::trouble::{all_is_well, end_leases, kill, of_managed, troubled, until};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn a_function_killed_while_flexfactor_holds_its_answers_submits_nothing_twice() {
    let held = |kind: &str| json!([{ "kind": kind, "on": ["evaluate"], "times": 1, "hold_millis": 20_000 }]);
    let fate = json!({ "kind": "approve", "after_seconds": DAY_SECONDS });
    let rules = json!([
        { "when": { "order_id": "taken-*" }, "fate": fate, "calls": held("timeout_after") },
        { "when": { "order_id": "untaken-*" }, "fate": fate, "calls": held("timeout_before") },
    ]);
    let options = RigOptions::new("fault-crash").parameter("ProviderTimeoutMillis", 20_000);
    let mut rig = troubled(options, rules).await;
    let ids = ["taken-1", "untaken-1", "quick-1", "taken-2", "untaken-2", "quick-2"];
    rig.send(&ids.map(|id| decline(MANAGED, id).body())).await.unwrap();
    until("FlexFactor holds four answers", async || {
        let ledger = rig.ledger().await.unwrap();
        let held = ledger.orders.iter().filter(|order| !order.faults.is_empty()).count();
        held + ledger.without_effect.iter().filter(|order| !order.faults.is_empty()).count() == 4
    })
    .await;
    for id in ["quick-1", "quick-2"] {
        until_status(&rig, id, Status::Pending).await;
    }
    let keys: Vec<_> = rig.books().await.unwrap().orders.into_iter().map(|order| order.submission).collect();

    assert!(kill(&rig, "evaluate-submission") > 0, "something was killed");
    end_leases(&rig).await;
    all_is_well(&mut rig, &of_managed(&ids)).await;

    let books = rig.books().await.unwrap();
    for id in ["taken-1", "untaken-1", "taken-2", "untaken-2"] {
        let (order, entry) = (find(&books, id).unwrap(), at_provider(&rig, id).await);
        assert_eq!((order.submission.attempts, entry.evaluate_requests), (2, 2), "{id} was asked for again");
        let key = order.submission.idempotency_key;
        assert!(
            key.is_some() && keys.iter().any(|before| before.idempotency_key == key),
            "{id}: the same key"
        );
    }
    assert_eq!(
        at_provider(&rig, "quick-1").await.evaluate_requests,
        1,
        "what was answered is not asked for again"
    );
    rig.down().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn a_function_killed_between_its_write_and_its_next_step_loses_nothing() {
    let mut rig = troubled(RigOptions::new("fault-crash-between"), json!([])).await;
    let ids = ["between-1", "between-2", "between-3"];

    // decline-intake has stored the orders and has not handed them on.
    rig.proxies().unwrap().aws.fail("AmazonSQS.SendMessage", Fault::HoldBefore);
    rig.send(&ids.map(|id| decline(MANAGED, id).body())).await.unwrap();
    for id in ids {
        until_status(&rig, id, Status::Received).await;
    }
    until("a hand-on is held", async || rig.proxies().unwrap().aws.struck() > 0).await;
    assert!(kill(&rig, "decline-intake") > 0, "something was killed");
    rig.proxies().unwrap().aws.heal();
    for id in ids {
        until_status(&rig, id, Status::Pending).await;
    }

    // webhook-receiver has applied an event and has not answered it.
    rig.proxies().unwrap().aws.fail("DynamoDB_20120810.UpdateItem", Fault::HoldAfter);
    rig.control().advance(DAY_SECONDS + 1).await.unwrap();
    until_status(&rig, "between-1", Status::Approved).await;
    assert!(kill(&rig, "webhook-receiver") > 0, "something was killed");
    rig.proxies().unwrap().aws.heal();
    all_is_well(&mut rig, &of_managed(&ids)).await;
    let entry = at_provider(&rig, "between-1").await;
    assert!(entry.webhooks.iter().any(|webhook| webhook.attempts > 1), "an unanswered webhook came again");
    rig.down().unwrap();
}
