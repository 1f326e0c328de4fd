//! The way of an order, from the queue to its end.

use models::order::DueReason;
use models::status::Status;
use rig::{MANAGED, RigOptions, UNMANAGED, compare};
use serde_json::json;

use crate::support::{DAY_SECONDS, at_provider, decline, rig, until_status};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn a_decline_goes_all_the_way_to_approved_and_its_personal_data_goes_on_the_way() {
    let approve = json!({ "kind": "approve", "after_seconds": DAY_SECONDS });
    let mut rig = rig(RigOptions::new("e2e-way"), json!([{ "when": {}, "fate": approve }])).await;
    let decline = decline(MANAGED, "way-1");
    rig.send(&[decline.body()]).await.unwrap();
    let order = until_status(&rig, "way-1", Status::Pending).await;
    assert_eq!(order.request, None, "the request rides in the order only until the answer");
    assert_eq!(order.due.map(|due| due.reason), Some(DueReason::WebhookOverdue));
    assert_eq!(order.submission.attempts, 1);
    let window = order.expires_at.duration_since(order.received_at);
    assert_eq!(window.as_hours(), 21 * 24);

    rig.pass_seconds(DAY_SECONDS + 1).await.unwrap();
    let order = until_status(&rig, "way-1", Status::Approved).await;
    assert!(order.due.is_none() && order.confirmation.is_some());
    let entry = at_provider(&rig, "way-1").await;
    assert_eq!(order.provider_order.unwrap().as_str(), entry.order_id);
    assert_eq!(entry.charges.len(), 1);
    assert_eq!(u64::try_from(entry.charges[0].money.minor), Ok(decline.minor()));
    assert_eq!(entry.expiry.unwrap().as_millisecond(), order.expires_at.as_millisecond());
    rig.down().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn an_unmanaged_order_is_approved_in_the_answer_or_later_in_the_background() {
    let rules = json!([
        { "when": { "order_id": "now-*" }, "fate": { "kind": "approve", "after_seconds": 0 } },
        { "when": { "order_id": "later-*" }, "fate": { "kind": "approve", "after_seconds": DAY_SECONDS } },
    ]);
    let mut rig = rig(RigOptions::new("e2e-unmanaged"), rules).await;
    rig.send(&[decline(UNMANAGED, "now-1").body(), decline(UNMANAGED, "later-1").body()]).await.unwrap();
    until_status(&rig, "now-1", Status::Approved).await;
    until_status(&rig, "later-1", Status::Pending).await;
    assert_eq!(at_provider(&rig, "now-1").await.charges.len(), 1);
    rig.pass_seconds(2 * DAY_SECONDS).await.unwrap();
    until_status(&rig, "later-1", Status::Approved).await;
    let sent = ["now-1", "later-1"].map(|id| (UNMANAGED.to_owned(), id.to_owned()));
    assert_eq!(compare(&sent, &rig.books().await.unwrap(), &rig.ledger().await.unwrap()), []);
    rig.down().unwrap();
}

/// The comparison that the demo and these tests trust must see what it is there to see.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn the_comparison_names_what_is_lost_open_or_different() {
    let fate = json!({ "kind": "approve", "after_seconds": 0 });
    let rig = rig(RigOptions::new("e2e-compare"), json!([{ "when": {}, "fate": fate }])).await;
    rig.send(&[decline(UNMANAGED, "seen-1").body()]).await.unwrap();
    until_status(&rig, "seen-1", Status::Approved).await;
    let (books, ledger) = (rig.books().await.unwrap(), rig.ledger().await.unwrap());
    let why = |books: &rig::Books, ledger: &rig::Ledger| -> Vec<String> {
        let sent = [(UNMANAGED.to_owned(), "seen-1".to_owned())];
        compare(&sent, books, ledger).iter().map(ToString::to_string).collect()
    };
    assert_eq!(why(&books, &ledger), [""; 0]);

    let mut empty = books.clone();
    empty.orders.clear();
    assert_eq!(
        why(&empty, &ledger),
        [
            "globex/seen-1: FlexFactor has it and the table does not (Lost)",
            "globex/seen-1: it was sent and is not in the table (Lost)"
        ]
    );
    let mut forgetful = books.clone();
    forgetful.orders[0].seen.clear();
    let mut told = ledger.clone();
    told.orders[0].webhooks = serde_json::from_value(json!([{ "event": "order.completed", "time_stamp": "t",
        "state": "delivered", "delivered": true, "lost": false, "attempts": 1, "answers": [200], "copy_answers": [] }]))
    .unwrap();
    assert_eq!(
        why(&forgetful, &told),
        ["globex/seen-1: order.completed was acknowledged and is not remembered (Lost)"]
    );
    let mut open = books.clone();
    open.orders[0].status = Status::Pending;
    assert!(why(&open, &ledger).iter().any(|why| why.ends_with("it is still pending (Pending)")));
    let mut twice = ledger.clone();
    twice.orders[0].effective_submissions = 2;
    assert_eq!(why(&books, &twice), ["globex/seen-1: FlexFactor took it 2 times (SubmittedTwice)"]);
    let mut charged = ledger.clone();
    charged.orders[0].charges.clear();
    assert_eq!(why(&books, &charged), ["globex/seen-1: it is approved and was charged 0 times (Mismatch)"]);
    rig.down().unwrap();
}
