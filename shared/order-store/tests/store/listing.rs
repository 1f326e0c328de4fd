//! Lists of a merchant's orders, and an order with its history, on all tables.

use jiff::SignedDuration;
use models::change::Change;
use models::history::Entry;
use models::listing::{Listing, Stretch};
use models::order::{Order, Reason, ReasonCode};
use models::status::{Status, Transition};
use order_store::Table;
use order_store::capability::{KeepHistory, KeepListing, ListOrders, ReadHistory, Whole, list};
use order_store::dynamo::export;
use order_store::memory::MemoryTable;

use crate::fixtures::{order, start};
use crate::tables;

fn listing(order_id: &str, status: Status, seconds: i64, version: u64) -> Listing {
    let received_at = start() + SignedDuration::from_secs(seconds);
    Listing { status, received_at, version, ..Listing::of(&order(order_id)) }
}

async fn ids(
    table: &impl ListOrders,
    statuses: &[Status],
    stretch: &Stretch,
    limit: usize,
) -> (String, bool) {
    let (found, more) = list(table, &"acme".parse().unwrap(), statuses, stretch, limit).await.unwrap();
    let ids: Vec<_> = found.into_iter().map(|listing| listing.key.order_id.to_string()).collect();
    (ids.join(" "), more)
}

async fn a_list_is_by_status_and_time_and_read_page_by_page(table: &(impl KeepListing + ListOrders)) {
    use Status::{Approved, Pending};
    // Two of one moment, an id that begins as another, ids that hold what separates keys.
    for (id, status, seconds) in [
        ("A", Pending, 0),
        ("A-1", Pending, 0),
        ("B#b", Approved, 1),
        ("C/c?", Pending, 2),
        ("D", Approved, 3),
    ] {
        table.list(&listing(id, status, seconds, 1)).await.unwrap();
    }
    let mut other = listing("X", Pending, 0, 1);
    other.key.merchant = "acme-2".parse().unwrap();
    table.list(&other).await.unwrap();

    let all = Stretch::default();
    assert_eq!(ids(table, &[Pending], &all, 10).await, ("A A-1 C/c?".to_owned(), false));
    assert_eq!(ids(table, Status::ALL, &all, 10).await, ("A A-1 B#b C/c? D".to_owned(), false));
    assert_eq!(ids(table, &[Status::Expired], &all, 10).await, (String::new(), false));

    let mut stretch = Stretch::default();
    let mut pages = Vec::new();
    loop {
        let (found, more) = list(table, &"acme".parse().unwrap(), Status::ALL, &stretch, 2).await.unwrap();
        pages.extend(found.iter().map(|listing| listing.key.order_id.to_string()));
        stretch.after = found.last().map(Listing::place);
        if !more {
            break;
        }
    }
    assert_eq!(pages.join(" "), "A A-1 B#b C/c? D", "each once");

    let second = |seconds| Some(start() + SignedDuration::from_secs(seconds));
    let within = |from, to| Stretch { from, to, after: None };
    assert_eq!(ids(table, Status::ALL, &within(second(1), second(3)), 10).await.0, "B#b C/c?");
    assert_eq!(ids(table, Status::ALL, &within(second(3), None), 10).await.0, "D");
    assert_eq!(ids(table, Status::ALL, &within(second(3), second(1)), 10).await.0, "");
}

async fn only_a_newer_line_replaces_an_older_one(table: &(impl KeepListing + ListOrders)) {
    let mut newer = listing("A", Status::Approved, 0, 3);
    newer.reason = Some(ReasonCode::Webhook);
    let older = listing("A", Status::Pending, 0, 2);
    for line in [&older, &newer, &older, &newer] {
        table.list(line).await.unwrap();
    }
    let mut same = newer.clone();
    same.status = Status::Declined;
    table.list(&same).await.unwrap();
    let found = list(table, &"acme".parse().unwrap(), Status::ALL, &Stretch::default(), 10).await.unwrap();
    assert_eq!(found, (vec![newer], false), "whole, and in one status only");
}

/// An order with one change, its history and its line.
async fn life(table: &(impl Table + KeepHistory + KeepListing), order_id: &str) -> (Order, Vec<Entry>) {
    let mut order = order(order_id);
    table.insert(&order).await.unwrap();
    let first = Entry::of(None, &order, None).unwrap();
    let before = order.clone();
    let reason = Reason::new(ReasonCode::NeverSubmitted, "why");
    let change = Change::new(Transition::Escalate, start()).effect(models::change::Effect::Reason(reason));
    table.change(&order.key, &change).await.unwrap();
    change.apply(&mut order);
    let second = Entry::of(Some(&before), &order, Some(&first.hash)).unwrap();
    for entry in [&second, &first] {
        table.append(entry).await.unwrap();
    }
    table.list(&Listing::of(&order)).await.unwrap();
    (order, vec![first, second])
}

async fn an_order_is_read_with_its_whole_history(
    table: &(impl Table + KeepHistory + KeepListing + ReadHistory),
) {
    let (order, history) = life(table, "A#1").await;
    life(table, "A#10").await;
    assert_eq!(table.whole(&order.key).await.unwrap(), Some(Whole { order: order.clone(), history }));
    let mut nobody = order.key;
    nobody.order_id = "B".parse().unwrap();
    assert_eq!(table.whole(&nobody).await.unwrap(), None);
}

#[tokio::test]
async fn orders_are_listed_by_status_and_time_and_read_page_by_page() {
    a_list_is_by_status_and_time_and_read_page_by_page(&MemoryTable::default()).await;
    a_list_is_by_status_and_time_and_read_page_by_page(&tables::dynoxide().await).await;
}

#[tokio::test]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn orders_are_listed_by_status_and_time_on_ministack() {
    a_list_is_by_status_and_time_and_read_page_by_page(&tables::ministack("orders_are_listed").await).await;
}

#[tokio::test]
async fn a_line_is_replaced_by_a_newer_one_only() {
    only_a_newer_line_replaces_an_older_one(&MemoryTable::default()).await;
    only_a_newer_line_replaces_an_older_one(&tables::dynoxide().await).await;
}

#[tokio::test]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn a_line_is_replaced_by_a_newer_one_only_on_ministack() {
    only_a_newer_line_replaces_an_older_one(&tables::ministack("a_line_is_replaced").await).await;
}

#[tokio::test]
async fn an_order_and_its_history_are_read_together() {
    an_order_is_read_with_its_whole_history(&MemoryTable::default()).await;
    an_order_is_read_with_its_whole_history(&tables::dynoxide().await).await;
}

#[tokio::test]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn an_order_and_its_history_are_read_together_on_ministack() {
    an_order_is_read_with_its_whole_history(&tables::ministack("an_order_and_its_history").await).await;
}

#[tokio::test]
async fn the_export_of_the_books_does_not_take_a_line_for_an_order() {
    let (client, table) = tables::dynoxide_with_client().await;
    let (order, history) = life(&table, "INV-1").await;
    let books = export(&client, "orders").await.unwrap();
    assert_eq!((books.orders, books.histories.get(&order.key)), (vec![order], Some(&history)));
}
