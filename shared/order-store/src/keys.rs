//! The capability of webhook-receiver to note which webhook keys FlexFactor signs with, and of tools to read it.

use std::future::Future;

use jiff::{SignedDuration, Timestamp};
use models::fingerprint::Fingerprint;
use models::ids::MerchantId;

use crate::table::StoreError;

/// For how long it is kept when a key last made a signature. A key that made none for so long counts as never seen.
pub const KEY_SEEN_KEPT: SignedDuration = SignedDuration::from_hours(24 * 90);

/// Noting which of a merchant's webhook keys are in use. Each table does this itself: there is nothing to decide.
pub trait NoteKey: Send + Sync {
    /// Notes that `key` made the signature of a webhook at `seen_at`. One write.
    fn note_key(
        &self,
        merchant: &MerchantId,
        key: Fingerprint,
        seen_at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Reading it. No function does this.
pub trait ReadKey: Send + Sync {
    /// When `key` was last noted.
    fn key_seen(
        &self,
        merchant: &MerchantId,
        key: Fingerprint,
    ) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send;
}

/// A borrowed table is a table.
impl<T: NoteKey> NoteKey for &T {
    fn note_key(
        &self,
        merchant: &MerchantId,
        key: Fingerprint,
        seen_at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        (**self).note_key(merchant, key, seen_at)
    }
}
