//! What FlexFactor says when it refuses: four shapes are known, and all become one line.
//!
//! A: `{"status":400,"title":…,"errors":{field:[message]}}` (documented: ff/errors).
//! B: the bare map `{field:[message]}` with a `TraceId` among the fields (recorded for /evaluate).
//! C: like A, with `status` a string and the `TraceId` inside `errors` (an earlier recording).
//! D: `errors` as an array of tuples `{"item1":message,"item2":code,…}` (recorded for refunds).

use models::card_guard;
use serde_json::{Map, Value};

/// Longest line kept of FlexFactor's words, in bytes.
const WORDS_BYTES_MAX: usize = 500;

/// FlexFactor's words in a refusal's body, as one bounded line in which nothing looks like a card number, a credential or an
/// e-mail address: it may quote what it refuses, and the words are kept with the order for good.
#[must_use]
pub fn words_of(body: &[u8]) -> String {
    let words = match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => of_object(&fields),
        Ok(Value::String(text)) => text,
        Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) | Err(_) => String::new(),
    };
    let words: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if words.trim().is_empty() {
        return "FlexFactor gave no reason.".to_owned();
    }
    let words = card_guard::redact_text(&without_addresses(&words));
    let end = words.floor_char_boundary(WORDS_BYTES_MAX);
    words.get(..end).unwrap_or_default().to_owned()
}

fn without_addresses(words: &str) -> String {
    let kept =
        |word: &str| if word.contains('@') { card_guard::REDACTED.to_owned() } else { word.to_owned() };
    words.split(' ').map(kept).collect::<Vec<_>>().join(" ")
}

fn of_object(fields: &Map<String, Value>) -> String {
    let listed = match fields.get("errors") {
        Some(Value::Object(errors)) => of_fields(errors),
        Some(Value::Array(errors)) => of_tuples(errors),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => of_fields(fields),
    };
    let title = ["title", "responseMessage", "message"].iter().find_map(|name| fields.get(*name)?.as_str());
    match (listed.is_empty(), title) {
        (false, _) => listed,
        (true, Some(title)) => title.to_owned(),
        (true, None) => String::new(),
    }
}

/// Shapes A, B and C: a field and its messages. A trace id is no message.
fn of_fields(fields: &Map<String, Value>) -> String {
    let lines = fields.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("traceid")).filter_map(
        |(name, value)| {
            let messages: Vec<_> = value.as_array()?.iter().filter_map(Value::as_str).collect();
            (!messages.is_empty()).then(|| format!("{name}: {}", messages.join(" ")))
        },
    );
    lines.collect::<Vec<_>>().join("; ")
}

/// Shape D: a message and its code.
fn of_tuples(errors: &[Value]) -> String {
    let lines = errors.iter().filter_map(|error| {
        let message = error.get("item1").or(error.get("Item1"))?.as_str()?;
        match error.get("item2").or(error.get("Item2")).and_then(Value::as_str) {
            Some(code) => Some(format!("{code}: {message}")),
            None => Some(message.to_owned()),
        }
    });
    lines.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_four_shapes_become_one_line() {
        let a = r#"{"status":400,"title":"One or more validation errors occurred.","traceId":"00-1-01","errors":{"transaction.id":["The Id field is required."]}}"#;
        let b = r#"{"TraceId":["00-bf5a1-01"],"OrderId":["Merchant's orderId is required"],"Transaction.Id":["The Id field is required."]}"#;
        let c = r#"{"status":"400","errors":{"OrderId":["Merchant's orderId is required"],"TraceId":["00-3b4a-00"]}}"#;
        let d = r#"{"responseCode":"2001","success":false,"errors":[{"item1":"Amount to refund (1.00) is greater than maximum refund amount in (0.00))","item2":"2001","item3":"2001","item4":true}]}"#;
        assert_eq!(words_of(a.as_bytes()), "transaction.id: The Id field is required.");
        assert_eq!(
            words_of(b.as_bytes()),
            "OrderId: Merchant's orderId is required; Transaction.Id: The Id field is required."
        );
        assert_eq!(words_of(c.as_bytes()), "OrderId: Merchant's orderId is required");
        assert_eq!(
            words_of(d.as_bytes()),
            "2001: Amount to refund (1.00) is greater than maximum refund amount in (0.00))"
        );
    }

    #[test]
    fn what_has_no_words_says_so() {
        for body in ["", "<html>", "{}", "[]", "null", r#"{"errors":null}"#, r#"{"errors":[]}"#, "{\"a\":1}"]
        {
            assert_eq!(words_of(body.as_bytes()), "FlexFactor gave no reason.", "{body}");
        }
        assert_eq!(words_of(br#"{"title":"Forbidden"}"#), "Forbidden");
        assert_eq!(words_of(br#""plain words""#), "plain words");
    }

    #[test]
    fn words_are_bounded_and_hold_no_card_number_and_no_address() {
        let long = format!(r#"{{"title":"{}"}}"#, "é".repeat(WORDS_BYTES_MAX));
        assert!(words_of(long.as_bytes()).len() <= WORDS_BYTES_MAX);
        let echo = br#"{"PaymentMethod.CardNumber":["4111 1111 1111 1111 is not a token"]}"#;
        assert_eq!(words_of(echo), card_guard::REDACTED);
        let echo = br#"{"title":"key UlxWFsBCw660IMWfe7/aMnGcKX549S0yINBH/q3W is wrong, cvv 123 too"}"#;
        assert_eq!(words_of(echo), "key [redacted] is wrong, cvv ### too");
        let echo = br#"{"Payer.Email":["'pat@example.com' is not an address."]}"#;
        assert_eq!(words_of(echo), "Payer.Email: [redacted] is not an address.");
    }
}
