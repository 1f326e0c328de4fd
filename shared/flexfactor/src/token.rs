//! Bearer tokens: cached per merchant and environment, renewed early, fetched by one caller at a time. One that was fetched
//! with other credentials is not used: after a rotation, an old key serves nobody who knows the new one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use models::ids::MerchantId;
use models::merchant::Environment;
use models::time::later;
use secrecy::SecretString;

use crate::account::{Account, Credentials};

/// How long a token lives (documented: ff/oauth2token). An answer that claims more is not believed.
const TOKEN_LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// How long before its end a token is renewed: longer than a call may take.
const TOKEN_RENEWED_BEFORE: SignedDuration = SignedDuration::from_secs(60);

/// A bearer token.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) bearer: SecretString,
    fetched_with: Credentials,
    fresh_until: Timestamp,
    /// Tells two tokens apart without looking at them.
    generation: u64,
}

type Slot = Arc<tokio::sync::Mutex<Option<Token>>>;

/// The tokens in use. One slot a merchant: while one caller fetches, the others of that merchant wait for its token.
#[derive(Debug, Default)]
pub(crate) struct TokenCache {
    slots: Mutex<HashMap<(MerchantId, Environment), Slot>>,
}

impl TokenCache {
    fn slot(&self, merchant: &MerchantId, environment: Environment) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry((merchant.clone(), environment)).or_default().clone()
    }

    /// The token in use, or the one that `fetch` brings: the bearer, and when FlexFactor says that it expires.
    pub(crate) async fn get<E>(
        &self,
        account: &Account,
        now: Timestamp,
        fetch: impl AsyncFnOnce() -> Result<(SecretString, Timestamp), E>,
    ) -> Result<Token, E> {
        let slot = self.slot(&account.merchant, account.environment);
        let mut held = slot.lock().await;
        let serves = |token: &&Token| now < token.fresh_until && token.fetched_with.are(&account.credentials);
        if let Some(token) = held.as_ref().filter(serves) {
            return Ok(token.clone());
        }
        let generation = held.as_ref().map_or(0, |token| token.generation.wrapping_add(1));
        let (bearer, expires) = fetch().await?;
        let at_most = later(now, TOKEN_LIFETIME);
        let fresh_until = expires.min(at_most).saturating_sub(TOKEN_RENEWED_BEFORE).unwrap_or(now);
        let token = Token { bearer, fetched_with: account.credentials.clone(), fresh_until, generation };
        *held = Some(token.clone());
        Ok(token)
    }

    /// Forgets a token that FlexFactor no longer takes, unless a newer one is in use already.
    pub(crate) async fn drop_token(&self, account: &Account, refused: &Token) {
        let slot = self.slot(&account.merchant, account.environment);
        let mut held = slot.lock().await;
        if let Some(token) = held.as_mut().filter(|token| token.generation == refused.generation) {
            // Kept as a stale one, so that the next generation has a number of its own.
            token.fresh_until = Timestamp::MIN;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn account(key: &str) -> Account {
        Account {
            merchant: "acme".parse().unwrap(),
            environment: Environment::Sandbox,
            credentials: Credentials { app_key: key.to_owned().into(), app_secret: "s".to_owned().into() },
        }
    }

    async fn fetched_at(cache: &TokenCache, fetches: &AtomicU32, seconds: i64) -> Token {
        fetched_with(&account("k"), cache, fetches, seconds).await
    }

    async fn fetched_with(account: &Account, cache: &TokenCache, fetches: &AtomicU32, seconds: i64) -> Token {
        let fetch = async || {
            let number = fetches.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok::<_, ()>((SecretString::from(format!("t{number}")), at(seconds + 600)))
        };
        cache.get(account, at(seconds), fetch).await.unwrap()
    }

    #[tokio::test]
    async fn a_token_is_reused_until_shortly_before_its_end() {
        let (cache, fetches) = (TokenCache::default(), AtomicU32::new(0));
        for (seconds, expected) in [(0, 1), (539, 1), (540, 2), (1_079, 2), (1_080, 3)] {
            fetched_at(&cache, &fetches, seconds).await;
            assert_eq!(fetches.load(Ordering::SeqCst), expected, "after {seconds} s");
        }
    }

    #[tokio::test]
    async fn many_callers_fetch_once() {
        let (cache, fetches) = (TokenCache::default(), AtomicU32::new(0));
        let callers = (0..50).map(|_| fetched_at(&cache, &fetches, 0));
        futures_util::future::join_all(callers).await;
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn only_the_refused_token_is_dropped() {
        let (cache, fetches) = (TokenCache::default(), AtomicU32::new(0));
        let first = fetched_at(&cache, &fetches, 0).await;
        cache.drop_token(&account("k"), &first).await;
        fetched_at(&cache, &fetches, 1).await;
        // A slower caller reports the first token: the second one stays.
        cache.drop_token(&account("k"), &first).await;
        fetched_at(&cache, &fetches, 2).await;
        assert_eq!(fetches.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn an_answer_that_claims_a_longer_life_is_not_believed() {
        let cache = TokenCache::default();
        let fetch = async || Ok::<_, ()>((SecretString::from("t"), at(1_000_000)));
        cache.get(&account("k"), at(0), fetch).await.unwrap();
        let fetches = AtomicU32::new(0);
        fetched_at(&cache, &fetches, 540).await;
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_token_of_other_credentials_is_not_used() {
        let (cache, fetches) = (TokenCache::default(), AtomicU32::new(0));
        for (key, expected) in [("old", 1), ("old", 1), ("new", 2), ("new", 2)] {
            fetched_with(&account(key), &cache, &fetches, 0).await;
            assert_eq!(fetches.load(Ordering::SeqCst), expected, "{key}");
        }
    }
}
