//! What a table of orders can do: the few primitives on which every capability stands.

use std::future::Future;

use jiff::Timestamp;
use models::change::Change;
use models::history::Entry;
use models::ids::{MerchantId, OrderKey};
use models::merchant::Merchant;
use models::order::{Due, Order};
use models::parked::{Fate, Parked, ParkedKey};

/// Why the store could not do as asked. Nothing was written, as far as it knows; the caller's message must be retried.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store did not answer, was throttled or failed.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// An item can't be read by this version.
    #[error("the item {item} can't be read: {why}")]
    Corrupt {
        /// The item's key.
        item: String,
        /// What is wrong with it; never a value that could be personal data.
        why: String,
    },
}

/// What became of an order that was to be stored anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// It was stored.
    New,
    /// One is stored under its key already: this one. Nothing was written.
    Exists(Box<Order>),
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// It was made; the order as it is now.
    Made(Box<Order>),
    /// Something it needs does not hold; the order as it is, or `None` where there is none. Nothing was written.
    Refused(Option<Box<Order>>),
}

/// What became of an entry of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// It was written.
    New,
    /// It was there already. Nothing was written.
    Again,
    /// Another entry is there for the same version: this one. Nothing was written.
    Differs(Box<Entry>),
}

/// What is due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum DueKey {
    /// An order.
    Order(OrderKey),
    /// Something parked.
    Parked(ParkedKey),
}

/// What is due, and since when.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueSince {
    /// Since when.
    pub at: Timestamp,
    /// What.
    pub key: DueKey,
}

/// A table of orders. Each call is one request.
pub trait Table: Send + Sync {
    /// Stores a new order unless one is there under its key.
    fn insert(&self, order: &Order) -> impl Future<Output = Result<Inserted, StoreError>> + Send;

    /// Makes a change if it holds.
    fn change(
        &self,
        key: &OrderKey,
        change: &Change,
    ) -> impl Future<Output = Result<Changed, StoreError>> + Send;

    /// Reads an order, as of all writes before.
    fn read(&self, key: &OrderKey) -> impl Future<Output = Result<Option<Order>, StoreError>> + Send;

    /// Keeps what can't be applied; the same thing twice is kept once.
    fn park(&self, parked: &Parked) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads what is parked under a key.
    fn read_parked(&self, key: &ParkedKey)
    -> impl Future<Output = Result<Option<Parked>, StoreError>> + Send;

    /// Says what became of a parked thing, and when to look again; `false` where it is no longer due as it `was_due`.
    fn settle_parked(
        &self,
        key: &ParkedKey,
        was_due: Due,
        fate: Fate,
        due: Option<Due>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// At most `limit` things of one shard that are due at `as_of`, the longest due first.
    fn due(
        &self,
        shard: u8,
        as_of: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<DueSince>, StoreError>> + Send;

    /// A merchant's configuration.
    fn merchant(&self, id: &MerchantId) -> impl Future<Output = Result<Option<Merchant>, StoreError>> + Send;
}

/// A borrowed table is a table.
impl<T: Table> Table for &T {
    fn insert(&self, order: &Order) -> impl Future<Output = Result<Inserted, StoreError>> + Send {
        (**self).insert(order)
    }
    fn change(
        &self,
        key: &OrderKey,
        change: &Change,
    ) -> impl Future<Output = Result<Changed, StoreError>> + Send {
        (**self).change(key, change)
    }
    fn read(&self, key: &OrderKey) -> impl Future<Output = Result<Option<Order>, StoreError>> + Send {
        (**self).read(key)
    }
    fn park(&self, parked: &Parked) -> impl Future<Output = Result<(), StoreError>> + Send {
        (**self).park(parked)
    }
    fn read_parked(
        &self,
        key: &ParkedKey,
    ) -> impl Future<Output = Result<Option<Parked>, StoreError>> + Send {
        (**self).read_parked(key)
    }
    fn settle_parked(
        &self,
        key: &ParkedKey,
        was_due: Due,
        fate: Fate,
        due: Option<Due>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send {
        (**self).settle_parked(key, was_due, fate, due)
    }
    fn due(
        &self,
        shard: u8,
        as_of: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<DueSince>, StoreError>> + Send {
        (**self).due(shard, as_of, limit)
    }
    fn merchant(&self, id: &MerchantId) -> impl Future<Output = Result<Option<Merchant>, StoreError>> + Send {
        (**self).merchant(id)
    }
}
