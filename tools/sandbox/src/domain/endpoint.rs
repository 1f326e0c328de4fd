//! The calls of FlexFactor's API, by name.

use serde::{Deserialize, Serialize};

/// One call of the provider's API.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `POST /v1/oauth2/token`
    Token,
    /// `POST /v1/tokenize`
    Tokenize,
    /// `POST /v1/evaluate`
    Evaluate,
    /// `POST /v1/transmit`
    Transmit,
    /// `POST /v1/outcome`
    Outcome,
    /// `GET /v1/orders/{id}`
    OrderGet,
    /// `GET /v1/orders`
    OrderList,
    /// `POST /v1/orders/{id}/refund`
    Refund,
    /// `POST /v1/orders/{id}/cancel`
    Cancel,
    /// `POST /v1/orders/{external id}/external-cancel`
    ExternalCancel,
    /// `POST /v1/capture`
    Capture,
}

impl Endpoint {
    /// The name used in scenarios and in the ledger.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Tokenize => "tokenize",
            Self::Evaluate => "evaluate",
            Self::Transmit => "transmit",
            Self::Outcome => "outcome",
            Self::OrderGet => "order_get",
            Self::OrderList => "order_list",
            Self::Refund => "refund",
            Self::Cancel => "cancel",
            Self::ExternalCancel => "external_cancel",
            Self::Capture => "capture",
        }
    }
}
