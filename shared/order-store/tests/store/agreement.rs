//! What a change means must not depend on the table: random changes on random orders, on the table in memory and on DynamoDB, as each emulator serves it.

use jiff::{SignedDuration, Timestamp};
use models::change::{Change, Effect, Guard};
use models::money::MinorUnits;
use models::order::{Due, DueReason, Facet, Order, Reason, ReasonCode, Tag};
use models::refund::{Refund, RefundId, RefundState, Totals};
use models::status::{Status, Transition};
use models::wish::{Wish, WishKind, WishState};
use order_store::memory::MemoryTable;
use order_store::{Inserted, Table};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::fixtures::{key, order, start};
use crate::tables;

fn any_time() -> impl Strategy<Value = Timestamp> {
    (0_i64..6).prop_map(|minutes| start() + SignedDuration::from_mins(minutes))
}

fn any_tag() -> impl Strategy<Value = Tag> {
    (0_u8..4).prop_map(|number| Tag::nonce(&number.to_string()))
}

fn any_due() -> impl Strategy<Value = Option<Due>> {
    prop::option::of(
        (any_time(), prop::sample::select(DueReason::ALL), 0_u16..3)
            .prop_map(|(at, reason, looks)| Due { looks, ..Due::new(at, reason) }),
    )
}

fn any_facet() -> impl Strategy<Value = Facet> {
    prop::sample::select(vec![Facet::None, Facet::Signalled, Facet::Confirmed])
}

fn any_wish() -> impl Strategy<Value = Wish> {
    let kind = prop::sample::select(vec![WishKind::Cancel, WishKind::Capture]);
    let state = prop::sample::select(vec![WishState::Open, WishState::Done, WishState::GivenUp]);
    (kind, any_time(), 0_u8..3, state).prop_map(|(kind, asked_at, byte, state)| Wish {
        kind,
        asked_at,
        key: key(byte),
        state,
    })
}

fn any_refunds() -> impl Strategy<Value = Vec<Refund>> {
    let state = prop::sample::select(vec![
        RefundState::Reserved,
        RefundState::Made,
        RefundState::Refused,
        RefundState::NotMade,
        RefundState::Unresolved,
    ]);
    let refund = (0_u64..3, any_time(), state, prop::sample::select(vec!["", "2001: \"too much\""]))
        .prop_map(|(minor, asked_at, state, detail)| Refund {
            id: RefundId::from_stored(format!("r-{minor}")),
            amount: MinorUnits::new(minor),
            asked_at,
            before: MinorUnits::new(minor),
            asking: key(0),
            state,
            detail: detail.to_owned(),
        });
    prop::collection::vec(refund, 0..3)
}

fn any_totals() -> impl Strategy<Value = Totals> {
    (0_u64..9, 0_u64..9).prop_map(|(captured, refunded)| Totals {
        captured: MinorUnits::new(captured),
        refunded: MinorUnits::new(refunded),
    })
}

fn any_guard() -> impl Strategy<Value = Guard> {
    let provider = prop::sample::select(vec!["p-1", "p-2"]).prop_map(|id| id.parse().unwrap());
    prop_oneof![
        any_tag().prop_map(Guard::Unseen),
        provider.prop_map(Guard::ProviderOrder),
        Just(Guard::NoErrand),
        Just(Guard::NoWish),
        Just(Guard::NoProviderOrder),
        (0_u32..3).prop_map(Guard::Attempt),
        any_time().prop_map(Guard::LeaseOver),
        any_time().prop_map(Guard::FirstAttemptAfter),
        (1_u64..6).prop_map(Guard::Version),
    ]
}

/// Each kind of effect at most once, as a change promises.
fn any_effects() -> impl Strategy<Value = Vec<Effect>> {
    let reason =
        prop::sample::select(ReasonCode::ALL).prop_map(|code| Effect::Reason(Reason::new(code, "word")));
    let provider =
        prop::sample::select(vec!["p-1", "p-2"]).prop_map(|id| Effect::ProviderOrder(id.parse().unwrap()));
    let attempt = (0_u8..3, any_time()).prop_map(|(byte, lease_until)| Effect::StartAttempt {
        key: key(byte),
        account: format!("a-{byte}"),
        lease_until,
    });
    let lease = prop_oneof![
        attempt,
        Just(Effect::EndLease),
        any_time().prop_map(Effect::HoldUntil),
        Just(Effect::ForgetAttempts)
    ];
    let asked = (
        prop::option::of(any_wish().prop_map(Effect::Wish)),
        prop::option::of(any_refunds().prop_map(Effect::Refunds)),
        prop::option::of(any_totals().prop_map(Effect::Totals)),
    );
    (
        prop::option::of(reason),
        prop::option::of(any_due().prop_map(Effect::Due)),
        prop::option::of(prop::collection::vec(any_tag(), 1..3).prop_map(|mut tags| {
            tags.sort();
            tags.dedup();
            Effect::Remember(tags)
        })),
        prop::option::of(provider),
        prop::option::of(Just(Effect::Confirmation("C-1".to_owned()))),
        prop::option::of(lease),
        prop::option::of(any_facet().prop_map(Effect::Refund)),
        prop::option::of(any_facet().prop_map(Effect::Dispute)),
        asked,
    )
        .prop_map(|(a, b, c, d, e, f, g, h, (i, j, k))| {
            [a, b, c, d, e, f, g, h, i, j, k].into_iter().flatten().collect()
        })
}

pub(crate) fn any_change() -> impl Strategy<Value = Change> {
    let transition = prop::sample::select(Transition::ALL);
    (transition, any_time(), prop::collection::vec(any_guard(), 0..3), any_effects())
        .prop_map(|(transition, at, guards, effects)| Change { transition, at, guards, effects })
}

/// An order in any state, also in states that no way leads to: the store must not care.
fn any_order() -> impl Strategy<Value = Order> {
    let submission = (0_u32..3, prop::option::of(any_time()), prop::option::of(any_time()));
    let facets = (any_facet(), any_facet());
    let asked = (prop::option::of(any_wish()), any_refunds(), prop::option::of(any_totals()));
    (
        prop::sample::select(Status::ALL),
        submission,
        any_due(),
        facets,
        prop::collection::btree_set(any_tag(), 0..3),
        asked,
    )
        .prop_map(
            |(status, (attempts, lease_until, first_attempt_at), due, (refund, dispute), seen, asked)| {
                let mut order = order("INV-1");
                order.status = status;
                order.submission.attempts = attempts;
                order.submission.lease_until = lease_until;
                order.submission.first_attempt_at = first_attempt_at;
                (order.due, order.refund, order.dispute, order.seen) = (due, refund, dispute, seen);
                (order.wish, order.refunds, order.totals) = asked;
                order
            },
        )
}

#[test]
fn memory_and_dynoxide_make_and_refuse_the_same_changes() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let table = runtime.block_on(tables::dynoxide());
    agree(&runtime, &table, 300);
}

#[test]
#[ignore = "needs MiniStack: cargo xtask test"]
fn memory_and_ministack_make_and_refuse_the_same_changes() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let table = runtime.block_on(tables::ministack("agreement"));
    agree(&runtime, &table, 300);
}

fn agree(runtime: &tokio::runtime::Runtime, dynamo: &impl Table, cases: u32) {
    let number = std::sync::atomic::AtomicU32::new(0);
    let strategy = (any_order(), prop::collection::vec(any_change(), 1..8));
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&strategy, |(mut order, changes)| {
        let case = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        order.key.order_id = format!("INV-{case}").parse().unwrap();
        let memory = MemoryTable::default();
        runtime.block_on(async {
            prop_assert_eq!(memory.insert(&order).await.unwrap(), Inserted::New);
            prop_assert_eq!(dynamo.insert(&order).await.unwrap(), Inserted::New);
            for change in &changes {
                let expected = memory.change(&order.key, change).await.unwrap();
                prop_assert_eq!(dynamo.change(&order.key, change).await.unwrap(), expected, "{:?}", change);
            }
            prop_assert_eq!(dynamo.read(&order.key).await.unwrap(), memory.read(&order.key).await.unwrap());
            Ok(())
        })
    });
    outcome.unwrap();
}
