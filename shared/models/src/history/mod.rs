//! What happened to an order: one entry for each of its versions, chained by hashes, so that a change, a removal, an
//! insertion or a swap of entries can be seen by anyone who reads them ([`verify()`]).
//!
//! An entry is made of the order before and after one change, as the store's stream shows them, and of the hash of the
//! entry before it. It says where the order stood afterwards in full, which step led there, and what was remembered; it
//! holds none of the decline. What a chain proves and what it does not: docs/adr/0009.

mod form;
mod verify;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::ids::{OrderKey, ProviderOrderId};
use crate::order::{Due, Facet, Order, Reason, Submission, Tag};
use crate::refund::{Refund, Totals};
use crate::status::Status;
use crate::wish::Wish;

pub use verify::{Broken, Flaw, verify};

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not 64 lower-case hexadecimal digits")]
pub struct HashError;

impl FromStr for Hash {
    type Err = HashError;
    fn from_str(text: &str) -> Result<Self, HashError> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(HashError),
        };
        let mut hash = [0; 32];
        if text.len() != 2 * hash.len() {
            return Err(HashError);
        }
        for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(hash))
    }
}

/// Where an order stands: everything of it that changes, but for what it remembers; without the decline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Its status.
    pub status: Status,
    /// Why it stands there.
    pub reason: Option<Reason>,
    /// Whether the decline, with its personal data, is still in the order.
    pub holds_request: bool,
    /// How far the submission got.
    pub submission: Submission,
    /// The provider's id of it.
    pub provider_order: Option<ProviderOrderId>,
    /// The provider's confirmation.
    pub confirmation: Option<String>,
    /// When somebody must look at it next.
    pub due: Option<Due>,
    /// Refunds.
    pub refund: Facet,
    /// Disputes.
    pub dispute: Facet,
    /// What people want done with it.
    pub wish: Option<Wish>,
    /// Its refunds.
    pub refunds: Vec<Refund>,
    /// What was captured and refunded altogether.
    pub totals: Option<Totals>,
}

impl State {
    /// Where `order` stands.
    #[must_use]
    pub fn of(order: &Order) -> Self {
        // Named one by one, so that a new field of an order breaks the build here: it belongs into its history.
        let Order {
            status,
            reason,
            request,
            submission,
            provider_order,
            confirmation,
            due,
            refund,
            dispute,
            wish,
            refunds,
            totals,
            // An entry has these beside the state, or in its facts.
            key: _,
            version: _,
            updated_at: _,
            seen: _,
            amount: _,
            declined_at: _,
            received_at: _,
            expires_at: _,
            content: _,
        } = order;
        Self {
            status: *status,
            reason: reason.clone(),
            holds_request: request.is_some(),
            submission: submission.clone(),
            provider_order: provider_order.clone(),
            confirmation: confirmation.clone(),
            due: *due,
            refund: *refund,
            dispute: *dispute,
            wish: wish.clone(),
            refunds: refunds.clone(),
            totals: *totals,
        }
    }
}

/// One change of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The order.
    pub key: OrderKey,
    /// The order's version that the change made: 1 is its arrival.
    pub version: u64,
    /// When the change was made, by the clock of who made it.
    pub at: Timestamp,
    /// The status before the change; `None` for the first entry.
    pub from: Option<Status>,
    /// Where the order stood after it.
    pub state: State,
    /// What the order remembers since.
    pub remembered: BTreeSet<Tag>,
    /// The hash of what never changes about the order: amount, times, content.
    pub facts: Hash,
    /// The hash of the entry before; for the first one, a hash of the order's key.
    pub previous: Hash,
    /// The hash of all the above.
    pub hash: Hash,
}

/// Why two images of an order are not one change of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unlinked {
    /// They are of two orders.
    #[error("the images are of two orders")]
    OtherOrder,
    /// The version is not the next one.
    #[error("version {after} does not follow version {before}")]
    Version {
        /// Before; 0 where there was no order.
        before: u64,
        /// After.
        after: u64,
    },
    /// There is no hash to chain it to, or one before the first entry.
    #[error("only the first entry has no predecessor, and it has none")]
    Previous,
}

impl Entry {
    /// The entry for the change that made `after` of `before`. `previous` is the hash of the entry for `before`.
    ///
    /// # Errors
    /// It is not one change of one order.
    pub fn of(before: Option<&Order>, after: &Order, previous: Option<&Hash>) -> Result<Self, Unlinked> {
        if before.is_some_and(|before| before.key != after.key) {
            return Err(Unlinked::OtherOrder);
        }
        let version = before.map_or(0, |before| before.version);
        if version.checked_add(1) != Some(after.version) {
            return Err(Unlinked::Version { before: version, after: after.version });
        }
        let previous = match (before, previous) {
            (None, None) => Self::start(&after.key),
            (Some(_), Some(previous)) => *previous,
            (None, Some(_)) | (Some(_), None) => return Err(Unlinked::Previous),
        };
        let remembered =
            after.seen.iter().filter(|tag| before.is_none_or(|before| !before.seen.contains(tag)));
        let entry = Self {
            key: after.key.clone(),
            version: after.version,
            at: after.updated_at,
            from: before.map(|before| before.status),
            state: State::of(after),
            remembered: remembered.cloned().collect(),
            facts: form::facts(after),
            previous,
            hash: previous,
        };
        Ok(Self { hash: entry.computed(), ..entry })
    }

    /// The hash before the first entry of an order.
    #[must_use]
    pub fn start(key: &OrderKey) -> Hash {
        form::start(key)
    }

    /// The hash that the entry must have.
    #[must_use]
    pub fn computed(&self) -> Hash {
        form::entry(self)
    }
}

#[cfg(test)]
mod tests;
