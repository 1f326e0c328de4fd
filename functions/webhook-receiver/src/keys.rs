//! Which of a merchant's keys FlexFactor signs with, noted in the table, so that people see when an old one may be removed.
//! Once an hour for each instance and key: nothing that a single webhook costs.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use models::fingerprint::Fingerprint;
use models::ids::MerchantId;
use models::time::{later, to_millis};
use order_store::capability::NoteKey;

/// How soon an instance notes the same key again. What is noted is therefore that much older than the key's last webhook at
/// most, unless the table refused it.
pub const KEY_NOTED_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// How soon it tries again where it failed.
const KEY_NOTED_AGAIN: SignedDuration = SignedDuration::from_mins(1);
/// Most keys remembered; beyond it an instance starts anew. Only keys that made a signature are.
const KEYS_MAX: usize = 10_000;

/// What this instance has noted, and when it is to be noted again.
#[derive(Debug, Default)]
pub struct KeysNoted(Mutex<HashMap<(MerchantId, Fingerprint), Timestamp>>);

impl KeysNoted {
    /// Notes that `key` made the signature of a genuine webhook, where it was not noted for [`KEY_NOTED_EVERY`]. A failure is
    /// told to the log: what becomes of the webhook does not hang on it.
    pub(crate) async fn note(
        &self,
        store: &impl NoteKey,
        merchant: &MerchantId,
        key: Fingerprint,
        now: Timestamp,
    ) {
        if !self.is_due(merchant, key, now) {
            return;
        }
        match store.note_key(merchant, key, to_millis(now)).await {
            Ok(()) => tracing::info!(%merchant, fingerprint = %key, "FlexFactor signs with this key"),
            Err(error) => {
                self.note_again(merchant, key, later(now, KEY_NOTED_AGAIN));
                tracing::warn!(%merchant, fingerprint = %key, %error, "the use of a webhook key could not be noted");
            }
        }
    }

    fn note_again(&self, merchant: &MerchantId, key: Fingerprint, at: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((merchant.clone(), key), at);
    }

    fn is_due(&self, merchant: &MerchantId, key: Fingerprint, now: Timestamp) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (merchant.clone(), key);
        if noted.get(&name).is_some_and(|due| now < *due) {
            return false;
        }
        if noted.len() >= KEYS_MAX {
            noted.clear();
        }
        noted.insert(name, later(now, KEY_NOTED_EVERY));
        true
    }
}
