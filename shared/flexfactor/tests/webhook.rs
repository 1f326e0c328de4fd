//! The verifier against the official vector, and against everything that only looks like it.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use flexfactor::webhook::{Delivery, Forged, KeyError, Notice, NoticeError, Policy, WebhookKey, verify};
use jiff::{SignedDuration, Timestamp};
use models::event::EventKind;
use models::merchant::Environment;
use proptest::prelude::*;
use serde_json::Value;

#[derive(Clone)]
struct Vector {
    key: String,
    host: String,
    date: String,
    nonce: String,
    body: String,
    content_sha512: String,
    authorization: String,
    body_signature: String,
}

fn vector() -> Vector {
    let json: Value =
        serde_json::from_str(include_str!("../../../tests/golden/webhook-vector.json")).unwrap();
    let field = |name: &str| json[name].as_str().unwrap().to_owned();
    Vector {
        key: field("key"),
        host: field("host"),
        date: field("date"),
        nonce: field("nonce"),
        body: field("body"),
        content_sha512: field("content_sha512"),
        authorization: field("authorization"),
        body_signature: field("body_signature"),
    }
}

fn signed_at() -> Timestamp {
    "2023-03-20T17:16:40Z".parse().unwrap()
}

fn another_key() -> WebhookKey {
    WebhookKey::from_base64(
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==",
    )
    .unwrap()
}

impl Vector {
    fn delivery(&self) -> Delivery<'_> {
        Delivery {
            authorization: Some(&self.authorization),
            content_sha512: Some(&self.content_sha512),
            date: Some(&self.date),
            nonce: Some(&self.nonce),
            body: self.body.as_bytes(),
        }
    }

    fn verify_with(
        &self,
        delivery: &Delivery<'_>,
        keys: &[WebhookKey],
        now: Timestamp,
    ) -> Result<(), Forged> {
        let policy = Policy { host: &self.host, date_window: SignedDuration::from_secs(300) };
        verify(delivery, keys, &policy, now).map(|verified| assert_eq!(verified.body(), delivery.body))
    }

    fn check_with(&self, keys: &[WebhookKey], now: Timestamp) -> Result<(), Forged> {
        self.verify_with(&self.delivery(), keys, now)
    }

    /// What a genuine delivery says to a merchant of this environment.
    fn notice(&self, environment: Environment) -> Result<Notice, Forged> {
        let key = [WebhookKey::from_base64(&self.key).unwrap()];
        let policy = Policy { host: &self.host, date_window: SignedDuration::from_secs(300) };
        Notice::read(verify(&self.delivery(), &key, &policy, signed_at()).unwrap(), environment)
    }

    fn check(&self) -> Result<(), Forged> {
        self.check_with(&[WebhookKey::from_base64(&self.key).unwrap()], signed_at())
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

#[test]
fn the_official_vector_is_genuine() {
    assert_eq!(vector().check(), Ok(()));
}

#[test]
fn any_of_the_keys_will_do_and_no_key_will_not() {
    let key = WebhookKey::from_base64(&vector().key).unwrap();
    assert_eq!(vector().check_with(&[another_key(), key.clone()], signed_at()), Ok(()));
    assert_eq!(vector().check_with(&[key, another_key()], signed_at()), Ok(()));
    assert_eq!(vector().check_with(&[another_key()], signed_at()), Err(Forged::Signature));
    assert_eq!(vector().check_with(&[], signed_at()), Err(Forged::Signature));
}

#[test]
fn both_edges_of_the_date_window_hold() {
    let key = [WebhookKey::from_base64(&vector().key).unwrap()];
    for (seconds, expected) in [
        (300, Ok(())),
        (-300, Ok(())),
        (301, Err(Forged::DateWindow)),
        (-301, Err(Forged::DateWindow)),
        (86_400 * 365, Err(Forged::DateWindow)),
    ] {
        let now = signed_at() + SignedDuration::from_secs(seconds);
        assert_eq!(vector().check_with(&key, now), expected, "{seconds} s");
    }
}

#[test]
fn each_part_is_covered() {
    let cases: [(&str, Vector, Forged); 9] = [
        ("body", vector().with(|v| v.body = v.body.replace("completed", "cancelled")), Forged::ContentHash),
        (
            "hash",
            vector().with(|v| v.content_sha512 = v.content_sha512.replace("pLs0", "pLs1")),
            Forged::ContentHash,
        ),
        ("host", vector().with(|v| v.host = "evil.example".into()), Forged::Signature),
        ("nonce", vector().with(|v| v.nonce = "6f1c2de28a76457c9cb79d1740f2260a".into()), Forged::Signature),
        ("date", vector().with(|v| v.date = "Mon, 20 Mar 2023 17:16:41 GMT".into()), Forged::Signature),
        ("no date", vector().with(|v| v.date = "yesterday".into()), Forged::Date),
        ("delimiter", vector().with(|v| v.nonce = "5f1c;2de2".into()), Forged::Nonce),
        (
            "scheme",
            vector().with(|v| v.authorization = v.authorization.replace("SHA512", "SHA1")),
            Forged::Authorization,
        ),
        (
            "fewer signed headers",
            vector().with(|v| v.authorization = v.authorization.replace("host;", "")),
            Forged::Authorization,
        ),
    ];
    for (name, forged, expected) in cases {
        assert_eq!(forged.check(), Err(expected), "{name}");
    }
}

#[test]
fn the_body_only_signature_never_suffices() {
    let prefix = "HMAC-SHA512 SignedHeaders=x-fc-nonce;x-fc-date;host;x-fc-content-sha512&Signature=";
    let forged = vector().with(|v| v.authorization = format!("{prefix}{}", v.body_signature));
    assert_eq!(forged.check(), Err(Forged::Signature));
    let key = [WebhookKey::from_base64(&vector().key).unwrap()];
    let v = vector();
    let delivery = Delivery { authorization: None, ..v.delivery() };
    assert_eq!(v.verify_with(&delivery, &key, signed_at()), Err(Forged::HeaderMissing));
}

#[test]
fn a_key_that_protects_nothing_is_no_key() {
    assert_eq!(WebhookKey::from_base64("").unwrap_err(), KeyError::TooShort);
    assert_eq!(WebhookKey::from_base64("AAAA").unwrap_err(), KeyError::TooShort);
    assert_eq!(WebhookKey::from_base64("not base64!").unwrap_err(), KeyError::Base64);
    assert!(!format!("{:?}", another_key()).contains("AAEC"));
}

#[test]
fn the_vector_s_body_is_understood() {
    let v = vector();
    let Ok(Notice::Order(event)) = v.notice(Environment::Sandbox) else { panic!() };
    assert_eq!(event.kind, EventKind::Completed);
    assert_eq!(event.order_id.as_str(), "a9735210-1349-49bf-bfde-b737dd07872a");
    assert_eq!(event.provider_order.as_str(), "ac9674ed-cbfe-49aa-bc8b-eb1d2b74c429");
    assert_eq!(event.confirmation.as_deref(), Some("22ACD1D9"));
    assert_eq!(event.nonce, v.nonce);
    // A test event must never touch live orders.
    assert_eq!(v.notice(Environment::Production), Err(Forged::TestMode));
}

/// Signs as FlexFactor does, to make variants that are genuine.
fn signed(body: &str) -> Vector {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::{Digest, Sha512};
    let mut v = vector().with(|v| v.body = body.to_owned());
    v.content_sha512 = STANDARD.encode(Sha512::digest(body));
    let mut mac = Hmac::<Sha512>::new_from_slice(&STANDARD.decode(&v.key).unwrap()).unwrap();
    mac.update(format!("POST\n{};{};{};{}", v.nonce, v.date, v.host, v.content_sha512).as_bytes());
    let prefix = "HMAC-SHA512 SignedHeaders=x-fc-nonce;x-fc-date;host;x-fc-content-sha512&Signature=";
    v.authorization = format!("{prefix}{}", STANDARD.encode(mac.finalize().into_bytes()));
    v
}

fn notice(body: &str) -> Result<Notice, Forged> {
    signed(body).notice(Environment::Sandbox)
}

#[test]
fn what_is_not_understood_is_told_apart() {
    let shape = Ok(Notice::Unknown(NoticeError::Shape));
    assert_eq!(notice("not json"), shape);
    assert_eq!(notice("{}"), shape);
    let event =
        |name: &str, ids: &str| format!(r#"{{"Event":"{name}","TimeStamp":"t","IsTestMode":true{ids}}}"#);
    assert_eq!(
        notice(&event("order.paused", "")),
        Ok(Notice::Unknown(NoticeError::Event("order.paused".into())))
    );
    assert_eq!(notice(&event("order.completed", "")), Ok(Notice::Unknown(NoticeError::OrderId)));
    let spaced = r#","ExternalOrderId":"a b","OrderId":"x""#;
    assert_eq!(notice(&event("order.completed", spaced)), Ok(Notice::Unknown(NoticeError::OrderId)));
    assert_eq!(notice(&event("payout.created", "")), Ok(Notice::Account("payout.created".into())));
}

proptest! {
    #[test]
    fn every_single_change_of_a_genuine_delivery_is_refused(
        part in 0_usize..5, position in any::<prop::sample::Index>(), byte in 0x20_u8..0x7f,
    ) {
        let mut v = vector();
        let target = match part {
            0 => &mut v.body,
            1 => &mut v.content_sha512,
            2 => &mut v.date,
            3 => &mut v.nonce,
            _ => &mut v.authorization,
        };
        let mut bytes = target.clone().into_bytes();
        let index = position.index(bytes.len());
        prop_assume!(bytes[index] != byte);
        bytes[index] = byte;
        *target = String::from_utf8(bytes).unwrap();
        prop_assert!(v.check().is_err());
    }

    #[test]
    fn any_genuine_body_is_taken_as_it_is(body in "\\PC{0,200}") {
        prop_assert_eq!(signed(&body).check(), Ok(()));
    }
}
