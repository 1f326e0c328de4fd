//! `POST /oauth2/token` (documented: ff/oauth2token; the answer recorded).

use serde::{Deserialize, Serialize};

/// The request.
#[derive(Serialize)]
pub struct TokenRequest<'a> {
    /// The API key.
    #[serde(rename = "AppKey")]
    pub app_key: &'a str,
    /// The API secret.
    #[serde(rename = "AppSecret")]
    pub app_secret: &'a str,
}

/// What is read of the answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenResponse {
    /// The bearer token.
    pub access_token: String,
    /// When it expires, in milliseconds since 1970; ten minutes after it was made (recorded).
    pub expires: i64,
}
