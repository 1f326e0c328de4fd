//! Refunds and disputes that were signalled.

use super::*;

/// What is rejected is over until FlexFactor shows to have it: then it is open, and due.
#[tokio::test]
async fn an_order_that_shows_to_be_there_after_its_refusal_is_open_and_due() {
    let tested = tested();
    let order = tested.claimed("p-1").await;
    let refused = Submitted::Refused { words: "HTTP 400".to_owned() };
    tested.store.record(&order, &refused, &times(), start()).await.unwrap();
    let refunded = event("p-1", EventKind::Refunded, "order.refunded");
    tested.store.apply(&order.key, &refunded, start()).await.unwrap();
    tested.says("p-1", "Processing");
    let order = tested.look(&order.key, start()).await;
    assert_eq!((order.status, order.refund), (Status::Pending, Facet::Confirmed));
    assert_eq!(order.due.map(|due| due.reason), Some(DueReason::WebhookOverdue));
}

#[tokio::test]
async fn a_money_signal_waits_for_the_end_of_a_claim_without_being_looked_at_at_every_sweep() {
    let tested = tested();
    let order = tested.claimed("p-1").await;
    let disputed = event("p-1", EventKind::Chargeback, "payment.chargeback.received");
    tested.store.apply(&order.key, &disputed, start()).await.unwrap();
    let looked = tested.look(&order.key, start()).await;
    let due = looked.due.unwrap();
    assert_eq!((due.at, due.reason), (start() + SignedDuration::from_secs(90), DueReason::MoneySignal));
    assert_eq!(tested.calls(), [""; 0]);
    tested.says("p-1", "Completed");
    let order = tested.look(&order.key, due.at).await;
    assert_eq!((order.status, order.dispute, order.due), (Status::Approved, Facet::Confirmed, None));
}

#[tokio::test]
async fn a_money_signal_is_read_and_the_order_goes_on_as_before() {
    let tested = tested();
    let key = tested.pending("p-1").await;
    let refunded = event("p-1", EventKind::Refunded, "order.refunded");
    tested.store.apply(&key, &refunded, start()).await.unwrap();
    tested.says("p-1", "Processing");
    let order = tested.look(&key, hours(1)).await;
    assert_eq!((order.status, order.refund), (Status::Pending, Facet::Confirmed));
    assert_eq!(order.due.map(|due| (due.at, due.reason)), Some((hours(25), DueReason::WebhookOverdue)));

    let completed = event("p-1", EventKind::Completed, "order.completed");
    let disputed = event("p-1", EventKind::Chargeback, "payment.chargeback.received");
    tested.store.apply(&key, &completed, start()).await.unwrap();
    tested.store.apply(&key, &disputed, hours(48)).await.unwrap();
    tested.says("p-1", "Completed");
    let order = tested.look(&key, hours(48)).await;
    assert_eq!((order.status, order.dispute, order.due), (Status::Approved, Facet::Confirmed, None));
}

#[tokio::test]
async fn a_money_signal_that_cannot_be_read_is_asked_for_at_growing_intervals_and_not_for_ever() {
    let tested = tested();
    let key = tested.pending("p-1").await;
    for (kind, name) in [(EventKind::Completed, "order.completed"), (EventKind::Refunded, "order.refunded")] {
        tested.store.apply(&key, &event("p-1", kind, name), start()).await.unwrap();
    }
    let (order, looks) = tested.look_to_the_end(&key).await;
    assert_eq!(looks[..6], [0, 0, 0, 1, 3, 7], "{looks:?}");
    assert_eq!((order.status, order.refund), (Status::Approved, Facet::Signalled), "people see what is open");
}
