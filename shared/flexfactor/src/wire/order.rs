//! `GET /orders/{id}` (documented: ff/orders-id), `POST /outcome` (documented: ff/outcome-1), and what is done to an order:
//! `POST /capture` (documented: ff/capture), `POST /orders/{id}/refund` (documented: ff/refund).

use crate::mapping::CallStatus;
use models::ids::IdempotencyKey;
use models::money::{Currency, MinorUnits};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// What is read of the answer. Its list of fields is known in part only; amounts are not among the known ones.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderResponse {
    /// FlexFactor's id of the order.
    pub id: Option<String>,
    /// The status as a number.
    pub status: Option<i64>,
    /// The status as a word; upper case on the wire (recorded), capitalised in the documentation.
    pub status_name: Option<String>,
    /// The currency, by its ISO 4217 code.
    pub currency_code: Option<String>,
}

/// The request of `/outcome`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutcomeRequest<'a> {
    /// FlexFactor's id of the order.
    pub order_session_key: &'a str,
}

/// What is read of the answer of `/outcome`.
#[derive(Debug, Deserialize)]
pub struct OutcomeResponse {
    /// The status, in the words of `/evaluate`, and `NOTFOUND`.
    pub status: Option<String>,
}

/// The request of a refund.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RefundRequest<'a> {
    /// Decimal dollars, as a JSON number that never was a float.
    pub amount_to_refund: &'a RawValue,
    /// Words to be kept with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_message: Option<&'a str>,
}

/// The request of a capture.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CaptureRequest<'a> {
    /// The same for every repeat.
    pub idempotency_key: IdempotencyKey,
    /// FlexFactor's id of the order.
    pub order_id: &'a str,
    /// Integer cents.
    pub amount: MinorUnits,
    /// The currency.
    pub currency: Currency,
}

/// What is read of the answer of both, and of a cancel that has a body.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallResponse {
    /// Whether it was done.
    pub status: Option<String>,
    /// The same, in a word that is `true` or `false`.
    pub success: Option<bool>,
    /// What was wrong.
    #[serde(default)]
    pub errors: Value,
    /// The same, by the name that an integrator reads of `/capture`.
    pub capture_status: Option<String>,
}

impl CallResponse {
    /// Whether any of it says that it was not done.
    #[must_use]
    pub fn tells_of_a_refusal(&self) -> bool {
        let has_errors = match &self.errors {
            Value::Array(errors) => !errors.is_empty(),
            Value::Object(errors) => !errors.is_empty(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        };
        let is_failed =
            self.status.as_deref().is_some_and(|word| CallStatus::parse(word) == CallStatus::Failed);
        self.success == Some(false) || is_failed || has_errors
    }
}
