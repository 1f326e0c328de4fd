//! order-api's published documents are what the code makes of its types, and name every address and every problem.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use lambda_http::http::Method;
use models::view::ProblemCode;
use order_api::openapi::document;
use order_api::route::{Act, Misrouted, Operation, Target, route};
use serde_json::Value;

const DOCUMENT: &str = "docs/order-api.openapi.json";
const PAGE: &str = "docs/order-api.md";
/// Around the table of problems in the page.
const TABLE: [&str; 2] = ["<!-- problems: generated -->\n", "<!-- /problems -->\n"];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(name)
}

fn is_as_generated(name: &str, expected: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        std::fs::write(path(name), expected).unwrap();
    }
    let found = std::fs::read_to_string(path(name)).unwrap_or_default();
    assert!(
        found == expected,
        "{name} is out of date; write it anew with: UPDATE_DOCS=1 cargo test -p e2e --test api"
    );
}

#[test]
fn the_document_is_what_the_code_generates() {
    is_as_generated(DOCUMENT, &format!("{}\n", serde_json::to_string_pretty(&document()).unwrap()));
}

#[test]
fn the_page_s_table_of_problems_is_what_the_code_generates() {
    let page = std::fs::read_to_string(path(PAGE)).unwrap();
    let (before, rest) = page.split_once(TABLE[0]).unwrap();
    let (_, after) = rest.split_once(TABLE[1]).unwrap();
    let mut table = "| code | HTTP | what it means |\n|---|---|---|\n".to_owned();
    for problem in ProblemCode::ALL {
        table += &format!("| `{}` | {} | {} |\n", problem.code(), problem.status(), problem.about());
    }
    is_as_generated(PAGE, &format!("{before}{}{table}{}{after}", TABLE[0], TABLE[1]));
}

/// Where an example of the path leads; the document's words are turned into what the router reads.
fn leads_to(method: &str, path: &str) -> Result<Operation, Misrouted> {
    let example = path
        .replace("{merchant}", "acme")
        .replace("{order_id}", "INV-1")
        .replace("{refund_id}", "00000000000000000000000000000000");
    let routed = route(&Method::from_bytes(method.as_bytes()).unwrap(), &example)?;
    Ok(match routed.target {
        Target::List => Operation::ListOrders,
        Target::Submit => Operation::SubmitDecline,
        Target::Read { otherwise: None, .. } => Operation::ReadOrder,
        Target::Read { otherwise: Some(_), .. } => return Err(Misrouted::NotFound),
        Target::Do(Act::Cancel, _) => Operation::CancelOrder,
        Target::Do(Act::Capture, _) => Operation::CaptureOrder,
        Target::Do(Act::Refund, _) => Operation::RefundOrder,
        Target::Do(Act::Resolve(_), _) => Operation::ResolveRefund,
    })
}

#[test]
fn every_route_is_in_the_document_and_everything_in_the_document_is_a_route() {
    let document = document();
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in ["get", "head", "post", "put", "patch", "delete", "options", "trace"] {
            let led = leads_to(&method.to_uppercase(), path);
            match methods.get(method) {
                Some(operation) => {
                    let led = led.unwrap_or_else(|why| panic!("{method} {path}: {why:?}"));
                    assert_eq!(led.address(), (method.to_uppercase().as_str(), path.as_str()));
                    described.insert(operation["operationId"].as_str().unwrap().to_owned());
                }
                None => assert!(led.is_err(), "{method} {path} is not in the document"),
            }
        }
    }
    assert_eq!(described.len(), Operation::ALL.len());
}

#[test]
fn every_reference_in_the_document_leads_somewhere_and_every_problem_is_named() {
    let document = document();
    let text = document.to_string();
    for code in ProblemCode::ALL {
        assert!(text.contains(&format!("`{}`", code.code())), "{} is answered by no operation", code.code());
    }
    let mut open = vec![&document];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                }
                open.extend(fields.values());
            }
            Value::Array(items) => open.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}
