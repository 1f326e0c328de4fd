//! Webhooks over HTTP at the deployed API.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use models::status::Status;
use rig::{MANAGED, Rig, RigOptions, WEBHOOK_HOST, account};
use sandbox::webhook::sign;
use serde_json::json;

use crate::support::{at_provider, decline, rig, until_parked, until_status};

/// A webhook to be sent, spoilt as a test likes.
#[derive(Clone)]
pub(crate) struct Webhook {
    pub(crate) body: String,
    pub(crate) key: String,
    host: String,
    pub(crate) nonce: String,
    /// Headers that FlexFactor does not send.
    pub(crate) headers: Vec<(String, String)>,
    age: SignedDuration,
    content_type: &'static str,
    is_signed: bool,
}

pub(crate) fn webhook(event: &str, order_id: &str, provider_order: &str, nonce: u32) -> Webhook {
    let body = json!({
        "Event": event, "TimeStamp": format!("{:.6}", Timestamp::now()), "EventData": null, "ExternalOrderId": order_id,
        "OrderId": provider_order, "ConfirmationId": "22ACD1D9", "IsTestMode": true, "IsResent": false
    });
    Webhook {
        body: body.to_string(),
        key: account(MANAGED).unwrap().webhook_key.to_owned(),
        host: WEBHOOK_HOST.to_owned(),
        nonce: format!("{nonce:032x}"),
        headers: Vec::new(),
        age: SignedDuration::ZERO,
        content_type: "text/plain",
        is_signed: true,
    }
}

impl Webhook {
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The delivery as the HTTP API hands it on, for what is to be replayed from a file.
    pub(crate) fn recorded(&self, merchant: &str) -> serde_json::Value {
        let date = sign::http_date(Timestamp::now() - self.age);
        let hash = sign::content_hash(self.body.as_bytes());
        let key = STANDARD.decode(&self.key).unwrap();
        let signature = sign::signature(&key, &self.nonce, &date, &self.host, &hash);
        json!({
            "rawPath": format!("/webhooks/{merchant}"),
            "headers": {
                "x-fc-authorization": sign::authorization(&signature), "x-fc-content-sha512": hash, "x-fc-date": date,
                "x-fc-nonce": self.nonce,
            },
            "body": self.body,
            "isBase64Encoded": false,
        })
    }

    /// The same, sent so long ago.
    pub(crate) fn aged(mut self, age: SignedDuration) -> Self {
        self.age = age;
        self
    }

    async fn send_to(&self, rig: &Rig, merchant: &str) -> u16 {
        let date = sign::http_date(Timestamp::now() - self.age);
        let hash = sign::content_hash(self.body.as_bytes());
        let key = STANDARD.decode(&self.key).unwrap();
        let signature = sign::signature(&key, &self.nonce, &date, &self.host, &hash);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = http
            .post(rig.stack().webhook_url(merchant))
            .header("content-type", self.content_type)
            .header("x-fc-signature", sign::body_signature(&key, self.body.as_bytes()))
            .body(self.body.clone());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if self.is_signed {
            request = request
                .header("X-FC-Authorization", sign::authorization(&signature))
                .header("x-fc-content-sha512", hash)
                .header("x-fc-date", date)
                .header("X-Fc-Nonce", &self.nonce);
        }
        request.send().await.unwrap().status().as_u16()
    }

    pub(crate) async fn send(&self, rig: &Rig) -> u16 {
        self.send_to(rig, MANAGED).await
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn only_genuine_webhooks_are_taken_and_none_of_those_is_lost() {
    let stays = json!([{ "when": {}, "fate": { "kind": "stay_pending" } }]);
    let rig = rig(RigOptions::new("e2e-webhook"), stays).await;
    rig.send(&[decline(MANAGED, "hook-1").body()]).await.unwrap();
    let order = until_status(&rig, "hook-1", Status::Pending).await;
    let id = at_provider(&rig, "hook-1").await.order_id;
    let genuine = webhook("order.completed", "hook-1", &id, 1);

    let other_key = STANDARD.encode([7; 64]);
    let live = genuine.body.replace("\"IsTestMode\":true", "\"IsTestMode\":false");
    for (name, forgery) in [
        ("another key", genuine.clone().with(|w| w.key = other_key)),
        ("another host", genuine.clone().with(|w| w.host = "attacker.example".into())),
        ("too old", genuine.clone().with(|w| w.age = SignedDuration::from_secs(400))),
        ("too young", genuine.clone().with(|w| w.age = SignedDuration::from_secs(-400))),
        ("only the body is signed", genuine.clone().with(|w| w.is_signed = false)),
        ("live", genuine.clone().with(|w| w.body = live)),
    ] {
        assert_eq!(forgery.send(&rig).await, 401, "{name}");
    }
    assert_eq!(genuine.send_to(&rig, "globex").await, 401, "another merchant's key");
    assert_eq!(genuine.send_to(&rig, "nobody").await, 404);
    let untouched = until_status(&rig, "hook-1", Status::Pending).await;
    assert_eq!(untouched.version, order.version, "a forged webhook writes nothing");

    // API Gateway hands a body of this type to the function in base64.
    let binary = genuine.clone().with(|w| w.content_type = "application/octet-stream");
    assert_eq!(binary.send(&rig).await, 200);
    assert_eq!(until_status(&rig, "hook-1", Status::Approved).await.seen.len(), 2);
    assert_eq!(genuine.send(&rig).await, 409, "the same delivery again");
    assert_eq!(
        genuine.clone().with(|w| w.nonce = "ab".repeat(16)).send(&rig).await,
        200,
        "the same event again"
    );

    for (number, (event, order_id)) in
        [("order.completed", "hook-404"), ("order.paused", "hook-1"), ("payout.created", "-")]
            .into_iter()
            .enumerate()
    {
        let nonce = 10 + u32::try_from(number).unwrap();
        assert_eq!(webhook(event, order_id, &id, nonce).send(&rig).await, 200, "{event}");
    }
    let other = webhook("order.refunded", "hook-1", "00000000-0000-4000-8000-000000000000", 20);
    assert_eq!(other.send(&rig).await, 200);
    let mut kinds: Vec<_> = until_parked(&rig, 4).await.parked.into_iter().map(|item| item.kind).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["account_event", "mismatched_event", "orphan_event", "unknown_event"]);
    rig.down().unwrap();
}
