//! Fates on the virtual clock.

use std::time::Instant;

use sandbox::{Action, Fate, Phase, Rule, Step};
use serde_json::json;

use crate::support::{DAY, Stage, always, approve, evaluate};

#[tokio::test]
async fn a_managed_order_is_submitted_then_approved_and_charged() {
    let stage = Stage::managed(vec![always(approve(3 * DAY))]).await;
    let answer = stage.submit("order").await;
    assert_eq!(answer.json()["status"], "SUBMITTED");
    assert_eq!(answer.json()["orderId"], answer.json()["orderSessionKey"]);
    assert_eq!(stage.status(&answer.order_id()).await, 0);
    stage.advance(60).await;
    assert_eq!(stage.status(&answer.order_id()).await, 4);
    stage.advance(3 * DAY).await;
    let order = &stage.ledger().orders[0];
    assert_eq!((order.phase, order.status, order.terminal), (Phase::Completed, 7, true));
    assert_eq!(
        (order.charges[0].money.minor, order.charges[0].at),
        (1999, "2030-01-04T00:00:00Z".parse().unwrap())
    );
    assert_eq!(stage.receiver.events(), ["order.completed"]);
    assert_eq!(stage.receiver.received()[0].json()["TimeStamp"], "2030-01-04T00:00:00.000000Z");
}

#[tokio::test]
async fn an_order_expires_at_its_expiry_and_not_before() {
    let stage = Stage::managed(vec![always(Fate::Expire)]).await;
    stage.submit("order").await;
    stage.advance(21 * DAY - 1).await;
    assert_eq!(stage.ledger().orders[0].phase, Phase::Processing);
    stage.advance(1).await;
    assert_eq!(stage.ledger().orders[0].phase, Phase::Expired);
    assert_eq!(stage.receiver.events(), ["order.expired"]);
}

#[tokio::test]
async fn an_approval_after_the_expiry_needs_to_be_asked_for() {
    let rule = |pattern: &str, past_expiry| {
        let mut rule = always(Fate::Approve { after_seconds: 30 * DAY, past_expiry });
        rule.when.order_id = Some(pattern.to_owned());
        rule
    };
    let stage = Stage::managed(vec![rule("late-*", true), rule("*", false)]).await;
    stage.submit("late-1").await;
    stage.submit("never-1").await;
    stage.advance(31 * DAY).await;
    let ledger = stage.ledger();
    let phases: Vec<Phase> = ledger.orders.iter().map(|order| order.phase).collect();
    assert_eq!(phases, [Phase::Completed, Phase::Expired]);
    let late: Vec<&str> = ledger.orders[0].webhooks.iter().map(|webhook| webhook.event.as_str()).collect();
    assert_eq!(late, ["order.expired", "order.completed"]);
}

#[tokio::test]
async fn declines_challenges_and_silence() {
    let rules = [
        ("decline-*", Fate::Decline { after_seconds: 0 }),
        ("decided-*", Fate::Decline { after_seconds: DAY }),
        ("pass-*", Fate::Challenge { after_seconds: 600, passes: true }),
        ("fail-*", Fate::Challenge { after_seconds: 600, passes: false }),
        ("silent-*", Fate::StayPending),
    ];
    let rules = rules.into_iter().map(|(pattern, fate)| {
        let mut rule = always(fate);
        rule.when.order_id = Some(pattern.to_owned());
        rule
    });
    let stage = Stage::managed(rules.collect()).await;
    for (order_id, word) in [
        ("decline-1", "DECLINED"),
        ("decided-1", "SUBMITTED"),
        ("pass-1", "CHALLENGE"),
        ("fail-1", "CHALLENGE"),
        ("silent-1", "SUBMITTED"),
    ] {
        assert_eq!(stage.submit(order_id).await.json()["status"], word, "{order_id}");
    }
    stage.advance(40 * DAY).await;
    let ledger = stage.ledger();
    let story = |order_id: &str| {
        let order = ledger.orders.iter().find(|order| order.external_order_id == order_id).unwrap();
        let events: Vec<&str> = order.webhooks.iter().map(|webhook| webhook.event.as_str()).collect();
        (order.phase, events)
    };
    assert_eq!(story("decline-1"), (Phase::Declined, vec!["order.cancelled"]));
    assert_eq!(story("decided-1"), (Phase::Declined, vec!["order.cancelled"]));
    let challenge =
        |end: &'static str, then: &'static str| vec!["challenge.presented", "challenge.attempted", end, then];
    assert_eq!(story("pass-1"), (Phase::Completed, challenge("challenge.passed", "order.completed")));
    assert_eq!(story("fail-1"), (Phase::Declined, challenge("challenge.failed", "order.cancelled")));
    assert_eq!(story("silent-1"), (Phase::Processing, vec![]));
    assert_eq!(ledger.summary.pending, 1);
}

#[tokio::test]
async fn steps_follow_the_fate() {
    let step = |after_seconds, action| Step { after_seconds, action };
    let steps = vec![
        step(100, Action::Hold),
        step(200, Action::Release),
        step(2 * DAY, Action::Refund { amount_minor: Some(500) }),
        step(3 * DAY, Action::Chargeback),
        step(4 * DAY, Action::Emit { event: "payout.created".to_owned() }),
    ];
    let stage = Stage::managed(vec![Rule { fate: Some(approve(DAY)), steps, ..Rule::default() }]).await;
    let order_id = stage.submit("order").await.order_id();
    stage.advance(150).await;
    assert_eq!(stage.status(&order_id).await, 1);
    stage.advance(10 * DAY).await;
    let order = &stage.ledger().orders[0];
    assert_eq!((order.phase, order.refunds[0].money.minor), (Phase::ChargedBack, 500));
    assert_eq!(
        stage.receiver.events(),
        ["order.completed", "order.refunded", "payment.chargeback.received", "payout.created"]
    );
}

#[tokio::test]
async fn the_recorded_triggers_decide_customer_initiated_orders() {
    let stage = Stage::unmanaged(vec![]).await;
    let order = |order_id: &str, number: &str, phone: Option<&str>, kind: &str| {
        let mut body = evaluate(order_id, order_id);
        body["isMIT"] = json!(false);
        body["transactionType"] = json!(kind);
        body["payer"]["phone"] = json!(phone);
        body["paymentMethod"] = json!({"cardNumber": number, "Token": false});
        body
    };
    for (body, word) in [
        (order("a", "4000002760003184", Some("998888"), "AUTHORIZATION"), "CAPTUREREQUIRED"),
        (order("b", "4111111111111111", Some("+99.2001a"), "PURCHASE"), "CHALLENGE"),
        (order("c", "4111111111111111", None, "PURCHASE"), "DECLINED"),
        (order("d", "4000300011112220", None, "PURCHASE"), "DECLINED"),
    ] {
        assert_eq!(stage.post("evaluate", &body).await.json()["status"], word, "{body}");
    }
}

#[tokio::test]
async fn three_weeks_of_three_hundred_orders_pass_quickly() {
    let mix = json!({"kind": "mix", "of": [
        {"weight": 6, "fate": {"kind": "approve", "after_seconds": 200_000}},
        {"weight": 3, "fate": {"kind": "expire"}},
        {"weight": 1, "fate": {"kind": "decline", "after_seconds": 90_000}},
    ]});
    let stage = Stage::managed(vec![always(serde_json::from_value(mix).unwrap())]).await;
    for number in 0..300 {
        stage.submit(&format!("order-{number}")).await;
    }
    let begun = Instant::now();
    stage.advance(21 * DAY).await;
    assert!(begun.elapsed().as_secs() < 5);
    let summary = stage.ledger().summary;
    assert_eq!((summary.orders, summary.pending), (300, 0));
    assert_eq!(summary.webhooks.delivered, 300);
    assert_eq!(stage.receiver.received().len(), 300);
    assert_eq!(summary.by_phase.len(), 3);
}
