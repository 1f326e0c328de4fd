//! Samples with one thing wrong: schema and parser must both refuse them, or both take them.

use serde_json::{Map, Value, json};

use crate::samples::{ALL, Sample};
use crate::{files, schemas};

/// A part of a JSON value: the fields and indices that lead to it.
type Path = Vec<String>;

fn pointer(path: &[String]) -> String {
    path.iter().map(|step| format!("/{step}")).collect()
}

fn walk(value: &Value, at: &mut Path, found: &mut Vec<Path>) {
    found.push(at.clone());
    let fields: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, field)| (name.clone(), field)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(i, item)| (i.to_string(), item)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (step, field) in fields {
        at.push(step);
        walk(field, at, found);
        at.pop();
    }
}

fn parts(value: &Value) -> Vec<Path> {
    let mut found = Vec::new();
    walk(value, &mut Vec::new(), &mut found);
    found
}

/// Whether schema and parser take the value; they must agree.
fn is_taken(sample: &Sample, schema: &jsonschema::Validator, value: &Value, what: &str) -> bool {
    let (by_schema, by_parser) = (schema.is_valid(value), (sample.read)(value));
    assert_eq!(
        by_schema,
        by_parser.is_ok(),
        "{}: {what}: schema {by_schema}, parser {by_parser:?}",
        sample.path
    );
    by_schema
}

fn object<'a>(value: &'a mut Value, at: &[String]) -> Option<&'a mut Map<String, Value>> {
    value.pointer_mut(&pointer(at))?.as_object_mut()
}

/// The maps, where names are free.
const FREE: [&str; 2] = ["/metadata", "/sites"];

#[test]
fn an_unknown_field_is_refused_at_every_level_of_what_is_closed() {
    for sample in &ALL {
        let (original, schema) = (files::json(sample.path), schemas::validator(sample.schema));
        for at in parts(&original).iter().filter(|at| !FREE.contains(&pointer(at).as_str())) {
            let mut mutated = original.clone();
            let Some(fields) = object(&mut mutated, at) else { continue };
            fields.insert("unexpected".to_owned(), json!("x"));
            let is_taken = is_taken(sample, &schema, &mutated, &format!("unexpected field in {at:?}"));
            assert_eq!(is_taken, !sample.is_closed, "{} {at:?}", sample.path);
        }
    }
}

#[test]
fn a_field_of_the_wrong_type_is_refused_wherever_it_is() {
    for sample in &ALL {
        let (original, schema) = (files::json(sample.path), schemas::validator(sample.schema));
        for at in parts(&original) {
            for wrong in [json!([[]]), json!({"unexpected": 1}), json!(-1), json!(1.5)] {
                let mut mutated = original.clone();
                *mutated.pointer_mut(&pointer(&at)).unwrap() = wrong.clone();
                // What is open takes an object in its own place: all of its fields may be absent.
                if is_taken(sample, &schema, &mutated, &format!("{at:?} is {wrong}")) {
                    assert!(at.is_empty() && sample.schema == "schedule", "{} {at:?} {wrong}", sample.path);
                }
            }
        }
    }
}

#[test]
fn a_missing_field_is_refused_where_it_is_required() {
    for sample in &ALL {
        let (original, schema) = (files::json(sample.path), schemas::validator(sample.schema));
        let mut needed = 0;
        for at in parts(&original) {
            let Some((name, parent)) = at.split_last() else { continue };
            let mut mutated = original.clone();
            let Some(fields) = object(&mut mutated, parent) else { continue };
            fields.remove(name).unwrap();
            if !is_taken(sample, &schema, &mutated, &format!("without {at:?}")) {
                needed += 1;
            } else {
                // That is what makes it minimal.
                assert!(!sample.path.ends_with("-minimal.json"), "{}: {at:?} is not required", sample.path);
            }
        }
        assert_eq!(needed == 0, sample.schema == "schedule", "{}", sample.path);
    }
}

/// `null` is a field that is absent, where schema and parser say so; docs/messages.md names the exceptions.
#[test]
fn null_is_taken_for_what_may_be_absent() {
    for sample in &ALL {
        let (original, schema) = (files::json(sample.path), schemas::validator(sample.schema));
        for at in parts(&original) {
            let mut nulled = original.clone();
            *nulled.pointer_mut(&pointer(&at)).unwrap() = Value::Null;
            let is_taken_as_null = is_taken(sample, &schema, &nulled, &format!("{at:?} is null"));
            let Some((name, parent)) = at.split_last() else { continue };
            let mut without = original.clone();
            let Some(fields) = object(&mut without, parent) else { continue };
            fields.remove(name).unwrap();
            let has_default =
                ["metadata", "card_not_present", "sites", "currencies", "transmit"].contains(&name.as_str());
            let is_entry = FREE.contains(&pointer(parent).as_str());
            if !has_default && !is_entry {
                let is_optional = is_taken(sample, &schema, &without, &format!("without {at:?}"));
                assert_eq!(is_taken_as_null, is_optional, "{} {at:?}", sample.path);
            }
        }
    }
}

#[test]
fn what_is_no_object_is_refused() {
    for sample in &ALL {
        let schema = schemas::validator(sample.schema);
        for value in [json!(null), json!("text"), json!(1), json!([])] {
            // Of a type with optional fields alone, serde takes an empty list as well; no schedule sends one.
            if sample.schema != "schedule" {
                assert!(!is_taken(sample, &schema, &value, "no object"), "{} as {value}", sample.path);
            }
        }
    }
}
