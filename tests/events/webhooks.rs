//! Webhooks as API Gateway hands them to the function, signed with the official sample's key by the sandbox's signer and
//! verified by ours: two implementations, and one recorded delivery that both must agree with.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flexfactor::mapping::EventName;
use flexfactor::webhook::{Delivery, Forged, Notice, Policy, Verified, verify};
use jiff::{SignedDuration, Timestamp};
use lambda_http::{Request, RequestExt as _};
use lambda_kit::secrets::MerchantSecret;
use models::event::EventKind;
use models::ids::ContentHash;
use sandbox::webhook::sign;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{files, samples};

/// The host in the samples' signatures.
const HOST: &str = "hooks.example.com";
/// When they were sent.
const SENT_AT: &str = "2026-11-24T08:30:00Z";
/// FlexFactor's id of the sample decline's order.
const PROVIDER_ORDER: &str = "ac9674ed-cbfe-49aa-bc8b-eb1d2b74c429";
/// The recorded delivery of the official sample client.
const OFFICIAL: &str = "official-vector";
/// An event as API Gateway hands it over when the content type is not one of text.
const ENCODED: &str = "order.completed-base64";

/// Names and order as recorded.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    event: &'a str,
    time_stamp: &'a str,
    event_data: Option<Value>,
    external_order_id: Option<&'a str>,
    order_id: Option<&'a str>,
    confirmation_id: Option<&'a str>,
    is_test_mode: bool,
    is_resent: bool,
}

/// One delivery, before API Gateway.
struct Sent {
    host: String,
    content_type: &'static str,
    signature_headers: Vec<(&'static str, String)>,
    body: String,
    at: Timestamp,
    is_base64: bool,
}

pub(crate) fn generated() -> Vec<(String, String)> {
    let mut samples: Vec<(String, Sent)> =
        EventName::KNOWN.iter().map(|event| ((*event).to_owned(), sent(event, event))).collect();
    let encoded = Sent {
        content_type: "application/octet-stream",
        is_base64: true,
        ..sent("order.completed", ENCODED)
    };
    samples.push((ENCODED.to_owned(), encoded));
    samples.push((OFFICIAL.to_owned(), recorded()));
    let file = |(name, sent)| (format!("webhooks/{name}.json"), files::pretty(&event(&sent)));
    samples.into_iter().map(file).collect()
}

/// An event of the sample decline's order. Each file has a nonce of its own, and always the same.
fn sent(event: &str, file: &str) -> Sent {
    let is_about_an_order = !event.starts_with("payout.");
    let body = Body {
        event,
        time_stamp: "2026-11-24T08:29:58.417203Z",
        event_data: None,
        external_order_id: is_about_an_order.then_some("INV-1001-r1"),
        order_id: is_about_an_order.then_some(PROVIDER_ORDER),
        confirmation_id: is_about_an_order.then_some("22ACD1D9"),
        is_test_mode: true,
        is_resent: false,
    };
    let body = serde_json::to_string(&body).unwrap();
    let nonce = ContentHash::of(&json!(file)).as_str()[..32].to_owned();
    let at: Timestamp = SENT_AT.parse().unwrap();
    Sent {
        host: HOST.to_owned(),
        content_type: "application/json",
        signature_headers: signed(&nonce, at, &body),
        body,
        at,
        is_base64: false,
    }
}

fn signed(nonce: &str, at: Timestamp, body: &str) -> Vec<(&'static str, String)> {
    let key = STANDARD.decode(sign::vector::KEY).unwrap();
    let (date, hash) = (sign::http_date(at), sign::content_hash(body.as_bytes()));
    let signature = sign::signature(&key, nonce, &date, HOST, &hash);
    vec![
        ("x-fc-authorization", sign::authorization(&signature)),
        ("x-fc-content-sha512", hash),
        ("x-fc-date", date),
        ("x-fc-nonce", nonce.to_owned()),
        ("x-fc-signature", sign::body_signature(&key, body.as_bytes())),
    ]
}

/// Not signed here: its values are the recorded ones.
fn recorded() -> Sent {
    let vector: Value = serde_json::from_str(&files::repository("tests/golden/webhook-vector.json")).unwrap();
    let field = |name: &str| vector[name].as_str().unwrap().to_owned();
    Sent {
        host: field("host"),
        content_type: "application/json",
        signature_headers: vec![
            ("x-fc-authorization", field("authorization")),
            ("x-fc-content-sha512", field("content_sha512")),
            ("x-fc-date", field("date")),
            ("x-fc-nonce", field("nonce")),
            ("x-fc-signature", field("body_signature")),
        ],
        body: field("body"),
        at: "2023-03-20T17:16:40Z".parse().unwrap(),
        is_base64: false,
    }
}

/// The event of an HTTP API, payload format 2.0.
fn event(sent: &Sent) -> Value {
    let mut headers = Map::new();
    for (name, value) in [
        ("content-length", sent.body.len().to_string()),
        ("content-type", sent.content_type.to_owned()),
        ("host", sent.host.clone()),
        ("x-forwarded-for", "203.0.113.10".to_owned()),
        ("x-forwarded-port", "443".to_owned()),
        ("x-forwarded-proto", "https".to_owned()),
    ] {
        headers.insert(name.to_owned(), value.into());
    }
    headers.extend(sent.signature_headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    let body = if sent.is_base64 { STANDARD.encode(&sent.body) } else { sent.body.clone() };
    json!({
        "version": "2.0",
        "routeKey": "POST /webhooks/{merchant}",
        "rawPath": "/webhooks/acme",
        "rawQueryString": "",
        "headers": headers,
        "pathParameters": {"merchant": "acme"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": sent.host,
            "domainPrefix": sent.host.split('.').next(),
            "http": {
                "method": "POST",
                "path": "/webhooks/acme",
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.10",
                "userAgent": "sample"
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "POST /webhooks/{merchant}",
            "stage": "$default",
            "time": sent.at.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": sent.at.as_millisecond()
        },
        "body": body,
        "isBase64Encoded": sent.is_base64
    })
}

/// A file as the function gets it: lambda_http makes a request of it, and the request's parts go to the verifier.
fn verified(request: &Request, host: &str) -> Result<Notice, Forged> {
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap());
    let delivery = Delivery {
        authorization: header("x-fc-authorization"),
        content_sha512: header("x-fc-content-sha512"),
        date: header("x-fc-date"),
        nonce: header("x-fc-nonce"),
        body: request.body(),
    };
    let secret = MerchantSecret::parse(&files::text("merchant-secret.json")).unwrap();
    let policy = Policy { host, date_window: SignedDuration::from_secs(300) };
    let sent_at =
        jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(header("x-fc-date").unwrap()).unwrap();
    let verified: Verified<'_> = verify(&delivery, &secret.webhook_keys, &policy, sent_at)?;
    Notice::read(verified, samples::merchant("merchant.json").environment)
}

fn expected_kind(event: &str) -> Option<EventKind> {
    Some(match event {
        "order.completed" => EventKind::Completed,
        "order.refunded" => EventKind::Refunded,
        "order.cancelled" => EventKind::Cancelled,
        "order.expired" => EventKind::Expired,
        "order.capturerequired" => EventKind::CaptureRequired,
        "payment.chargeback.received" => EventKind::Chargeback,
        "challenge.presented" | "challenge.attempted" | "challenge.passed" | "challenge.failed" => {
            EventKind::Progress
        }
        "payout.created" | "payout.updated" => return None,
        other => panic!("say here what {other} means"),
    })
}

/// A delivery is genuine for its host alone, and is understood as the event it is named after.
pub(crate) fn check(file: &str) {
    let text = files::text(&format!("webhooks/{file}"));
    let request = lambda_http::request::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert_eq!((request.method().as_str(), request.raw_http_path()), ("POST", "/webhooks/acme"), "{file}");
    let name = file.strip_suffix(".json").unwrap();
    let (host, event, order_id) = match name {
        OFFICIAL => (sign::vector::HOST, "order.completed", "a9735210-1349-49bf-bfde-b737dd07872a"),
        ENCODED => (HOST, "order.completed", "INV-1001-r1"),
        event => (HOST, event, "INV-1001-r1"),
    };
    assert_eq!(verified(&request, "elsewhere.example.com"), Err(Forged::Signature), "{file}");
    match (verified(&request, host), expected_kind(event)) {
        (Ok(Notice::Order(read)), Some(kind)) => {
            assert_eq!((read.kind, read.name.as_str()), (kind, event), "{file}");
            assert_eq!(
                (read.order_id.as_str(), read.provider_order.as_str()),
                (order_id, PROVIDER_ORDER),
                "{file}"
            );
        }
        (Ok(Notice::Account(read)), None) => assert_eq!(read, event, "{file}"),
        (other, _) => panic!("{file} is understood as {other:?}"),
    }
}

#[test]
fn no_two_deliveries_share_a_nonce() {
    let nonces: Vec<Value> = files::all()
        .iter()
        .filter(|path| path.starts_with("webhooks/"))
        .map(|path| files::json(path)["headers"]["x-fc-nonce"].clone())
        .collect();
    let distinct: std::collections::BTreeSet<&str> =
        nonces.iter().map(|nonce| nonce.as_str().unwrap()).collect();
    assert_eq!((distinct.len(), nonces.len()), (EventName::KNOWN.len() + 2, EventName::KNOWN.len() + 2));
}

#[test]
fn the_route_is_the_template_s() {
    let route = files::json("webhooks/order.completed.json")["routeKey"].as_str().unwrap().to_owned();
    assert!(files::repository("infra/template.yaml").contains(&format!("RouteKey: {route}\n")), "{route}");
}
