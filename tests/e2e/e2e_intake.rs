//! What decline-intake does with what it is given.

use aws_sdk_sqs::types::QueueAttributeName;
use models::status::Status;
use rig::{MANAGED, RigOptions};
use serde_json::json;

use crate::support::{decline, find, rig, until_parked, until_status};

const CANARY: &str = "4000002760003184";
const CANARY_CVV: &str = "97531";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn bad_messages_are_kept_with_their_reason_and_the_good_ones_among_them_go_on() {
    let rig =
        rig(RigOptions::new("e2e-intake"), json!([{ "when": {}, "fate": { "kind": "stay_pending" } }])).await;
    let good = |number: u8| decline(MANAGED, &format!("good-{number}"));
    let cvv = good(9).body().replacen("{", &format!("{{\"cvv\":\"{CANARY_CVV}\","), 1);
    let twice = good(3).body();
    let messages = [
        good(1).body(),
        "no json at all".to_owned(),
        good(2).body(),
        good(8).with("/customer/email", CANARY).body(),
        cvv,
        format!("{{\"number\": {CANARY}, \"cvv\": {CANARY_CVV}"),
        twice.clone(),
        twice,
    ];
    rig.send(&messages).await.unwrap();
    for order_id in ["good-1", "good-2", "good-3"] {
        until_status(&rig, order_id, Status::Pending).await;
    }
    let conflict = good(1).with("/amount/minor", good(1).minor() + 1).body();
    rig.send(&[conflict]).await.unwrap();
    let books = until_parked(&rig, 5).await;

    let mut parked: Vec<_> = books
        .parked
        .iter()
        .map(|item| {
            (item.kind.as_str(), item.rule.as_deref().unwrap_or("-"), item.order_id.as_deref().unwrap_or("-"))
        })
        .collect();
    parked.sort_unstable();
    assert_eq!(
        parked,
        [
            ("conflict", "-", "good-1"),
            ("refused", "card_number", "good-8"),
            ("refused", "card_secret", "good-9"),
            ("unparseable", "not_json", "-"),
            ("unparseable", "not_json", "-"),
        ]
    );
    assert_eq!(books.orders.len(), 3);
    assert_eq!(
        find(&books, "good-1").unwrap().amount.minor.get(),
        good(1).minor(),
        "a conflict changes nothing"
    );

    // Card data is nowhere: not in the table, not in a dead-letter queue, not in the functions' logs.
    let table = format!("{books:?}");
    let logs = std::fs::read_to_string(rig.stack().functions_log()).unwrap();
    for canary in [CANARY, CANARY_CVV] {
        assert!(!table.contains(canary) && !logs.contains(canary), "{canary} was found");
    }
    assert!(logs.contains("a decline was refused"), "the logs that were searched are the functions'");
    let attribute = QueueAttributeName::ApproximateNumberOfMessages;
    let dead = rig.stack().sqs().get_queue_attributes().queue_url(&rig.stack().outputs().declines_dlq_url);
    let dead = dead.attribute_names(attribute.clone()).send().await.unwrap();
    assert_eq!(dead.attributes().unwrap()[&attribute], "0");
    rig.down().unwrap();
}
