//! Reading JSON as the real service evidently does: names are matched without regard to case (inferred from what
//! ActiveMerchant sends and gets away with).

use serde_json::{Map, Value};

/// A JSON object read without regard to the case of its names.
#[derive(Clone, Copy, Debug)]
pub struct Doc<'a>(Option<&'a Map<String, Value>>);

impl<'a> Doc<'a> {
    /// Reads `value`; anything but an object has no fields.
    #[must_use]
    pub fn new(value: &'a Value) -> Self {
        Self(value.as_object())
    }

    /// The field, unless it is missing or null.
    #[must_use]
    pub fn get(self, name: &str) -> Option<&'a Value> {
        let map = self.0?;
        map.get(name)
            .or_else(|| map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
            .filter(|value| !value.is_null())
    }

    /// The nested object; one without fields if it is missing.
    #[must_use]
    pub fn object(self, name: &str) -> Doc<'a> {
        Doc(self.get(name).and_then(Value::as_object))
    }

    /// The text, unless it is missing, empty or not a string.
    #[must_use]
    pub fn text(self, name: &str) -> Option<&'a str> {
        self.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
    }

    /// The text, or a number written as text; some integrators send one for the other.
    #[must_use]
    pub fn text_or_number(self, name: &str) -> Option<String> {
        match self.get(name)? {
            Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// The boolean.
    #[must_use]
    pub fn flag(self, name: &str) -> Option<bool> {
        self.get(name).and_then(Value::as_bool)
    }

    /// The field, cloned; null if missing.
    #[must_use]
    pub fn value(self, name: &str) -> Value {
        self.get(name).cloned().unwrap_or(Value::Null)
    }
}

/// The same JSON with lower-case names in sorted order, without the top-level field `without`: two payloads are the
/// same if their canonical forms are.
#[must_use]
pub fn canonical(value: &Value, without: &str) -> String {
    fn normal(value: &Value) -> Value {
        match value {
            Value::Object(map) => {
                let mut fields: Vec<_> =
                    map.iter().map(|(key, value)| (key.to_ascii_lowercase(), normal(value))).collect();
                fields.sort_by(|a, b| a.0.cmp(&b.0));
                Value::Object(fields.into_iter().collect())
            }
            Value::Array(items) => Value::Array(items.iter().map(normal).collect()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }
    let mut value = normal(value);
    if let Some(map) = value.as_object_mut() {
        map.remove(&without.to_ascii_lowercase());
    }
    value.to_string()
}

/// How many strings anywhere in `value` are card numbers: 13 to 19 digits, spaces and hyphens aside, with a valid
/// check digit.
#[must_use]
pub fn card_numbers(value: &Value) -> u64 {
    match value {
        Value::String(text) => u64::from(is_card_number(text)),
        Value::Number(number) => u64::from(is_card_number(&number.to_string())),
        Value::Array(items) => items.iter().map(card_numbers).sum(),
        Value::Object(map) => map.values().map(card_numbers).sum(),
        Value::Null | Value::Bool(_) => 0,
    }
}

/// Whether the text is a card number.
#[must_use]
pub fn is_card_number(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let others_fine = text.chars().all(|c| c.is_ascii_digit() || c == ' ' || c == '-');
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => *digit,
            (_, doubled) if doubled > 9 => doubled - 9,
            (_, doubled) => doubled,
        })
        .sum();
    others_fine
        && (13..=19).contains(&digits.len())
        && sum.is_multiple_of(10)
        && digits.iter().any(|digit| *digit != 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_matched_without_case() {
        let value = json!({"Transaction": {"ID": "t", "Amount": 5}, "ORDERID": "", "flag": true, "n": null});
        let doc = Doc::new(&value);
        assert_eq!(doc.object("transaction").text("id"), Some("t"));
        assert_eq!(doc.text("orderId"), None);
        assert_eq!(doc.flag("Flag"), Some(true));
        assert!(doc.get("N").is_none());
    }

    #[test]
    fn a_canonical_form_ignores_order_case_and_the_key() {
        let a = json!({"b": [{"X": 1}], "a": 2, "idempotencyKey": "1"});
        let b = json!({"A": 2, "IdempotencyKey": "2", "B": [{"x": 1}]});
        assert_eq!(canonical(&a, "idempotencyKey"), canonical(&b, "idempotencyKey"));
        assert_ne!(canonical(&a, "idempotencyKey"), canonical(&json!({"a": 2}), "idempotencyKey"));
    }

    #[test]
    fn card_numbers_are_found() {
        assert_eq!(card_numbers(&json!({"a": ["4111 1111 1111 1111", {"b": "4000002760003184"}]})), 2);
        assert_eq!(
            card_numbers(&json!([
                "4111111111111112",
                "d3e10716-6aac-4eb8-a74d-c1a3027f1d96",
                "0000000000000"
            ])),
            0
        );
    }
}
