//! The client: every call has a time limit, carries a token, and ends in one of three ways.

use std::time::Duration;

use jiff::Timestamp;
use models::merchant::Environment;
use reqwest::header::HeaderName;
use reqwest::{RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

use crate::account::Account;
use crate::calls::AmountNames;
use crate::error::words_of;
use crate::outcome::{Lost, Outcome, Refused};
use crate::token::{Token, TokenCache};
use crate::trace;
use crate::wire::token::{TokenRequest, TokenResponse};

/// Largest answer read, in bytes. Recorded answers have less than 2 KB.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Where FlexFactor is and how long it may take.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// The sandbox's address up to and with the version, such as `https://api-sandbox.flexfactor.io/v1`.
    pub sandbox_url: String,
    /// The same of production.
    pub production_url: String,
    /// How long one request may take, from connecting to the last byte. FlexFactor documents no limit.
    pub timeout: Duration,
    /// Names of an order's amounts, where they are known.
    pub amounts: Option<AmountNames>,
    /// The header in which calls tell our trace, where there is to be one.
    pub trace_header: Option<String>,
}

impl ClientConfig {
    /// How long a call may take with all that belongs to it: waiting for somebody else's token, fetching one, the request,
    /// and once more with a fresh token. Callers plan with it: beyond it the outcome is not known.
    #[must_use]
    pub fn call_time(&self) -> Duration {
        self.timeout.saturating_mul(3) / 2
    }
}

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// An address is not a URL that paths can be put behind.
    #[error("{0} is not a base URL")]
    Url(String),
    /// It can be no header's name.
    #[error("{0} is no name of a header")]
    Header(String),
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up: {0}")]
    Http(#[from] reqwest::Error),
}

/// FlexFactor's API for all merchants.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    sandbox: Url,
    production: Url,
    tokens: TokenCache,
    call_time: Duration,
    amounts: Option<AmountNames>,
    trace_header: Option<HeaderName>,
}

impl Client {
    /// A client; it connects when it is first used.
    ///
    /// # Errors
    /// An address is malformed, or TLS can't be set up.
    pub fn new(config: &ClientConfig) -> Result<Self, ClientError> {
        let base = |text: &str| {
            let url = Url::parse(text).ok().filter(|url| !url.cannot_be_a_base());
            url.ok_or_else(|| ClientError::Url(text.to_owned()))
        };
        let header = |name: &str| name.parse().map_err(|_| ClientError::Header(name.to_owned()));
        let http = reqwest::Client::builder()
            .timeout(config.timeout)
            // A redirect would repeat a POST, with its credentials, somewhere else.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            http,
            sandbox: base(&config.sandbox_url)?,
            production: base(&config.production_url)?,
            tokens: TokenCache::default(),
            call_time: config.call_time(),
            amounts: config.amounts.clone(),
            trace_header: config.trace_header.as_deref().map(header).transpose()?,
        })
    }

    /// Names of an order's amounts.
    pub(crate) fn amounts(&self) -> Option<&AmountNames> {
        self.amounts.as_ref()
    }

    /// How long one call may take.
    pub(crate) fn call_time(&self) -> Duration {
        self.call_time
    }

    /// What requests are made with.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// The address of `path`, each of whose segments is escaped.
    pub(crate) fn url(&self, environment: Environment, path: &[&str]) -> Url {
        let mut url = match environment {
            Environment::Sandbox => self.sandbox.clone(),
            Environment::Production => self.production.clone(),
        };
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// Whether FlexFactor takes the account's credentials: `Ok` where it gives a token for them. For tools; nothing else is
    /// asked of it.
    ///
    /// # Errors
    /// [`Lost::Unauthorized`] where it does not; else why that is not known.
    pub async fn sign_in(&self, account: &Account, now: Timestamp) -> Result<(), Lost> {
        self.token(account, now).await.map(drop)
    }

    async fn token(&self, account: &Account, now: Timestamp) -> Result<Token, Lost> {
        let fetch = async || self.fetch_token(account).await;
        self.tokens.get(account, now, fetch).await
    }

    async fn fetch_token(&self, account: &Account) -> Result<(SecretString, Timestamp), Lost> {
        let request = TokenRequest {
            app_key: account.credentials.app_key.expose_secret(),
            app_secret: account.credentials.app_secret.expose_secret(),
        };
        let url = self.url(account.environment, &["oauth2", "token"]);
        let response = self.http.post(url).json(&request).send().await.map_err(|error| lost_by(&error))?;
        let answer = read_answer(response).await;
        match answer.understood(|body| serde_json::from_slice::<TokenResponse>(&body).ok()) {
            Outcome::Done(answer) => {
                let expires = Timestamp::from_millisecond(answer.expires).map_err(|_| Lost::Malformed)?;
                Ok((SecretString::from(answer.access_token), expires))
            }
            // A wrong key or secret is HTTP 400 (recorded).
            Outcome::Refused(_) => Err(Lost::Unauthorized),
            Outcome::Unknown(lost) => Err(lost),
        }
    }

    /// Calls and reads the answer as JSON.
    pub(crate) async fn call_json<T: DeserializeOwned>(
        &self,
        account: &Account,
        now: Timestamp,
        request: impl Fn() -> RequestBuilder,
    ) -> Outcome<T> {
        self.call(account, now, request).await.understood(|body| serde_json::from_slice(&body).ok())
    }

    /// Calls within the time that a call may take; the answer's bytes.
    pub(crate) async fn call(
        &self,
        account: &Account,
        now: Timestamp,
        request: impl Fn() -> RequestBuilder,
    ) -> Outcome<Vec<u8>> {
        let call = self.call_with_token(account, now, request);
        tokio::time::timeout(self.call_time, call).await.unwrap_or(Outcome::Unknown(Lost::TimedOut))
    }

    /// Calls with a token; where FlexFactor no longer takes it (401), once more with a fresh one. A 401 comes before
    /// any effect, so that the second call is the first that counts.
    async fn call_with_token(
        &self,
        account: &Account,
        now: Timestamp,
        request: impl Fn() -> RequestBuilder,
    ) -> Outcome<Vec<u8>> {
        let mut is_retry = false;
        loop {
            let token = match self.token(account, now).await {
                Ok(token) => token,
                Err(lost) => return Outcome::Unknown(lost),
            };
            let mut call = request().bearer_auth(token.bearer.expose_secret());
            if let Some((name, trace)) = self.trace_header.as_ref().zip(trace::current()) {
                call = call.header(name, trace);
            }
            let response = match call.send().await {
                Ok(response) => response,
                Err(error) => return Outcome::Unknown(lost_by(&error)),
            };
            if response.status() != StatusCode::UNAUTHORIZED {
                return read_answer(response).await;
            }
            self.tokens.drop_token(account, &token).await;
            if is_retry {
                return Outcome::Unknown(Lost::Unauthorized);
            }
            is_retry = true;
        }
    }
}

fn lost_by(error: &reqwest::Error) -> Lost {
    if error.is_timeout() { Lost::TimedOut } else { Lost::Disconnected }
}

/// Sorts an answer by its HTTP status: what is refused, what may have had an effect, what was done.
async fn read_answer(response: Response) -> Outcome<Vec<u8>> {
    let status = response.status();
    let http = status.as_u16();
    let body = match body_of(response).await {
        Ok(body) => body,
        Err(lost) => return Outcome::Unknown(lost),
    };
    match http {
        200..=299 => Outcome::Done(body),
        408 | 409 | 425 | 429 => Outcome::Unknown(Lost::Busy(http)),
        400..=499 => Outcome::Refused(Refused { http, words: words_of(&body) }),
        _ => Outcome::Unknown(Lost::ServerFailed(http)),
    }
}

async fn body_of(mut response: Response) -> Result<Vec<u8>, Lost> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| lost_by(&error))? {
        if body.len().saturating_add(chunk.len()) > ANSWER_BYTES_MAX {
            return Err(Lost::Malformed);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A refusal of so many bytes.
    async fn read(bytes: usize) -> Outcome<Vec<u8>> {
        let (begin, end) = (r#"{"title":"no","pad":""#, r#""}"#);
        let body = format!("{begin}{}{end}", "x".repeat(bytes - begin.len() - end.len()));
        read_answer(axum::http::Response::builder().status(400).body(body).unwrap().into()).await
    }

    #[tokio::test]
    async fn an_answer_is_read_up_to_its_limit_and_no_further() {
        let refused = Refused { http: 400, words: "no".to_owned() };
        assert_eq!(read(ANSWER_BYTES_MAX).await, Outcome::Refused(refused));
        assert_eq!(read(ANSWER_BYTES_MAX + 1).await, Outcome::Unknown(Lost::Malformed));
    }
}
