//! An item of a schema that is newer than this code is refused by name, whoever comes with it; nothing is written over it.

use models::event::EventKind;
use models::wish;
use order_store::capability::{AskOf as _, KeepTransmission as _};
use order_store::dynamo::{export, parked_things};
use order_store::{StoreError, Table as _};
use serde_json::{Value, json};

use crate::beside::taken;
use crate::functions::Functions;
use crate::golden;
use crate::lives::{after, arriving, event, key};
use crate::table::{NAME, Store};

/// Everything as the next version may write it.
fn of_tomorrow() -> Vec<Value> {
    let mut items = golden::read(golden::PRESENT);
    for item in items.iter_mut().filter(|item| item["schema"].is_object()) {
        item["schema"] = json!({ "N": (golden::PRESENT + 1).to_string() });
    }
    items
}

fn tells_its_schema(error: &dyn std::fmt::Display) {
    let told = error.to_string();
    let expected =
        format!("its schema is {}, and this version reads up to {}", golden::PRESENT + 1, golden::PRESENT);
    assert!(told.contains(&expected), "{told}");
}

#[tokio::test]
async fn an_order_of_a_newer_schema_is_refused_and_left_as_it_is() {
    let items = of_tomorrow();
    let functions = Functions::on(Store::with(&items).await, after(5));
    // Its messages come again, its webhook is sent again, and it stays due.
    for order_id in ["received", "received-unsent"] {
        tells_its_schema(&functions.submit(order_id).await.unwrap_err());
    }
    functions.now_is(after(7_200));
    for order_id in ["submitting", "unknown", "approved"] {
        tells_its_schema(&functions.submit(order_id).await.unwrap_err());
    }
    for order_id in ["pending", "approved", "received"] {
        let told = event(order_id, EventKind::Completed, "order.completed", 7_000);
        assert_eq!(functions.receive(&told).await, 503, "{order_id}");
    }
    functions.now_is(after(2 * 86_400));
    functions.look("unknown-word").await.unwrap();
    let due = functions.sweep().await;
    assert!(due.len() >= 10, "{due:?}");
    // The same decline again, and what people ask.
    tells_its_schema(&functions.store.insert(&arriving("received")).await.unwrap_err());
    tells_its_schema(&functions.store.order(&key("pending")).await.unwrap_err());
    let order =
        crate::functions::order_of(&Store::with(&golden::read(golden::PRESENT)).await, "pending").await;
    let Ok(wish::Asked::Change(change)) =
        wish::cancel(&order, models::ids::IdempotencyKey::from_random([1; 16]), after(8_000))
    else {
        panic!("a pending order can be cancelled")
    };
    tells_its_schema(&functions.store.act(&key("pending"), &change).await.unwrap_err());
    // A transaction that is sent again, also where the earlier try gave its id free.
    for transaction in ["txn-taken", "txn-transmitted", "txn-refused", "txn-undelivered"] {
        let again = functions.store.dynamo.take_transmission(&taken(transaction)).await;
        tells_its_schema(&again.unwrap_err());
    }

    assert_eq!(functions.flexfactor.calls(), [""; 0]);
    let mut written = golden::differing(&functions.store.dump(), &items);
    written.retain(|item| !item.starts_with("\"KEYS#"));
    assert_eq!(written, [""; 0], "nothing was written but whose signature the webhooks had");
}

#[tokio::test]
async fn whatever_is_of_a_newer_schema_is_told_by_whoever_reads_it() {
    let items = of_tomorrow();
    let store = Store::with(&items).await;
    assert!(matches!(export(&store.client, NAME).await, Err(StoreError::Corrupt { .. })));
    for thing in parked_things(&store.client, NAME).await.unwrap() {
        tells_its_schema(&thing.unwrap_err());
    }
    // Each kind by itself.
    for prefix in ["HISTORY#", "ORDER", "TRANSMISSION"] {
        let some: Vec<_> = items
            .iter()
            .filter(|item| item["sk"]["S"].as_str().unwrap().starts_with(prefix))
            .cloned()
            .collect();
        let store = Store::with(&some).await;
        tells_its_schema(&export(&store.client, NAME).await.unwrap_err());
    }
}
