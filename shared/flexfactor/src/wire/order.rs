//! `GET /orders/{id}` (documented: ff/orders-id) and `POST /outcome` (documented: ff/outcome-1).

use serde::{Deserialize, Serialize};

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
