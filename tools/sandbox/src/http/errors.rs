//! The four shapes of error bodies.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::domain::{refusal::Refusal, settings::ErrorShape};

/// The body of a refusal.
pub(super) fn body(shape: ErrorShape, refusal: &Refusal, trace_id: &str) -> Value {
    let mut fields: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (field, message) in &refusal.fields {
        fields.entry(field).or_default().push(message);
    }
    match shape {
        ErrorShape::ProblemDetails => json!({
            "status": refusal.http_status, "title": refusal.title, "traceId": trace_id, "errors": fields,
        }),
        ErrorShape::BareMap => {
            if fields.is_empty() {
                fields.insert("", vec![&refusal.title]);
            }
            fields.insert("TraceId", vec![trace_id]);
            json!(fields)
        }
        ErrorShape::StatusText => {
            fields.insert("TraceId", vec![trace_id]);
            json!({ "status": refusal.http_status.to_string(), "title": refusal.title, "errors": fields })
        }
        ErrorShape::Tuples => {
            let code = refusal.code.clone().unwrap_or_else(|| refusal.http_status.to_string());
            let messages: Vec<String> = if refusal.fields.is_empty() {
                vec![refusal.title.clone()]
            } else {
                refusal.fields.iter().map(|(field, message)| format!("{field}: {message}")).collect()
            };
            let tuple = |message| json!({ "item1": message, "item2": code, "item3": code, "item4": true });
            let tuples: Vec<Value> = messages.into_iter().map(tuple).collect();
            json!({
                "success": false, "result": null, "status": "FAILED", "statusCode": null, "errors": tuples,
                "customProperties": {},
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal() -> Refusal {
        Refusal::invalid(vec![("OrderId".to_owned(), "Merchant's orderId is required".to_owned())])
    }

    #[test]
    fn the_shapes_are_those_known() {
        assert_eq!(
            body(ErrorShape::ProblemDetails, &refusal(), "00-t"),
            json!({"status": 400, "title": "One or more validation errors occurred.", "traceId": "00-t",
                   "errors": {"OrderId": ["Merchant's orderId is required"]}})
        );
        assert_eq!(
            body(ErrorShape::BareMap, &refusal(), "00-t"),
            json!({"TraceId": ["00-t"], "OrderId": ["Merchant's orderId is required"]})
        );
        assert_eq!(body(ErrorShape::StatusText, &refusal(), "00-t")["status"], "400");
        let tuples = body(ErrorShape::Tuples, &Refusal::new(409, "no"), "00-t");
        assert_eq!(
            tuples["errors"][0],
            json!({"item1": "no", "item2": "409", "item3": "409", "item4": true})
        );
    }
}
