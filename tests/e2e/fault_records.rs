//! Bad records among good ones, and what becomes of dead letters.

use aws_sdk_sqs::types::QueueAttributeName;
use models::status::Status;
use rig::{Fault, MANAGED, Rig, RigOptions};
use serde_json::json;

use crate::support::{decline, find, until_parked, until_status};
use crate::trouble::{all_is_well, end_leases, of_managed, redrive, set, troubled, until, until_answered};

/// What decline-intake is told to panic at (lambda-kit's batch.rs).
const MARKER: &str = "panics-at-this";

async fn dead(rig: &Rig) -> u64 {
    rig.messages().await.unwrap().1
}

async fn bodies_in(rig: &Rig, queue: &str) -> Vec<String> {
    let received =
        rig.stack().sqs().receive_message().queue_url(queue).max_number_of_messages(10).send().await;
    received.unwrap().messages.unwrap_or_default().into_iter().filter_map(|message| message.body).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn a_poison_record_and_a_panicking_one_fail_alone() {
    let options = RigOptions::new("fault-records").environment("FAULT_PANIC_MARKER", MARKER);
    let mut rig = troubled(options, json!([])).await;
    let outputs = rig.stack().outputs().clone();
    set(&rig, &outputs.declines_queue_url, QueueAttributeName::VisibilityTimeout, "1").await;
    set(&rig, &outputs.evaluations_queue_url, QueueAttributeName::VisibilityTimeout, "1").await;
    let panics = decline(MANAGED, MARKER).body();
    let messages = [
        decline(MANAGED, "among-1").body(),
        "{ this is not JSON".to_owned(),
        decline(MANAGED, "among-2").body(),
        json!({ "version": 1, "merchant": MANAGED, "order_id": ["wrong", "shape"] }).to_string(),
        panics.clone(),
        decline(MANAGED, "among-3").body(),
    ];
    rig.send(&messages).await.unwrap();
    // The queue behind it has poison of its own.
    for poison in ["{ this is not JSON", r#"{"merchant":1}"#] {
        let request = rig.stack().sqs().send_message().queue_url(&outputs.evaluations_queue_url);
        request.message_body(poison).send().await.unwrap();
    }
    let sent = of_managed(&["among-1", "among-2", "among-3"]);
    until_answered(&rig, &sent).await;
    let parked = until_parked(&rig, 2).await.parked;
    assert!(parked.iter().all(|item| item.kind == "unparseable" || item.kind == "refused"), "{parked:?}");
    until("three records failed on every delivery", async || dead(&rig).await == 3).await;
    assert_eq!(bodies_in(&rig, &outputs.declines_dlq_url).await, [panics]);
    assert_eq!(bodies_in(&rig, &outputs.evaluations_dlq_url).await.len(), 2);

    let log = std::fs::read_to_string(rig.stack().functions_log()).unwrap();
    assert!(log.contains("the record panicked"), "the panic took place");
    assert!(!log.contains("asked to panic"), "a panic's text, which quotes the record, is not logged");
    all_is_well(&mut rig, &sent).await;
    rig.down().unwrap();
}

/// How many declines fail until their queue gives them up.
const DEAD_DECLINES: usize = 12;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn a_full_dead_letter_queue_is_redriven_and_duplicates_have_no_effect() {
    let mut rig = troubled(RigOptions::new("fault-redrive"), json!([])).await;
    let outputs = rig.stack().outputs().clone();
    for (queue, dead) in
        [(&outputs.declines_queue_url, "declines-dlq"), (&outputs.evaluations_queue_url, "evaluations-dlq")]
    {
        set(&rig, queue, QueueAttributeName::VisibilityTimeout, "1").await;
        let arn = format!("arn:aws:sqs:us-east-1:000000000000:rebill-rescue-dev-{dead}");
        let policy = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": 2 }).to_string();
        set(&rig, queue, QueueAttributeName::RedrivePolicy, &policy).await;
    }
    let ids: Vec<_> = (1..=DEAD_DECLINES).map(|number| format!("dead-{number}")).collect();
    let sent = of_managed(&ids);
    let bodies: Vec<_> = ids.iter().map(|id| decline(MANAGED, id).body()).collect();

    // Every decline comes twice, and the table takes none of them.
    rig.proxies().unwrap().aws.fail("DynamoDB_20120810.PutItem", Fault::failing());
    rig.send(&bodies).await.unwrap();
    rig.send(&bodies).await.unwrap();
    until("all declines are dead", async || dead(&rig).await == 2 * DEAD_DECLINES as u64).await;
    assert!(rig.books().await.unwrap().orders.is_empty());
    rig.proxies().unwrap().aws.heal();

    // They are redriven, and FlexFactor's credentials can't be had.
    rig.proxies().unwrap().aws.fail("secretsmanager", Fault::throttled("ThrottlingException"));
    assert_eq!(redrive(&rig).await, 2 * DEAD_DECLINES);
    until("all submissions are dead", async || {
        let all_are_stored = rig.books().await.unwrap().orders.len() == DEAD_DECLINES;
        all_are_stored && rig.messages().await.unwrap().0 == 0 && dead(&rig).await >= DEAD_DECLINES as u64
    })
    .await;
    for order in rig.books().await.unwrap().orders {
        assert_eq!((order.status, order.submission.attempts), (Status::Received, 0), "{}", order.key);
    }
    rig.proxies().unwrap().aws.heal();

    assert!(redrive(&rig).await >= DEAD_DECLINES);
    // A copy of one that meets its original at work waits for the lease, so leases are ended.
    until("all is submitted", async || {
        end_leases(&rig).await;
        let books = rig.books().await.unwrap();
        ids.iter().all(|id| find(&books, id).is_some_and(|order| order.status == Status::Pending))
    })
    .await;
    // Once more, all of it: the work is done, and nothing comes of it.
    rig.send(&bodies).await.unwrap();
    all_is_well(&mut rig, &sent).await;
    until_status(&rig, "dead-1", Status::Approved).await;
    rig.down().unwrap();
}
