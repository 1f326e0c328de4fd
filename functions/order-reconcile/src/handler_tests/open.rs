//! Orders that FlexFactor has: what it says of them, in each cycle and after the window.

use super::*;

#[tokio::test]
async fn what_the_provider_says_after_the_window_is_applied() {
    for (word, status) in [
        ("Completed", Status::Approved),
        ("Returned", Status::Approved),
        ("Chargeback", Status::Approved),
        ("CANCELLED", Status::Expired),
        ("Draft", Status::Expired),
        ("Processing", Status::Expired),
        ("Onhold", Status::Expired),
        ("Problem", Status::Escalated),
        ("CAPTUREREQUIRED", Status::Escalated),
    ] {
        let tested = tested();
        let key = tested.pending("p-1").await;
        tested.says("p-1", word);
        let order = tested.look(&key, window_over()).await;
        assert_eq!((order.status, order.due), (status, None), "{word}");
    }
}

#[tokio::test]
async fn how_an_expired_order_shows_at_the_provider_is_a_setting() {
    let mut tested = tested();
    tested.rules.look.cancelled_past_expiry = CancelledPastExpiry::Cancelled;
    let key = tested.pending("p-1").await;
    tested.says("p-1", "Cancelled");
    assert_eq!(tested.look(&key, window_over()).await.status, Status::Cancelled);
}

/// One word stands for three ends; the older call tells which.
#[tokio::test]
async fn an_order_that_is_over_is_made_exact_by_its_outcome() {
    for (outcome, status) in [
        ("DECLINED", Status::Declined),
        ("CANCELLED", Status::Cancelled),
        ("EXPIRED", Status::Expired),
        // What contradicts the order's own word is not believed.
        ("APPROVED", Status::Expired),
        ("NOTFOUND", Status::Expired),
    ] {
        let tested = tested();
        let key = tested.pending("p-1").await;
        tested.says("p-1", "Cancelled");
        tested.provider.outcomes.lock().unwrap().insert("p-1".to_owned(), outcome);
        assert_eq!(tested.look(&key, window_over()).await.status, status, "{outcome}");
        assert_eq!(tested.calls(), ["read p-1", "outcome p-1"]);
    }
}

#[tokio::test]
async fn where_an_order_cannot_be_read_its_outcome_is_asked_for() {
    for word in ["404", "SomethingNew"] {
        let tested = tested();
        let key = tested.pending("p-1").await;
        tested.says("p-1", word);
        tested.provider.outcomes.lock().unwrap().insert("p-1".to_owned(), "APPROVED");
        assert_eq!(tested.look(&key, hours(24)).await.status, Status::Approved, "{word}");
    }
}

#[tokio::test]
async fn a_lost_webhook_is_found_within_one_cycle() {
    let tested = tested();
    let key = tested.pending("p-1").await;
    let due = tested.order(&key).await.due.unwrap();
    assert_eq!((due.at, due.reason), (hours(24), DueReason::WebhookOverdue));
    tested.says("p-1", "Processing");
    for day in 1..21 {
        let order = tested.look(&key, hours(24 * day)).await;
        assert_eq!(order.status, Status::Pending);
        assert_eq!(order.due.map(|due| due.at), Some(hours(24 * (day + 1)).min(window_over())));
    }
    tested.says("p-1", "Completed");
    let order = tested.look(&key, hours(24 * 21)).await;
    assert_eq!((order.status, order.due), (Status::Approved, None));
}

#[tokio::test]
async fn nothing_is_asked_before_it_is_due() {
    let tested = tested();
    let key = tested.pending("p-1").await;
    tested.look(&key, hours(24) - SignedDuration::from_secs(1)).await;
    assert_eq!(tested.calls(), [""; 0]);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_asked_until_the_bound_and_then_people_are_told() {
    let tested = tested();
    let key = tested.pending("p-1").await;
    let (order, looks) = tested.look_to_the_end(&key).await;
    assert_eq!((order.status, order.due), (Status::Escalated, None));
    // In each cycle a few times, and after window and grace by the schedule, to its end.
    assert_eq!(looks[..6], [24, 24, 24, 25, 27, 31], "{looks:?}");
    let end = window_over() + WINDOW.bound();
    assert_eq!(looks.last(), Some(&end.duration_since(start()).as_hours()));
    assert_eq!(order.reason.unwrap().detail, Lost::TimedOut.to_string());
}

#[tokio::test]
async fn an_account_that_was_changed_is_not_asked_about_another_one_s_order() {
    let tested = tested();
    let key = tested.pending("p-1").await;
    tested.says("p-1", "Completed");
    put_merchant(tested.store, "another");
    let order = tested.look(&key, hours(24)).await;
    assert_eq!((order.status, tested.calls().len()), (Status::Pending, 0));
    assert!(order.reason.unwrap().detail.contains("another account"));
}

#[tokio::test]
async fn a_status_that_is_not_known_is_told_and_the_order_stays_open() {
    let tally = Tally::default();
    let _counting = tally.start();
    let tested = tested();
    let key = tested.pending("INV-1").await;
    tested.says("INV-1", "RESCUED_LATER");
    let order = tested.look(&key, window_over()).await;
    assert_eq!((order.status, order.due.is_some()), (Status::Pending, true));
    assert_eq!(tally.of(Metric::UnknownProviderValues), 1);
}
