//! Refunds whose answer was lost: FlexFactor's absolute totals say what became of them.

use models::money::Money;
use models::refund::{
    self, IDLE_REFUNDS_MAX, RefundId, RefundOutcome, RefundRequest, RefundState, Reserve, ReserveRefused,
    SETTLE_TIME,
};
use models::schedule::REFUND;
use models::status::Instruction;

use super::*;

fn asking() -> IdempotencyKey {
    IdempotencyKey::from_random([3; 16])
}

impl Tested {
    /// A charged order of 1999 cents, with a refund of `minor` reserved whose answer was lost.
    async fn lost_refund(&self, minor: u64) -> (OrderKey, RefundId) {
        let key = self.pending("p-1").await;
        let completed = event("p-1", EventKind::Completed, "order.completed");
        self.store.apply(&key, &completed, start()).await.unwrap();
        let order = self.order(&key).await;
        let id = RefundId::of(&key, "first");
        let request = RefundRequest {
            id: id.clone(),
            amount: Money::new(minor, order.amount.currency),
            asking: asking(),
        };
        let Reserve::Change(change) = refund::reserve(&order, &request, None, start()).unwrap() else {
            panic!("it was asked for before");
        };
        let order = self.ask(&key, &change).await;
        assert_eq!((order.reserved().get(), order.refundable().get()), (minor, 1999 - minor));
        let lost = RefundOutcome::Lost("no answer".to_owned());
        let change = refund::settle(&order, &id, &lost, start()).unwrap();
        let order = self.ask(&key, &change).await;
        let due = order.due.unwrap();
        assert_eq!((due.at, due.reason), (start() + SETTLE_TIME, DueReason::RefundUnknown));
        self.says("p-1", "Completed");
        (key, id)
    }

    async fn state(&self, key: &OrderKey) -> (RefundState, u64, u64) {
        let order = self.order(key).await;
        (order.refunds[0].state, order.refunded().get(), order.refundable().get())
    }
}

#[tokio::test]
async fn a_refund_that_the_totals_hold_was_made() {
    let tested = tested();
    let (key, _) = tested.lost_refund(500).await;
    tested.tells(1999, 500);
    let order = tested.look(&key, start() + SETTLE_TIME).await;
    assert_eq!(tested.state(&key).await, (RefundState::Made, 500, 1499));
    assert_eq!(order.due, None);
    assert_eq!(tested.calls(), ["read p-1"], "a refund is never sent again");
}

#[tokio::test]
async fn a_refund_that_the_totals_do_not_hold_is_released_once_no_call_can_be_under_way() {
    let tested = tested();
    let (key, id) = tested.lost_refund(500).await;
    tested.tells(1999, 0);
    // A signal brings the look forward: too early to tell.
    let refunded = event("p-1", EventKind::Refunded, "order.refunded");
    tested.store.apply(&key, &refunded, start()).await.unwrap();
    let order = tested.look(&key, start()).await;
    assert_eq!(tested.state(&key).await, (RefundState::Reserved, 0, 1499));
    let due = order.due.unwrap();
    assert_eq!((due.at, due.reason), (start() + SETTLE_TIME, DueReason::RefundUnknown));
    let order = tested.look(&key, due.at).await;
    assert_eq!(tested.state(&key).await, (RefundState::NotMade, 0, 1999));
    assert_eq!(order.due, None);
    // The same request again is told what became of it, and another one may be made.
    let again = RefundRequest { id, amount: Money::new(500, order.amount.currency), asking: asking() };
    assert!(matches!(refund::reserve(&order, &again, None, start()), Ok(Reserve::Known(_))));
    let other = RefundRequest { id: RefundId::of(&key, "second"), ..again };
    assert!(matches!(refund::reserve(&order, &other, None, start()), Ok(Reserve::Change(_))));
}

#[tokio::test]
async fn a_returned_order_is_refunded_whole_though_no_totals_are_told() {
    let tested = tested();
    let (key, _) = tested.lost_refund(1999).await;
    tested.says("p-1", "Returned");
    tested.look(&key, start() + SETTLE_TIME).await;
    assert_eq!(tested.state(&key).await, (RefundState::Made, 1999, 0));
}

#[tokio::test]
async fn what_nobody_can_find_out_stays_reserved_until_people_say() {
    let tested = tested();
    let (key, id) = tested.lost_refund(500).await;
    let (order, looks) = tested.look_to_the_end(&key).await;
    assert_eq!(looks.len(), REFUND.waits().count() + 1);
    assert_eq!(tested.state(&key).await, (RefundState::Unresolved, 0, 1499));
    let other = RefundRequest {
        id: RefundId::of(&key, "second"),
        amount: Money::new(1, order.amount.currency),
        asking: asking(),
    };
    assert_eq!(
        refund::reserve(&order, &other, None, start()),
        Err(ReserveRefused::UnderWay(id.clone())),
        "its money may be gone"
    );
    let change = refund::resolve(&order, &id, true, start()).unwrap();
    let order = tested.ask(&key, &change).await;
    assert_eq!(tested.state(&key).await, (RefundState::Made, 500, 1499));
    assert_eq!(refund::resolve(&order, &id, false, start()), None);
}

/// Fresh totals, read before the next refund is reserved, also say what became of an earlier one.
#[tokio::test]
async fn totals_settle_what_was_unresolved_before_the_next_refund() {
    let tested = tested();
    let (key, _) = tested.lost_refund(500).await;
    let (order, _) = tested.look_to_the_end(&key).await;
    let totals = Totals { captured: MinorUnits::new(1999), refunded: MinorUnits::new(500) };
    let reserve = |minor| {
        let amount = Money::new(minor, order.amount.currency);
        refund::reserve(
            &order,
            &RefundRequest { id: RefundId::of(&key, "second"), amount, asking: asking() },
            Some(totals),
            hours(99),
        )
    };
    assert_eq!(reserve(1500), Err(ReserveRefused::TooMuch { refundable: MinorUnits::new(1499) }));
    let Ok(Reserve::Change(change)) = reserve(1499) else { panic!() };
    let order = tested.ask(&key, &change).await;
    assert_eq!(tested.state(&key).await, (RefundState::Made, 500, 0));
    assert_eq!((order.refunds[1].state, order.refunds[1].before.get()), (RefundState::Reserved, 500));
}

/// An older answer of FlexFactor's must not open a way to refund twice.
#[tokio::test]
async fn what_was_refunded_does_not_come_back() {
    let tested = tested();
    let (key, _) = tested.lost_refund(500).await;
    tested.tells(1999, 500);
    tested.look(&key, start() + SETTLE_TIME).await;
    tested.tells(1999, 0);
    let refunded = event("p-1", EventKind::Refunded, "order.refunded");
    tested.store.apply(&key, &refunded, start()).await.unwrap();
    tested.look(&key, hours(1)).await;
    assert_eq!(tested.state(&key).await, (RefundState::Made, 500, 1499));
}

/// A total below what was refunded before is older than the refund: it proves nothing.
#[tokio::test]
async fn a_stale_total_does_not_release_a_refund() {
    let tested = tested();
    let (key, id) = tested.lost_refund(500).await;
    tested.tells(1999, 500);
    tested.look(&key, start() + SETTLE_TIME).await;
    let order = tested.order(&key).await;
    let amount = Money::new(300, order.amount.currency);
    let second = RefundRequest { id: RefundId::of(&key, "second"), amount, asking: asking() };
    let Ok(Reserve::Change(change)) = refund::reserve(&order, &second, None, hours(1)) else {
        panic!("{id}")
    };
    tested.ask(&key, &change).await;
    tested.tells(1999, 0);
    let order = tested.look(&key, hours(2)).await;
    assert_eq!((order.refunds[1].state, order.reserved().get()), (RefundState::Reserved, 300));
    tested.tells(1999, 500);
    let order = tested.look(&key, hours(3)).await;
    assert_eq!((order.refunds[1].state, order.reserved().get()), (RefundState::NotMade, 0));
}

/// How an order shows that is refunded in part is not known, so the word does not stand for the whole then.
#[tokio::test]
async fn a_returned_order_without_totals_is_not_taken_for_whole_where_a_part_explains_it() {
    let tested = tested();
    let (key, id) = tested.lost_refund(500).await;
    let order = tested.order(&key).await;
    let made = refund::settle(&order, &id, &RefundOutcome::Made, start()).unwrap();
    tested.ask(&key, &made).await;
    tested.store.apply(&key, &event("p-1", EventKind::Refunded, "order.refunded"), start()).await.unwrap();
    tested.says("p-1", "Returned");
    let order = tested.look(&key, hours(1)).await;
    assert_eq!(
        (order.refund, order.refunded().get(), order.refundable().get()),
        (Facet::Confirmed, 500, 1499)
    );
}

/// People need not wait for the schedule's end, only until no call can be under way.
#[tokio::test]
async fn people_may_say_what_became_of_a_refund_once_no_call_can_be_under_way() {
    let tested = tested();
    let (key, id) = tested.lost_refund(500).await;
    let order = tested.order(&key).await;
    assert_eq!(refund::resolve(&order, &id, false, start()), None);
    let change = refund::resolve(&order, &id, false, start() + SETTLE_TIME).unwrap();
    let order = tested.ask(&key, &change).await;
    assert_eq!((order.reserved().get(), order.due), (0, None));
}

/// A look gave it up while its call was under way: the answer counts all the same.
#[tokio::test]
async fn an_answer_counts_though_a_look_has_given_the_refund_up() {
    let tested = tested();
    let (key, id) = tested.lost_refund(500).await;
    let (order, _) = tested.look_to_the_end(&key).await;
    assert_eq!(order.refunds[0].state, RefundState::Unresolved);
    let change = refund::settle(&order, &id, &RefundOutcome::Made, hours(99)).unwrap();
    assert_eq!(tested.ask(&key, &change).await.refunds[0].state, RefundState::Made);
}

/// Refusals do not use an order's refunds up, nor fill its item.
#[tokio::test]
async fn refused_refunds_are_forgotten_and_do_not_count() {
    let tested = tested();
    let (key, id) = tested.lost_refund(500).await;
    let order = tested.order(&key).await;
    let refused = refund::settle(&order, &id, &RefundOutcome::Refused("no".to_owned()), start()).unwrap();
    let mut order = tested.ask(&key, &refused).await;
    for number in 0..99 {
        let id = RefundId::of(&key, &number.to_string());
        let amount = Money::new(1, order.amount.currency);
        let request = RefundRequest { id: id.clone(), amount, asking: asking() };
        let Ok(Reserve::Change(change)) = refund::reserve(&order, &request, None, start()) else { panic!() };
        change.apply(&mut order);
        let refused = refund::settle(&order, &id, &RefundOutcome::Refused("no".to_owned()), start()).unwrap();
        refused.apply(&mut order);
    }
    assert_eq!(order.refunds.len(), IDLE_REFUNDS_MAX + 1);
    assert_eq!(order.refunds.last().unwrap().id, RefundId::of(&key, "98"));
    assert_eq!(order.refundable().get(), 1999);
}

/// What was paid back is not to be marked as paid.
#[tokio::test]
async fn an_order_that_was_refunded_whole_is_not_to_be_marked_paid() {
    let tested = tested();
    let (key, id) = tested.lost_refund(1999).await;
    let order = tested.order(&key).await;
    assert_eq!(order.instruction(), Instruction::MarkPaid);
    let made = refund::settle(&order, &id, &RefundOutcome::Made, start()).unwrap();
    assert_eq!(tested.ask(&key, &made).await.instruction(), Instruction::DoNotRetry);
}

/// A refund in FlexFactor's portal is known by its total, and counts.
#[tokio::test]
async fn a_refund_in_the_portal_counts() {
    let tested = tested();
    let key = tested.pending("p-1").await;
    for (kind, name) in [(EventKind::Completed, "order.completed"), (EventKind::Refunded, "order.refunded")] {
        tested.store.apply(&key, &event("p-1", kind, name), start()).await.unwrap();
    }
    tested.says("p-1", "Completed");
    tested.tells(1999, 1500);
    let order = tested.look(&key, start()).await;
    assert_eq!((order.refunded().get(), order.refundable().get()), (1500, 499));
    let request = RefundRequest {
        id: RefundId::of(&key, "k"),
        amount: Money::new(500, order.amount.currency),
        asking: asking(),
    };
    assert_eq!(
        refund::reserve(&order, &request, None, start()),
        Err(ReserveRefused::TooMuch { refundable: MinorUnits::new(499) })
    );
}
