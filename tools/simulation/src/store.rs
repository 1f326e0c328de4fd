//! The table in memory, with everything that can go wrong between it and us, and an observer beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use models::change::{Change, Effect, Guard};
use models::fingerprint::Fingerprint;
use models::ids::{MerchantId, OrderKey};
use models::listing::{Listing, Stretch};
use models::merchant::Merchant;
use models::order::{Due, Order, Tag};
use models::parked::{Fate, Parked, ParkedKey};
use models::status::Status;
use order_store::capability::{ListOrders, NoteKey, ReadHistory, Whole};
use order_store::dynamo::key::{self, DUE_SHARDS, due_shard};
use order_store::memory::MemoryTable;
use order_store::{Changed, DueKey, DueSince, Inserted, StoreError, Table};

use crate::audit::Damage;
use crate::breaking::Rule;
use crate::env::{Env, System};
use crate::fault::Fault;
use crate::runtime::lock;
use crate::watch::{Watch, needs_before};

/// The store as the functions see it.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    env: Env,
    table: Arc<MemoryTable>,
    observed: Arc<Mutex<Observed>>,
}

/// What an observer saw of the writes, whatever the orders remember of them.
#[derive(Debug, Default)]
struct Observed {
    /// What is due, by shard, as an index has it: looking through all orders at each sweep would take too long.
    due: BTreeMap<u8, BTreeSet<(Timestamp, DueKey)>>,
    due_of: BTreeMap<DueKey, Timestamp>,
    events: BTreeSet<(OrderKey, Tag)>,
    applied_twice: u64,
    watch: Watch,
}

impl Observed {
    fn see(&mut self, key: DueKey, due: Option<Due>) {
        let item = match &key {
            DueKey::Order(key) => key::order(key),
            DueKey::Parked(key) => key::parked(key),
        };
        let shard = self.due.entry(due_shard(&item)).or_default();
        if let Some(at) = self.due_of.remove(&key) {
            shard.remove(&(at, key.clone()));
        }
        if let Some(due) = due {
            shard.insert((due.at, key.clone()));
            self.due_of.insert(key, due.at);
        }
    }

    fn see_order(&mut self, order: &Order) {
        self.see(DueKey::Order(order.key.clone()), order.due);
    }

    /// Counts events whose effect an order has had before.
    fn see_events(&mut self, key: &OrderKey, change: &Change) {
        let tags = change.effects.iter().filter_map(|effect| match effect {
            Effect::Remember(tags) => Some(tags),
            Effect::Reason(_)
            | Effect::Due(_)
            | Effect::ProviderOrder(_)
            | Effect::Confirmation(_)
            | Effect::StartAttempt { .. }
            | Effect::EndLease
            | Effect::HoldUntil(_)
            | Effect::ForgetAttempts
            | Effect::Refund(_)
            | Effect::Dispute(_)
            | Effect::Wish(_)
            | Effect::Refunds(_)
            | Effect::Totals(_) => None,
        });
        for tag in tags.flatten().filter(|tag| tag.as_str().starts_with("e:")) {
            if !self.events.insert((key.clone(), tag.clone())) {
                self.applied_twice += 1;
            }
        }
    }
}

impl Store {
    pub(crate) fn new(env: Env) -> Self {
        Self { env, table: Arc::default(), observed: Arc::default() }
    }

    /// The table itself, for those who set up and those who audit.
    pub(crate) fn table(&self) -> &MemoryTable {
        &self.table
    }

    /// When something is due next.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        lock(&self.observed).due.values().filter_map(|shard| Some(shard.first()?.0)).min()
    }

    /// How many events had their effect more than once.
    pub(crate) fn applied_twice(&self) -> u64 {
        lock(&self.observed).applied_twice
    }

    /// Since when the cancel of this order is confirmed.
    pub(crate) fn confirmed(&self, key: &OrderKey) -> Option<Timestamp> {
        lock(&self.observed).watch.confirmed(key)
    }

    /// The longest that an order held personal data, and the orders that still do.
    pub(crate) fn held(&self) -> (SignedDuration, Vec<OrderKey>) {
        let observed = lock(&self.observed);
        (observed.watch.held_longest(), observed.watch.holding().cloned().collect())
    }

    /// What must never have been.
    pub(crate) fn wrongs(&self) -> Vec<(Damage, OrderKey, &'static str)> {
        lock(&self.observed).watch.wrongs().to_vec()
    }

    /// Whether the observer's index says what the table says.
    pub(crate) async fn index_agrees(&self) -> Result<bool, StoreError> {
        for shard in 0..DUE_SHARDS {
            let told = self.table.due(shard, Timestamp::MAX, usize::MAX).await?;
            let indexed = lock(&self.observed).due.get(&shard).cloned().unwrap_or_default();
            let told: Vec<_> = told.into_iter().map(|due| (due.at, due.key)).collect();
            if !told.iter().eq(indexed.iter()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// One request: whatever befalls it, it takes effect or not, and is answered or not.
    async fn request<T, F>(
        &self,
        kinds: &[Fault],
        what: String,
        effect: impl Fn() -> F + Send,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>> + Send,
        T: Send,
    {
        let fault = self.env.fault(System::Store, kinds, &what);
        self.env.pass(1, 15).await;
        let down = || Err(StoreError::Unavailable("a simulated fault".to_owned()));
        match fault {
            None => effect().await,
            Some(Fault::StoreRepeats) => {
                effect().await?;
                self.env.pass(1, 15).await;
                effect().await
            }
            Some(Fault::StoreAnswerLost) => {
                effect().await?;
                down()
            }
            Some(Fault::DiesBefore) => self.env.die().await,
            Some(Fault::DiesAfter) => {
                effect().await?;
                self.env.die().await
            }
            Some(_) => down(),
        }
    }

    async fn insert_now(&self, order: &Order) -> Result<Inserted, StoreError> {
        let inserted = self.table.insert(order).await?;
        if inserted == Inserted::New {
            self.env.log(format_args!("state {} {}", order.key, order.status));
            let mut observed = lock(&self.observed);
            observed.see_order(order);
            observed.watch.see_arrival(order);
        }
        Ok(inserted)
    }

    async fn change_now(&self, key: &OrderKey, change: &Change) -> Result<Changed, StoreError> {
        let before = if needs_before(change) { self.table.read(key).await? } else { None };
        let changed = match self.env.is_broken(Rule::Condition) {
            true => self.change_whatever_the_status(key, change).await?,
            false => self.table.change(key, &self.weakened(change)).await?,
        };
        if let Changed::Made(order) = &changed {
            self.env.log(format_args!(
                "state {key} {:?} {} v{} due {:?}",
                change.transition,
                order.status,
                order.version,
                order.due.map(|due| due.at.as_second())
            ));
            let mut observed = lock(&self.observed);
            observed.see_order(order);
            observed.see_events(key, change);
            observed.watch.see(before.as_ref(), change, order);
        }
        Ok(changed)
    }

    async fn whole_now(&self, key: &OrderKey) -> Result<Option<Whole>, StoreError> {
        ReadHistory::whole(&*self.table, key).await
    }

    async fn park_now(&self, parked: &Parked) -> Result<(), StoreError> {
        let is_new = self.table.read_parked(&parked.key).await?.is_none();
        Table::park(&*self.table, parked).await?;
        if is_new {
            lock(&self.observed).see(DueKey::Parked(parked.key.clone()), parked.due);
        }
        Ok(())
    }

    /// The change without the protection that is switched off.
    fn weakened(&self, change: &Change) -> Change {
        let mut change = change.clone();
        change.guards.retain(|guard| {
            let rule = match guard {
                Guard::LeaseOver(_) => Rule::Claim,
                Guard::Unseen(_) => Rule::EventMemory,
                Guard::ProviderOrder(_) | Guard::NoProviderOrder => Rule::ProviderId,
                Guard::NoErrand => Rule::Errand,
                Guard::NoWish => Rule::NoWish,
                Guard::Attempt(_) | Guard::Version(_) | Guard::FirstAttemptAfter(_) => {
                    return true;
                }
            };
            !self.env.is_broken(rule)
        });
        let is_refund = change.effects.iter().any(|effect| matches!(effect, Effect::Refunds(_)));
        if is_refund && self.env.is_broken(Rule::RefundReserve) {
            change.guards.retain(|guard| !matches!(guard, Guard::Version(_)));
        }
        if self.env.is_broken(Rule::EventMemory) {
            change.effects.retain(|effect| !matches!(effect, Effect::Remember(_)));
        }
        change
    }

    /// Makes a change as if it might start from any status.
    async fn change_whatever_the_status(
        &self,
        key: &OrderKey,
        change: &Change,
    ) -> Result<Changed, StoreError> {
        let Some(mut order) = self.table.read(key).await? else { return Ok(Changed::Refused(None)) };
        let from = change.transition.from();
        if from.contains(&order.status) {
            return self.table.change(key, change).await;
        }
        let stored = order.clone();
        order.status = from.first().copied().unwrap_or(order.status);
        if !change.holds(&order) {
            return Ok(Changed::Refused(Some(Box::new(stored))));
        }
        change.apply(&mut order);
        self.table.put_order(order.clone());
        Ok(Changed::Made(Box::new(order)))
    }
}

impl Table for Store {
    async fn insert(&self, order: &Order) -> Result<Inserted, StoreError> {
        let what = format!("store insert {}", order.key);
        self.request(Fault::OF_WRITES, what, || self.insert_now(order)).await
    }

    async fn change(&self, key: &OrderKey, change: &Change) -> Result<Changed, StoreError> {
        let what = format!("store {:?} {key}", change.transition);
        self.request(Fault::OF_WRITES, what, || self.change_now(key, change)).await
    }

    async fn read(&self, key: &OrderKey) -> Result<Option<Order>, StoreError> {
        self.request(Fault::OF_READS, format!("store read {key}"), || self.table.read(key)).await
    }

    async fn park(&self, parked: &Parked) -> Result<(), StoreError> {
        let what = format!("store park {} {}", parked.key.kind.word(), parked.key.id);
        self.request(Fault::OF_WRITES, what, || self.park_now(parked)).await
    }

    async fn read_parked(&self, key: &ParkedKey) -> Result<Option<Parked>, StoreError> {
        let what = format!("store read parked {}", key.id);
        self.request(Fault::OF_READS, what, || self.table.read_parked(key)).await
    }

    async fn settle_parked(
        &self,
        key: &ParkedKey,
        was_due: Due,
        fate: Fate,
        due: Option<Due>,
    ) -> Result<bool, StoreError> {
        let what = format!("store settle parked {} {}", key.id, fate.word());
        let settle = || async move {
            let is_settled = self.table.settle_parked(key, was_due, fate, due).await?;
            if is_settled {
                lock(&self.observed).see(DueKey::Parked(key.clone()), due);
            }
            Ok(is_settled)
        };
        self.request(Fault::OF_WRITES, what, settle).await
    }

    async fn due(&self, shard: u8, as_of: Timestamp, limit: usize) -> Result<Vec<DueSince>, StoreError> {
        let listed = || async {
            let observed = lock(&self.observed);
            let due = observed.due.get(&shard).into_iter().flatten().take_while(|(at, _)| *at <= as_of);
            Ok(due.take(limit).map(|(at, key)| DueSince { at: *at, key: key.clone() }).collect())
        };
        self.request(Fault::OF_READS, format!("store due {shard}"), listed).await
    }

    async fn merchant(&self, id: &MerchantId) -> Result<Option<Merchant>, StoreError> {
        self.request(Fault::OF_READS, format!("store merchant {id}"), || self.table.merchant(id)).await
    }
}

impl ReadHistory for Store {
    async fn whole(&self, key: &OrderKey) -> Result<Option<Whole>, StoreError> {
        self.request(Fault::OF_READS, format!("store read {key}"), || self.whole_now(key)).await
    }
}

impl NoteKey for Store {
    async fn note_key(
        &self,
        merchant: &MerchantId,
        key: Fingerprint,
        seen_at: Timestamp,
    ) -> Result<(), StoreError> {
        let note = || self.table.note_key(merchant, key, seen_at);
        self.request(Fault::OF_WRITES, format!("store note key {key} of {merchant}"), note).await
    }
}

/// Nobody lists here.
impl ListOrders for Store {
    async fn listed(
        &self,
        merchant: &MerchantId,
        status: Status,
        stretch: &Stretch,
        limit: usize,
    ) -> Result<Vec<Listing>, StoreError> {
        self.table.listed(merchant, status, stretch, limit).await
    }
}
