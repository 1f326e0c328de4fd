//! What this version can't read.

use models::order::Due;

use super::*;

/// A table in which nothing can be read.
struct Unreadable;

fn corrupt() -> StoreError {
    StoreError::Corrupt { item: "acme/INV-1".to_owned(), why: "a status of tomorrow".to_owned() }
}

impl Look for Unreadable {
    async fn read(&self, _: &OrderKey) -> Result<Option<Order>, StoreError> {
        Err(corrupt())
    }
    async fn settle(&self, _: &OrderKey, _: &Change) -> Result<bool, StoreError> {
        panic!("nothing that was read is changed")
    }
}

impl MatchOrphan for Unreadable {
    async fn orphan(&self, _: &ParkedKey) -> Result<Option<Parked>, StoreError> {
        Err(corrupt())
    }
    async fn settle_orphan(
        &self,
        _: &ParkedKey,
        _: Due,
        _: Fate,
        _: Option<Due>,
    ) -> Result<bool, StoreError> {
        panic!("nothing that was read is changed")
    }
}

impl ApplyEvent for Unreadable {
    async fn apply(&self, _: &OrderKey, _: &OrderEvent, _: Timestamp) -> Result<Applied, StoreError> {
        Err(corrupt())
    }
}

/// Delivering its message again would not make it readable: it is told and stays due, for a version that can read it.
#[tokio::test]
async fn what_this_version_cannot_read_is_told_and_not_delivered_again() {
    let tally = Tally::default();
    let _counting = tally.start();
    let Reconcile { queue, merchants, secrets, provider, clock, rules, .. } = tested();
    let tested = Reconcile { store: Unreadable, queue, merchants, secrets, provider, clock, rules };
    let order = OrderMessage { merchant: "acme".parse().unwrap(), order_id: "INV-1".parse().unwrap() };
    let parked = ParkedKey {
        merchant: Some("acme".parse().unwrap()),
        arrived_at: start(),
        kind: ParkedKind::OrphanEvent,
        id: "e-1".to_owned(),
    };
    for what in [DueThing::Order(order), DueThing::Parked(parked)] {
        tested.reconcile(record(what, start())).await.unwrap();
    }
    assert_eq!(tally.of(Metric::FailedLooks), 2);
}
