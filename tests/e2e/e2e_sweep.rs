//! The sweep on the deployed stack.

use models::status::Status;
use rig::{MANAGED, RigOptions};
use serde_json::json;

use crate::support::{DAY_SECONDS, decline, rig, until_status};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn a_lost_webhook_is_found_within_one_cycle_and_every_order_ends_after_window_and_grace() {
    let lost = json!([{ "kind": "lost" }]);
    let rules = json!([
        { "when": { "order_id": "gone-*" }, "fate": { "kind": "expire" }, "webhooks": lost },
        { "when": { "order_id": "paid-*" }, "fate": { "kind": "approve", "after_seconds": DAY_SECONDS }, "webhooks": lost },
        { "when": { "order_id": "stays-*" }, "fate": { "kind": "stay_pending" } },
    ]);
    let mut rig = rig(RigOptions::new("e2e-sweep"), rules).await;
    let ids = ["gone-1", "paid-1", "stays-1"];
    rig.send(&ids.map(|id| decline(MANAGED, id).body())).await.unwrap();
    for id in ids {
        until_status(&rig, id, Status::Pending).await;
    }
    rig.pass_seconds(DAY_SECONDS - 600).await.unwrap();
    assert_eq!(rig.sweep().await.unwrap()[0]["due"], 0, "the cycle is not over");
    rig.pass_seconds(3_600).await.unwrap();
    assert_eq!(rig.sweep().await.unwrap()[0]["due"], 3);
    until_status(&rig, "paid-1", Status::Approved).await;
    until_status(&rig, "gone-1", Status::Pending).await;
    rig.pass_seconds(20 * DAY_SECONDS).await.unwrap();
    rig.sweep().await.unwrap();
    until_status(&rig, "gone-1", Status::Expired).await;
    until_status(&rig, "stays-1", Status::Pending).await;
    rig.pass_seconds(6 * 3_600).await.unwrap();
    rig.sweep().await.unwrap();
    until_status(&rig, "stays-1", Status::Expired).await;
    assert_eq!(rig.sweep().await.unwrap()[0]["due"], 0);

    // FlexFactor rescues it after all: a late approval beats the local expiry.
    let provider_order = until_status(&rig, "stays-1", Status::Expired).await.provider_order.unwrap();
    rig.control().emit(provider_order.as_str(), "order.completed").await.unwrap();
    until_status(&rig, "stays-1", Status::Approved).await;
    rig.down().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn a_sweep_too_far_ahead_of_the_clock_is_refused_with_a_clear_error() {
    let options = RigOptions::new("e2e-sweep-ahead").parameter("SweepAheadSecondsMax", 300);
    let mut rig = rig(options, json!([])).await;
    rig.pass_seconds(DAY_SECONDS).await.unwrap();
    let refused = format!("{:#}", rig.sweep().await.unwrap_err());
    assert!(refused.contains("as_of_ahead"), "{refused}");
    rig.down().unwrap();
}
