//! What a derived schema cannot know: the limits that parsers and screening set in code.
//!
//! Only what holds in every deployment is here; what is a setting or a merchant's choice (age, window, amounts,
//! currencies, sites) is told in the descriptions and in docs/messages.md. tests/events/limits.rs holds each limit
//! against the code that enforces it.

use models::decline::{DECLINE_VERSION, METADATA_ENTRIES_MAX};
use models::ids::{MERCHANT_ID_BYTES_MAX, ORDER_ID_BYTES_MAX, PROVIDER_ORDER_ID_BYTES_MAX};
use models::outcome::OUTCOME_VERSION;
use models::text::TEXT_BYTES_MAX;
use models::transmission::TRANSMISSION_VERSION;
use serde_json::{Value, json};

/// A derived schema with its limits, ready to be published.
pub(crate) fn refine(name: &str, mut schema: Value) -> Value {
    tidy(&mut schema);
    refine_types(&mut schema);
    match name {
        "decline" => refine_decline(&mut schema),
        "transmission" => refine_transmission(&mut schema),
        "merchant-secret" => refine_secret(&mut schema),
        "outcome-order" | "outcome-decline" => refine_outcome(&mut schema),
        _ => {}
    }
    schema["$comment"] = json!(
        "Generated from the code: UPDATE_EVENTS=1 cargo test -p e2e --test events. Not edited by hand."
    );
    schema
}

/// Docstrings become one line, and Rust's widths of integers become limits: strict validators know no format `uint32`.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(text)) = fields.get_mut("description") {
                *text = text.replace('\n', " ");
            }
            if let Some(max) = fields.get("format").and_then(Value::as_str).and_then(integer_max) {
                fields.remove("format");
                fields.insert("maximum".to_owned(), max.into());
            }
            fields.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn integer_max(format: &str) -> Option<u64> {
    match format {
        "uint8" => Some(u8::MAX.into()),
        "uint16" => Some(u16::MAX.into()),
        "uint32" => Some(u32::MAX.into()),
        "uint64" => Some(u64::MAX),
        _ => None,
    }
}

/// The types that occur in several messages.
fn refine_types(schema: &mut Value) {
    let types = [
        (
            "MerchantId",
            json!({"minLength": 1, "maxLength": MERCHANT_ID_BYTES_MAX, "pattern": "^[a-z0-9-]+$"}),
        ),
        ("OrderId", json!({"minLength": 1, "maxLength": ORDER_ID_BYTES_MAX, "pattern": "^[!-~]+$"})),
        (
            "ProviderOrderId",
            json!({"minLength": 1, "maxLength": PROVIDER_ORDER_ID_BYTES_MAX, "pattern": "^[!-~]+$"}),
        ),
        ("OutcomeId", json!({"pattern": "^[0-9a-f]{64}$"})),
        (
            "Text",
            json!({
                "minLength": 1,
                "maxLength": TEXT_BYTES_MAX,
                "allOf": [{"pattern": "\\S"}, {"pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"}],
                "description": format!(
                    "Text that is not blank and holds no control characters, at most {TEXT_BYTES_MAX} bytes in UTF-8."
                ),
            }),
        ),
    ];
    for (name, limits) in types {
        if let Some(found) = schema.pointer_mut(&format!("/$defs/{name}")) {
            add(found, limits);
        }
    }
}

fn refine_decline(schema: &mut Value) {
    let limits = [
        ("/properties/merchant_initiated", json!({"const": true})),
        ("/properties/recurring", json!({"const": true})),
        ("/properties/window_days", json!({"minimum": 1})),
        (
            "/properties/metadata",
            json!({"maxProperties": METADATA_ENTRIES_MAX, "propertyNames": {"$ref": "#/$defs/Text"}}),
        ),
    ];
    for (pointer, limits) in limits {
        add(field(schema, pointer), limits);
    }
    refine_country(schema);
    refine_card(schema, "Card");
    refine_version(schema, DECLINE_VERSION);
    let described = field(schema, "/properties/window_days/description");
    *described =
        format!("{} 14 to 21 unless the deployment is set otherwise.", described.as_str().unwrap()).into();
}

fn refine_outcome(schema: &mut Value) {
    let version = field(schema, "/properties/version");
    *version = json!({"description": version["description"], "type": "integer", "const": OUTCOME_VERSION});
}

fn refine_transmission(schema: &mut Value) {
    refine_country(schema);
    refine_card(schema, "ShownCard");
    refine_version(schema, TRANSMISSION_VERSION);
}

fn refine_country(schema: &mut Value) {
    add(field(schema, "/$defs/Address/properties/country_code"), json!({"pattern": "^[A-Z]{2}$"}));
}

fn refine_card(schema: &mut Value, name: &str) {
    for (property, limits) in [
        ("bin", json!({"pattern": "^[0-9]{6,8}$"})),
        ("last4", json!({"pattern": "^[0-9]{4}$"})),
        ("expiry_month", json!({"minimum": 1, "maximum": 12})),
        ("expiry_year", json!({"minimum": 2000, "maximum": 2100})),
    ] {
        add(field(schema, &format!("/$defs/{name}/properties/{property}")), limits);
    }
}

/// Bounds beside the one value that is taken would only be noise.
fn refine_version(schema: &mut Value, version: u32) {
    let found = field(schema, "/properties/version");
    *found = json!({"description": found["description"], "type": "integer", "const": version});
}

fn refine_secret(schema: &mut Value) {
    // 32 bytes are 44 characters of base64.
    let key = json!({"minLength": 44, "contentEncoding": "base64", "pattern": "^[A-Za-z0-9+/]+={0,2}$"});
    add(field(schema, "/properties/webhook_keys/items"), key);
}

fn field<'a>(schema: &'a mut Value, pointer: &str) -> &'a mut Value {
    schema.pointer_mut(pointer).unwrap_or_else(|| panic!("the derived schema has no {pointer} any more"))
}

fn add(schema: &mut Value, limits: Value) {
    let (Value::Object(schema), Value::Object(limits)) = (schema, limits) else { panic!("not an object") };
    schema.extend(limits);
}
