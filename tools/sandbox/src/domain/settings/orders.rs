//! Settings of the calls about orders.

use serde::{Deserialize, Serialize};

/// How `statusName` is written.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NameCase {
    /// As documented: "Completed".
    Documented,
    /// As recorded: "CAPTUREREQUIRED".
    Upper,
}

/// What a second refund of an order does.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RepeatedRefund {
    /// Each is a refund of its own, up to what was captured (integrator: several partial refunds are supported).
    Separate,
    /// The same amount again is a repeat and is answered as the first (documented: repeated calls don't double-refund).
    SameAmountRepeats,
    /// Only the first is executed; every later one is refused.
    OnlyFirst,
}

/// The body of a successful cancel.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelAnswer {
    /// Nothing (documented: HTTP 200, empty body).
    Empty,
    /// `{}` (the documentation's own sample).
    Object,
}

/// Settings of the calls about orders.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrderSettings {
    /// `status` of an expired order. Unknown; 2 (Cancelled).
    pub expired_status: u8,
    /// `status` of an order with a chargeback. Unknown (the portal has a filter, no number); 7 (Completed).
    pub chargeback_status: u8,
    /// `status` of an order whose customer is being challenged. Unknown; 1 (Onhold).
    pub challenged_status: u8,
    /// `status` after a partial refund. Unknown; 7 (Completed). After a full one it is 6 (documented: Returned = refunded).
    pub partly_refunded_status: u8,
    /// `statusName`'s case. Recorded once, in upper case.
    pub status_name_case: NameCase,
    /// Whether GET answers also hold `amount` and `refundedAmount` in cents. Invented: the documented list of fields is
    /// cut after `currencySymbol`; off.
    pub amount_fields: bool,
    /// The array's name in `GET /orders`. Unknown; "orders".
    pub list_array_name: String,
    /// `pageSize` when the query has none. Documented: 10.
    pub page_size_default: usize,
    /// HTTP status for an unknown id. Unknown; 404.
    pub unknown_id_http_status: u16,
    /// HTTP status of a refused refund. Recorded as a normal body, its status not recorded; 200.
    pub refund_refused_http_status: u16,
    /// A second refund. Documented and integrator's words differ; `separate`.
    pub repeated_refund: RepeatedRefund,
    /// The largest partial refund, in percent of what was charged. Integrator (Braintree): 60; off. A full refund is
    /// always possible.
    pub partial_refund_percent_max: Option<u8>,
    /// The body of a successful cancel. `empty`.
    pub cancel_answer: CancelAnswer,
    /// HTTP status of a cancel in a state that allows none. Unknown; 400.
    pub cancel_refused_http_status: u16,
    /// For how long a cancel's idempotency key replays its answer. Documented: 24 h.
    pub cancel_replay_window_seconds: u64,
    /// After this an uncaptured authorization is voided. Documented that there is one; integrator: 5 minutes to 7 days; 1 day.
    pub capture_window_seconds: u64,
    /// Whether /capture's answer also holds `captureStatus`, as one integrator reads it; off.
    pub capture_status_field: bool,
}

impl Default for OrderSettings {
    fn default() -> Self {
        Self {
            expired_status: 2,
            chargeback_status: 7,
            challenged_status: 1,
            partly_refunded_status: 7,
            status_name_case: NameCase::Upper,
            amount_fields: false,
            list_array_name: "orders".to_owned(),
            page_size_default: 10,
            unknown_id_http_status: 404,
            refund_refused_http_status: 200,
            repeated_refund: RepeatedRefund::Separate,
            partial_refund_percent_max: None,
            cancel_answer: CancelAnswer::Empty,
            cancel_refused_http_status: 400,
            cancel_replay_window_seconds: 86_400,
            capture_window_seconds: 86_400,
            capture_status_field: false,
        }
    }
}
