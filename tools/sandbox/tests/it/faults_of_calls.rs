//! Faults of calls, before and after the effect.

use reqwest::Method;
use sandbox::{CallFault, CallFaultKind, Endpoint, Rule};
use serde_json::json;

use crate::support::{Stage, approve, evaluate};

fn fault(kind: CallFaultKind) -> CallFault {
    CallFault {
        kind,
        on: vec![Endpoint::Evaluate],
        skip: 0,
        times: 1,
        probability: sandbox::Probability::default(),
        hold_millis: 60_000,
    }
}

fn rule(faults: Vec<CallFault>) -> Rule {
    Rule { fate: Some(approve(60)), calls: faults, ..Rule::default() }
}

#[tokio::test]
async fn a_timeout_after_the_effect_leaves_exactly_one_order() {
    let stage = Stage::managed(vec![rule(vec![fault(CallFaultKind::TimeoutAfter)])]).await;
    let body = evaluate("order", "order");
    let error = stage.call(Method::POST, "evaluate", Some(&body)).await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(stage.ledger().summary.orders, 1);
    let again = stage.post("evaluate", &body).await;
    assert_eq!((again.status, &again.json()["status"]), (200, &json!("SUBMITTED")));
    let ledger = stage.ledger();
    let order = &ledger.orders[0];
    assert_eq!((ledger.summary.orders, order.evaluate_requests, order.effective_submissions), (1, 2, 1));
    assert_eq!(
        (order.faults[0].kind.as_str(), order.faults[0].place.as_str()),
        ("timeout_after", "evaluate call 1")
    );
    assert_eq!(ledger.requests[&Endpoint::Evaluate].answers["timeout"], 1);
}

#[tokio::test]
async fn a_timeout_before_the_effect_leaves_nothing() {
    let stage = Stage::managed(vec![rule(vec![fault(CallFaultKind::TimeoutBefore)])]).await;
    let body = evaluate("order", "order");
    assert!(stage.call(Method::POST, "evaluate", Some(&body)).await.unwrap_err().is_timeout());
    let ledger = stage.ledger();
    assert_eq!((ledger.summary.orders, ledger.without_effect[0].evaluate_requests), (0, 1));
    assert_eq!(ledger.without_effect[0].faults[0].kind, "timeout_before");
}

#[tokio::test]
async fn every_other_fault_answers_and_has_the_effect_it_says() {
    for (kind, status) in [
        (CallFaultKind::ErrorBefore, 500),
        (CallFaultKind::ErrorAfter, 500),
        (CallFaultKind::TooManyRequests, 429),
        (CallFaultKind::TokenRevoked, 401),
        (CallFaultKind::MalformedBody, 200),
    ] {
        let mut stage = Stage::managed(vec![rule(vec![fault(kind)])]).await;
        let body = evaluate("order", "order");
        let answer = stage.post("evaluate", &body).await;
        assert_eq!(answer.status, status, "{kind:?}");
        assert_eq!(stage.ledger().summary.orders, u64::from(kind.takes_effect()), "{kind:?}");
        if kind == CallFaultKind::MalformedBody {
            assert!(serde_json::from_str::<serde_json::Value>(&answer.text).is_err());
        }
        if kind == CallFaultKind::TokenRevoked {
            assert_eq!(stage.get("orders").await.status, 401);
            stage.log_in_again().await;
        }
        assert_eq!(stage.post("evaluate", &body).await.status, 200);
        assert_eq!(stage.ledger().summary.orders, 1);
    }
}

#[tokio::test]
async fn a_cut_connection_is_an_error_after_the_effect() {
    let stage = Stage::managed(vec![rule(vec![fault(CallFaultKind::ConnectionCut)])]).await;
    assert!(stage.call(Method::POST, "evaluate", Some(&evaluate("order", "order"))).await.is_err());
    assert_eq!(stage.ledger().summary.orders, 1);
}

#[tokio::test]
async fn faults_are_scripted_by_call() {
    let mut second = fault(CallFaultKind::TooManyRequests);
    (second.skip, second.times) = (1, 2);
    let stage = Stage::managed(vec![rule(vec![second])]).await;
    let mut statuses = vec![];
    for _ in 0..4 {
        statuses.push(stage.post("evaluate", &evaluate("order", "order")).await.status);
    }
    assert_eq!(statuses, [200, 429, 429, 200]);
}

#[tokio::test]
async fn calls_by_flexfactors_id_follow_the_orders_rule() {
    let mut get = fault(CallFaultKind::ErrorBefore);
    get.on = vec![Endpoint::OrderGet, Endpoint::Cancel];
    let mut rule = rule(vec![get]);
    rule.when.order_id = Some("bad-*".to_owned());
    let stage = Stage::managed(vec![rule]).await;
    for (order_id, statuses) in [("bad-1", [500, 200]), ("good-1", [200, 200])] {
        let path = format!("orders/{}", stage.submit(order_id).await.order_id());
        assert_eq!([stage.get(&path).await.status, stage.get(&path).await.status], statuses);
    }
}

#[tokio::test]
async fn the_same_seed_decides_the_same_whatever_the_order_of_calls() {
    let mut half = fault(CallFaultKind::ErrorBefore);
    half.probability = sandbox::Probability::try_from(0.5).unwrap();
    let mut runs = vec![];
    for reversed in [false, true] {
        let stage = Stage::managed(vec![rule(vec![half.clone()])]).await;
        let mut ids: Vec<String> = (0..40).map(|number| format!("order-{number:02}")).collect();
        if reversed {
            ids.reverse();
        }
        let mut statuses = vec![];
        for id in ids {
            statuses.push((id.clone(), stage.post("evaluate", &evaluate(&id, &id)).await.status));
        }
        statuses.sort();
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
    let struck = runs[0].iter().filter(|(_, status)| *status == 500).count();
    assert!((10..30).contains(&struck), "{struck}");
}
