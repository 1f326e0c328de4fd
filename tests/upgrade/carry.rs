//! Orders that an earlier version left under way are carried on by the present functions, and FlexFactor is asked what it
//! would have been asked.

use jiff::Timestamp;
use lambda_kit::queue::{DueThing, OrderMessage};
use models::event::EventKind;
use models::history::verify;
use models::parked::{Fate, ParkedKind};
use models::refund::RefundState;
use models::status::Status;
use order_store::Table;
use order_store::dynamo::{export, parked_things};
use serde_json::Value;

use crate::beside::LATE;
use crate::functions::Functions;
use crate::golden;
use crate::lives::{after, arriving, at_provider, event, key};
use crate::table::{NAME, Store};

/// The attribute of an order's item as it was written, past all code of ours.
fn written(items: &[Value], order_id: &str, attribute: &str) -> String {
    let pk = format!("ORDER#acme#{order_id}");
    let item = items.iter().find(|item| item["pk"]["S"] == pk && item["sk"]["S"] == "ORDER").unwrap();
    let value = item[attribute].as_object().unwrap().values().next().unwrap();
    value.as_str().unwrap().to_owned()
}

/// A submission under the key that was written.
fn evaluate(items: &[Value], order_id: &str) -> String {
    format!("evaluate {order_id} {} txn-{order_id}", written(items, order_id, "idempotency_key"))
}

#[tokio::test]
async fn what_is_under_way_is_carried_on() {
    for schema in golden::ALL {
        println!("schema {schema}");
        let items = golden::read(schema);
        let functions = Functions::on(Store::with(&items).await, after(5));
        submissions(&functions, &items).await;
        webhooks(&functions).await;
        sweep(&functions, &items).await;
        wishes(&functions, &items).await;
        refunds(&functions).await;
        orphan(&functions).await;
        // Old entries and new ones are one history.
        functions.store.read_stream().await;
        let books = export(&functions.store.client, NAME).await.unwrap();
        for order in &books.orders {
            assert_eq!(verify(&books.histories[&order.key], Some(order)), Ok(()), "{}", order.key);
        }
    }
}

async fn submissions(functions: &Functions, items: &[Value]) {
    // Nothing was sent of these before.
    functions.submit("received").await.unwrap();
    let [call] = functions.flexfactor.calls().try_into().unwrap();
    let order = functions.order("received").await;
    let given = order.submission.idempotency_key.unwrap();
    assert_eq!(call, format!("evaluate received {given} txn-received"), "with the decline that was stored");
    assert!(order.status == Status::Pending && order.request.is_none());
    functions.submit("received-unsent").await.unwrap();
    assert_eq!(functions.flexfactor.calls(), [evaluate(items, "received-unsent")]);
    for order_id in ["received", "received-unsent"] {
        functions.submit(order_id).await.unwrap();
    }
    assert_eq!(functions.flexfactor.calls(), [""; 0], "once");

    // A call may be under way: nobody repeats it before its lease is over, and then under its own key.
    for order_id in ["submitting", "unknown"] {
        let lease: Timestamp = written(items, order_id, "lease_until").parse().unwrap();
        functions.now_is(lease - jiff::SignedDuration::from_millis(1));
        assert!(functions.submit(order_id).await.is_err(), "{order_id} is held");
        assert_eq!(functions.flexfactor.calls(), [""; 0]);
        functions.now_is(lease);
        functions.submit(order_id).await.unwrap();
        assert_eq!(functions.flexfactor.calls(), [evaluate(items, order_id)]);
        assert_eq!(functions.order(order_id).await.status, Status::Pending);
    }
    // Nor any that FlexFactor has, that is called off, or that has ended.
    for order_id in
        ["unknown-word", "unknown-cancel", "pending", "capture", "rejected", "cancelled", "approved"]
    {
        functions.now_is(after(3_000));
        functions.submit(order_id).await.unwrap();
        assert_eq!(functions.flexfactor.calls(), [""; 0], "{order_id}");
    }
}

async fn webhooks(functions: &Functions) {
    functions.now_is(after(7_200));
    let completed = event("pending", EventKind::Completed, "order.completed", 7_000);
    assert_eq!(functions.receive(&completed).await, 200);
    let order = functions.order("pending").await;
    assert_eq!((order.status, order.due), (Status::Approved, None));
    // What the version before remembered is remembered.
    let before = functions.order("approved").await;
    let seen = event("approved", EventKind::Completed, "order.completed", 86_400);
    assert_eq!(functions.receive(&seen).await, 409, "the same delivery");
    let again = models::event::OrderEvent { nonce: "another".to_owned(), ..seen };
    assert_eq!(functions.receive(&again).await, 200, "the same event");
    assert_eq!(functions.order("approved").await.version, before.version + 1, "only the delivery is new");
}

/// The sweep finds what was due, by the items as they are now.
async fn sweep(functions: &Functions, items: &[Value]) {
    let now = after(2 * 86_400);
    functions.now_is(now);
    let is_due = |item: &&Value| {
        let due: Option<i64> = item["due_at"]["N"].as_str().map(|at| at.parse().unwrap());
        item["due_shard"].is_object() && due.is_some_and(|at| at <= now.as_second())
    };
    let was_due = items.iter().filter(is_due).count();
    let dump = functions.store.dump();
    let due: Vec<_> = dump.iter().filter(is_due).collect();
    let mut found = functions.sweep().await;
    assert_eq!(found.len(), due.len());
    assert!(due.len() >= 10 && was_due >= 10, "{was_due} were due, and {} are", due.len());
    found.retain(|thing| match thing {
        DueThing::Order(order) => order.order_id.as_str() == "unknown-word",
        DueThing::Parked(_) => false,
    });
    assert_eq!(found, [DueThing::Order(OrderMessage::of(&key("unknown-word")))]);
    // One of them: FlexFactor's id was kept of an answer that was not understood.
    functions.flexfactor.has("unknown-word", "Completed", 1_999, 0);
    functions.look("unknown-word").await.unwrap();
    assert_eq!(functions.flexfactor.calls(), [format!("read {}", at_provider("unknown-word"))]);
    assert_eq!(functions.order("unknown-word").await.status, Status::Approved);
}

async fn wishes(functions: &Functions, items: &[Value]) {
    let id = at_provider("pending-cancel");
    functions.flexfactor.has("pending-cancel", "Processing", 0, 0);
    functions.look("pending-cancel").await.unwrap();
    assert_eq!(functions.flexfactor.calls(), [format!("cancel {id}")]);
    assert_eq!(functions.order("pending-cancel").await.status, Status::Cancelled);

    // Not known whether it was sent: whatever FlexFactor has under our id is cancelled.
    functions.look("unknown-cancel").await.unwrap();
    let calls = functions.flexfactor.calls();
    assert!(calls.contains(&"cancel externally unknown-cancel".to_owned()), "{calls:?}");
    assert_eq!(functions.order("unknown-cancel").await.status, Status::Cancelled);

    let id = at_provider("capture-wished");
    functions.flexfactor.has("capture-wished", "Capturerequired", 0, 0);
    functions.look("capture-wished").await.unwrap();
    let capture = format!("capture {id} {}", written(items, "capture-wished", "wish_key"));
    assert_eq!(
        functions.flexfactor.calls(),
        [capture, format!("read {id}")],
        "under the key that was written"
    );
    assert_eq!(functions.order("capture-wished").await.status, Status::Approved);
}

async fn refunds(functions: &Functions) {
    for (order_id, refunded, state) in
        [("refund-reserved", 500, RefundState::Made), ("refund-lost", 0, RefundState::NotMade)]
    {
        let order = functions.order(order_id).await;
        let due = order.due.unwrap();
        functions.now_is(due.at);
        functions.flexfactor.has(order_id, "Completed", order.amount.minor.get(), refunded);
        functions.look(order_id).await.unwrap();
        assert_eq!(functions.flexfactor.calls(), [format!("read {}", at_provider(order_id))]);
        let order = functions.order(order_id).await;
        assert_eq!(order.refunds[0].state, state, "{order_id}");
        assert_eq!((order.reserved().get(), order.refunded().get()), (0, refunded));
    }
}

/// An event that came before its order, which comes now.
async fn orphan(functions: &Functions) {
    Table::insert(&functions.store, &arriving(LATE)).await.unwrap();
    let parked = async || {
        let things = parked_things(&functions.store.client, NAME).await.unwrap();
        let mut things = things.into_iter().map(Result::unwrap);
        things.find(|thing| thing.key.kind == ParkedKind::OrphanEvent && thing.key.id != "matched").unwrap()
    };
    let before = parked().await;
    functions.now_is(before.due.unwrap().at);
    functions.look_at_parked(before.key).await.unwrap();
    assert_eq!(functions.order(LATE).await.status, Status::Approved);
    assert_eq!((parked().await.fate, parked().await.due), (Fate::Matched, None));
    assert_eq!(functions.handed_on(), []);
}
