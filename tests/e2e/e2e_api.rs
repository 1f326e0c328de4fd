//! order-api on the deployed stack: what people and programs do with orders over HTTP. What became of the money is judged
//! from FlexFactor's own ledger.

use std::collections::BTreeMap;

use models::refund::RefundState;
use models::status::Status;
use models::wish::{CancelState, CaptureState};
use rig::{Fault, MANAGED, Rig, RigOptions, UNMANAGED};
use serde_json::json;

use crate::api::Api;
use crate::support::{DAY_SECONDS, LIMIT, at_provider, decline, find, rig, until_status};

/// What FlexFactor has refunded of the order, in minor units.
async fn refunded(rig: &Rig, order_id: &str) -> u64 {
    let entry = at_provider(rig, order_id).await;
    entry.refunds.iter().map(|refund| u64::try_from(refund.money.minor).unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn orders_are_submitted_read_and_listed_over_http() {
    let stays = json!({ "kind": "stay_pending" });
    let rules = json!([
        { "when": { "order_id": "now-*" }, "fate": { "kind": "approve", "after_seconds": 0 } },
        { "when": {}, "fate": stays },
    ]);
    let rig = rig(RigOptions::new("e2e-api"), rules).await;
    let api = Api::managed(&rig);
    assert_eq!(api.unsigned("orders").await, 403, "nobody calls without a signature");

    // An id that holds what separates paths.
    let ids = ["now-1", "api-1", "api-2", "a/b#1"];
    for id in ids {
        let body = serde_json::from_str(&decline(MANAGED, id).body()).unwrap();
        let order = api.post("orders", "first", &body).await.order(201);
        assert_eq!(order.order_id.as_str(), id);
        assert_eq!(api.post("orders", "again", &body).await.status, 200, "{id}");
        let mut other = body.clone();
        other["amount"]["minor"] = 4242.into();
        api.post("orders", "other", &other).await.problem("decline_conflict");
        let mut refused = body;
        refused["order_id"] = "api-refused".into();
        refused["recurring"] = false.into();
        api.post("orders", "refused", &refused).await.problem("mit_flags");
    }
    until_status(&rig, "now-1", Status::Approved).await;
    for id in &ids[1..] {
        until_status(&rig, id, Status::Pending).await;
    }
    rig.until_histories_verify(LIMIT).await.unwrap();
    let order = api.get("orders/a%2Fb%231").await.order(200);
    assert_eq!(
        (order.order_id.as_str(), order.status, order.history_verified),
        ("a/b#1", Status::Pending, true)
    );
    assert_eq!(order.history.len() as u64, order.version);
    api.get("orders/nobody").await.problem("order_not_found");
    Api::of(&rig, UNMANAGED).get("orders/now-1").await.problem("order_not_found");

    // The lines are written after the entries of the histories.
    let listed = || async {
        let mut found = Vec::new();
        let mut query = "orders?limit=3".to_owned();
        loop {
            let page = api.get(&query).await.page();
            assert!(page.orders.len() <= 3);
            found.extend(page.orders.into_iter().map(|order| (order.order_id.to_string(), order.status)));
            let Some(cursor) = page.next_cursor else { break found };
            query = format!("orders?limit=3&cursor={cursor}");
        }
    };
    let deadline = std::time::Instant::now() + LIMIT;
    let expected: Vec<_> = ids
        .map(|id| (id.to_owned(), if id == "now-1" { Status::Approved } else { Status::Pending }))
        .to_vec();
    while listed().await != expected {
        assert!(std::time::Instant::now() < deadline, "{:?}", listed().await);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let pending = api.get("orders?status=pending").await.page();
    assert_eq!(pending.orders.len(), 3);
    let from = pending.orders[1].received_at;
    let later = api.get(&format!("orders?from={from}")).await.page();
    assert_eq!(later.orders.len(), 2, "by the time of arrival: {later:?}");
    assert_eq!(api.get("orders?cursor=x").await.problem("malformed").status, 400);
    rig.down().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn a_cancel_is_confirmed_or_comes_too_late_and_an_authorised_order_is_captured() {
    let rules = json!([
        { "when": { "order_id": "late-*" }, "fate": { "kind": "approve", "after_seconds": 0 } },
        { "when": { "order_id": "capture-*" }, "fate": { "kind": "capture_required", "window_seconds": DAY_SECONDS } },
        { "when": {}, "fate": { "kind": "stay_pending" } },
    ]);
    let rig = rig(RigOptions::new("e2e-api-wishes"), rules).await;
    let api = Api::managed(&rig);
    let bodies = ["cancel-1", "late-1", "capture-1"].map(|id| decline(MANAGED, id).body());
    rig.send(&bodies).await.unwrap();
    until_status(&rig, "cancel-1", Status::Pending).await;
    until_status(&rig, "late-1", Status::Approved).await;
    until_status(&rig, "capture-1", Status::CaptureRequired).await;

    let order = api.cancel("cancel-1", "k").await.order(202);
    assert!(matches!(order.cancel.unwrap().state, CancelState::Wanted | CancelState::Confirmed));
    until_status(&rig, "cancel-1", Status::Cancelled).await;
    let order = api.order("cancel-1").await;
    assert_eq!(order.cancel.unwrap().state, CancelState::Confirmed);
    assert_eq!(api.cancel("cancel-1", "k2").await.order(202).status, Status::Cancelled);

    let late = api.cancel("late-1", "k").await.problem("order_approved");
    let left = api.order("late-1").await.money.refundable_minor;
    assert_eq!(late.proposed_refund.unwrap().minor, left);
    assert_eq!(refunded(&rig, "late-1").await, 0, "proposed, never made");

    api.capture("cancel-1", "k").await.problem("not_capturable");
    api.capture("capture-1", "k").await.order(202);
    until_status(&rig, "capture-1", Status::Approved).await;
    let order = api.order("capture-1").await;
    assert_eq!(order.capture.unwrap().state, CaptureState::Captured);
    assert_eq!(at_provider(&rig, "capture-1").await.charges.len(), 1);
    rig.down().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn refunds_in_part_in_full_and_too_much_agree_with_flexfactor_s_ledger() {
    let approve = json!([{ "when": {}, "fate": { "kind": "approve", "after_seconds": 0 } }]);
    let rig = rig(RigOptions::new("e2e-api-refunds"), approve).await;
    let api = Api::managed(&rig);
    let sent = ["refund-1", "refund-2"].map(|id| decline(MANAGED, id));
    rig.send(&[sent[0].body(), sent[1].body()]).await.unwrap();
    let total = sent[0].minor();
    for id in ["refund-1", "refund-2"] {
        until_status(&rig, id, Status::Approved).await;
    }

    let order = api.refund("refund-1", 5, "a").await.order(201);
    assert_eq!((order.refunds[0].state, order.money.refunded_minor.get()), (RefundState::Made, 5));
    assert_eq!(api.refund("refund-1", 5, "a").await.order(201).refunds, order.refunds, "the same call again");
    api.refund("refund-1", 6, "a").await.problem("idempotency_key_reused");
    let left = api.refund("refund-1", total, "b").await.problem("refund_too_large").refundable_minor;
    assert_eq!(left.unwrap().get(), total - 5);
    api.refund("refund-1", total - 5, "c").await.order(201);
    assert_eq!(refunded(&rig, "refund-1").await, total);
    api.refund("refund-1", 1, "d").await.problem("refund_too_large");

    // Where FlexFactor does not tell what is left, it refuses: with its code 2001.
    let settings =
        json!({ "settings": { "orders": { "amount_fields": false, "partial_refund_percent_max": 60 } } });
    rig.control().put_scenario(&settings).await.unwrap();
    let told = api.refund("refund-2", sent[1].minor() - 1, "a").await.problem("refund_refused_by_provider");
    assert!(told.detail.contains("2001") && told.detail.contains("60 %"), "{}", told.detail);
    assert_eq!(refunded(&rig, "refund-2").await, 0);
    assert_eq!(api.refund("refund-2", sent[1].minor(), "b").await.order(201).money.refundable_minor.get(), 0);
    assert_eq!(refunded(&rig, "refund-2").await, sent[1].minor());
    rig.down().unwrap();
}

/// Orders whose refunds meet, each drawn by its own seed.
const SEEDS: u64 = 20;
/// How many of them at a time.
const SEEDS_AT_ONCE: usize = 1;

/// Asks for fifty refunds of an order at once; one in five repeats an earlier call, as an impatient caller sends it.
async fn fifty_refunds(api: &Api, order_id: &str, total: u64, seed: u64) {
    let mut state = seed;
    let mut draw = |below: u64| {
        // SplitMix64 (public domain).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    };
    let largest = [total / 20, total / 3, total, total + total / 4][usize::try_from(draw(4)).unwrap()].max(1);
    let mut calls: Vec<(u64, String)> = Vec::new();
    for number in 0..50_u64 {
        let call = if number > 0 && draw(5) == 0 {
            calls[usize::try_from(draw(number)).unwrap()].clone()
        } else {
            (1 + draw(largest), format!("key-{number}"))
        };
        calls.push(call);
    }
    let asked = calls.into_iter().map(|(minor, key)| {
        let (api, order_id) = (api.clone(), order_id.to_owned());
        tokio::spawn(async move { (api.refund(&order_id, minor, &key).await, minor, key) })
    });
    let mut made = BTreeMap::new();
    for asked in asked.collect::<Vec<_>>() {
        let (answer, minor, key) = asked.await.unwrap();
        match answer.status {
            201 => drop(made.insert(key, minor)),
            202 => {}
            409 => drop(answer.problem("refund_in_flight")),
            422 => drop(answer.problem("refund_too_large")),
            // Fifty at once may be more than the store here answers in time: the ledger is what counts.
            503 => drop(answer.problem("store_unavailable")),
            status => panic!("seed {seed}: {status}: {answer:?}"),
        }
    }
    let order = api.order(order_id).await;
    let told: u64 = made.values().sum();
    assert!(told <= order.money.refunded_minor.get(), "seed {seed}: {made:?} {order:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn fifty_refunds_at_once_of_one_order_never_exceed_what_was_captured() {
    let approve = json!([{ "when": {}, "fate": { "kind": "approve", "after_seconds": 0 } }]);
    let mut rig = rig(RigOptions::new("e2e-api-fifty"), approve).await;
    let api = Api::managed(&rig);
    let sent: Vec<_> = (0..SEEDS).map(|seed| decline(MANAGED, &format!("fifty-{seed}"))).collect();
    let bodies: Vec<_> = sent.iter().map(rig::Decline::body).collect();
    rig.send(&bodies).await.unwrap();
    for seed in 0..SEEDS {
        until_status(&rig, &format!("fifty-{seed}"), Status::Approved).await;
    }
    let seeds: Vec<_> = (0..SEEDS).zip(&sent).collect();
    for some in seeds.chunks(SEEDS_AT_ONCE) {
        let mut running = tokio::task::JoinSet::new();
        for (seed, decline) in some {
            let (api, seed, total) = (api.clone(), *seed, decline.minor());
            running.spawn(async move { fifty_refunds(&api, &format!("fifty-{seed}"), total, seed).await });
        }
        running.join_all().await;
    }
    // What was left reserved is settled by FlexFactor's totals.
    rig.pass_seconds(20 * 60).await.unwrap();
    rig.sweep().await.unwrap();
    let settled =
        |books: &rig::Books| match books.orders.iter().find(|order| order.refund_under_way().is_some()) {
            Some(order) => Err(format!("a refund of {} is under way", order.key)),
            None => Ok(()),
        };
    let books = rig.until(LIMIT, settled).await.unwrap();
    let ledger = rig.ledger().await.unwrap();
    for (seed, decline) in seeds {
        let id = format!("fifty-{seed}");
        let entry = ledger.orders.iter().find(|entry| entry.external_order_id == id).unwrap();
        let at_flexfactor: u64 =
            entry.refunds.iter().map(|refund| u64::try_from(refund.money.minor).unwrap()).sum();
        assert!(
            at_flexfactor > 0 && at_flexfactor <= decline.minor(),
            "seed {seed}: {at_flexfactor} of {}",
            decline.minor()
        );
        let order = find(&books, &id).unwrap();
        let held = order.refunded().get() + order.reserved().get();
        assert_eq!(held, at_flexfactor, "seed {seed}: {:?}", order.refunds);
    }
    rig.down().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn a_refund_without_an_answer_stays_reserved_until_the_order_was_read() {
    let approve = json!([{ "when": {}, "fate": { "kind": "approve", "after_seconds": 0 } }]);
    let mut rig = rig(RigOptions::new("e2e-api-lost").faults(), approve).await;
    let api = Api::managed(&rig);
    let sent = ["done-1", "undone-1"].map(|id| decline(MANAGED, id));
    rig.send(&[sent[0].body(), sent[1].body()]).await.unwrap();
    for id in ["done-1", "undone-1"] {
        until_status(&rig, id, Status::Approved).await;
    }
    // One is made and not answered in time; the other never arrives, which nobody here can know.
    let proxy = &rig.proxies().unwrap().provider;
    proxy.fail("/refund", Fault::HoldAfter);
    let order = api.refund("done-1", 100, "a").await.order(202);
    assert_eq!(proxy.heal(), 1, "it was sent once");
    assert_eq!((order.refunds[0].state, order.money.reserved_minor.get()), (RefundState::Reserved, 100));
    proxy.fail("/refund", Fault::CutBefore);
    api.refund("undone-1", 100, "a").await.order(202);
    assert_eq!(api.refund("undone-1", 100, "a").await.order(202).money.reserved_minor.get(), 100);
    api.refund("undone-1", 50, "b").await.problem("refund_in_flight");
    assert_eq!(proxy.heal(), 1, "it was not sent again");
    assert_eq!((refunded(&rig, "done-1").await, refunded(&rig, "undone-1").await), (100, 0));

    rig.pass_seconds(20 * 60).await.unwrap();
    rig.sweep().await.unwrap();
    let settled = |id: &'static str, state: RefundState| {
        move |books: &rig::Books| match find(books, id).map(|order| order.refunds[0].state) {
            Some(found) if found == state => Ok(()),
            found => Err(format!("{id} is {found:?}")),
        }
    };
    rig.until(LIMIT, settled("done-1", RefundState::Made)).await.unwrap();
    rig.until(LIMIT, settled("undone-1", RefundState::NotMade)).await.unwrap();
    assert_eq!(api.refund("done-1", 100, "a").await.order(201).money.refunded_minor.get(), 100);
    api.refund("undone-1", 100, "a").await.problem("refund_not_made");
    api.refund("undone-1", sent[1].minor(), "b").await.order(201);
    assert_eq!(refunded(&rig, "undone-1").await, sent[1].minor());
    rig.down().unwrap();
}
