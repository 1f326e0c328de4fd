//! How large an item is, from its form on the wire.

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// An item in DynamoDB's JSON: each value is an object that names its type.
pub type Item = Map<String, Value>;

/// A list or a map takes this much, whatever is in it.
const DOCUMENT_BYTES: u64 = 3;
/// Each element of a list or a map takes this much more.
const ELEMENT_BYTES: u64 = 1;

/// Names and values, without the 100 bytes that storage, and storage alone, is charged for each item.
///
/// # Errors
/// A value is of no form that DynamoDB has.
pub fn item_bytes(item: &Item) -> Result<u64> {
    item.iter().map(|(name, value)| Ok(length(name) + value_bytes(value)?)).sum()
}

fn value_bytes(value: &Value) -> Result<u64> {
    let object = value.as_object().filter(|object| object.len() == 1);
    let (kind, value) = object.and_then(|object| object.iter().next()).context("a value without a type")?;
    let text = || value.as_str().with_context(|| format!("a value of type {kind} that is no text"));
    let list = || value.as_array().with_context(|| format!("a value of type {kind} that is no list"));
    let texts = |bytes: fn(&str) -> Result<u64>| -> Result<u64> {
        list()?.iter().map(|element| bytes(element.as_str().context("an element that is no text")?)).sum()
    };
    match kind.as_str() {
        "S" => Ok(length(text()?)),
        "N" => number_bytes(text()?),
        "B" => binary_bytes(text()?),
        "BOOL" | "NULL" => Ok(1),
        "SS" => texts(|text| Ok(length(text))),
        "NS" => texts(number_bytes),
        "BS" => texts(binary_bytes),
        "L" => {
            let elements = list()?.iter().map(|element| Ok(value_bytes(element)? + ELEMENT_BYTES));
            Ok(DOCUMENT_BYTES + elements.sum::<Result<u64>>()?)
        }
        "M" => {
            let map = value.as_object().context("a map that is no object")?;
            Ok(DOCUMENT_BYTES + item_bytes(map)? + ELEMENT_BYTES * u64::try_from(map.len())?)
        }
        other => bail!("{other} is no type of DynamoDB's"),
    }
}

/// A text's length in UTF-8.
fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

/// "Approximately" one byte for each two significant digits and one more; zeros on either end are no digits. A sign takes
/// one more: the guide does not say so, measurements of others do.
fn number_bytes(text: &str) -> Result<u64> {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let is_negative = mantissa.starts_with('-');
    let digits: String = mantissa.chars().filter(|sign| !matches!(sign, '-' | '+' | '.')).collect();
    anyhow::ensure!(
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()),
        "{text} is no number"
    );
    Ok(length(digits.trim_matches('0')).div_ceil(2) + 1 + u64::from(is_negative))
}

fn binary_bytes(text: &str) -> Result<u64> {
    Ok(u64::try_from(STANDARD.decode(text).context("binary that is not base64")?.len())?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bytes(item: Value) -> u64 {
        item_bytes(item.as_object().unwrap()).unwrap()
    }

    /// The guide: "an attribute named "shirt-color" with the value "R" (1 byte) has a total size of 12 bytes".
    #[test]
    fn names_and_values_count() {
        assert_eq!(bytes(json!({ "shirt-color": { "S": "R" } })), 12);
        assert_eq!(bytes(json!({ "a": { "S": "é" } })), 3, "bytes, not characters");
        assert_eq!(bytes(json!({ "a": { "B": "AAEC" } })), 4, "the bytes, not their base64");
        assert_eq!(bytes(json!({ "a": { "BOOL": true }, "b": { "NULL": true } })), 4);
        assert_eq!(bytes(json!({ "a": { "SS": ["x", "yz"] } })), 4);
        assert_eq!(bytes(json!({ "a": { "L": [] } })), 4);
        assert_eq!(bytes(json!({ "a": { "L": [{ "S": "x" }] } })), 6);
        assert_eq!(bytes(json!({ "a": { "M": { "b": { "S": "x" } } } })), 7);
    }

    #[test]
    fn numbers_take_a_byte_for_two_digits_and_one_more() {
        for (number, size) in
            [("0", 1), ("1", 2), ("27", 2), ("270", 2), ("271", 3), ("1999", 3), ("0.05", 2), ("-27", 3)]
        {
            assert_eq!(bytes(json!({ "n": { "N": number } })) - 1, size, "{number}");
        }
        // Times in seconds: ten digits.
        assert_eq!(bytes(json!({ "n": { "N": "1795255201" } })) - 1, 6);
    }

    #[test]
    fn what_is_no_value_is_an_error() {
        for value in [json!("x"), json!({}), json!({ "X": "y" }), json!({ "N": "twelve" }), json!({ "S": 1 })]
        {
            let item = json!({ "a": value });
            assert!(item_bytes(item.as_object().unwrap()).is_err(), "{item}");
        }
    }
}
