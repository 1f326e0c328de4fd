//! Settings of bearer tokens.

use serde::{Deserialize, Serialize};

/// Settings of bearer tokens.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenSettings {
    /// A token's life on the virtual clock. Recorded: exactly 600 s.
    pub lifetime_seconds: u64,
    /// HTTP status for a wrong key or secret. Recorded: 400.
    pub wrong_key_http_status: u16,
    /// The body of a 401: an error body, or nothing. Unknown; nothing.
    pub unauthorized_has_body: bool,
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self { lifetime_seconds: 600, wrong_key_http_status: 400, unauthorized_has_body: false }
    }
}
