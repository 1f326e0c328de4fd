//! What people ask for, where it meets what the provider tells.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jiff::{SignedDuration, Timestamp};
use models::event::{EventKind, OrderEvent, Resolution};
use models::ids::{ContentHash, IdempotencyKey};
use models::intake;
use models::money::MinorUnits;
use models::order::{DueReason, Order, Reason, ReasonCode};
use models::reconcile::{CancelledPastExpiry, Heard, LookRules, ProviderView, after_read};
use models::refund::Totals;
use models::screening::Screened;
use models::status::Status;
use models::submission::{Times, escalate};
use models::wish::{self, Asked, CancelState, WishRefused, WishState};

fn now() -> Timestamp {
    "2026-11-25T10:00:00Z".parse().unwrap()
}

fn rules() -> LookRules {
    let times = Times {
        lease: SignedDuration::from_secs(90),
        repeat_after: SignedDuration::from_secs(90),
        submission_overdue: SignedDuration::from_mins(15),
        replay_window: SignedDuration::from_hours(24),
        webhook_cycle: SignedDuration::from_hours(24),
        expiry_grace: SignedDuration::from_hours(6),
    };
    LookRules { times, cancelled_past_expiry: CancelledPastExpiry::Expired }
}

fn order(status: Status) -> Order {
    let decline = serde_json::from_str(include_str!("../../../events/decline.json")).unwrap();
    let content = ContentHash::of(&serde_json::Value::Null);
    let overdue = rules().times.submission_overdue;
    let order = intake::open(Screened { decline, window_days: 21 }, content, overdue, now());
    Order { status, provider_order: Some("ac9674ed".parse().unwrap()), ..order }
}

fn read(order: &mut Order, view: ProviderView) {
    let totals = Totals { captured: order.amount.minor, refunded: MinorUnits::new(0) };
    let heard = Heard { view, word: "word".to_owned(), totals: Some(totals) };
    let change = after_read(order, &heard, &rules(), now());
    assert!(change.holds(order));
    change.apply(order);
}

/// FlexFactor shows an order's amount from its beginning.
#[test]
fn nothing_is_captured_before_the_approval_whatever_amount_is_shown() {
    let mut order = order(Status::Unknown);
    read(&mut order, ProviderView::Working);
    assert_eq!((order.status, order.captured().get()), (Status::Pending, 0));
    assert_eq!(order.refundable().get(), 0);
    read(&mut order, ProviderView::Rescued);
    assert_eq!(order.captured(), order.amount.minor);
    assert_eq!(order.refundable(), order.amount.minor);
}

fn asked(order: &mut Order, asked: Result<Asked, WishRefused>) {
    let Ok(Asked::Change(change)) = asked else { panic!("{asked:?}") };
    assert!(change.holds(order));
    change.apply(order);
}

fn key() -> IdempotencyKey {
    IdempotencyKey::from_random([1; 16])
}

fn event(kind: EventKind, name: &str) -> OrderEvent {
    OrderEvent {
        kind,
        name: name.to_owned(),
        occurred_at: "2026-11-25T10:00:00Z".to_owned(),
        order_id: "INV-1001-r1".parse().unwrap(),
        provider_order: "ac9674ed".parse().unwrap(),
        confirmation: None,
        nonce: name.to_owned(),
    }
}

/// A signal of a refund is being looked after already when it shows that there is something to cancel after all.
#[test]
fn a_cancel_is_pursued_again_also_where_something_else_is_looked_after() {
    let mut order = order(Status::Rejected);
    event(EventKind::Refunded, "order.refunded").change(now()).apply(&mut order);
    let cancel = wish::cancel(&order, key(), now());
    asked(&mut order, cancel);
    let hook = event(EventKind::CaptureRequired, "order.capturerequired");
    let Resolution::Instead(change) = hook.resolve(Some(&order), now()) else { panic!("it is new") };
    assert!(change.holds(&order));
    change.apply(&mut order);
    assert_eq!(order.cancel_state(), Some(CancelState::Wanted));
    assert!(order.open_wish().is_some(), "somebody pursues it");
    assert_eq!(order.due.map(|due| due.reason), Some(DueReason::Wish), "at once");
}

#[test]
fn a_cancel_of_an_ended_order_leaves_no_look_for_the_capture_that_it_replaces() {
    let mut order = order(Status::CaptureRequired);
    let capture = wish::capture(&order, key(), now());
    asked(&mut order, capture);
    order.status = Status::Cancelled;
    let cancel = wish::cancel(&order, key(), now());
    asked(&mut order, cancel);
    assert_eq!((order.cancel_state(), order.due), (Some(CancelState::Confirmed), None));
}

/// A rejected order was thought not to be at the provider; what shows that it may be there after all brings its cancel back.
#[test]
fn the_cancel_of_an_order_that_is_handed_back_is_pursued_again() {
    let mut order = order(Status::Rejected);
    let Ok(Asked::Change(asked)) = wish::cancel(&order, IdempotencyKey::from_random([1; 16]), now()) else {
        panic!("it is taken")
    };
    asked.apply(&mut order);
    assert_eq!(order.cancel_state(), Some(CancelState::NothingToCancel));
    let reason = Reason::new(ReasonCode::TwoProviderOrders, "two");
    let handed_back = escalate(reason, now()).knowing(&order);
    assert!(handed_back.holds(&order));
    handed_back.apply(&mut order);
    assert_eq!((order.status, order.cancel_state()), (Status::Escalated, Some(CancelState::Wanted)));
    assert_eq!(order.wish.as_ref().map(|wish| wish.state), Some(WishState::Open));
    assert_eq!(order.due.map(|due| due.reason), Some(DueReason::Wish));
}
