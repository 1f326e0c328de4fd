//! Cancels and captures that people ask for: pursued until the order's own status says what became of them.

use models::schedule::WISH;
use models::status::Instruction;
use models::wish::{self, Asked, CancelState, CaptureState, WishRefused, WishState};

use super::*;

fn wish_key() -> IdempotencyKey {
    IdempotencyKey::from_random([7; 16])
}

impl Tested {
    async fn wish_cancel(&self, key: &OrderKey, now: Timestamp) -> Order {
        let Asked::Change(change) = wish::cancel(&self.order(key).await, wish_key(), now).unwrap() else {
            panic!("it was asked for before");
        };
        self.ask(key, &change).await
    }

    async fn capture_required(&self, order_id: &str) -> OrderKey {
        let order = self.claimed(order_id).await;
        let (verdict, provider_order) = (Verdict::CaptureRequired, order_id.parse().unwrap());
        let answer = Submitted::Answered { verdict, provider_order, word: "CAPTUREREQUIRED".into() };
        self.store.record(&order, &answer, &times(), start()).await.unwrap();
        order.key
    }

    async fn complete(&self, key: &OrderKey) {
        let completed = event("p-1", EventKind::Completed, "order.completed");
        self.store.apply(key, &completed, start()).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_never_sent_is_cancelled_on_the_spot_and_never_submitted() {
    let tested = tested();
    let key = tested.received("p-1").await;
    let order = tested.wish_cancel(&key, start()).await;
    assert_eq!((order.status, order.due, order.request.is_none()), (Status::Cancelled, None, true));
    assert_eq!(order.cancel_state(), Some(CancelState::Confirmed));
    assert_eq!(order.instruction(), Instruction::DoNotRetry);
    let claim = Claim { key: wish_key(), account: "sandbox/m".to_owned(), now: start() };
    let claimed = tested.store.claim(&key, &claim, &times()).await.unwrap();
    assert!(matches!(claimed, Claimed::Refused(ClaimRefused::Settled(Status::Cancelled))));
}

#[tokio::test]
async fn a_pending_order_is_cancelled_by_its_id_and_a_repeat_changes_nothing() {
    let tested = tested();
    let key = tested.pending("p-1").await;
    let order = tested.wish_cancel(&key, start()).await;
    assert_eq!((order.status, order.cancel_state()), (Status::Pending, Some(CancelState::Wanted)));
    assert_eq!(order.due.map(|due| (due.at, due.reason)), Some((start(), DueReason::Wish)));
    assert_eq!(wish::cancel(&order, wish_key(), start()), Ok(Asked::Already));
    tested.takes_wishes();
    let order = tested.look(&key, start()).await;
    assert_eq!((order.status, order.due), (Status::Cancelled, None));
    assert_eq!(order.reason.as_ref().unwrap().code, ReasonCode::MerchantCancelled);
    assert_eq!(tested.calls(), ["cancel by id p-1"]);
}

#[tokio::test]
async fn a_cancel_that_comes_too_late_proposes_a_refund_and_makes_none() {
    let tested = tested();
    let key = tested.pending("p-1").await;
    tested.wish_cancel(&key, start()).await;
    tested.says("p-1", "Completed");
    let order = tested.look(&key, start()).await;
    assert_eq!((order.status, order.due), (Status::Approved, None));
    assert_eq!(order.cancel_state(), Some(CancelState::TooLate));
    assert_eq!(order.proposed_refund(), Some(order.amount));
    assert_eq!(order.instruction(), Instruction::MarkPaid);
    assert_eq!(tested.calls(), ["cancel by id p-1", "read p-1"]);
    assert_eq!(wish::cancel(&Order { wish: None, ..order }, wish_key(), start()), Err(WishRefused::Approved));
}

/// The webhook that approves it keeps the look that the cancel is due for: that look only puts the wish down.
#[tokio::test]
async fn an_approval_by_webhook_ends_the_wish() {
    let tested = tested();
    let key = tested.pending("p-1").await;
    tested.wish_cancel(&key, start()).await;
    tested.complete(&key).await;
    assert_eq!(tested.order(&key).await.cancel_state(), Some(CancelState::TooLate));
    let order = tested.look(&key, start()).await;
    assert_eq!((order.due, order.wish.map(|wish| wish.state)), (None, Some(WishState::Done)));
    assert_eq!(tested.calls(), [""; 0]);
}

#[tokio::test]
async fn a_cancel_that_is_not_confirmed_is_repeated_by_its_schedule_and_then_handed_back() {
    let tested = tested();
    let key = tested.pending("p-1").await;
    tested.wish_cancel(&key, start()).await;
    tested.says("p-1", "Onhold");
    let (order, looks) = tested.look_to_the_end(&key).await;
    assert_eq!(looks.len(), WISH.waits().count() + 1);
    assert_eq!((order.status, order.cancel_state()), (Status::Escalated, Some(CancelState::GivenUp)));
    let reason = order.reason.clone().unwrap();
    assert_eq!(reason.code, ReasonCode::WishNotConfirmed);
    assert!(reason.detail.contains("Onhold"), "{}", reason.detail);
    let cancels = tested.calls().iter().filter(|call| call.starts_with("cancel by id")).count();
    assert_eq!(cancels, looks.len());

    // People may ask again, and are heard.
    tested.takes_wishes();
    let order = tested.wish_cancel(&key, hours(100)).await;
    assert_eq!((order.status, order.cancel_state()), (Status::Escalated, Some(CancelState::Wanted)));
    let order = tested.look(&key, hours(100)).await;
    assert_eq!((order.status, order.cancel_state()), (Status::Cancelled, Some(CancelState::Confirmed)));
}

/// The end of the window does not end a cancel: FlexFactor still works on the order, and could charge it.
#[tokio::test]
async fn a_cancel_goes_on_past_the_window() {
    let tested = tested();
    let key = tested.pending("p-1").await;
    tested.says("p-1", "Processing");
    tested.wish_cancel(&key, window_over()).await;
    let order = tested.look(&key, window_over()).await;
    assert_eq!((order.status, order.cancel_state()), (Status::Pending, Some(CancelState::Wanted)));
    tested.takes_wishes();
    assert_eq!(
        tested.look(&key, window_over() + SignedDuration::from_hours(1)).await.status,
        Status::Cancelled
    );
}

#[tokio::test]
async fn a_cancel_without_any_answer_ends_too() {
    let tested = tested();
    let key = tested.pending("p-1").await;
    tested.wish_cancel(&key, start()).await;
    *tested.provider.is_down.lock().unwrap() = true;
    let (order, looks) = tested.look_to_the_end(&key).await;
    assert_eq!(looks.len(), WISH.waits().count() + 1);
    assert_eq!((order.status, order.cancel_state()), (Status::Escalated, Some(CancelState::GivenUp)));
}

#[tokio::test]
async fn what_may_have_been_sent_is_cancelled_by_our_own_id_and_not_submitted_again() {
    let tested = tested();
    let key = tested.lost("lost").await;
    tested.wish_cancel(&key, hours(1)).await;
    let claim = Claim { key: wish_key(), account: "sandbox/m".to_owned(), now: hours(1) };
    let claimed = tested.store.claim(&key, &claim, &times()).await.unwrap();
    assert!(matches!(claimed, Claimed::Refused(ClaimRefused::CalledOff)), "{claimed:?}");
    tested.takes_wishes();
    let order = tested.look(&key, hours(1)).await;
    assert_eq!((order.status, order.cancel_state()), (Status::Cancelled, Some(CancelState::Confirmed)));
    assert_eq!((tested.calls().join(", "), tested.handed_on()), ("cancel lost, find lost".to_owned(), 0));
}

/// FlexFactor refuses the cancel by our own id: it has charged the order already, as looking for it shows.
#[tokio::test]
async fn a_cancel_by_our_own_id_that_is_refused_looks_for_the_order() {
    let tested = tested();
    let key = tested.lost("lost").await;
    tested.wish_cancel(&key, hours(1)).await;
    tested.provider.ids.lock().unwrap().insert("lost".to_owned(), vec!["p-9"]);
    tested.says("p-9", "Completed");
    let order = tested.look(&key, hours(1)).await;
    assert_eq!((order.status, order.cancel_state()), (Status::Approved, Some(CancelState::TooLate)));
    assert_eq!(tested.calls(), ["cancel lost", "find lost", "read p-9"]);
}

/// What FlexFactor answers to an id that it does not know is not known: what it then has under our id counts for more.
#[tokio::test]
async fn a_confirmed_cancel_by_our_own_id_is_not_believed_of_an_order_that_is_worked_on() {
    let tested = tested();
    let key = tested.lost("lost").await;
    tested.wish_cancel(&key, hours(1)).await;
    tested.takes_wishes();
    tested.provider.ids.lock().unwrap().insert("lost".to_owned(), vec!["p-9"]);
    tested.says("p-9", "Processing");
    let order = tested.look(&key, hours(1)).await;
    assert_eq!((order.status, order.cancel_state()), (Status::Pending, Some(CancelState::Wanted)));
    let order = tested.look(&key, hours(2)).await;
    assert_eq!((order.status, order.cancel_state()), (Status::Cancelled, Some(CancelState::Confirmed)));
    assert_eq!(tested.calls().last().unwrap(), "cancel by id p-9");
}

/// The call whose answer was given up may still be under way, and a cancel that overtook it would find nothing to cancel.
#[tokio::test]
async fn a_cancel_does_not_overtake_a_submission_whose_answer_was_given_up() {
    let tested = tested();
    let key = tested.lost("lost").await;
    tested.wish_cancel(&key, start()).await;
    let order = tested.look(&key, start()).await;
    let due = order.due.unwrap();
    assert_eq!((due.at, due.reason), (start() + times().repeat_after, DueReason::Wish));
    assert_eq!(tested.calls(), [""; 0]);
    tested.takes_wishes();
    assert_eq!(tested.look(&key, due.at).await.status, Status::Cancelled);
}

/// An order that ended here while FlexFactor still worked on it may be charged yet.
#[tokio::test]
async fn an_order_that_expired_only_here_is_cancelled_at_flexfactor() {
    let tested = tested();
    let key = tested.pending("p-1").await;
    tested.says("p-1", "Processing");
    let order = tested.look(&key, window_over()).await;
    assert_eq!((order.status, order.due), (Status::Expired, None));
    let order = tested.wish_cancel(&key, window_over()).await;
    assert_eq!(order.cancel_state(), Some(CancelState::Wanted));
    let order = tested.look(&key, window_over()).await;
    assert_eq!(
        (order.cancel_state(), order.due.map(|due| due.reason)),
        (Some(CancelState::Wanted), Some(DueReason::Wish))
    );
    tested.takes_wishes();
    let order = tested.look(&key, order.due.unwrap().at).await;
    assert_eq!(
        (order.status, order.cancel_state(), order.due),
        (Status::Cancelled, Some(CancelState::Confirmed), None)
    );
}

#[tokio::test]
async fn a_cancel_of_an_order_that_expired_only_here_ends_too() {
    let tested = tested();
    let key = tested.pending("p-1").await;
    tested.says("p-1", "Processing");
    tested.look(&key, window_over()).await;
    tested.wish_cancel(&key, window_over()).await;
    let (order, looks) = tested.look_to_the_end(&key).await;
    assert_eq!((order.status, order.cancel_state()), (Status::Expired, Some(CancelState::GivenUp)));
    assert_eq!(looks.len(), WISH.waits().count() + 1);
}

/// One of two orders under our id is cancelled; the other may still be charged, so people keep it.
#[tokio::test]
async fn an_order_that_flexfactor_has_twice_stays_with_people_when_one_of_them_is_cancelled() {
    let tested = tested();
    let key = tested.pending("p-1").await;
    let reason = models::order::Reason::new(ReasonCode::TwoProviderOrders, "two");
    let escalated = models::submission::escalate(reason.clone(), start()).knowing(&tested.order(&key).await);
    tested.ask(&key, &escalated).await;
    tested.wish_cancel(&key, start()).await;
    tested.takes_wishes();
    let order = tested.look(&key, start()).await;
    assert_eq!((order.status, order.cancel_state()), (Status::Escalated, Some(CancelState::GivenUp)));
    assert_eq!((order.reason, order.due), (Some(reason), None));
    assert_eq!(tested.calls(), ["cancel by id p-1"]);
}

#[tokio::test]
async fn a_cancel_of_an_order_that_is_nowhere_is_bounded_and_nothing_is_sent_again() {
    let tested = tested();
    let key = tested.lost("lost").await;
    tested.wish_cancel(&key, hours(1)).await;
    let (order, looks) = tested.look_to_the_end(&key).await;
    assert_eq!(looks.len(), WISH.waits().count() + 1);
    assert_eq!((order.status, order.cancel_state()), (Status::Escalated, Some(CancelState::GivenUp)));
    assert_eq!(tested.handed_on(), 0);
}

#[tokio::test]
async fn a_cancel_waits_for_the_call_that_is_under_way() {
    let tested = tested();
    let order = tested.claimed("p-1").await;
    tested.wish_cancel(&order.key, start()).await;
    let looked = tested.look(&order.key, start()).await;
    let due = looked.due.unwrap();
    assert_eq!((due.at, due.reason), (start() + SignedDuration::from_secs(90), DueReason::Wish));
    assert_eq!(tested.calls(), [""; 0]);
    // Its answer keeps the look.
    let (verdict, provider_order) = (Verdict::Working, "p-1".parse().unwrap());
    let answer = Submitted::Answered { verdict, provider_order, word: "SUBMITTED".into() };
    tested.store.record(&order, &answer, &times(), start()).await.unwrap();
    let answered = tested.order(&order.key).await;
    assert_eq!((answered.status, answered.due), (Status::Pending, Some(due)));
    tested.takes_wishes();
    assert_eq!(tested.look(&order.key, due.at).await.status, Status::Cancelled);
}

/// Who cancelled does not want the card tried again, whatever ended the order.
#[tokio::test]
async fn an_ended_order_keeps_the_wish_and_the_billing_system_does_not_resume() {
    let tested = tested();
    let order = tested.claimed("p-1").await;
    let refused = Submitted::Refused { words: "HTTP 400".to_owned() };
    tested.store.record(&order, &refused, &times(), start()).await.unwrap();
    assert_eq!(tested.order(&order.key).await.instruction(), Instruction::ResumeRetries);
    let cancelled = tested.wish_cancel(&order.key, start()).await;
    assert_eq!((cancelled.status, cancelled.due), (Status::Rejected, None));
    assert_eq!(cancelled.cancel_state(), Some(CancelState::NothingToCancel));
    assert_eq!(cancelled.instruction(), Instruction::DoNotRetry);

    // Should FlexFactor have it after all, the cancel is pursued.
    let capture = event("p-1", EventKind::CaptureRequired, "order.capturerequired");
    tested.store.apply(&order.key, &capture, start()).await.unwrap();
    let revived = tested.order(&order.key).await;
    assert_eq!(
        (revived.status, revived.cancel_state()),
        (Status::CaptureRequired, Some(CancelState::Wanted))
    );
    tested.takes_wishes();
    assert_eq!(tested.look(&order.key, start()).await.status, Status::Cancelled);
}

#[tokio::test]
async fn a_capture_is_made_with_its_key_and_confirmed_by_reading_the_order() {
    let tested = tested();
    let key = tested.capture_required("p-1").await;
    let Asked::Change(change) = wish::capture(&tested.order(&key).await, wish_key(), start()).unwrap() else {
        panic!("it was asked for before");
    };
    let order = tested.ask(&key, &change).await;
    assert_eq!(order.capture_state(), Some(CaptureState::Wanted));
    tested.takes_wishes();
    tested.says("p-1", "CAPTUREREQUIRED");
    let order = tested.look(&key, start()).await;
    assert_eq!(
        (order.status, order.due.map(|due| due.reason)),
        (Status::CaptureRequired, Some(DueReason::Wish))
    );
    tested.says("p-1", "Completed");
    let order = tested.look(&key, hours(1)).await;
    assert_eq!((order.status, order.due), (Status::Approved, None));
    assert_eq!(order.capture_state(), Some(CaptureState::Captured));
    let capture = format!("capture p-1 {} {}", order.amount, wish_key());
    assert_eq!(tested.calls(), [&capture, "read p-1", &capture, "read p-1"].map(str::to_owned));
}

#[tokio::test]
async fn only_what_waits_for_it_is_captured_and_a_cancel_comes_first() {
    let tested = tested();
    let key = tested.pending("p-2").await;
    let order = tested.order(&key).await;
    assert_eq!(wish::capture(&order, wish_key(), start()), Err(WishRefused::NotCapturable(Status::Pending)));
    let key = tested.capture_required("p-1").await;
    let order = tested.wish_cancel(&key, start()).await;
    assert_eq!(wish::capture(&order, wish_key(), start()), Err(WishRefused::CancelAsked));
}
