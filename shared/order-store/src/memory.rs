//! The table in memory: the reference against which the DynamoDB one is compared, for tests and simulation.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use models::change::Change;
use models::fingerprint::Fingerprint;
use models::history::Entry;
use models::ids::{MerchantId, OrderKey};
use models::listing::{Listing, Stretch};
use models::merchant::Merchant;
use models::order::{Due, Order};
use models::parked::{Fate, Parked, ParkedKey};
use models::status::Status;
use models::transmission::{Relayed, Stage, TransmissionKey};

use crate::capability::{
    KeepHistory, KeepListing, KeepTransmission, ListOrders, NoteKey, ReadHistory, ReadKey, Took, Whole,
};
use crate::dynamo::key::{self, due_shard};
use crate::table::{Appended, Changed, DueKey, DueSince, Inserted, StoreError, Table};

/// A table in memory.
#[derive(Debug, Default)]
pub struct MemoryTable {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    orders: BTreeMap<OrderKey, Order>,
    histories: BTreeMap<OrderKey, BTreeMap<u64, Entry>>,
    listings: BTreeMap<OrderKey, Listing>,
    parked: BTreeMap<ParkedKey, Parked>,
    merchants: BTreeMap<MerchantId, Merchant>,
    transmissions: BTreeMap<TransmissionKey, Relayed>,
    keys_seen: BTreeMap<(MerchantId, Fingerprint), Timestamp>,
}

impl MemoryTable {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic of another test thread can't have left a half-made change: each is made in one go.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores a merchant's configuration.
    pub fn put_merchant(&self, id: MerchantId, merchant: Merchant) {
        self.state().merchants.insert(id, merchant);
    }

    /// Stores an order as it is, whatever is stored under its key: for simulations that break the rules on purpose.
    pub fn put_order(&self, order: Order) {
        self.state().orders.insert(order.key.clone(), order);
    }

    /// All orders.
    #[must_use]
    pub fn orders(&self) -> Vec<Order> {
        self.state().orders.values().cloned().collect()
    }

    /// An order's history, first entry first.
    #[must_use]
    pub fn history(&self, key: &OrderKey) -> Vec<Entry> {
        self.state().histories.get(key).into_iter().flat_map(BTreeMap::values).cloned().collect()
    }

    /// What is kept of all transmissions.
    #[must_use]
    pub fn transmissions(&self) -> Vec<Relayed> {
        self.state().transmissions.values().cloned().collect()
    }

    /// All that was parked.
    #[must_use]
    pub fn parked(&self) -> Vec<Parked> {
        self.state().parked.values().cloned().collect()
    }
}

impl Table for MemoryTable {
    async fn insert(&self, order: &Order) -> Result<Inserted, StoreError> {
        let mut state = self.state();
        if let Some(stored) = state.orders.get(&order.key) {
            return Ok(Inserted::Exists(Box::new(stored.clone())));
        }
        state.orders.insert(order.key.clone(), order.clone());
        Ok(Inserted::New)
    }

    async fn change(&self, key: &OrderKey, change: &Change) -> Result<Changed, StoreError> {
        let mut state = self.state();
        let Some(order) = state.orders.get_mut(key) else { return Ok(Changed::Refused(None)) };
        if !change.holds(order) {
            return Ok(Changed::Refused(Some(Box::new(order.clone()))));
        }
        change.apply(order);
        Ok(Changed::Made(Box::new(order.clone())))
    }

    async fn read(&self, key: &OrderKey) -> Result<Option<Order>, StoreError> {
        Ok(self.state().orders.get(key).cloned())
    }

    async fn park(&self, parked: &Parked) -> Result<(), StoreError> {
        self.state().parked.entry(parked.key.clone()).or_insert_with(|| parked.clone());
        Ok(())
    }

    async fn read_parked(&self, key: &ParkedKey) -> Result<Option<Parked>, StoreError> {
        Ok(self.state().parked.get(key).cloned())
    }

    async fn settle_parked(
        &self,
        key: &ParkedKey,
        was_due: Due,
        fate: Fate,
        due: Option<Due>,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let found =
            state.parked.get_mut(key).filter(|parked| parked.due.is_some_and(|due| due.at == was_due.at));
        let Some(parked) = found else { return Ok(false) };
        (parked.fate, parked.due) = (fate, due);
        Ok(true)
    }

    async fn due(&self, shard: u8, as_of: Timestamp, limit: usize) -> Result<Vec<DueSince>, StoreError> {
        let state = self.state();
        let orders = state.orders.values().filter_map(|order| {
            let is_ours = due_shard(&key::order(&order.key)) == shard;
            order
                .due
                .filter(|_| is_ours)
                .map(|due| DueSince { at: due.at, key: DueKey::Order(order.key.clone()) })
        });
        let parked = state.parked.values().filter_map(|parked| {
            let is_ours = due_shard(&key::parked(&parked.key)) == shard;
            parked
                .due
                .filter(|_| is_ours)
                .map(|due| DueSince { at: due.at, key: DueKey::Parked(parked.key.clone()) })
        });
        let mut due: Vec<_> = orders.chain(parked).filter(|due| due.at <= as_of).collect();
        due.sort();
        Ok(due.into_iter().take(limit).collect())
    }

    async fn merchant(&self, id: &MerchantId) -> Result<Option<Merchant>, StoreError> {
        Ok(self.state().merchants.get(id).cloned())
    }
}

impl KeepHistory for MemoryTable {
    async fn append(&self, entry: &Entry) -> Result<Appended, StoreError> {
        let mut state = self.state();
        let history = state.histories.entry(entry.key.clone()).or_default();
        Ok(match history.get(&entry.version) {
            None => {
                history.insert(entry.version, entry.clone());
                Appended::New
            }
            Some(stored) if stored == entry => Appended::Again,
            Some(stored) => Appended::Differs(Box::new(stored.clone())),
        })
    }

    async fn entry(&self, key: &OrderKey, version: u64) -> Result<Option<Entry>, StoreError> {
        Ok(self.state().histories.get(key).and_then(|history| history.get(&version)).cloned())
    }
}

impl KeepListing for MemoryTable {
    async fn list(&self, listing: &Listing) -> Result<(), StoreError> {
        let mut state = self.state();
        let stored = state.listings.entry(listing.key.clone()).or_insert_with(|| listing.clone());
        if stored.version < listing.version {
            *stored = listing.clone();
        }
        Ok(())
    }
}

impl ListOrders for MemoryTable {
    async fn listed(
        &self,
        merchant: &MerchantId,
        status: Status,
        stretch: &Stretch,
        limit: usize,
    ) -> Result<Vec<Listing>, StoreError> {
        let state = self.state();
        let wanted = |listing: &&Listing| {
            listing.key.merchant == *merchant && listing.status == status && stretch.holds(&listing.place())
        };
        let mut listed: Vec<Listing> = state.listings.values().filter(wanted).cloned().collect();
        listed.sort_by_key(|listing| listing.place().to_string());
        listed.truncate(limit);
        Ok(listed)
    }
}

impl ReadHistory for MemoryTable {
    async fn whole(&self, key: &OrderKey) -> Result<Option<Whole>, StoreError> {
        let order = self.read(key).await?;
        Ok(order.map(|order| Whole { order, history: self.history(key) }))
    }
}

impl NoteKey for MemoryTable {
    async fn note_key(
        &self,
        merchant: &MerchantId,
        key: Fingerprint,
        seen_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.state().keys_seen.insert((merchant.clone(), key), seen_at);
        Ok(())
    }
}

impl ReadKey for MemoryTable {
    async fn key_seen(
        &self,
        merchant: &MerchantId,
        key: Fingerprint,
    ) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.state().keys_seen.get(&(merchant.clone(), key)).copied())
    }
}

impl KeepTransmission for MemoryTable {
    async fn take_transmission(&self, taken: &Relayed) -> Result<Took, StoreError> {
        let mut state = self.state();
        match state.transmissions.get(&taken.key).filter(|stored| !stored.stage.leaves_id_free()) {
            Some(stored) => Ok(Took::Exists(Box::new(stored.clone()))),
            None => {
                state.transmissions.insert(taken.key.clone(), taken.clone());
                Ok(Took::New)
            }
        }
    }

    async fn transmission(&self, key: &TransmissionKey) -> Result<Option<Relayed>, StoreError> {
        Ok(self.state().transmissions.get(key).cloned())
    }

    async fn settle_transmission(&self, taken: &Relayed, stage: &Stage) -> Result<bool, StoreError> {
        let mut state = self.state();
        let found = state
            .transmissions
            .get_mut(&taken.key)
            .filter(|stored| stored.stage == Stage::Taken && stored.content == taken.content);
        let Some(stored) = found else { return Ok(false) };
        stored.stage = stage.clone();
        Ok(true)
    }
}
