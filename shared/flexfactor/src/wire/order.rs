//! `GET /orders/{id}` (documented: ff/orders-id).

use serde::Deserialize;

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
}
