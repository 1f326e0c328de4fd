//! Webhooks lost, twice, late, in disorder, early and forged.

use sandbox::{Action, Fate, Forgery, Phase, Rule, Step, WebhookFault, WebhookFaultKind};
use serde_json::json;

use crate::support::{DAY, SIGNED_HOST, Stage, approve};

fn rule(fate: Fate, kind: WebhookFaultKind) -> Rule {
    Rule { fate: Some(fate), webhooks: vec![fault(kind)], ..Rule::default() }
}

fn fault(kind: WebhookFaultKind) -> WebhookFault {
    WebhookFault { kind, events: vec![], times: None, probability: sandbox::Probability::default() }
}

#[tokio::test]
async fn a_lost_webhook_is_never_sent_though_the_order_is_charged() {
    let stage = Stage::managed(vec![rule(approve(60), WebhookFaultKind::Lost)]).await;
    stage.submit("order").await;
    stage.advance(30 * DAY).await;
    assert_eq!(stage.receiver.received().len(), 0);
    let order = &stage.ledger().orders[0];
    assert_eq!(
        (order.phase, order.webhooks[0].lost, order.webhooks[0].attempts),
        (Phase::Completed, true, 0)
    );
    assert_eq!(order.faults[0].kind, "webhook_lost");
}

#[tokio::test]
async fn duplicates_say_the_same_under_nonces_of_their_own() {
    let kind = WebhookFaultKind::Duplicated { copies: 3, after_seconds: 0 };
    let stage = Stage::managed(vec![rule(approve(60), kind)]).await;
    stage.submit("order").await;
    stage.advance(60).await;
    let received = stage.receiver.received();
    let mut nonces: Vec<&str> = received.iter().map(|it| it.header("x-fc-nonce")).collect();
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!((received.len(), nonces.len()), (4, 4));
    assert!(received.iter().all(|it| it.body == received[0].body));
    assert_eq!(stage.ledger().orders[0].webhooks[0].copy_answers.len(), 3);
}

#[tokio::test]
async fn a_delayed_webhook_keeps_its_time_stamp() {
    let stage = Stage::managed(vec![rule(approve(60), WebhookFaultKind::Delayed { seconds: 3600 })]).await;
    stage.submit("order").await;
    stage.advance(3659).await;
    assert_eq!(stage.receiver.received().len(), 0);
    stage.advance(1).await;
    assert_eq!(stage.receiver.received()[0].json()["TimeStamp"], "2030-01-01T00:01:00.000000Z");
}

#[tokio::test]
async fn a_reordered_webhook_arrives_after_the_next_one() {
    let mut reordered = rule(approve(60), WebhookFaultKind::Reordered { hold_seconds: 30 * DAY });
    reordered.webhooks[0].events = vec!["order.completed".to_owned()];
    reordered.steps = vec![Step { after_seconds: DAY, action: Action::Refund { amount_minor: None } }];
    let stage = Stage::managed(vec![reordered]).await;
    stage.submit("order").await;
    stage.advance(2 * DAY).await;
    assert_eq!(stage.receiver.events(), ["order.refunded", "order.completed"]);
}

#[tokio::test]
async fn a_reordered_webhook_without_a_next_one_is_only_late() {
    let stage =
        Stage::managed(vec![rule(approve(60), WebhookFaultKind::Reordered { hold_seconds: 600 })]).await;
    stage.submit("order").await;
    stage.advance(600).await;
    assert_eq!(stage.receiver.received().len(), 0);
    stage.advance(60).await;
    assert_eq!(stage.receiver.events(), ["order.completed"]);
}

#[tokio::test]
async fn a_webhook_may_come_before_the_answer_to_evaluate() {
    let stage = Stage::managed(vec![rule(approve(DAY), WebhookFaultKind::BeforeAnswer)]).await;
    let answer = stage.submit("order").await;
    // Received when the answer is: the point of it.
    assert_eq!(stage.receiver.events(), ["order.completed"]);
    assert_eq!(answer.json()["status"], "SUBMITTED");
    assert_eq!(stage.receiver.received()[0].json()["OrderId"], answer.order_id().as_str());
    stage.advance(30 * DAY).await;
    assert_eq!(stage.ledger().orders[0].charges.len(), 1);
}

#[tokio::test]
async fn forgeries_are_sent_beside_the_genuine_one_and_their_answers_kept() {
    let stage = Stage::managed(vec![rule(approve(60), WebhookFaultKind::Forged { forgeries: vec![] })]).await;
    stage.submit("order").await;
    stage.advance(60).await;
    let ledger = stage.ledger();
    // This receiver believes everything.
    let all = Forgery::ALL.len() as u64;
    assert_eq!((ledger.summary.forged_sent, ledger.summary.forged_accepted), (all, all));
    assert_eq!(ledger.orders[0].webhooks.len(), 1);

    let received = stage.receiver.received();
    assert_eq!(received.len() as u64, all + 1);
    let genuine = received
        .iter()
        .filter(|it| it.json()["Event"] == "order.completed" && it.json()["IsTestMode"] == true);
    let genuine: Vec<_> = genuine.collect();
    assert_eq!(genuine.len(), 2, "the genuine one and its replay");
    assert_eq!(genuine[0].header("x-fc-authorization"), genuine[1].header("x-fc-authorization"));
    let flipped: Vec<_> = received.iter().filter(|it| it.json()["IsTestMode"] == false).collect();
    assert_eq!(flipped.len(), 1);
    let unsigned = received.iter().filter(|it| it.header("x-fc-authorization").is_empty());
    assert_eq!(unsigned.count(), 2, "no signature, and the one over the body alone");
}

#[tokio::test]
async fn each_forgery_fails_the_official_check_in_its_own_way() {
    let kind = WebhookFaultKind::Forged { forgeries: Forgery::ALL.to_vec() };
    let stage = Stage::managed(vec![rule(approve(60), kind)]).await;
    stage.submit("order").await;
    stage.advance(60).await;
    let now = jiff::Timestamp::now();
    let mut valid = 0;
    for received in stage.receiver.received() {
        let date = received.header("x-fc-date");
        let fresh = jiff::fmt::rfc2822::parse(date)
            .is_ok_and(|date| now.duration_since(date.timestamp()).as_secs().abs() < 300);
        let signed = checks(&received);
        let test_mode = received.json()["IsTestMode"] == true;
        valid += u32::from(fresh && signed && test_mode);
    }
    // The genuine one, and the replay, which only a memory of nonces can tell from it.
    assert_eq!(valid, 2);
}

fn checks(received: &crate::support::Received) -> bool {
    use sandbox::webhook::sign;
    let key = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, sign::vector::KEY).unwrap();
    let hash = sign::content_hash(received.body.as_bytes());
    let (nonce, date) = (received.header("x-fc-nonce"), received.header("x-fc-date"));
    let signature = sign::signature(&key, nonce, date, SIGNED_HOST, &hash);
    received.header("x-fc-content-sha512") == hash
        && received.header("x-fc-authorization") == sign::authorization(&signature)
}

#[tokio::test]
async fn any_event_can_be_emitted_and_forged_by_command() {
    let stage = Stage::managed(vec![]).await;
    let path = format!("orders/{}/emit", stage.submit("order").await.order_id());
    for event in sandbox::domain::event::ALL {
        let answer = stage.control(reqwest::Method::POST, &path, &json!({"event": event})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        stage.rest().await;
    }
    assert_eq!(stage.receiver.events(), sandbox::domain::event::ALL);
    let forged = json!({"event": "order.completed", "forgery": "wrong_key"});
    stage.control(reqwest::Method::POST, &path, &forged).await;
    stage.rest().await;
    let ledger = stage.ledger();
    assert_eq!((ledger.summary.forged_sent, ledger.orders[0].webhooks.len()), (1, 12));
    assert_eq!(ledger.orders[0].phase, Phase::Draft);
}
