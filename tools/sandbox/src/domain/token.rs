//! Bearer tokens: JWTs with the recorded claims, checked against what was issued.

use std::collections::HashMap;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::json;
use sha2::Sha256;

use super::{clock::after, ids::Ids};

/// An issued token.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// The JWT.
    pub access_token: String,
    /// Looks like the recorded one; no call to use it is documented.
    pub refresh_token: String,
    /// End of its life.
    pub expires: Timestamp,
    /// The id of the API client, as in `unique_name`.
    pub client_id: String,
}

/// Why a bearer token was not accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BadToken {
    /// Never issued here, or revoked.
    Unknown,
    /// Too old.
    Expired,
}

/// Tokens that were issued and not revoked.
#[derive(Debug, Default)]
pub struct Tokens {
    live: HashMap<String, (String, Timestamp)>,
    issued: u64,
}

impl Tokens {
    /// Issues a token to `mid`.
    pub fn issue(&mut self, ids: &Ids, now: Timestamp, lifetime_seconds: u64, mid: &str) -> IssuedToken {
        self.issued += 1;
        let expires = after(now, lifetime_seconds);
        let client_id = ids.guid(&["api client", mid]);
        let name = self.issued.to_string();
        let claims = json!({
            "sub": client_id, "unique_name": client_id, "jti": ids.guid(&["token", &name]),
            "iat": now.as_millisecond().to_string(),
            "aud": ["payments", "orders", "merchants", "eligibility-sftp", "eligibility", "contact"],
            "custom:mid": mid, "nbf": now.as_second(), "exp": expires.as_second(), "iss": "Api-Client-Service",
        });
        let access_token = jwt(&ids.key(&["token key"]), &claims.to_string());
        self.live.insert(access_token.clone(), (mid.to_owned(), expires));
        let refresh_token = format!("AQAAAAEAACcQ{}", ids.hex(&["refresh token", &name], 32));
        IssuedToken { access_token, refresh_token, expires, client_id }
    }

    /// The merchant a token speaks for.
    ///
    /// # Errors
    /// [`BadToken`], for which FlexFactor answers 401.
    pub fn check(&self, now: Timestamp, token: &str) -> Result<String, BadToken> {
        match self.live.get(token) {
            None => Err(BadToken::Unknown),
            Some((_, expires)) if now >= *expires => Err(BadToken::Expired),
            Some((mid, _)) => Ok(mid.clone()),
        }
    }

    /// Revokes one token.
    pub fn revoke(&mut self, token: &str) {
        self.live.remove(token);
    }

    /// Revokes all tokens, or all of one merchant; says how many.
    pub fn revoke_all(&mut self, mid: Option<&str>) -> usize {
        let before = self.live.len();
        self.live.retain(|_, (owner, _)| mid.is_some_and(|mid| mid != owner));
        before - self.live.len()
    }

    /// How many were ever issued.
    #[must_use]
    pub fn issued(&self) -> u64 {
        self.issued
    }
}

fn jwt(key: &[u8], claims: &str) -> String {
    let part = |text: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(text);
    let signed = format!("{}.{}", part(br#"{"alg":"HS256","typ":"JWT"}"#), part(claims.as_bytes()));
    // HMAC takes keys of any length, so the error can't happen; an empty signature would be a harmless answer to it.
    let signature = Hmac::<Sha256>::new_from_slice(key)
        .map(|mac| mac.chain_update(signed.as_bytes()).finalize().into_bytes().to_vec())
        .unwrap_or_default();
    format!("{signed}.{}", part(&signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_lives_to_the_second() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let mut tokens = Tokens::default();
        let token = tokens.issue(&Ids::new(1), now, 600, "mid").access_token;
        assert_eq!(tokens.check(after(now, 599), &token), Ok("mid".to_owned()));
        assert_eq!(tokens.check(after(now, 600), &token), Err(BadToken::Expired));
        assert_eq!(tokens.check(now, "other"), Err(BadToken::Unknown));
        assert_eq!(tokens.revoke_all(Some("else")), 0);
        assert_eq!(tokens.revoke_all(None), 1);
        assert_eq!(tokens.check(now, &token), Err(BadToken::Unknown));
    }

    #[test]
    fn claims_are_those_recorded() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let token = Tokens::default().issue(&Ids::new(1), now, 600, "mid").access_token;
        let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["custom:mid"], "mid");
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["nbf"].as_i64().unwrap(), 600);
    }
}
