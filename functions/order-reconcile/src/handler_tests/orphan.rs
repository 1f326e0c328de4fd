//! Events without an order, and messages that name nothing.

use super::*;

fn orphan(order_id: &str) -> Parked {
    let event = event(order_id, EventKind::Completed, "order.completed");
    Parked {
        key: ParkedKey {
            merchant: Some("acme".parse().unwrap()),
            arrived_at: start(),
            kind: ParkedKind::OrphanEvent,
            id: "e-1".to_owned(),
        },
        order_id: Some(event.order_id.clone()),
        why: Why::Sentence("No order of ours has this id.".to_owned()),
        copy: "{}".to_owned(),
        keep_until: hours(90 * 24),
        event: Some(event),
        due: orphan_due(start()),
        fate: Fate::Parked,
    }
}

#[tokio::test]
async fn an_event_that_came_before_its_order_is_applied_when_the_order_is_there() {
    let tested = tested();
    let parked = orphan("INV-7");
    Park::park(&tested.store, &parked).await.unwrap();
    let due = parked.due.unwrap();
    tested.reconcile(record(DueThing::Parked(parked.key.clone()), due.at)).await.unwrap();
    let next = tested.store.read_parked(&parked.key).await.unwrap().unwrap().due.unwrap();
    assert!(next.at > due.at && next.looks == 2);

    let key = tested.received("INV-7").await;
    tested.reconcile(record(DueThing::Parked(parked.key.clone()), due.at)).await.unwrap();
    assert_eq!(tested.order(&key).await.status, Status::Received, "it is not due yet");
    tested.reconcile(record(DueThing::Parked(parked.key.clone()), next.at)).await.unwrap();
    let order = tested.order(&key).await;
    assert_eq!((order.status, order.due), (Status::Approved, None));
    let settled = tested.store.read_parked(&parked.key).await.unwrap().unwrap();
    assert_eq!((settled.fate, settled.due), (Fate::Matched, None), "it is kept, and says so");
}

#[tokio::test]
async fn an_event_that_fits_no_order_stays_parked_when_its_schedule_is_used_up() {
    let tally = Tally::default();
    let _counting = tally.start();
    let tested = tested();
    let parked = orphan("INV-7");
    Park::park(&tested.store, &parked).await.unwrap();
    let mut looks = 0;
    while let Some(due) = tested.store.read_parked(&parked.key).await.unwrap().unwrap().due {
        tested.reconcile(record(DueThing::Parked(parked.key.clone()), due.at)).await.unwrap();
        looks += 1;
        assert!(looks < 50);
    }
    assert_eq!(looks, ORPHAN.waits().count());
    assert_eq!(tested.store.read_parked(&parked.key).await.unwrap().unwrap().fate, Fate::Parked);
    assert_eq!(tally.of(Metric::EscalatedOrders), 1, "people are told once");
}

#[tokio::test]
async fn a_message_that_names_nothing_is_an_error_and_an_order_that_is_gone_is_not() {
    let tested = tested();
    let nonsense = Record {
        id: "m".into(),
        body: "{}".into(),
        receipt: "r".into(),
        sent_at_millis: None,
        deliveries: None,
    };
    assert!(matches!(tested.reconcile(nonsense).await, Err(ReconcileError::Message(_))));
    let gone = OrderMessage { merchant: "acme".parse().unwrap(), order_id: "gone".parse().unwrap() };
    assert!(tested.reconcile(record(DueThing::Order(gone), start())).await.is_ok());
}
