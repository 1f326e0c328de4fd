//! Every item that any schema wrote is read by the present code.

use std::collections::BTreeSet;

use models::history::verify;
use models::parked::ParkedKind;
use models::status::Status;
use order_store::Table as _;
use order_store::capability::{ListOrders as _, ReadKey as _};
use order_store::dynamo::{export, merchants, parked_things};
use serde_json::Value;

use crate::beside::key_seen;
use crate::golden;
use crate::lives::{decline, merchant, start};
use crate::table::{NAME, Store};

fn count(items: &[Value], is: impl Fn(&str, &str) -> bool) -> usize {
    let part = |item: &Value, name: &str| item[name]["S"].as_str().unwrap().to_owned();
    items.iter().filter(|item| is(&part(item, "pk"), &part(item, "sk"))).count()
}

#[tokio::test]
async fn what_every_schema_wrote_is_read_and_every_history_verifies() {
    for schema in golden::ALL {
        let items = golden::read(schema);
        let number = serde_json::json!({ "N": schema.to_string() });
        let says = |item: &Value| item["schema"].is_null() || item["schema"] == number;
        assert!(
            items.iter().all(says),
            "every item says its schema, but for the merchant's, which people write"
        );
        let store = Store::with(&items).await;
        assert_eq!(
            golden::differing(&store.dump(), &items),
            [""; 0],
            "schema {schema} is loaded as it was written"
        );
        let books = export(&store.client, NAME).await.unwrap();
        assert_eq!(books.orders.len(), count(&items, |_, sk| sk == "ORDER"));
        assert_eq!(books.facts.len(), books.orders.len());
        let statuses: BTreeSet<_> = books.orders.iter().map(|order| order.status).collect();
        assert_eq!(
            statuses,
            Status::ALL.iter().copied().collect(),
            "schema {schema} has orders in every status"
        );
        for order in &books.orders {
            let history = &books.histories[&order.key];
            assert_eq!(verify(history, Some(order)), Ok(()), "schema {schema}, {}", order.key);
            let expected = decline(order.key.order_id.as_str());
            assert!(order.request.as_deref().is_none_or(|request| *request == expected));
            assert_eq!(order.request.is_some(), history.last().unwrap().state.holds_request);
        }
        let entries: usize = books.histories.values().map(Vec::len).sum();
        assert_eq!(entries, count(&items, |_, sk| sk.starts_with("HISTORY#")));
        assert_eq!(books.transmissions.len(), count(&items, |pk, _| pk.starts_with("TRANSMIT#")));

        let parked = parked_things(&store.client, NAME).await.unwrap();
        let kinds: BTreeSet<_> = parked.iter().map(|thing| thing.as_ref().unwrap().key.kind).collect();
        // Checks came with schema 2, as did the note of which webhook keys are in use.
        let is_known = |kind: &&ParkedKind| schema > 1 || **kind != ParkedKind::Check;
        assert_eq!(kinds, ParkedKind::ALL.iter().filter(is_known).copied().collect());
        let seen = store.dynamo.key_seen(&merchant(), key_seen()).await.unwrap();
        assert_eq!(seen, (schema > 1).then(start));
        assert!(merchants(&store.client, NAME).await.unwrap().into_values().all(|merchant| merchant.is_ok()));
        assert!(store.dynamo.merchant(&merchant()).await.unwrap().is_some());
        let mut listed = 0;
        for status in Status::ALL {
            let stretch = models::listing::Stretch::default();
            listed += store.dynamo.listed(&merchant(), *status, &stretch, 100).await.unwrap().len();
        }
        assert_eq!(listed, books.orders.len());
    }
}
