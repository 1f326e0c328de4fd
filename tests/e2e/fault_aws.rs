//! DynamoDB and Secrets Manager refuse for some seconds, in every way they can, while orders and webhooks flow.

use rig::{Fault, MANAGED, Rig, RigOptions};
use serde_json::json;

use crate::support::{DAY_SECONDS, decline};
use crate::trouble::{all_is_well, of_managed, recover, troubled, until, until_answered};

/// Requests that an outage strikes before it ends: several calls, each with the SDK's own tries.
const OUTAGE_REQUESTS: u64 = 8;

/// Sends declines, two copies of each, while a service is out; ends the outage after some requests.
async fn send_during_outage(rig: &Rig, name: &str, service: &str, fault: Fault) -> Vec<(String, String)> {
    let ids = [1, 2, 3].map(|number| format!("{name}-{number}"));
    let aws = &rig.proxies().unwrap().aws;
    aws.fail(service, fault);
    let bodies: Vec<_> = ids.iter().map(|id| decline(MANAGED, id).body()).collect();
    rig.send(&bodies).await.unwrap();
    rig.send(&bodies).await.unwrap();
    until(name, async || aws.struck() >= OUTAGE_REQUESTS).await;
    aws.heal();
    of_managed(&ids)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn while_aws_refuses_nothing_is_lost_and_nothing_is_submitted_twice() {
    let mut rig = troubled(RigOptions::new("fault-aws"), json!([])).await;
    let mut sent = Vec::new();
    // The first of all, so that no secret is cached yet.
    for (name, service, fault) in [
        ("secret-throttled", "secretsmanager", Fault::throttled("ThrottlingException")),
        ("throttled", "DynamoDB", Fault::throttled("ProvisionedThroughputExceededException")),
        ("failing", "DynamoDB", Fault::failing()),
        ("cut", "DynamoDB", Fault::CutBefore),
        ("answer-lost", "DynamoDB", Fault::CutAfter),
    ] {
        sent.extend(send_during_outage(&rig, name, service, fault).await);
    }
    recover(&mut rig, &sent).await;

    // The webhooks of the day after find the table out of reach: they are not acknowledged, and come again.
    rig.proxies().unwrap().aws.fail("DynamoDB_20120810.UpdateItem", Fault::failing());
    rig.pass_seconds(DAY_SECONDS + 1).await.unwrap();
    assert!(rig.proxies().unwrap().aws.heal() > 0);
    let ledger = rig.ledger().await.unwrap();
    assert_eq!(ledger.summary.webhooks.delivered, 0, "none is acknowledged without a write");
    all_is_well(&mut rig, &sent).await;
    rig.down().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn webhooks_whose_write_is_done_and_not_answered_take_effect_once() {
    let mut rig = troubled(RigOptions::new("fault-aws-webhook"), json!([])).await;
    let ids: Vec<_> = (1..=6).map(|number| format!("hook-lost-{number}")).collect();
    rig.send(&ids.iter().map(|id| decline(MANAGED, id).body()).collect::<Vec<_>>()).await.unwrap();
    let sent = of_managed(&ids);
    until_answered(&rig, &sent).await;
    // Some of them on every one of the SDK's tries, so that the sender has to try again, too.
    rig.proxies().unwrap().aws.fail_times("DynamoDB_20120810.UpdateItem", Fault::CutAfter, 14);
    rig.pass_seconds(DAY_SECONDS + 1).await.unwrap();
    assert!(rig.proxies().unwrap().aws.struck() >= 6, "every webhook's write met the fault");
    all_is_well(&mut rig, &sent).await;
    rig.proxies().unwrap().aws.heal();
    for entry in rig.ledger().await.unwrap().orders {
        let answers: Vec<_> = entry.webhooks.iter().flat_map(|webhook| &webhook.answers).collect();
        assert!(entry.webhooks.iter().all(|webhook| webhook.delivered), "{answers:?}");
    }
    rig.down().unwrap();
}
