//! What people ask for, where it meets what the provider tells.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jiff::{SignedDuration, Timestamp};
use models::ids::ContentHash;
use models::intake;
use models::money::MinorUnits;
use models::order::Order;
use models::reconcile::{CancelledPastExpiry, Heard, LookRules, ProviderView, after_read};
use models::refund::Totals;
use models::screening::Screened;
use models::status::Status;
use models::submission::Times;

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
