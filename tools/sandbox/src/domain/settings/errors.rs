//! Which of the four known shapes an error body has.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::Endpoint;

/// The four shapes of error bodies.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorShape {
    /// A, documented (ff/errors): `{"status":400,"title":…,"traceId":…,"errors":{field:[message]}}`.
    ProblemDetails,
    /// B, recorded for /evaluate: `{"TraceId":[…],"OrderId":["…"]}`.
    BareMap,
    /// C, an earlier recording: `{"status":"400","errors":{…,"TraceId":[…]}}`.
    StatusText,
    /// D, recorded for /refund: `errors` is an array of `{item1,item2,item3,item4}`.
    Tuples,
}

/// Settings of error bodies.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorSettings {
    /// The shape by call, where it isn't the default. Recorded: `bare_map` for /evaluate.
    pub shapes: BTreeMap<Endpoint, ErrorShape>,
    /// The shape of all others. Documented: `problem_details`.
    pub default_shape: ErrorShape,
}

impl ErrorSettings {
    /// The shape of `endpoint`'s error bodies.
    #[must_use]
    pub fn shape(&self, endpoint: Endpoint) -> ErrorShape {
        self.shapes.get(&endpoint).copied().unwrap_or(self.default_shape)
    }
}

impl Default for ErrorSettings {
    fn default() -> Self {
        Self {
            shapes: BTreeMap::from([(Endpoint::Evaluate, ErrorShape::BareMap)]),
            default_shape: ErrorShape::ProblemDetails,
        }
    }
}
