//! What is kept of transmissions, on each table.

use jiff::SignedDuration;
use models::ids::ContentHash;
use models::transmission::{Relayed, Stage, Transmission, take};
use order_store::Table;
use order_store::capability::{KeepTransmission, Took};
use order_store::dynamo::export;
use order_store::memory::MemoryTable;
use serde_json::{Value, json};

use crate::fixtures::{order, start};
use crate::tables;

/// Runs a test on all three tables.
macro_rules! on_each_table {
    ($($name:ident),+ $(,)?) => {
        mod memory { $(#[tokio::test] async fn $name() { super::$name(&super::MemoryTable::default()).await; })+ }
        mod dynoxide { $(#[tokio::test] async fn $name() { super::$name(&super::tables::dynoxide().await).await; })+ }
        mod ministack {
            $(
                #[tokio::test]
                #[ignore = "needs MiniStack: cargo xtask test"]
                async fn $name() { super::$name(&super::tables::ministack(stringify!($name)).await).await; }
            )+
        }
    };
}

on_each_table!(
    a_transmission_is_taken_once,
    a_transmission_is_settled_once,
    what_was_parked_leaves_its_id_free,
    only_the_one_that_was_taken_is_settled,
);

fn taken(transaction: &str, minor: u64) -> Relayed {
    let mut value: Value =
        serde_json::from_str(include_str!("../../../../events/transmission.json")).unwrap();
    value["transaction"]["id"] = transaction.into();
    value["amount"]["minor"] = json!(minor);
    let transmission: Transmission = serde_json::from_value(value).unwrap();
    let content = transmission.content().unwrap();
    take(&transmission, content, start() + SignedDuration::from_hours(24 * 180), start())
}

fn transmitted(id: Option<&str>) -> Stage {
    Stage::Transmitted {
        id: id.map(|id| id.parse().unwrap()),
        account: "sandbox/m".to_owned(),
        at: start() + SignedDuration::from_millis(1_250),
    }
}

async fn a_transmission_is_taken_once(table: &impl KeepTransmission) {
    let first = taken("txn-1", 1999);
    assert_eq!(table.transmission(&first.key).await.unwrap(), None);
    assert_eq!(table.take_transmission(&first).await.unwrap(), Took::New);
    let exists = Took::Exists(Box::new(first.clone()));
    let later = Relayed { taken_at: start() + SignedDuration::from_secs(9), ..first.clone() };
    assert_eq!(table.take_transmission(&later).await.unwrap(), exists, "the first one stays");
    assert_eq!(table.take_transmission(&taken("txn-1", 500)).await.unwrap(), exists);
    assert_eq!(table.transmission(&first.key).await.unwrap(), Some(first));
    for other in ["txn-2", "#", "two words, é"] {
        assert_eq!(table.take_transmission(&taken(other, 1999)).await.unwrap(), Took::New, "{other}");
    }
}

async fn a_transmission_is_settled_once(table: &impl KeepTransmission) {
    for (transaction, stage) in [
        ("txn-1", transmitted(Some("c5a1e3a0-3b0e-4c43-8c4e-7d1f6c2b9a10"))),
        ("txn-2", transmitted(None)),
        ("txn-3", Stage::Refused { at: start() }),
        ("txn-4", Stage::Undelivered { at: start() }),
    ] {
        let relayed = taken(transaction, 1999);
        assert!(!table.settle_transmission(&relayed, &stage).await.unwrap(), "it was never taken");
        table.take_transmission(&relayed).await.unwrap();
        assert!(table.settle_transmission(&relayed, &stage).await.unwrap());
        assert!(!table.settle_transmission(&relayed, &transmitted(Some("another"))).await.unwrap());
        let expected = Relayed { stage, ..relayed.clone() };
        assert_eq!(table.transmission(&relayed.key).await.unwrap(), Some(expected));
    }
}

async fn what_was_parked_leaves_its_id_free(table: &impl KeepTransmission) {
    for (transaction, stage) in
        [("txn-1", Stage::Refused { at: start() }), ("txn-2", Stage::Undelivered { at: start() })]
    {
        let refused = taken(transaction, 1999);
        table.take_transmission(&refused).await.unwrap();
        assert!(table.settle_transmission(&refused, &stage).await.unwrap());
        let corrected = taken(transaction, 500);
        assert_eq!(table.take_transmission(&corrected).await.unwrap(), Took::New);
        assert_eq!(table.transmission(&corrected.key).await.unwrap(), Some(corrected));
    }
}

async fn only_the_one_that_was_taken_is_settled(table: &impl KeepTransmission) {
    let relayed = taken("txn-1", 1999);
    table.take_transmission(&relayed).await.unwrap();
    let other = Relayed { content: ContentHash::of(&Value::Null), ..relayed.clone() };
    assert!(!table.settle_transmission(&other, &transmitted(Some("t-1"))).await.unwrap());
    assert_eq!(table.transmission(&relayed.key).await.unwrap(), Some(relayed));
}

#[tokio::test]
async fn the_export_has_them_beside_the_orders_and_the_items_hold_nothing_of_the_customer() {
    let (client, table) = tables::dynoxide_with_client().await;
    table.insert(&order("txn-1")).await.unwrap();
    let relayed = taken("txn-1", 1999);
    table.take_transmission(&relayed).await.unwrap();
    table.settle_transmission(&relayed, &transmitted(Some("t-1"))).await.unwrap();
    let books = export(&client, "orders").await.unwrap();
    assert_eq!(books.transmissions, [Relayed { stage: transmitted(Some("t-1")), ..relayed }]);
    assert_eq!((books.orders.len(), books.parked.len()), (1, 0));
    let items = client.scan().table_name("orders").send().await.unwrap().items.unwrap();
    let item = items.iter().find(|item| item["sk"].as_s().unwrap() == "TRANSMISSION").unwrap();
    assert!(item["ttl"].as_n().is_ok());
    for personal in ["p@example.com", "Pat", "Main St", "3184"] {
        assert!(!format!("{item:?}").contains(personal), "{personal}");
    }
}
