//! The life of an order through the capabilities, step by step, on each table.

use jiff::SignedDuration;
use models::change::{Change, Effect};
use models::event::EventKind;
use models::ids::OrderKey;
use models::intake::Repeat;
use models::order::{Due, DueReason, Facet, Reason, ReasonCode, SEEN_MAX};
use models::parked::{Fate, Parked, ParkedKey, ParkedKind, Why, orphan_due};
use models::refund::{self, RefundId, RefundRequest, Reserve};
use models::refusal::{Refusal, Rule};
use models::status::{Status, Transition};
use models::submission::{Claim, ClaimRefused, Outcome, Verdict};
use order_store::capability::{Applied, ApplyEvent, Claimed, Look, Recorded, Submit, TakeDecline, Taken};
use order_store::dynamo::key::{self, DUE_SHARDS, due_shard};
use order_store::memory::MemoryTable;
use order_store::{DueKey, DueSince, Table};

use crate::fixtures::{self, content, decline, event, order, start, times};
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
    a_decline_is_taken_once,
    a_claim_excludes_others_until_its_lease_is_over,
    every_attempt_uses_the_first_key,
    no_claim_after_the_replay_window,
    no_claim_once_the_provider_s_id_is_known,
    an_answer_under_another_provider_order_is_not_recorded,
    our_own_repeated_write_is_no_replay,
    our_own_repeated_look_is_told_as_made,
    another_s_change_at_the_same_moment_is_not_our_own,
    one_of_two_that_ask_for_the_same_refund_at_the_same_moment_reserves_it,
    a_webhook_before_the_answer_wins,
    an_event_has_its_effect_once,
    a_replayed_delivery_is_told_apart_from_a_duplicate,
    another_event_under_a_known_nonce_is_no_replay,
    a_full_event_memory_takes_events_and_no_further_deliveries,
    any_order_of_ends_ends_approved,
    a_decline_is_not_made_a_cancellation_by_the_event_that_closes_it,
    a_duplicate_of_a_money_event_signals_nothing_anew,
    an_attempt_that_lost_its_claim_loses_track_of_nothing_else,
    a_money_signal_survives_the_end_of_the_order,
    events_of_another_provider_order_are_refused,
    due_orders_are_listed_by_shard_longest_due_first,
    parking_twice_keeps_the_first,
    a_parked_event_is_due_until_it_is_settled_and_settled_once,
);

async fn taken(table: &impl Table, order_id: &str) -> OrderKey {
    let order = order(order_id);
    assert_eq!(table.take(&order).await.unwrap(), Taken::New);
    order.key
}

fn claim_at(minutes: i64, byte: u8) -> Claim {
    Claim {
        key: fixtures::key(byte),
        account: "sandbox/m".to_owned(),
        now: start() + SignedDuration::from_mins(minutes),
    }
}

async fn granted(table: &impl Table, order_key: &OrderKey, minutes: i64) -> models::order::Order {
    match table.claim(order_key, &claim_at(minutes, 1), &times()).await.unwrap() {
        Claimed::Granted(order) => *order,
        Claimed::Refused(why) => panic!("{why:?}"),
    }
}

fn answered(verdict: Verdict) -> Outcome {
    let provider_order = "ac9674ed-cbfe-49aa-bc8b-eb1d2b74c429".parse().unwrap();
    Outcome::Answered { verdict, provider_order, word: "WORD".to_owned() }
}

async fn a_decline_is_taken_once(table: &impl Table) {
    let order_key = taken(table, "INV-1").await;
    let same = order("INV-1");
    assert_eq!(table.take(&same).await.unwrap(), Taken::Repeat(Repeat::SameToHandOn));
    let mut other = decline("INV-1");
    other.amount.minor = models::money::MinorUnits::new(2999);
    let mut conflict = same.clone();
    conflict.content = content(&other);
    assert_eq!(table.take(&conflict).await.unwrap(), Taken::Repeat(Repeat::Conflict));
    granted(table, &order_key, 0).await;
    assert_eq!(table.take(&same).await.unwrap(), Taken::Repeat(Repeat::Same));
    assert_eq!(table.known(&order_key, &content(&other)).await.unwrap(), Some(Repeat::Conflict));
}

async fn a_claim_excludes_others_until_its_lease_is_over(table: &impl Table) {
    let order_key = taken(table, "INV-1").await;
    granted(table, &order_key, 0).await;
    let refused = table.claim(&order_key, &claim_at(1, 2), &times()).await.unwrap();
    assert!(matches!(refused, Claimed::Refused(ClaimRefused::Held(_))), "{refused:?}");
    assert_eq!(granted(table, &order_key, 2).await.submission.attempts, 2);
}

async fn every_attempt_uses_the_first_key(table: &impl Table) {
    let order_key = taken(table, "INV-1").await;
    let first = granted(table, &order_key, 0).await;
    let Claimed::Granted(second) = table.claim(&order_key, &claim_at(2, 9), &times()).await.unwrap() else {
        panic!("refused")
    };
    assert_eq!(second.submission.idempotency_key, first.submission.idempotency_key);
    assert_eq!(second.submission.first_attempt_at, first.submission.first_attempt_at);
}

async fn no_claim_after_the_replay_window(table: &impl Table) {
    let order_key = taken(table, "INV-1").await;
    let order = granted(table, &order_key, 0).await;
    let lost = Outcome::Lost(Reason::new(ReasonCode::SubmissionTimedOut, "no answer"));
    table.record(&order, &lost, &times(), start()).await.unwrap();
    // The lease of 90 s is kept back: a call that is begun now must arrive while the provider still knows the key.
    let (edge, day) = (24 * 3_600 - 90, SignedDuration::from_hours(24));
    let claim = |seconds| Claim { now: start() + SignedDuration::from_secs(seconds), ..claim_at(0, 1) };
    let refused = table.claim(&order_key, &claim(edge), &times()).await.unwrap();
    assert!(matches!(refused, Claimed::Refused(ClaimRefused::ReplayWindowOver(_))), "{refused:?}");
    assert_eq!(times().replay_window, day);
    let granted = table.claim(&order_key, &claim(edge - 1), &times()).await.unwrap();
    assert!(matches!(granted, Claimed::Granted(_)), "{granted:?}");
}

/// What the provider is known to have is read, never submitted again.
async fn no_claim_once_the_provider_s_id_is_known(table: &impl Table) {
    let order_key = taken(table, "INV-1").await;
    let progress = event("INV-1", EventKind::Progress, "challenge.presented", "n1");
    table.apply(&order_key, &progress, start()).await.unwrap();
    let refused = table.claim(&order_key, &claim_at(0, 1), &times()).await.unwrap();
    assert!(matches!(refused, Claimed::Refused(ClaimRefused::AtProvider)), "{refused:?}");
}

/// Two ids of one order are a double order: the first is kept, and somebody is told.
async fn an_answer_under_another_provider_order_is_not_recorded(table: &impl Table) {
    let order_key = taken(table, "INV-1").await;
    let order = granted(table, &order_key, 0).await;
    let mut progress = event("INV-1", EventKind::Progress, "challenge.presented", "n1");
    progress.provider_order = "first".parse().unwrap();
    table.apply(&order_key, &progress, start()).await.unwrap();
    let recorded = table.record(&order, &answered(Verdict::Working), &times(), start()).await.unwrap();
    let Recorded::OtherProviderOrder(stored) = recorded else { panic!("{recorded:?}") };
    assert_eq!(stored.provider_order.unwrap().as_str(), "first");
}

/// A look whose write was made and whose answer was lost is refused by itself when the SDK repeats it.
async fn our_own_repeated_look_is_told_as_made(table: &impl Table) {
    let order_key = taken(table, "INV-1").await;
    let order = Table::read(table, &order_key).await.unwrap().unwrap();
    let escalate = Change::new(Transition::Escalate, start()).knowing(&order);
    assert!(table.settle(&order_key, &escalate).await.unwrap());
    assert!(table.settle(&order_key, &escalate).await.unwrap(), "it is our own");
    let later = Change::new(Transition::Escalate, start() + SignedDuration::from_secs(1)).knowing(&order);
    assert!(!table.settle(&order_key, &later).await.unwrap(), "somebody else was faster");
}

/// Two that decided on the same order at the same millisecond: one of them is told that it lost.
async fn another_s_change_at_the_same_moment_is_not_our_own(table: &impl Table) {
    let order_key = taken(table, "INV-1").await;
    let order = Table::read(table, &order_key).await.unwrap().unwrap();
    let note = |minutes| {
        let due = Due::new(start() + SignedDuration::from_mins(minutes), DueReason::SubmissionOverdue);
        Change::new(Transition::Note, start()).knowing(&order).effect(Effect::Due(Some(due)))
    };
    assert!(table.settle(&order_key, &note(1)).await.unwrap());
    assert!(!table.settle(&order_key, &note(2)).await.unwrap(), "it was somebody else's");
    assert!(table.settle(&order_key, &note(1)).await.unwrap(), "it is our own");
}

/// A caller repeats its request while the first is under way: the provider must be called once.
async fn one_of_two_that_ask_for_the_same_refund_at_the_same_moment_reserves_it(table: &impl Table) {
    let order_key = taken(table, "INV-1").await;
    table
        .apply(&order_key, &event("INV-1", EventKind::Completed, "order.completed", "n-1"), start())
        .await
        .unwrap();
    let order = Table::read(table, &order_key).await.unwrap().unwrap();
    let ask = |byte| {
        let (id, amount) = (RefundId::of(&order_key, "the caller's key"), order.amount);
        match refund::reserve(
            &order,
            &RefundRequest { id, amount, asking: crate::fixtures::key(byte) },
            None,
            start(),
        ) {
            Ok(Reserve::Change(change)) => change,
            other => panic!("{other:?}"),
        }
    };
    assert!(table.settle(&order_key, &ask(1)).await.unwrap());
    assert!(!table.settle(&order_key, &ask(2)).await.unwrap(), "somebody else calls");
    assert!(table.settle(&order_key, &ask(1)).await.unwrap(), "it is our own write");
}

/// The SDK repeats a write whose answer was lost, and is then refused by its own.
async fn our_own_repeated_write_is_no_replay(table: &impl Table) {
    let order_key = taken(table, "INV-1").await;
    let completed = event("INV-1", EventKind::Completed, "order.completed", "n1");
    assert_eq!(table.apply(&order_key, &completed, start()).await.unwrap(), Applied::Done);
    assert_eq!(table.apply(&order_key, &completed, start()).await.unwrap(), Applied::Done);
    let later = start() + SignedDuration::from_millis(1);
    assert_eq!(table.apply(&order_key, &completed, later).await.unwrap(), Applied::Replayed);
}

async fn a_webhook_before_the_answer_wins(table: &impl Table) {
    let order_key = taken(table, "INV-1").await;
    let order = granted(table, &order_key, 0).await;
    let completed = event("INV-1", EventKind::Completed, "order.completed", "n1");
    assert_eq!(table.apply(&order_key, &completed, start()).await.unwrap(), Applied::Done);
    let recorded = table.record(&order, &answered(Verdict::Working), &times(), start()).await.unwrap();
    assert_eq!(recorded, Recorded::Past);
    let order = Table::read(table, &order_key).await.unwrap().unwrap();
    assert_eq!((order.status, order.due, order.request), (Status::Approved, None, None));
    assert_eq!(order.confirmation.as_deref(), Some("22ACD1D9"));
}

async fn an_event_has_its_effect_once(table: &impl Table) {
    let order_key = taken(table, "INV-1").await;
    let expired = event("INV-1", EventKind::Expired, "order.expired", "n1");
    let again = event("INV-1", EventKind::Expired, "order.expired", "n2");
    assert_eq!(table.apply(&order_key, &expired, start()).await.unwrap(), Applied::Done);
    let later = start() + SignedDuration::from_secs(1);
    assert_eq!(table.apply(&order_key, &again, start()).await.unwrap(), Applied::Duplicate);
    assert_eq!(table.apply(&order_key, &again, later).await.unwrap(), Applied::Replayed);
    assert_eq!(Table::read(table, &order_key).await.unwrap().unwrap().status, Status::Expired);
}

async fn a_replayed_delivery_is_told_apart_from_a_duplicate(table: &impl Table) {
    let order_key = taken(table, "INV-1").await;
    let progress = event("INV-1", EventKind::Progress, "challenge.presented", "n1");
    let later = start() + SignedDuration::from_secs(1);
    assert_eq!(table.apply(&order_key, &progress, start()).await.unwrap(), Applied::Done);
    assert_eq!(table.apply(&order_key, &progress, later).await.unwrap(), Applied::Replayed);
    let unknown = OrderKey { order_id: "INV-9".parse().unwrap(), ..order_key };
    assert_eq!(table.apply(&unknown, &progress, start()).await.unwrap(), Applied::Orphan);
}

/// The signature covers the body: another event under a known nonce is the sender's slip, and must not be lost.
async fn another_event_under_a_known_nonce_is_no_replay(table: &impl Table) {
    let order_key = taken(table, "INV-1").await;
    for (kind, name) in [(EventKind::Completed, "order.completed"), (EventKind::Expired, "order.expired")] {
        let applied = table.apply(&order_key, &event("INV-1", kind, name, "n1"), start()).await.unwrap();
        assert_eq!(applied, Applied::Done, "{name}");
    }
    let order = Table::read(table, &order_key).await.unwrap().unwrap();
    assert_eq!((order.status, order.seen.len()), (Status::Approved, 3));
}

async fn a_full_event_memory_takes_events_and_no_further_deliveries(table: &impl Table) {
    let order_key = taken(table, "INV-1").await;
    let numbered = |number: usize, nonce: &str| {
        let mut event = event("INV-1", EventKind::Progress, "challenge.attempted", nonce);
        event.occurred_at = number.to_string();
        event
    };
    for number in 0..=SEEN_MAX / 2 {
        let applied =
            table.apply(&order_key, &numbered(number, &format!("n{number}")), start()).await.unwrap();
        assert_eq!(applied, Applied::Done);
    }
    let full = Table::read(table, &order_key).await.unwrap().unwrap();
    assert_eq!(full.seen.len(), SEEN_MAX + 2);
    assert_eq!(table.apply(&order_key, &numbered(0, "again"), start()).await.unwrap(), Applied::Duplicate);
    assert_eq!(Table::read(table, &order_key).await.unwrap().unwrap(), full);
}

async fn any_order_of_ends_ends_approved(table: &impl Table) {
    let ends = [
        (EventKind::Completed, "order.completed"),
        (EventKind::Expired, "order.expired"),
        (EventKind::Cancelled, "order.cancelled"),
    ];
    for (number, order) in
        [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]].iter().enumerate()
    {
        let id = format!("INV-{number}");
        let order_key = taken(table, &id).await;
        for index in order {
            let (kind, name) = ends[*index];
            let applied = table.apply(&order_key, &event(&id, kind, name, name), start()).await.unwrap();
            assert_eq!(applied, Applied::Done);
        }
        let stored = Table::read(table, &order_key).await.unwrap().unwrap();
        assert_eq!((stored.status, stored.due, stored.seen.len()), (Status::Approved, None, 6), "{order:?}");
    }
}

/// FlexFactor closes an order that it declines with order.cancelled: whichever comes first, it was declined.
async fn a_decline_is_not_made_a_cancellation_by_the_event_that_closes_it(table: &impl Table) {
    for (id, is_event_first) in [("INV-1", true), ("INV-2", false)] {
        let order_key = taken(table, id).await;
        let order = granted(table, &order_key, 0).await;
        let cancelled = event(id, EventKind::Cancelled, "order.cancelled", "n1");
        if is_event_first {
            table.apply(&order_key, &cancelled, start()).await.unwrap();
        }
        table.record(&order, &answered(Verdict::NotRescued), &times(), start()).await.unwrap();
        if !is_event_first {
            table.apply(&order_key, &cancelled, start()).await.unwrap();
        }
        let stored = Table::read(table, &order_key).await.unwrap().unwrap();
        assert_eq!((stored.status, stored.due, stored.seen.len()), (Status::Declined, None, 2), "{id}");
    }
}

async fn a_duplicate_of_a_money_event_signals_nothing_anew(table: &impl Table) {
    let order_key = taken(table, "INV-1").await;
    let refunded = |nonce| event("INV-1", EventKind::Refunded, "order.refunded", nonce);
    table.apply(&order_key, &refunded("n1"), start()).await.unwrap();
    let read = Change::new(Transition::Note, start()).effect(Effect::Refund(Facet::Confirmed));
    assert!(table.settle(&order_key, &read).await.unwrap());
    assert_eq!(table.apply(&order_key, &refunded("n2"), start()).await.unwrap(), Applied::Duplicate);
    assert_eq!(Table::read(table, &order_key).await.unwrap().unwrap().refund, Facet::Confirmed);
}

/// A slow attempt that has lost its claim must not make another's attempt look lost.
async fn an_attempt_that_lost_its_claim_loses_track_of_nothing_else(table: &impl Table) {
    let order_key = taken(table, "INV-1").await;
    let first = granted(table, &order_key, 0).await;
    granted(table, &order_key, 2).await;
    let lost = Outcome::Lost(Reason::new(ReasonCode::SubmissionTimedOut, "no answer"));
    assert_eq!(table.record(&first, &lost, &times(), start()).await.unwrap(), Recorded::Past);
    assert_eq!(Table::read(table, &order_key).await.unwrap().unwrap().status, Status::Submitting);
    // What it learnt for sure counts all the same.
    let recorded = table.record(&first, &answered(Verdict::Working), &times(), start()).await.unwrap();
    assert!(matches!(recorded, Recorded::Made(_)), "{recorded:?}");
}

async fn a_money_signal_survives_the_end_of_the_order(table: &impl Table) {
    let order_key = taken(table, "INV-1").await;
    let refunded = event("INV-1", EventKind::Refunded, "order.refunded", "n1");
    let completed = event("INV-1", EventKind::Completed, "order.completed", "n2");
    table.apply(&order_key, &refunded, start()).await.unwrap();
    table.apply(&order_key, &completed, start()).await.unwrap();
    let order = Table::read(table, &order_key).await.unwrap().unwrap();
    assert_eq!((order.status, order.refund), (Status::Approved, Facet::Signalled));
    assert_eq!(order.due.map(|due| due.reason), Some(DueReason::MoneySignal));
}

async fn events_of_another_provider_order_are_refused(table: &impl Table) {
    let order_key = taken(table, "INV-1").await;
    let first = event("INV-1", EventKind::Progress, "challenge.presented", "n1");
    table.apply(&order_key, &first, start()).await.unwrap();
    let mut other = event("INV-1", EventKind::Completed, "order.completed", "n2");
    other.provider_order = "another".parse().unwrap();
    assert_eq!(table.apply(&order_key, &other, start()).await.unwrap(), Applied::OtherProviderOrder);
    assert_eq!(Table::read(table, &order_key).await.unwrap().unwrap().status, Status::Received);
}

async fn due_orders_are_listed_by_shard_longest_due_first(table: &impl Table) {
    let mut expected = vec![Vec::new(); usize::from(DUE_SHARDS)];
    for number in 0..24 {
        let mut order = order(&format!("INV-{number}"));
        let later = SignedDuration::from_mins(24 - number);
        order.due = order.due.map(|due| models::order::Due::new(start() + later, due.reason));
        table.take(&order).await.unwrap();
        let shard = due_shard(&key::order(&order.key));
        expected[usize::from(shard)]
            .push(DueSince { at: order.due.unwrap().at, key: DueKey::Order(order.key) });
    }
    let as_of = start() + SignedDuration::from_mins(12);
    for shard in 0..DUE_SHARDS {
        let expected = &mut expected[usize::from(shard)];
        expected.retain(|due| due.at <= as_of);
        expected.sort();
        assert_eq!(Table::due(table, shard, as_of, 100).await.unwrap(), *expected);
        assert_eq!(Table::due(table, shard, as_of, 1).await.unwrap(), expected[..expected.len().min(1)]);
    }
}

fn orphan(id: &str) -> Parked {
    let event = event("INV-9", EventKind::Completed, "order.completed", "n1");
    Parked {
        key: ParkedKey {
            merchant: Some("acme".parse().unwrap()),
            arrived_at: start(),
            kind: ParkedKind::OrphanEvent,
            id: id.to_owned(),
        },
        order_id: Some(event.order_id.clone()),
        why: Why::Sentence("No order of ours has this id.".to_owned()),
        copy: "{}".to_owned(),
        keep_until: start() + SignedDuration::from_hours(24),
        event: Some(event),
        due: orphan_due(start()),
        fate: Fate::Parked,
    }
}

async fn parking_twice_keeps_the_first(table: &impl Table) {
    let refused = Parked {
        key: ParkedKey {
            merchant: None,
            arrived_at: start(),
            kind: ParkedKind::Refused,
            id: "m-1".to_owned(),
        },
        order_id: None,
        why: Why::Refusal(Refusal::new(Rule::Currency, "amount.currency", "The currency is not taken.")),
        event: None,
        due: None,
        ..orphan("m-1")
    };
    for parked in [orphan("e-1"), refused] {
        Table::park(table, &parked).await.unwrap();
        let later = Parked { copy: "another".to_owned(), ..parked.clone() };
        Table::park(table, &later).await.unwrap();
        assert_eq!(table.read_parked(&parked.key).await.unwrap(), Some(parked));
    }
}

async fn a_parked_event_is_due_until_it_is_settled_and_settled_once(table: &impl Table) {
    let parked = orphan("e-2");
    let due = parked.due.unwrap();
    Table::park(table, &parked).await.unwrap();
    let listed = async |as_of| {
        let mut listed = Vec::new();
        for shard in 0..DUE_SHARDS {
            listed.extend(Table::due(table, shard, as_of, 100).await.unwrap());
        }
        listed
    };
    assert_eq!(listed(due.at).await, [DueSince { at: due.at, key: DueKey::Parked(parked.key.clone()) }]);
    let next = due.again(due.at);
    assert!(table.settle_parked(&parked.key, due, Fate::Parked, next).await.unwrap());
    assert!(
        !table.settle_parked(&parked.key, due, Fate::Matched, None).await.unwrap(),
        "somebody was faster"
    );
    assert_eq!(listed(due.at).await, []);
    assert!(table.settle_parked(&parked.key, next.unwrap(), Fate::Matched, None).await.unwrap());
    let settled = table.read_parked(&parked.key).await.unwrap().unwrap();
    assert_eq!((settled.fate, settled.due), (Fate::Matched, None));
    assert_eq!(listed(start() + SignedDuration::from_hours(999)).await, []);
}
