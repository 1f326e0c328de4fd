//! What a function may do with the store, one trait for each. A handler's signature names the traits it needs, and
//! its role in the template allows just the calls behind them.

use std::future::Future;

use jiff::Timestamp;
use models::change::{Change, Guard};
use models::event::{OrderEvent, Resolution};
use models::history::Entry;
use models::ids::{ContentHash, MerchantId, OrderKey};
use models::intake::{Repeat, compare};
use models::merchant::Merchant;
use models::order::{Due, Order};
use models::parked::{Fate, Parked, ParkedKey};
use models::submission::{self, Claim, ClaimRefused, Outcome, Times};
use models::time::to_millis;

pub use crate::keys::{KEY_SEEN_KEPT, NoteKey, ReadKey};
pub use crate::lists::{KeepListing, ListOrders, ReadHistory, Whole, list};
use crate::table::{Appended, Changed, DueSince, Inserted, StoreError, Table};
pub use crate::transmissions::{KeepTransmission, Took};

/// How often a change is tried again because the order changed between two of our own requests.
pub const RACES_MAX: usize = 8;

/// Reading merchants' configuration.
pub trait FindMerchant: Send + Sync {
    /// The configuration, or `None` for a merchant that is not ours.
    fn find_merchant(
        &self,
        id: &MerchantId,
    ) -> impl Future<Output = Result<Option<Merchant>, StoreError>> + Send;
}

/// What became of a decline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is an order now.
    New,
    /// It was one already, under the same id: see what that means.
    Repeat(Repeat),
}

/// Storing declines as orders.
pub trait TakeDecline: Send + Sync {
    /// Stores the order unless its id is taken. One conditional write.
    fn take(&self, order: &Order) -> impl Future<Output = Result<Taken, StoreError>> + Send;

    /// Says what a decline with this content would be, without storing anything: a repeat of an order of ours that
    /// would no longer pass screening must not be called refused.
    fn known(
        &self,
        key: &OrderKey,
        content: &ContentHash,
    ) -> impl Future<Output = Result<Option<Repeat>, StoreError>> + Send;
}

/// Keeping what can't be applied.
pub trait Park: Send + Sync {
    /// Keeps it; the same thing twice is kept once.
    fn park(&self, parked: &Parked) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// What became of a claim.
#[derive(Debug)]
pub enum Claimed {
    /// It is ours: the order, with its key and its decline.
    Granted(Box<Order>),
    /// It is not.
    Refused(ClaimRefused),
}

/// What became of an attempt's outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It is recorded: the order as it is now.
    Made(Box<Order>),
    /// The order is past it: a webhook was faster, or another attempt.
    Past,
    /// The order is known under another id of the provider's: this order.
    OtherProviderOrder(Box<Order>),
}

/// Submitting: claim, then record.
pub trait Submit: Send + Sync {
    /// Takes the right to submit. One conditional write.
    fn claim(
        &self,
        key: &OrderKey,
        claim: &Claim,
        times: &Times,
    ) -> impl Future<Output = Result<Claimed, StoreError>> + Send;

    /// Records how an attempt ended. One conditional write.
    fn record(
        &self,
        order: &Order,
        outcome: &Outcome,
        times: &Times,
        now: Timestamp,
    ) -> impl Future<Output = Result<Recorded, StoreError>> + Send;

    /// Hands an order back to people; `false` where it was settled meanwhile.
    fn escalate(
        &self,
        key: &OrderKey,
        change: &Change,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It was applied and is remembered.
    Done,
    /// It was applied before.
    Duplicate,
    /// This very delivery was seen before.
    Replayed,
    /// There is no such order.
    Orphan,
    /// The order belongs to another order of the provider's.
    OtherProviderOrder,
}

/// Applying the provider's events.
pub trait ApplyEvent: Send + Sync {
    /// Applies the event and remembers it. One conditional write in the common case.
    fn apply(
        &self,
        key: &OrderKey,
        event: &OrderEvent,
        now: Timestamp,
    ) -> impl Future<Output = Result<Applied, StoreError>> + Send;
}

/// Finding what is due.
pub trait FindDue: Send + Sync {
    /// The keys of at most `limit` things of one shard that are due at `as_of`, the longest due first.
    fn find_due(
        &self,
        shard: u8,
        as_of: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<DueSince>, StoreError>> + Send;
}

/// Looking at an order that is due.
pub trait Look: Send + Sync {
    /// Reads an order.
    fn read(&self, key: &OrderKey) -> impl Future<Output = Result<Option<Order>, StoreError>> + Send;

    /// Makes a change that was decided on a read order; `false` where the order changed since.
    fn settle(
        &self,
        key: &OrderKey,
        change: &Change,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

/// Doing what people ask of an order.
pub trait AskOf: Send + Sync {
    /// Reads an order.
    fn order(&self, key: &OrderKey) -> impl Future<Output = Result<Option<Order>, StoreError>> + Send;

    /// Makes a change that was decided on a read order; `None` where the order changed since, or seems to have. Nobody may
    /// then take the change for made: of two that reserve the same money at the same moment, one must not.
    fn act(
        &self,
        key: &OrderKey,
        change: &Change,
    ) -> impl Future<Output = Result<Option<Order>, StoreError>> + Send;
}

/// Writing orders' histories. Each table does this itself: there is nothing to decide.
pub trait KeepHistory: Send + Sync {
    /// Writes an entry unless there is one for its version. One conditional write; the same entry again changes nothing.
    fn append(&self, entry: &Entry) -> impl Future<Output = Result<Appended, StoreError>> + Send;

    /// Reads the entry for one version.
    fn entry(
        &self,
        key: &OrderKey,
        version: u64,
    ) -> impl Future<Output = Result<Option<Entry>, StoreError>> + Send;
}

/// Matching events that came for no order of ours.
pub trait MatchOrphan: Send + Sync {
    /// Reads what is parked.
    fn orphan(&self, key: &ParkedKey) -> impl Future<Output = Result<Option<Parked>, StoreError>> + Send;

    /// Says what became of it, and when to look again; `false` where somebody else was faster.
    fn settle_orphan(
        &self,
        key: &ParkedKey,
        was_due: Due,
        fate: Fate,
        due: Option<Due>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

impl<T: Table> FindMerchant for T {
    async fn find_merchant(&self, id: &MerchantId) -> Result<Option<Merchant>, StoreError> {
        self.merchant(id).await
    }
}

impl<T: Table> TakeDecline for T {
    async fn take(&self, order: &Order) -> Result<Taken, StoreError> {
        Ok(match self.insert(order).await? {
            Inserted::New => Taken::New,
            Inserted::Exists(stored) => Taken::Repeat(compare(&stored, &order.content)),
        })
    }

    async fn known(&self, key: &OrderKey, content: &ContentHash) -> Result<Option<Repeat>, StoreError> {
        Ok(self.read(key).await?.map(|stored| compare(&stored, content)))
    }
}

impl<T: Table> Park for T {
    async fn park(&self, parked: &Parked) -> Result<(), StoreError> {
        Table::park(self, parked).await
    }
}

impl<T: Table> Submit for T {
    async fn claim(&self, key: &OrderKey, claim: &Claim, times: &Times) -> Result<Claimed, StoreError> {
        Ok(match self.change(key, &submission::claim(claim, times)).await? {
            Changed::Made(order) => Claimed::Granted(order),
            Changed::Refused(order) => Claimed::Refused(submission::why_refused(order.as_deref(), claim.now)),
        })
    }

    async fn record(
        &self,
        order: &Order,
        outcome: &Outcome,
        times: &Times,
        now: Timestamp,
    ) -> Result<Recorded, StoreError> {
        let change = submission::record(order, outcome, times, now);
        if let Some(order) = make(self, &order.key, change).await? {
            return Ok(Recorded::Made(Box::new(order)));
        }
        let Outcome::Answered { provider_order, .. } = outcome else { return Ok(Recorded::Past) };
        // Off the common path: who refused it is worth a read.
        let stored = Table::read(self, &order.key).await?;
        let other =
            stored.filter(|stored| stored.provider_order.as_ref().is_some_and(|id| id != provider_order));
        Ok(other.map_or(Recorded::Past, |other| Recorded::OtherProviderOrder(Box::new(other))))
    }

    async fn escalate(&self, key: &OrderKey, change: &Change) -> Result<bool, StoreError> {
        Ok(make(self, key, change.clone()).await?.is_some())
    }
}

/// Makes a change whose guards assume the common case; where a money signal is open, makes it as it is then.
/// `None` where the order is past the step.
async fn make<T: Table>(table: &T, key: &OrderKey, change: Change) -> Result<Option<Order>, StoreError> {
    let mut attempt = change.clone();
    for _ in 0..RACES_MAX {
        match table.change(key, &attempt).await? {
            Changed::Made(order) => return Ok(Some(*order)),
            Changed::Refused(Some(order)) if change.clone().knowing(&order).holds(&order) => {
                attempt = change.clone().knowing(&order);
            }
            Changed::Refused(_) => return Ok(None),
        }
    }
    Err(raced(key))
}

/// Whether the order is as this change, and none after it, left it.
fn is_made(change: &Change, order: &Order) -> bool {
    let next = |guard: &Guard| matches!(guard, Guard::Version(version) if version.saturating_add(1) == order.version);
    // Somebody else's change may have been made at the same millisecond: what it set tells the two apart.
    change.guards.iter().any(next) && order.updated_at == change.at && change.is_seen_in(order)
}

/// The error of a change that lost every race.
#[must_use]
pub fn raced(key: &OrderKey) -> StoreError {
    StoreError::Unavailable(format!("{key} changed {RACES_MAX} times while one change was to be made"))
}

impl<T: Table> ApplyEvent for T {
    async fn apply(&self, key: &OrderKey, event: &OrderEvent, now: Timestamp) -> Result<Applied, StoreError> {
        let mut attempt = event.change(now);
        // The resolution decided on, so that a change that is made after a refusal is told as what it is.
        let mut applied = Applied::Done;
        for _ in 0..RACES_MAX {
            let order = match self.change(key, &attempt).await? {
                Changed::Made(_) => return Ok(applied),
                Changed::Refused(order) => order,
            };
            (attempt, applied) = match event.resolve(order.as_deref(), now) {
                Resolution::Orphan => return Ok(Applied::Orphan),
                Resolution::OtherProviderOrder => return Ok(Applied::OtherProviderOrder),
                // Changed at this very moment: our own write, whose answer was lost and which the SDK has repeated.
                Resolution::Replayed if order.is_some_and(|order| order.updated_at == to_millis(now)) => {
                    return Ok(Applied::Done);
                }
                Resolution::Replayed => return Ok(Applied::Replayed),
                Resolution::Duplicate(None) => return Ok(Applied::Duplicate),
                Resolution::Duplicate(Some(change)) => (change, Applied::Duplicate),
                Resolution::Instead(change) => (change, Applied::Done),
            };
        }
        Err(raced(key))
    }
}

impl<T: Table> FindDue for T {
    async fn find_due(&self, shard: u8, as_of: Timestamp, limit: usize) -> Result<Vec<DueSince>, StoreError> {
        self.due(shard, as_of, limit).await
    }
}

impl<T: Table> MatchOrphan for T {
    async fn orphan(&self, key: &ParkedKey) -> Result<Option<Parked>, StoreError> {
        self.read_parked(key).await
    }

    async fn settle_orphan(
        &self,
        key: &ParkedKey,
        was_due: Due,
        fate: Fate,
        due: Option<Due>,
    ) -> Result<bool, StoreError> {
        self.settle_parked(key, was_due, fate, due).await
    }
}

impl<T: Table> AskOf for T {
    async fn order(&self, key: &OrderKey) -> Result<Option<Order>, StoreError> {
        Table::read(self, key).await
    }

    async fn act(&self, key: &OrderKey, change: &Change) -> Result<Option<Order>, StoreError> {
        Ok(match self.change(key, change).await? {
            Changed::Made(order) => Some(*order),
            Changed::Refused(_) => None,
        })
    }
}

impl<T: Table> Look for T {
    async fn read(&self, key: &OrderKey) -> Result<Option<Order>, StoreError> {
        Table::read(self, key).await
    }

    async fn settle(&self, key: &OrderKey, change: &Change) -> Result<bool, StoreError> {
        Ok(match self.change(key, change).await? {
            Changed::Made(_) => true,
            // Our own write, whose answer was lost and which the SDK has repeated.
            Changed::Refused(Some(order)) => is_made(change, &order),
            Changed::Refused(None) => false,
        })
    }
}
