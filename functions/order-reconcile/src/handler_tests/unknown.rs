//! Orders of which it is not known, or not true, that FlexFactor has them.

use super::*;

#[tokio::test]
async fn an_order_of_which_nothing_was_sent_is_handed_on_within_its_bound_and_then_given_back() {
    let tested = tested();
    let key = tested.received("late").await;
    let (order, looks) = tested.look_to_the_end(&key).await;
    assert_eq!((order.status, order.reason.unwrap().code), (Status::Rejected, ReasonCode::NeverSubmitted));
    assert_eq!(looks.len(), SUBMISSION.waits().count() + 1);
    assert_eq!(tested.handed_on(), SUBMISSION.waits().count());
    assert!(looks.last().is_some_and(|hour| *hour < 24), "{looks:?}");
    assert_eq!(tested.calls(), [""; 0], "nobody is asked about what was never sent");
}

#[tokio::test]
async fn an_unanswered_submission_is_looked_for_by_our_own_id() {
    let tested = tested();
    let key = tested.lost("lost").await;
    tested.provider.ids.lock().unwrap().insert("lost".to_owned(), vec!["p-9"]);
    tested.says("p-9", "Processing");
    let order = tested.look(&key, hours(1)).await;
    assert_eq!((order.status, order.provider_order.unwrap().as_str()), (Status::Pending, "p-9"));
    assert!(order.request.is_none() && order.due.is_some());
    assert_eq!(
        (tested.calls().as_slice(), tested.handed_on()),
        (["find lost", "read p-9"].map(str::to_owned).as_slice(), 0)
    );
}

#[tokio::test]
async fn an_id_that_was_found_is_kept_though_the_order_cannot_be_read() {
    let tested = tested();
    let key = tested.lost("lost").await;
    tested.provider.ids.lock().unwrap().insert("lost".to_owned(), vec!["p-9"]);
    let order = tested.look(&key, hours(1)).await;
    assert_eq!((order.status, order.provider_order.unwrap().as_str()), (Status::Unknown, "p-9"));
}

#[tokio::test]
async fn two_orders_under_our_id_are_for_people() {
    let tested = tested();
    let key = tested.lost("lost").await;
    tested.provider.ids.lock().unwrap().insert("lost".to_owned(), vec!["p-8", "p-9"]);
    let order = tested.look(&key, hours(1)).await;
    assert_eq!(
        (order.status, order.reason.unwrap().code),
        (Status::Escalated, ReasonCode::TwoProviderOrders)
    );
}

/// Within the replay window the same key is used again; past it nothing is sent, the order is cancelled by our own id and
/// handed back.
#[tokio::test]
async fn past_the_replay_window_an_order_is_called_off_and_handed_back() {
    let tested = tested();
    let key = tested.lost("lost").await;
    let (order, looks) = tested.look_to_the_end(&key).await;
    assert_eq!(order.status, Status::Escalated);
    assert!(order.reason.unwrap().detail.contains("HTTP 404: unknown order"), "what FlexFactor said is kept");
    let (last, before) = looks.split_last().unwrap();
    assert!(before.iter().all(|hour| *hour < 24) && *last >= 24, "{looks:?}");
    assert_eq!(tested.handed_on(), looks.len() - 1);
    let calls = tested.calls();
    assert_eq!(calls.iter().filter(|call| *call == "cancel lost").count(), 1, "{calls:?}");
    assert_eq!(calls.last().unwrap(), "cancel lost");
}

/// Attempts that fail between the looks must not move the schedule's bound, nor bring the looks closer together.
#[tokio::test]
async fn attempts_between_the_looks_do_not_move_the_bound() {
    let tested = tested();
    let key = tested.lost("lost").await;
    *tested.provider.is_down.lock().unwrap() = true;
    let mut looks = Vec::new();
    while let Some(due) = tested.order(&key).await.due {
        looks.push(due.at);
        tested.look(&key, due.at).await;
        if tested.handed_on() > 0 {
            let now = due.at + SignedDuration::from_secs(60);
            let claim =
                Claim { key: IdempotencyKey::from_random([2; 16]), account: "sandbox/m".to_owned(), now };
            tested.store.claim(&key, &claim, &times()).await.unwrap();
            let order = tested.order(&key).await;
            let lost = Submitted::Lost(models::order::Reason::new(ReasonCode::ProviderFailed, "503"));
            tested.store.record(&order, &lost, &times(), now).await.unwrap();
        }
        assert!(looks.len() < 100);
    }
    let lasted = looks.last().unwrap().duration_since(looks[0]);
    assert_eq!(looks.len(), OUTCOME.waits().count() + 1);
    assert!(
        lasted >= OUTCOME.bound() && lasted < OUTCOME.bound() + SignedDuration::from_mins(10),
        "{lasted:#}"
    );
}

#[tokio::test]
async fn a_cancel_without_an_answer_is_tried_again_until_the_bound() {
    let tested = tested();
    let key = tested.lost("lost").await;
    *tested.provider.is_down.lock().unwrap() = true;
    let (order, looks) = tested.look_to_the_end(&key).await;
    assert_eq!(order.status, Status::Escalated);
    assert_eq!(looks.len(), OUTCOME.waits().count() + 1);
    let cancels = tested.calls().iter().filter(|call| *call == "cancel lost").count();
    assert!(cancels > 1, "{cancels}");
}

/// A second copy of the evaluation message must not submit what is being called off.
#[tokio::test]
async fn nothing_is_submitted_any_more_once_an_order_is_called_off() {
    let mut tested = tested();
    tested.rules.look.times.replay_window = SignedDuration::ZERO;
    let key = tested.lost("lost").await;
    *tested.provider.is_down.lock().unwrap() = true;
    let order = tested.look(&key, hours(1)).await;
    assert_eq!(order.status, Status::Unknown, "the cancel was not answered");
    let claim =
        Claim { key: IdempotencyKey::from_random([2; 16]), account: "sandbox/m".to_owned(), now: hours(2) };
    let claimed = tested.store.claim(&key, &claim, &times()).await.unwrap();
    let called_off = Claimed::Refused(ClaimRefused::CalledOff);
    assert_eq!(format!("{claimed:?}"), format!("{called_off:?}"));
    let (order, _) = tested.look_to_the_end(&key).await;
    assert_eq!((order.status, order.submission.lease_until), (Status::Escalated, None));
}

/// Its worker died and its replay window is over: it is called off like any other.
#[tokio::test]
async fn an_order_whose_claim_was_never_given_back_is_called_off_and_ends() {
    let mut tested = tested();
    tested.rules.look.times.replay_window = SignedDuration::ZERO;
    let order = tested.claimed("died").await;
    *tested.provider.is_down.lock().unwrap() = true;
    let looked = tested.look(&order.key, hours(1)).await;
    assert_eq!(looked.status, Status::Unknown);
    let (order, looks) = tested.look_to_the_end(&order.key).await;
    assert_eq!(order.status, Status::Escalated);
    assert!(looks.len() > 2, "{looks:?}");
}

#[tokio::test]
async fn a_refused_repeat_is_not_repeated() {
    let tested = tested();
    let order = tested.claimed("lost").await;
    let lost = Submitted::Lost(models::order::Reason::new(ReasonCode::SubmissionTimedOut, "no answer"));
    tested.store.record(&order, &lost, &times(), start()).await.unwrap();
    let claim = Claim {
        key: IdempotencyKey::from_random([2; 16]),
        account: "sandbox/m".to_owned(),
        now: start() + SignedDuration::from_secs(5),
    };
    tested.store.claim(&order.key, &claim, &times()).await.unwrap();
    let second = tested.order(&order.key).await;
    let refused = Submitted::Refused { words: "HTTP 400: OrderId exists".to_owned() };
    tested.store.record(&second, &refused, &times(), claim.now).await.unwrap();
    assert_eq!(tested.order(&order.key).await.status, Status::Unknown);
    let order = tested.look(&order.key, hours(1)).await;
    assert_eq!((order.status, tested.handed_on()), (Status::Escalated, 0));
    assert_eq!(tested.calls(), ["find lost", "cancel lost"]);
}

#[tokio::test]
async fn a_claim_that_is_held_is_left_alone() {
    let tested = tested();
    let order = tested.claimed("held").await;
    let looked = tested.look(&order.key, start() + SignedDuration::from_mins(15)).await;
    assert_eq!(tested.calls(), ["find held"], "the lease was over");
    assert_eq!((looked.status, tested.handed_on()), (Status::Submitting, 1));

    let mut tested = self::tested();
    tested.rules.look.times.submission_overdue = SignedDuration::ZERO;
    let order = tested.claimed("held").await;
    let change = Change::new(Transition::Note, start()).effect(models::change::Effect::Due(Some(
        models::order::Due::new(start(), DueReason::SubmissionOverdue),
    )));
    tested.store.settle(&order.key, &change).await.unwrap();
    let looked = tested.look(&order.key, start()).await;
    assert_eq!((tested.calls().len(), looked.due.unwrap().at), (0, start() + SignedDuration::from_secs(90)));
}
