//! The schemas, generated from the types that read the messages and write the events.

use jsonschema::Validator;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use crate::{files, refine};

/// The messages that have a schema.
pub(crate) const ALL: [&str; 8] = [
    "decline",
    "evaluation",
    "merchant",
    "merchant-secret",
    "outcome-decline",
    "outcome-order",
    "schedule",
    "transmission",
];

pub(crate) fn generated() -> Vec<(String, String)> {
    let content = |name| files::pretty(&Schema::try_from(generate(name)).unwrap());
    ALL.into_iter().map(|name| (path(name), content(name))).collect()
}

/// A schema's path below `events/`.
pub(crate) fn path(name: &str) -> String {
    format!("schemas/{name}.schema.json")
}

pub(crate) fn generate(name: &str) -> Value {
    let derived = match name {
        "decline" => derive::<models::decline::Decline>(),
        "evaluation" => derive::<lambda_kit::queue::OrderMessage>(),
        "merchant" => derive::<models::merchant::Merchant>(),
        "merchant-secret" => derive::<lambda_kit::secrets::MerchantSecret>(),
        "outcome-decline" => derive_published::<models::outcome::DeclineOutcome>(),
        "outcome-order" => derive_published::<models::outcome::OrderOutcome>(),
        "schedule" => derive::<expiry_sweep::sweep::Scheduled>(),
        "transmission" => derive::<models::transmission::Transmission>(),
        other => panic!("no type has the schema {other}"),
    };
    refine::refine(name, derived)
}

fn derive<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    generator.into_root_schema_for::<T>().to_value()
}

/// Of what we write: what is not there is `null`, and no field is ever missing.
fn derive_published<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    generator.into_root_schema_for::<T>().to_value()
}

/// The published schema, with formats asserted.
pub(crate) fn validator(name: &str) -> Validator {
    let schema = files::json(&path(name));
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

/// A published schema file is one of ours, is a schema, and says of every field what it is.
pub(crate) fn check(file: &str) {
    let name = file.strip_suffix(".schema.json").unwrap_or_else(|| panic!("no check knows schemas/{file}"));
    assert!(ALL.contains(&name), "no message has the schema {name}");
    let schema = files::json(&path(name));
    jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("schemas/{file}: {error}"));
    assert_described(&schema, name);
}

fn assert_described(schema: &Value, at: &str) {
    assert!(schema["description"].is_string(), "{at} has no description");
    for part in ["properties", "$defs"] {
        for (name, field) in schema[part].as_object().into_iter().flatten() {
            assert_described(field, &format!("{at}/{name}"));
        }
    }
}
