//! Webhooks: signature, retries, order.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sandbox::{Action, Mode, Rule, Settings, Step, webhook::sign::vector};
use serde_json::json;
use sha2::{Digest, Sha512};

use crate::support::{DAY, SIGNED_HOST, Stage, always, approve};

/// The official sample's computation, written again from its description.
fn expected(nonce: &str, date: &str, body: &str) -> (String, String, String) {
    let key = BASE64_STANDARD.decode(vector::KEY).unwrap();
    let mac = |message: String| {
        let mut mac = Hmac::<Sha512>::new_from_slice(&key).unwrap();
        mac.update(message.as_bytes());
        BASE64_STANDARD.encode(mac.finalize().into_bytes())
    };
    let hash = BASE64_STANDARD.encode(Sha512::digest(body.as_bytes()));
    let canonical = ["POST\n", nonce, ";", date, ";", SIGNED_HOST, ";", &hash].concat();
    (hash, mac(canonical), mac(body.to_owned()))
}

#[tokio::test]
async fn a_webhook_is_signed_as_the_official_sample_does() {
    let stage = Stage::managed(vec![always(approve(60))]).await;
    let order_id = stage.submit("order").await.order_id();
    stage.advance(60).await;
    let received = &stage.receiver.received()[0];
    let (nonce, date) = (received.header("x-fc-nonce"), received.header("x-fc-date"));
    let (hash, signature, body_signature) = expected(nonce, date, &received.body);
    assert_eq!(received.header("x-fc-content-sha512"), hash);
    assert_eq!(
        received.header("x-fc-authorization"),
        format!(
            "HMAC-SHA512 SignedHeaders=x-fc-nonce;x-fc-date;host;x-fc-content-sha512&Signature={signature}"
        )
    );
    assert_eq!(received.header("x-fc-signature"), body_signature);
    assert_eq!((nonce.len(), received.header("content-type")), (32, "text/plain"));
    let sent = jiff::fmt::rfc2822::parse(date).unwrap().timestamp();
    assert!(jiff::Timestamp::now().duration_since(sent).as_secs().abs() < 60, "the date is real time");

    let names: Vec<&str> =
        received.body.split('"').filter(|part| part.starts_with(char::is_uppercase)).collect();
    assert_eq!(names[..4], ["Event", "TimeStamp", "EventData", "ExternalOrderId"]);
    let body = received.json();
    assert_eq!((&body["OrderId"], &body["ExternalOrderId"]), (&json!(order_id), &json!("order")));
    assert_eq!(
        (&body["EventData"], &body["IsTestMode"], &body["IsResent"]),
        (&json!(null), &json!(true), &json!(false))
    );
}

#[tokio::test]
async fn a_refused_webhook_is_sent_again_until_it_is_accepted() {
    let stage = Stage::managed(vec![always(approve(60))]).await;
    stage.receiver.will_answer(&[500, 503]);
    stage.submit("order").await;
    stage.advance(60).await;
    assert_eq!(stage.receiver.received().len(), 1);
    stage.advance(1).await;
    stage.advance(4).await;
    assert_eq!(stage.receiver.received().len(), 2, "the third try is due after five seconds");
    stage.advance(1).await;
    let received = stage.receiver.received();
    let resent: Vec<bool> = received.iter().map(|it| it.json()["IsResent"].as_bool().unwrap()).collect();
    assert_eq!(resent, [false, true, true]);
    assert_ne!(received[0].header("x-fc-nonce"), received[1].header("x-fc-nonce"));
    assert_eq!(received[0].json()["TimeStamp"], received[2].json()["TimeStamp"]);
    let webhook = &stage.ledger().orders[0].webhooks[0];
    assert_eq!((webhook.attempts, webhook.delivered), (3, true));
    assert_eq!(serde_json::to_value(&webhook.answers).unwrap(), json!([500, 503, 200]));
}

#[tokio::test]
async fn tries_end_and_may_repeat_nonce_and_date() {
    let mut settings = Settings::default();
    settings.webhooks.retry_after_seconds = vec![1];
    settings.webhooks.fresh_nonce_on_resend = false;
    settings.webhooks.fresh_date_on_resend = false;
    settings.webhooks.content_type = "application/json".to_owned();
    settings.webhooks.event_data.insert("order.completed".to_owned(), json!({"amount": 1}));
    let stage = Stage::start(Mode::Managed, vec![always(approve(60))], settings).await;
    stage.receiver.will_answer(&[500, 500, 500]);
    stage.submit("order").await;
    for _ in 0..5 {
        stage.advance(60).await;
    }
    let received = stage.receiver.received();
    assert_eq!(received.len(), 2);
    for header in ["x-fc-nonce", "x-fc-date"] {
        assert_eq!(received[0].header(header), received[1].header(header));
    }
    assert_eq!(received[0].header("content-type"), "application/json");
    assert_eq!(received[0].json()["EventData"], json!({"amount": 1}));
    assert_eq!(stage.ledger().summary.webhooks.given_up, 1);
}

#[tokio::test]
async fn an_orders_events_arrive_in_order() {
    let names: Vec<String> = (0..20).map(|number| format!("test.{number:02}")).collect();
    let steps = names
        .iter()
        .map(|event| Step { after_seconds: 2 * DAY, action: Action::Emit { event: event.clone() } });
    let rule = Rule { fate: Some(approve(DAY)), steps: steps.collect(), ..Rule::default() };
    let stage = Stage::managed(vec![rule]).await;
    stage.submit("order").await;
    stage.advance(3 * DAY).await;
    assert_eq!(stage.receiver.events()[0], "order.completed");
    assert_eq!(stage.receiver.events()[1..], names);
}
