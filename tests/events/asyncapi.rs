//! `asyncapi.json`: what is published where, for machines (AsyncAPI 3.0). The schemas are those in `schemas/`.

use serde_json::{Map, Value, json};

use crate::{files, outcomes, schemas};

pub(crate) const PATH: &str = "asyncapi.json";

/// How a schema that is kept by itself says which JSON Schema it is.
const SCHEMA_FORMAT: &str = "application/schema+json;version=draft-2020-12";

pub(crate) fn generated() -> Vec<(String, String)> {
    vec![(PATH.to_owned(), files::pretty(&document()))]
}

fn document() -> Value {
    let words: Vec<&str> = outcomes::types().into_iter().map(|(word, _)| word).collect();
    let each = |reference: &str| -> Vec<Value> {
        words.iter().map(|word| json!({ "$ref": format!("{reference}/{word}") })).collect()
    };
    let in_channel: Map<String, Value> =
        words.iter().map(|word| (*word).to_owned()).zip(each("#/components/messages")).collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "rebill-rescue outcomes",
            "version": "1.0.0",
            "description": "What becomes of each order, for the billing system. At least once and in no certain order: \
                deduplicate by the detail's `id`, and let an event with a lower `order_version` than the one you know \
                change nothing. Fields may be added under the same `version`.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "channels": {
            "outcomes": {
                "address": null,
                "title": "The outcomes bus",
                "description": "An EventBridge bus; its name is the stack's output `OutcomesBusName`. A message is the \
                    `detail` of an EventBridge event, its headers are fields beside it.",
                "messages": in_channel,
            },
        },
        "operations": {
            "publishOutcome": {
                "action": "send",
                "summary": "outcome-publisher tells each change of an order's status or facets, and each decline that is no \
                    order.",
                "channel": { "$ref": "#/channels/outcomes" },
                "messages": each("#/channels/outcomes/messages"),
            },
        },
        "components": { "messages": messages() },
    })
}

fn messages() -> Map<String, Value> {
    let message = |((word, schema), (_, sample)): ((&str, &str), (&str, Value))| {
        let message = json!({
            "name": word,
            "title": word,
            "summary": summary(word, schema),
            "headers": {
                "type": "object",
                "required": ["source", "detail-type"],
                "properties": {
                    "source": { "const": sample["source"] },
                    "detail-type": { "const": word },
                },
            },
            "payload": {
                "schemaFormat": SCHEMA_FORMAT,
                "schema": { "$ref": format!("./{}", schemas::path(schema)) },
            },
            "examples": [{ "name": word, "payload": sample["detail"] }],
        });
        (word.to_owned(), message)
    };
    outcomes::types().into_iter().zip(outcomes::samples()).map(message).collect()
}

/// What the type's schema says of the word.
fn summary(word: &str, schema: &str) -> Value {
    let schema = schemas::generate(schema);
    let kinds = ["OrderOutcomeKind", "DeclineOutcomeKind"].map(|name| &schema["$defs"][name]["oneOf"]);
    let all = kinds.into_iter().filter_map(Value::as_array).flatten();
    let found = all.into_iter().find(|kind| kind["const"] == word);
    found.unwrap_or_else(|| panic!("the schema does not describe {word}"))["description"].clone()
}

/// Every reference leads somewhere, in the document or beside it.
pub(crate) fn check() {
    let document = files::json(PATH);
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    for reference in &references {
        match reference.strip_prefix("./") {
            Some(file) => assert!(files::json(file).is_object(), "{reference}"),
            None => {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{reference}");
            }
        }
    }
    // Of the channel to the message, of the operation to the channel's, of the message to its schema; and the channel.
    assert_eq!(references.len(), 3 * outcomes::types().len() + 1);
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, found)),
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|field| collect_references(field, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
