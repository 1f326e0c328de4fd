//! The limits in the schemas of declines and transmissions are those of the code: just inside, both take it; just outside, both refuse it.

use models::decline::METADATA_ENTRIES_MAX;
use models::ids::{MERCHANT_ID_BYTES_MAX, ORDER_ID_BYTES_MAX};
use models::text::TEXT_BYTES_MAX;
use serde_json::{Map, Value, json};

use crate::samples::{relayed, screened};
use crate::{files, schemas};

fn with(sample: &str, pointer: &str, value: &Value) -> Value {
    let mut message = files::json(sample);
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    message.pointer_mut(parent).unwrap()[name] = value.clone();
    message
}

fn entries(count: usize) -> Value {
    (0..count).map(|n| (format!("key-{n}"), json!("value"))).collect::<Map<_, _>>().into()
}

/// Field, what is taken, what is refused.
type Case = (&'static str, Vec<Value>, Vec<Value>);

fn cases() -> Vec<Case> {
    let text = |length: usize| json!("x".repeat(length));
    vec![
        ("/version", vec![json!(1)], vec![json!(0), json!(2), json!("1")]),
        (
            "/merchant",
            vec![text(MERCHANT_ID_BYTES_MAX), json!("a-1")],
            vec![text(MERCHANT_ID_BYTES_MAX + 1), json!(""), json!("Acme"), json!("a_b")],
        ),
        (
            "/order_id",
            vec![text(ORDER_ID_BYTES_MAX), json!("!INV#1/2~")],
            vec![text(ORDER_ID_BYTES_MAX + 1), json!(""), json!("a b"), json!("é")],
        ),
        (
            "/declined_at",
            vec![json!("2026-11-21T09:58:12.123456Z"), json!("2026-11-21T10:58:12+01:00")],
            vec![json!("2026-11-21"), json!("yesterday"), json!(1_795_255_092), json!("2026-11-21T09:58:12")],
        ),
        ("/merchant_initiated", vec![json!(true)], vec![json!(false), json!("true"), Value::Null]),
        ("/recurring", vec![json!(true)], vec![json!(false), json!(1)]),
        ("/amount/minor", vec![json!(1)], vec![json!(-1), json!(19.99), json!("1999")]),
        ("/amount/currency", vec![json!("USD")], vec![json!("usd"), json!("US"), json!("USDX")]),
        ("/window_days", vec![json!(14), json!(21), Value::Null], vec![json!(0), json!(65_536), json!("21")]),
        (
            "/transaction/response_text",
            vec![text(TEXT_BYTES_MAX), json!("é"), Value::Null],
            vec![
                text(TEXT_BYTES_MAX + 1),
                json!(""),
                json!("   "),
                json!("a\nb"),
                json!("a\u{7f}"),
                json!("a\u{85}b"),
            ],
        ),
        (
            "/subscription/payment_number",
            vec![json!(1), Value::Null],
            vec![json!(0), json!(-1), json!(4_294_967_296_u64)],
        ),
        ("/billing_address/country_code", vec![json!("US")], vec![json!("us"), json!("USA"), json!("U1")]),
        ("/card/token", vec![json!("D3E10716-6AAC-4EB8-A74D-C1A3027F1D96")], vec![json!("token"), json!("")]),
        (
            "/card/bin",
            vec![json!("400000"), json!("40000000"), Value::Null],
            vec![json!("40000"), json!("400000000"), json!("40000x"), json!(400_000)],
        ),
        ("/card/last4", vec![json!("0000"), Value::Null], vec![json!("318"), json!("31844"), json!("31x4")]),
        ("/card/expiry_month", vec![json!(1), json!(12), Value::Null], vec![json!(0), json!(13), json!("9")]),
        ("/card/expiry_year", vec![json!(2000), json!(2100), Value::Null], vec![json!(31), json!(2101)]),
        (
            "/metadata",
            vec![entries(METADATA_ENTRIES_MAX), json!({})],
            vec![
                entries(METADATA_ENTRIES_MAX + 1),
                json!({"": "x"}),
                json!({"x": ""}),
                json!({"x": 1}),
                Value::Null,
            ],
        ),
    ]
}

#[test]
fn schema_and_screening_agree_at_the_edge_and_one_past_it() {
    let schema = schemas::validator("decline");
    for (pointer, taken, refused) in cases() {
        for (values, expected) in [(taken, true), (refused, false)] {
            for value in values {
                let decline = with("decline.json", pointer, &value);
                assert_eq!(schema.is_valid(&decline), expected, "schema: {pointer} = {value}");
                let screened = screened(&decline);
                assert_eq!(screened.is_ok(), expected, "code: {pointer} = {value}: {screened:?}");
            }
        }
    }
}

/// Beside what a decline has as well.
fn cases_of_transmissions() -> Vec<Case> {
    let text = |length: usize| json!("x".repeat(length));
    vec![
        ("/version", vec![json!(1)], vec![json!(0), json!(2), json!("1")]),
        ("/approved", vec![json!(true), json!(false)], vec![json!("true"), Value::Null]),
        ("/merchant_initiated", vec![json!(true), json!(false)], vec![json!(1), Value::Null]),
        ("/occurred_at", vec![json!("2026-11-21T10:58:12+01:00")], vec![json!("2026-11-21"), json!(1)]),
        (
            "/transaction/id",
            vec![text(TEXT_BYTES_MAX), json!("a b")],
            vec![text(TEXT_BYTES_MAX + 1), json!("")],
        ),
        ("/subscription", vec![Value::Null], vec![json!({})]),
        ("/billing_address", vec![Value::Null], vec![json!({})]),
        ("/billing_address/country_code", vec![json!("US")], vec![json!("us"), json!("USA")]),
        (
            "/card/bin",
            vec![json!("400000"), json!("40000000")],
            vec![json!("40000"), json!("400000000"), json!("40000x"), Value::Null],
        ),
        ("/card/last4", vec![json!("0000")], vec![json!("318"), json!("31844"), json!("31x4"), Value::Null]),
        ("/card/token", vec![], vec![json!("D3E10716-6AAC-4EB8-A74D-C1A3027F1D96")]),
        ("/card/expiry_month", vec![json!(1), json!(12), Value::Null], vec![json!(0), json!(13)]),
        ("/card/expiry_year", vec![json!(2000), json!(2100), Value::Null], vec![json!(1999), json!(2101)]),
    ]
}

#[test]
fn schema_and_screening_of_transmissions_agree_at_the_edge_and_one_past_it() {
    let schema = schemas::validator("transmission");
    for (pointer, taken, refused) in cases_of_transmissions() {
        for (values, expected) in [(taken, true), (refused, false)] {
            for value in values {
                let message = with("transmission.json", pointer, &value);
                assert_eq!(schema.is_valid(&message), expected, "schema: {pointer} = {value}");
                let relayed = relayed(&message);
                assert_eq!(relayed.is_ok(), expected, "code: {pointer} = {value}: {relayed:?}");
            }
        }
    }
}

/// Lengths are bytes in the code and characters in a schema: the page says so, and the code is the stricter one.
#[test]
fn a_text_s_length_is_counted_in_bytes() {
    let decline = with("decline.json", "/billing_address/city", &json!("é".repeat(TEXT_BYTES_MAX)));
    assert!(schemas::validator("decline").is_valid(&decline));
    assert!(screened(&decline).is_err());
}
