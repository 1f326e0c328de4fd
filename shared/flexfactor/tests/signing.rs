//! Deliveries that we sign ourselves: as the official client signs, and a check that only its key makes.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use flexfactor::Credentials;
use flexfactor::mapping::EventName;
use flexfactor::webhook::{CHECK_EVENT, Forged, Notice, Policy, WebhookKey, check_body, verify};
use jiff::{SignedDuration, Timestamp};
use models::merchant::Environment;
use serde_json::Value;

const KEYS: [&str; 2] = [
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==",
    "PwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==",
];
const NONCE: &str = "5f1c2de28a76457c9cb79d1740f2260a";

fn keys() -> [WebhookKey; 2] {
    KEYS.map(|key| WebhookKey::from_base64(key).unwrap())
}

fn now() -> Timestamp {
    "2026-11-21T10:00:00.123Z".parse().unwrap()
}

#[test]
fn a_delivery_is_signed_as_the_official_client_signs_it() {
    let vector: Value =
        serde_json::from_str(include_str!("../../../tests/golden/webhook-vector.json")).unwrap();
    let field = |name: &str| vector[name].as_str().unwrap();
    let key = WebhookKey::from_base64(field("key")).unwrap();
    let at = "2023-03-20T17:16:40Z".parse().unwrap();
    let signed = key.sign(field("body").as_bytes(), field("host"), field("nonce"), at).unwrap();
    let expected = ["authorization", "content_sha512", "date", "nonce"].map(field);
    assert_eq!(signed.headers().map(|(_, value)| value), expected);
}

#[test]
fn the_verifier_says_which_key_made_the_signature() {
    let [one, two] = keys();
    let policy = Policy { host: "hooks.example", date_window: SignedDuration::from_secs(300) };
    for signing in [&one, &two] {
        let signed = signing.sign(b"{}", policy.host, NONCE, now()).unwrap();
        for keys in [[one.clone(), two.clone()], [two.clone(), one.clone()]] {
            let verified = verify(&signed.delivery(b"{}"), &keys, &policy, now()).unwrap();
            assert_eq!(verified.key(), signing.fingerprint());
        }
    }
    assert_ne!(one.fingerprint(), two.fingerprint());
}

#[test]
fn a_check_is_read_as_one_and_fits_one_environment() {
    let [key, _] = keys();
    let policy = Policy { host: "hooks.example", date_window: SignedDuration::from_secs(300) };
    for (environment, other) in
        [(Environment::Sandbox, Environment::Production), (Environment::Production, Environment::Sandbox)]
    {
        let body = check_body(now(), environment);
        let signed = key.sign(body.as_bytes(), policy.host, NONCE, now()).unwrap();
        let keys = [key.clone()];
        let verified = verify(&signed.delivery(body.as_bytes()), &keys, &policy, now()).unwrap();
        assert_eq!(Notice::read(verified, environment), Ok(Notice::Check(now())));
        assert_eq!(Notice::read(verified, other), Err(Forged::TestMode));
    }
}

#[test]
fn no_event_of_flexfactor_s_is_named_like_a_check() {
    for word in EventName::KNOWN {
        assert!(!word.eq_ignore_ascii_case(CHECK_EVENT));
    }
    assert!(matches!(EventName::parse(CHECK_EVENT), EventName::Other(_)));
}

#[test]
fn fingerprints_tell_keys_apart_and_nothing_of_the_api_secret() {
    let credentials = |key: &str, secret: &str| Credentials {
        app_key: key.to_owned().into(),
        app_secret: secret.to_owned().into(),
    };
    let one = credentials("key-1", "secret-1");
    assert_eq!(one.fingerprint(), credentials("key-1", "secret-2").fingerprint());
    assert_ne!(one.fingerprint(), credentials("key-2", "secret-1").fingerprint());
    assert!(one.are(&credentials("key-1", "secret-1")));
    assert!(!one.are(&credentials("key-1", "secret-2")) && !one.are(&credentials("key-2", "secret-1")));
    let told = format!("{one:?} {:?} {}", keys()[0], one.fingerprint());
    assert!(!told.contains("key-1") && !told.contains("secret-1") && !told.contains(&KEYS[0][..8]), "{told}");
}
