//! The verifier, the reading of events, screening and the card guard under whatever bytes: they never panic, and take
//! nothing that they must not.
//!
//! Each target is a bolero test: random bytes, and every file in `__fuzz__/<target>/corpus`. A failure prints the seed that
//! repeats it (`BOLERO_RANDOM_SEED`), and belongs into `__fuzz__/<target>/crashes` once it is mended. Random bytes seldom get
//! far, so each target is also run on files of the corpus with some bytes changed. The corpus is written from the golden
//! vector and the samples in events/: `UPDATE_CORPUS=1 cargo test -p e2e --test proof fuzz`.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flexfactor::webhook::{Delivery, Notice, Policy, Verified, WebhookKey, verify};
use jiff::{SignedDuration, Timestamp};
use models::card_guard::{self, FindingKind};
use models::merchant::Environment;
use models::screening;
use serde_json::Value;

use crate::forgery::{SCHEME, hash_of, mac};
use crate::size::size;

/// Some changes of a file of the corpus: which file, how many, and for each where, how and with what.
type Edits = (u8, u8, [(u16, u8, u8); 4]);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn json(path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(root().join(path)).unwrap()).unwrap()
}

static VECTOR: LazyLock<Value> = LazyLock::new(|| json("tests/golden/webhook-vector.json"));

fn golden(field: &str) -> &'static str {
    VECTOR[field].as_str().unwrap()
}

/// What the corpus of a target is written from: files' names and contents.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let mut webhooks: Vec<String> = std::fs::read_dir(root().join("events/webhooks"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    webhooks.sort();
    let webhook = |file: &String| {
        let event = json(&format!("events/webhooks/{file}"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let names = ["x-fc-authorization", "x-fc-content-sha512", "x-fc-date", "x-fc-nonce"];
        let mut lines = names.map(|name| text(&event["headers"][name])).join("\n");
        let body = match event["isBase64Encoded"] == true {
            true => STANDARD.decode(text(&event["body"])).unwrap(),
            false => text(&event["body"]).into_bytes(),
        };
        lines.push('\n');
        let content = if target == "verify" { [lines.into_bytes(), body].concat() } else { body };
        (file.replace(".json", ""), content)
    };
    let decline = |file: &str| {
        let content = std::fs::read(root().join("events").join(file)).unwrap();
        (file.replace(".json", ""), content)
    };
    match target {
        "verify" | "notice" => webhooks.iter().map(webhook).collect(),
        _ => ["decline.json", "decline-minimal.json", "sqs-decline.json"].map(decline).into(),
    }
}

#[test]
fn the_corpus_is_what_the_samples_make_it() {
    for target in ["verify", "notice", "screening"] {
        let corpus = root().join("tests/proof/__fuzz__").join(target).join("corpus");
        for (name, content) in seeds(target) {
            let file = corpus.join(name);
            if std::env::var_os("UPDATE_CORPUS").is_some_and(|value| value == "1") {
                std::fs::create_dir_all(&corpus).unwrap();
                std::fs::write(&file, &content).unwrap();
            }
            let found = std::fs::read(&file).unwrap_or_default();
            assert!(
                found == content,
                "{} is out of date: UPDATE_CORPUS=1 cargo test -p e2e --test proof fuzz",
                file.display()
            );
        }
    }
}

fn edited(seeds: &[(String, Vec<u8>)], (file, count, edits): &Edits) -> Vec<u8> {
    let mut bytes = seeds[usize::from(*file) % seeds.len()].1.clone();
    for (at, how, with) in edits.iter().take(usize::from(count % 4) + 1) {
        let at = usize::from(*at) % (bytes.len() + 1);
        match how % 5 {
            0 => bytes.insert(at, *with),
            // A field grows beyond its bound.
            4 => drop(bytes.splice(at..at, std::iter::repeat_n(b'a', usize::from(*with)))),
            1 => bytes.truncate(at),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            _ if at < bytes.len() => bytes[at] = *with,
            _ => {}
        }
    }
    bytes
}

/// Runs a target on random bytes and on the corpus, then on changed files of the corpus.
macro_rules! target {
    ($name:ident, $dir:literal, $check:path) => {
        #[test]
        fn $name() {
            let iterations = size(2_000, 200_000);
            bolero::check!(name = $dir).with_iterations(iterations).for_each(|bytes: &[u8]| $check(bytes));
            let seeds = seeds($dir);
            bolero::check!(name = concat!($dir, "-edited"))
                .with_type::<Edits>()
                .with_iterations(iterations)
                .for_each(|edits| $check(&edited(&seeds, edits)));
        }
    };
}

target!(what_is_verified_was_signed, "verify", verified_was_signed);
target!(what_is_read_of_an_event_is_bounded, "notice", read_is_bounded);
target!(what_is_read_as_a_decline_holds_no_card, "screening", screened_holds_no_card);

fn key() -> [WebhookKey; 1] {
    [WebhookKey::from_base64(golden("key")).unwrap()]
}

const WINDOW: SignedDuration = SignedDuration::from_secs(300);

/// Four lines of headers, then the body. Held against the hosts and moments of both the vector and the samples.
fn verified_was_signed(bytes: &[u8]) {
    let mut lines = bytes.splitn(5, |byte| *byte == b'\n');
    let mut line = || lines.next().and_then(|line| std::str::from_utf8(line).ok());
    let (authorization, content_sha512, date, nonce) = (line(), line(), line(), line());
    let body = lines.next().unwrap_or_default();
    let delivery = Delivery { authorization, content_sha512, date, nonce, body };
    for (host, now) in
        [(golden("host"), "2023-03-20T17:16:40Z"), ("hooks.example.com", "2026-11-24T08:30:00Z")]
    {
        let now: Timestamp = now.parse().unwrap();
        let Ok(verified) = verify(&delivery, &key(), &Policy { host, date_window: WINDOW }, now) else {
            continue;
        };
        let (date, nonce) = (date.unwrap(), nonce.unwrap());
        let secret = STANDARD.decode(golden("key")).unwrap();
        let signed = format!("POST\n{nonce};{date};{host};{}", hash_of(body));
        assert_eq!(authorization.unwrap(), format!("{SCHEME}{}", mac(&secret, signed.as_bytes())));
        assert_eq!((verified.body(), verified.nonce()), (body, nonce));
        read_both(verified);
    }
}

fn read_both(verified: Verified<'_>) {
    let notices = [Environment::Sandbox, Environment::Production].map(|it| Notice::read(verified, it));
    // Either it has no test flag, and then both read the same; or exactly one of the two takes it.
    match &notices {
        [Ok(sandbox), Ok(production)] => assert_eq!(sandbox, production),
        [sandbox, production] => assert!(sandbox.is_ok() != production.is_ok(), "{notices:?}"),
    }
    for notice in notices.into_iter().flatten() {
        match notice {
            Notice::Order(event) => assert!(event.name.len() <= 64 && event.occurred_at.len() <= 64),
            Notice::Account(name) => assert!(name.len() <= 64),
            Notice::Check(_) | Notice::Unknown(_) => {}
        }
    }
}

/// Any body at all, genuinely signed.
fn read_is_bounded(body: &[u8]) {
    let (date, nonce, host) = (golden("date"), golden("nonce"), golden("host"));
    let secret = STANDARD.decode(golden("key")).unwrap();
    let hash = hash_of(body);
    let signature = mac(&secret, format!("POST\n{nonce};{date};{host};{hash}").as_bytes());
    let authorization = format!("{SCHEME}{signature}");
    let delivery = Delivery {
        authorization: Some(&authorization),
        content_sha512: Some(&hash),
        date: Some(date),
        nonce: Some(nonce),
        body,
    };
    let now = "2023-03-20T17:16:40Z".parse().unwrap();
    read_both(verify(&delivery, &key(), &Policy { host, date_window: WINDOW }, now).unwrap());
}

/// A decline that passes holds no card data; a redacted copy holds no card number, and one of unreadable text no digit.
fn screened_holds_no_card(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let copy = card_guard::redact_unparsed(&text, 100);
    assert!(copy.len() <= 100 && !copy.chars().any(char::is_numeric), "{copy:?}");
    let Ok(value) = screening::parse(&text) else { return };
    let is_read = screening::read(&value).is_ok();
    assert!(!is_read || card_guard::find(&value).is_none());
    let left = card_guard::find(&card_guard::redact(&value));
    assert_ne!(left.map(|finding| finding.kind), Some(FindingKind::CardNumber));
}
