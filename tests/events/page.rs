//! docs/messages.md: its tables say what the code does.

use std::collections::{BTreeMap, BTreeSet};

use models::decline::{DECLINE_BYTES_MAX, METADATA_ENTRIES_MAX};
use models::ids::{IdempotencyKey, MERCHANT_ID_BYTES_MAX, ORDER_ID_BYTES_MAX};
use models::refusal::Rule;
use models::screening::CLOCK_SKEW_SECONDS_MAX;
use models::text::TEXT_BYTES_MAX;
use serde_json::{Value, json};

use crate::{files, samples, schemas};

fn page() -> String {
    files::repository("docs/messages.md")
}

/// The cells of the rows below a heading whose first cell is code.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let page = page();
    let section = page.split_once(&format!("\n## {heading}\n")).expect(heading).1;
    let section = section.split("\n## ").next().unwrap();
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    section.lines().filter(|line| line.starts_with("| `")).map(cells).collect()
}

/// What stands between backticks.
fn codes(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Every field that is not an object, by its path, and whether it is required in its object.
fn fields(schema: &Value, object: &Value, at: &str, found: &mut BTreeMap<String, bool>) {
    let required: Vec<&str> =
        object["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in object["properties"].as_object().unwrap() {
        let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        // An object that may be absent is one of two things.
        let target = field["$ref"].as_str().or(field["anyOf"][0]["$ref"].as_str());
        let inner = target.and_then(|target| schema.pointer(target.trim_start_matches('#')));
        match inner.filter(|inner| inner["properties"].is_object()) {
            Some(inner) => fields(schema, inner, &path, found),
            None => {
                found.insert(path, required.contains(&name.as_str()));
            }
        }
    }
}

#[test]
fn every_field_of_a_message_has_its_row() {
    for (schema, heading) in [("decline", "Every field"), ("transmission", "Every field of a transmission")] {
        let schema = files::json(&schemas::path(schema));
        let mut expected = BTreeMap::new();
        fields(&schema, &schema, "", &mut expected);
        assert_eq!(told_fields(heading), expected);
    }
}

/// The fields in a section's table, and whether they are said to be required.
fn told_fields(heading: &str) -> BTreeMap<String, bool> {
    rows(heading)
        .iter()
        .map(|row| {
            (
                codes(&row[0]).remove(0),
                match row[2].as_str() {
                    "yes" => true,
                    "no" => false,
                    other => panic!("required is yes or no, not {other}: {row:?}"),
                },
            )
        })
        .collect()
}

/// The sample with the optional fields that it leaves out.
fn full_decline() -> models::decline::Decline {
    let mut decline = files::json("decline.json");
    decline["subscription"]["payments_total"] = json!(12);
    decline["billing_address"]["line2"] = json!("Apt 2");
    decline["billing_address"]["phone"] = json!("+15551234567");
    samples::screened(&decline).unwrap()
}

fn leaves(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                leaves(field, &path, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            found.insert(at.to_owned());
        }
    }
}

#[test]
fn the_page_says_where_every_field_of_the_request_comes_from() {
    let (decline, merchant) = (full_decline(), samples::merchant("merchant.json"));
    let site = merchant.site(Some("plans")).unwrap();
    let key = IdempotencyKey::from_random([7; 16]);
    let expires_at = "2026-12-12T10:00:00Z".parse().unwrap();
    let request = flexfactor::evaluate_request(&decline, &merchant, &site, key, expires_at).unwrap();
    let mut sent = BTreeSet::new();
    leaves(&serde_json::to_value(request).unwrap(), "", &mut sent);

    let mut told: BTreeSet<String> = rows("Every field").iter().flat_map(|row| codes(&row[4])).collect();
    told.extend(rows("What is added").iter().map(|row| codes(&row[0]).remove(0)));
    assert_eq!(told, sent);
}

#[test]
fn the_page_says_where_every_field_of_a_transmission_comes_from() {
    let mut transmission = files::json("transmission.json");
    transmission["subscription"]["payments_total"] = json!(12);
    transmission["billing_address"]["line2"] = json!("Apt 2");
    transmission["billing_address"]["phone"] = json!("+15551234567");
    let transmission = samples::relayed(&transmission).unwrap();
    let merchant = samples::merchant("merchant.json");
    let site = merchant.site(Some("plans")).unwrap();
    let request = flexfactor::transmit_request(&transmission, &merchant, &site).unwrap();
    let mut sent = BTreeSet::new();
    leaves(&serde_json::to_value(request).unwrap(), "", &mut sent);
    let heading = "Every field of a transmission";
    let mut told: BTreeSet<String> = rows(heading).iter().flat_map(|row| codes(&row[4])).collect();
    told.extend(rows("What is added to a transmission").iter().map(|row| codes(&row[0]).remove(0)));
    assert_eq!(told, sent);
}

#[test]
fn every_rule_is_told() {
    for (heading, rules) in [
        ("Why a decline is refused", Rule::OF_DECLINES),
        ("Why a transmission is refused", Rule::OF_TRANSMISSIONS),
    ] {
        let told: Vec<String> = rows(heading).iter().map(|row| codes(&row[0]).remove(0)).collect();
        let expected: BTreeSet<String> = rules.iter().map(|rule| rule.code().to_owned()).collect();
        assert_eq!(told.len(), expected.len(), "{told:?}");
        assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}

#[test]
fn limits_and_defaults_are_the_code_s() {
    let page = page().replace('\n', " ");
    let hours = samples::template_limits().decline_age_max.as_hours();
    for told in [
        format!("{DECLINE_BYTES_MAX} bytes"),
        format!("{TEXT_BYTES_MAX} bytes"),
        format!("{MERCHANT_ID_BYTES_MAX} characters"),
        format!("{ORDER_ID_BYTES_MAX} characters"),
        format!("{METADATA_ENTRIES_MAX} entries"),
        format!("{CLOCK_SKEW_SECONDS_MAX} s"),
        format!("`DeclineAgeMaxSeconds`, {hours} h"),
        format!("`WindowDaysMin`, {}", samples::template_default("WindowDaysMin")),
        format!("`WindowDaysMax`, {}", samples::template_default("WindowDaysMax")),
        format!("`WindowDaysDefault`, {}", samples::template_default("WindowDaysDefault")),
        format!("`RejectedCopyDays`, {} days", samples::template_default("RejectedCopyDays")),
        format!("`TransmissionAgeMaxSeconds`, {}", samples::template_default("TransmissionAgeMaxSeconds")),
        format!("`TransmissionRetrySeconds`, {}", samples::template_default("TransmissionRetrySeconds")),
        format!("`TransmissionCopyDays`, {} days", samples::template_default("TransmissionCopyDays")),
    ] {
        assert!(page.contains(&told), "docs/messages.md does not say: {told}");
    }
    let sandbox = samples::merchant("merchant-unmanaged.json").amount_limits();
    let told = format!("{} to {} in FlexFactor's sandbox", sandbox.0.get(), sandbox.1.get());
    assert!(page.contains(&told), "docs/messages.md does not say: {told}");
}
