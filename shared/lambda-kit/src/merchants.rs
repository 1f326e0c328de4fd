//! Merchants' configuration, cached: read once a minute a merchant, and served stale while the store is down.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use models::ids::MerchantId;
use models::merchant::Merchant;
use models::time::later;
use order_store::StoreError;
use order_store::capability::FindMerchant;

use crate::clock::Clock;

/// For how long a configuration is used before it is read again. A merchant that is switched off stops within it.
pub const MERCHANT_FRESH: SignedDuration = SignedDuration::from_secs(60);
/// The same for a merchant that is not ours: shorter, so that a new one need not wait.
pub const UNKNOWN_MERCHANT_FRESH: SignedDuration = SignedDuration::from_secs(5);
/// How long a stale configuration is served before the store is asked again.
const STALE_RETRY: SignedDuration = SignedDuration::from_secs(5);
/// Most merchants held; beyond it the cache starts anew.
const MERCHANTS_MAX: usize = 10_000;

/// A cache before the store.
#[derive(Debug)]
pub struct Merchants<S, C> {
    store: S,
    clock: C,
    cache: Mutex<HashMap<MerchantId, Cached>>,
}

#[derive(Debug, Clone)]
struct Cached {
    merchant: Option<Merchant>,
    fresh_until: Timestamp,
}

impl<S: FindMerchant, C: Clock> Merchants<S, C> {
    /// An empty cache before `store`.
    pub fn new(store: S, clock: C) -> Self {
        Self { store, clock, cache: Mutex::default() }
    }

    fn cached(&self, id: &MerchantId) -> Option<Cached> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    fn keep(&self, id: &MerchantId, merchant: Option<Merchant>, now: Timestamp) {
        let fresh = if merchant.is_some() { MERCHANT_FRESH } else { UNKNOWN_MERCHANT_FRESH };
        self.keep_until(id, merchant, later(now, fresh));
    }

    fn keep_until(&self, id: &MerchantId, merchant: Option<Merchant>, fresh_until: Timestamp) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= MERCHANTS_MAX {
            cache.clear();
        }
        cache.insert(id.clone(), Cached { merchant, fresh_until });
    }
}

impl<S: FindMerchant, C: Clock> FindMerchant for Merchants<S, C> {
    async fn find_merchant(&self, id: &MerchantId) -> Result<Option<Merchant>, StoreError> {
        let now = self.clock.now();
        let cached = self.cached(id);
        if let Some(fresh) = cached.as_ref().filter(|cached| now < cached.fresh_until) {
            return Ok(fresh.merchant.clone());
        }
        match (self.store.find_merchant(id).await, cached) {
            (Ok(merchant), _) => {
                self.keep(id, merchant.clone(), now);
                Ok(merchant)
            }
            (Err(error), Some(stale)) if stale.merchant.is_some() => {
                self.keep_until(id, stale.merchant.clone(), later(now, STALE_RETRY));
                tracing::warn!(merchant = %id, %error, "the merchant's configuration is served stale");
                Ok(stale.merchant)
            }
            (Err(error), _) => Err(error),
        }
    }
}
