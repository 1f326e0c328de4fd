//! Bearer tokens: cached per merchant and environment, renewed early, fetched by one caller at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use models::ids::MerchantId;
use models::merchant::Environment;
use models::time::later;
use secrecy::SecretString;

/// How long a token lives (documented: ff/oauth2token). An answer that claims more is not believed.
const TOKEN_LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// How long before its end a token is renewed: longer than a call may take.
const TOKEN_RENEWED_BEFORE: SignedDuration = SignedDuration::from_secs(60);

/// A bearer token.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) bearer: SecretString,
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
        merchant: &MerchantId,
        environment: Environment,
        now: Timestamp,
        fetch: impl AsyncFnOnce() -> Result<(SecretString, Timestamp), E>,
    ) -> Result<Token, E> {
        let slot = self.slot(merchant, environment);
        let mut held = slot.lock().await;
        if let Some(token) = held.as_ref().filter(|token| now < token.fresh_until) {
            return Ok(token.clone());
        }
        let generation = held.as_ref().map_or(0, |token| token.generation.wrapping_add(1));
        let (bearer, expires) = fetch().await?;
        let at_most = later(now, TOKEN_LIFETIME);
        let fresh_until = expires.min(at_most).saturating_sub(TOKEN_RENEWED_BEFORE).unwrap_or(now);
        let token = Token { bearer, fresh_until, generation };
        *held = Some(token.clone());
        Ok(token)
    }

    /// Forgets a token that FlexFactor no longer takes, unless a newer one is in use already.
    pub(crate) async fn drop_token(&self, merchant: &MerchantId, environment: Environment, refused: &Token) {
        let slot = self.slot(merchant, environment);
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

    async fn fetched_at(cache: &TokenCache, fetches: &AtomicU32, seconds: i64) -> Token {
        let acme = "acme".parse().unwrap();
        let fetch = async || {
            let number = fetches.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok::<_, ()>((SecretString::from(format!("t{number}")), at(seconds + 600)))
        };
        cache.get(&acme, Environment::Sandbox, at(seconds), fetch).await.unwrap()
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
        let acme = "acme".parse().unwrap();
        let first = fetched_at(&cache, &fetches, 0).await;
        cache.drop_token(&acme, Environment::Sandbox, &first).await;
        fetched_at(&cache, &fetches, 1).await;
        // A slower caller reports the first token: the second one stays.
        cache.drop_token(&acme, Environment::Sandbox, &first).await;
        fetched_at(&cache, &fetches, 2).await;
        assert_eq!(fetches.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn an_answer_that_claims_a_longer_life_is_not_believed() {
        let cache = TokenCache::default();
        let acme = "acme".parse().unwrap();
        let fetch = async || Ok::<_, ()>((SecretString::from("t"), at(1_000_000)));
        cache.get(&acme, Environment::Sandbox, at(0), fetch).await.unwrap();
        let fetches = AtomicU32::new(0);
        fetched_at(&cache, &fetches, 540).await;
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
    }
}
