//! Real lives verify; whatever is done to their histories is seen.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use sha2::{Digest as _, Sha256};

use super::{Broken, Entry, Flaw, Hash, HashError, Unlinked, verify};
use crate::change::{Change, Effect};
use crate::decline::Decline;
use crate::ids::{ContentHash, IdempotencyKey};
use crate::intake;
use crate::money::MinorUnits;
use crate::order::{Due, DueReason, Facet, Order, Reason, ReasonCode, Tag};
use crate::refund::{Refund, RefundId, RefundState, Totals};
use crate::screening::Screened;
use crate::status::{Status, Transition};
use crate::wish::{Wish, WishKind, WishState};

fn start() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

fn opened() -> Order {
    let decline: Decline = serde_json::from_str(include_str!("../../../../events/decline.json")).unwrap();
    let content = ContentHash::from_stored("5".repeat(64));
    intake::open(Screened { decline, window_days: 21 }, content, SignedDuration::from_mins(15), start())
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    (0_i64..100_000_000).prop_map(|millis| start() + SignedDuration::from_millis(millis))
}

fn wish(asked_at: Timestamp) -> Wish {
    let key = IdempotencyKey::from_random([9; 16]);
    Wish { kind: WishKind::Cancel, asked_at, key, state: WishState::Open }
}

fn refund(asked_at: Timestamp) -> Refund {
    Refund {
        id: RefundId::from_stored("r-1".to_owned()),
        amount: MinorUnits::new(5),
        asked_at,
        before: MinorUnits::new(0),
        asking: IdempotencyKey::from_random([9; 16]),
        state: RefundState::Reserved,
        detail: String::new(),
    }
}

/// The refund in an entry, one being added where there is none, changed by one field.
fn forge_refund(entry: &mut Entry, forge: fn(&mut Refund)) {
    let mut refund = entry.state.refunds.pop().unwrap_or_else(|| refund(start()));
    forge(&mut refund);
    entry.state.refunds.push(refund);
}

fn any_effect() -> impl Strategy<Value = Effect> {
    let tags = prop::collection::vec((0_u8..20).prop_map(|n| Tag::nonce(&n.to_string())), 1..3);
    let facet = || select(vec![Facet::None, Facet::Signalled, Facet::Confirmed]);
    prop_oneof![
        (select(ReasonCode::ALL), "[a-z ]{0,9}")
            .prop_map(|(code, detail)| Effect::Reason(Reason::new(code, detail))),
        prop::option::of((any_time(), select(DueReason::ALL)))
            .prop_map(|due| Effect::Due(due.map(|(at, reason)| Due::new(at, reason)))),
        tags.prop_map(Effect::Remember),
        select(vec!["p-1", "p-2"]).prop_map(|id| Effect::ProviderOrder(id.parse().unwrap())),
        Just(Effect::Confirmation("22ACD1D9".to_owned())),
        (any::<u8>(), any_time()).prop_map(|(byte, lease_until)| Effect::StartAttempt {
            key: IdempotencyKey::from_random([byte; 16]),
            account: format!("sandbox/{byte}"),
            lease_until,
        }),
        Just(Effect::EndLease),
        Just(Effect::ForgetAttempts),
        facet().prop_map(Effect::Refund),
        facet().prop_map(Effect::Dispute),
        any_time().prop_map(|at| Effect::Wish(wish(at))),
        any_time().prop_map(|at| Effect::Refunds(vec![refund(at)])),
        (0_u64..9).prop_map(|minor| Effect::Totals(Totals {
            captured: MinorUnits::new(9),
            refunded: MinorUnits::new(minor),
        })),
    ]
}

fn any_change() -> impl Strategy<Value = Change> {
    (select(Transition::ALL), any_time(), prop::collection::vec(any_effect(), 0..4)).prop_map(
        |(transition, at, effects)| effects.into_iter().fold(Change::new(transition, at), Change::effect),
    )
}

/// An order and its history, written as the changes that hold are made.
fn lived(changes: &[Change]) -> (Vec<Entry>, Order) {
    let mut order = opened();
    let mut entries = vec![Entry::of(None, &order, None).unwrap()];
    for change in changes {
        // What the order is past is at least noted.
        for change in [change, &Change { transition: Transition::Note, ..change.clone() }] {
            if change.holds(&order) {
                let before = order.clone();
                change.apply(&mut order);
                let previous = entries.last().map(|entry| entry.hash);
                entries.push(Entry::of(Some(&before), &order, previous.as_ref()).unwrap());
            }
        }
    }
    (entries, order)
}

fn any_life() -> impl Strategy<Value = (Vec<Entry>, Order)> {
    prop::collection::vec(any_change(), 0..8).prop_map(|changes| lived(&changes))
}

type Forgery = (&'static str, fn(&mut Entry));

/// One forgery for each field of an entry.
const FORGERIES: &[Forgery] = &[
    ("merchant", |entry| entry.key.merchant = "another".parse().unwrap()),
    ("order id", |entry| entry.key.order_id = "another".parse().unwrap()),
    ("version", |entry| entry.version += 1),
    ("at", |entry| entry.at += SignedDuration::from_millis(1)),
    ("from", |entry| entry.from = if entry.from.is_some() { None } else { Some(Status::Received) }),
    ("status", |entry| {
        entry.state.status =
            if entry.state.status == Status::Approved { Status::Declined } else { Status::Approved };
    }),
    ("reason", |entry| entry.state.reason = Some(Reason::new(ReasonCode::Webhook, "FORGED"))),
    ("request", |entry| entry.state.holds_request = !entry.state.holds_request),
    ("attempts", |entry| entry.state.submission.attempts += 1),
    ("idempotency key", |entry| {
        let key = entry.state.submission.idempotency_key;
        let other = IdempotencyKey::from_random([0xff; 16]);
        entry.state.submission.idempotency_key = if key == Some(other) { None } else { Some(other) };
    }),
    ("lease", |entry| entry.state.submission.lease_until = Some(Timestamp::UNIX_EPOCH)),
    ("unsent", |entry| entry.state.submission.unsent = 7),
    ("first attempt", |entry| entry.state.submission.first_attempt_at = Some(Timestamp::UNIX_EPOCH)),
    ("account", |entry| entry.state.submission.account = Some("forged".to_owned())),
    ("provider's id", |entry| entry.state.provider_order = Some("forged".parse().unwrap())),
    ("confirmation", |entry| entry.state.confirmation = Some("forged".to_owned())),
    ("due", |entry| {
        entry.state.due = Some(Due::new(Timestamp::UNIX_EPOCH, DueReason::MoneySignal));
    }),
    ("due reason", |entry| {
        let due = entry.state.due.unwrap_or(Due::new(Timestamp::UNIX_EPOCH, DueReason::MoneySignal));
        let other = |reason| {
            if reason == DueReason::MoneySignal { DueReason::WindowOver } else { DueReason::MoneySignal }
        };
        entry.state.due = Some(Due::new(due.at, other(due.reason)));
    }),
    ("looks", |entry| {
        let due = entry.state.due.unwrap_or(Due::new(Timestamp::UNIX_EPOCH, DueReason::MoneySignal));
        entry.state.due = Some(Due { looks: due.looks + 1, ..due });
    }),
    ("refund", |entry| {
        entry.state.refund = if entry.state.refund == Facet::None { Facet::Confirmed } else { Facet::None };
    }),
    ("dispute", |entry| {
        entry.state.dispute = if entry.state.dispute == Facet::None { Facet::Confirmed } else { Facet::None };
    }),
    ("wish", |entry| entry.state.wish = Some(Wish { kind: WishKind::Capture, ..wish(start()) })),
    ("wish's time", |entry| {
        entry.state.wish = Some(wish(Timestamp::UNIX_EPOCH));
    }),
    ("wish's key", |entry| {
        let key = IdempotencyKey::from_random([0xff; 16]);
        entry.state.wish = Some(Wish { key, ..entry.state.wish.clone().unwrap_or_else(|| wish(start())) });
    }),
    ("wish's state", |entry| entry.state.wish = Some(wish(start()).now(WishState::GivenUp))),
    ("refund's id", |entry| {
        forge_refund(entry, |refund| refund.id = RefundId::from_stored("forged".to_owned()));
    }),
    ("refund's amount", |entry| forge_refund(entry, |refund| refund.amount = MinorUnits::new(6))),
    ("refund's time", |entry| forge_refund(entry, |refund| refund.asked_at = Timestamp::UNIX_EPOCH)),
    ("refund's base", |entry| forge_refund(entry, |refund| refund.before = MinorUnits::new(1))),
    ("refund's asking", |entry| {
        forge_refund(entry, |refund| refund.asking = IdempotencyKey::from_random([0xff; 16]));
    }),
    ("refund's state", |entry| forge_refund(entry, |refund| refund.state = RefundState::Made)),
    ("refund's detail", |entry| forge_refund(entry, |refund| refund.detail = "forged".to_owned())),
    ("captured", |entry| {
        let refunded = entry.state.totals.map_or(MinorUnits::new(0), |totals| totals.refunded);
        entry.state.totals = Some(Totals { captured: MinorUnits::new(99), refunded });
    }),
    ("refunded", |entry| {
        entry.state.totals = Some(Totals { captured: MinorUnits::new(9), refunded: MinorUnits::new(99) });
    }),
    ("remembered", |entry| entry.remembered = BTreeSet::from([Tag::nonce("forged")])),
    ("facts", |entry| entry.facts = entry.hash),
    ("previous", |entry| entry.previous = entry.hash),
    ("hash", |entry| entry.hash = entry.facts),
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_life_verifies_at_each_of_its_moments((entries, order) in any_life()) {
        prop_assert_eq!(verify(&entries, Some(&order)), Ok(()));
        for length in 0..=entries.len() {
            prop_assert_eq!(verify(&entries[..length], None), Ok(()));
        }
    }

    /// Whether the forger leaves the hash as it is, or makes it fit what he wrote.
    #[test]
    fn a_change_of_any_field_of_any_entry_is_seen((entries, order) in any_life(), at in any::<Index>()) {
        let at = at.index(entries.len());
        for (name, forge) in FORGERIES {
            let mut forged = entries.clone();
            forge(&mut forged[at]);
            prop_assert_ne!(&forged, &entries, "{} was not changed", name);
            let broken = verify(&forged, Some(&order));
            prop_assert!(broken.is_err(), "{name} of entry {}", at + 1);
            if *name != "hash" {
                forged[at].hash = forged[at].computed();
                prop_assert!(verify(&forged, Some(&order)).is_err(), "{name} of entry {}, hash made to fit", at + 1);
            }
            if at + 1 < entries.len() {
                prop_assert!(verify(&forged, None).is_err(), "{name} of entry {}, without the order", at + 1);
            }
        }
    }

    #[test]
    fn a_removed_entry_is_missed((mut entries, order) in any_life(), at in any::<Index>()) {
        let at = at.index(entries.len());
        entries.remove(at);
        let broken = verify(&entries, Some(&order)).unwrap_err();
        prop_assert_eq!(broken.version, u64::try_from(at).unwrap() + 1);
        prop_assert!(matches!(broken.flaw, Flaw::Missing | Flaw::OutOfPlace(_)), "{}", broken);
    }

    #[test]
    fn an_inserted_entry_is_seen((mut entries, order) in any_life(), from in any::<Index>(), to in any::<Index>()) {
        let copy = entries[from.index(entries.len())].clone();
        entries.insert(to.index(entries.len() + 1), copy);
        prop_assert!(verify(&entries, Some(&order)).is_err());
    }

    #[test]
    fn swapped_entries_are_seen((mut entries, order) in any_life(), a in any::<Index>(), b in any::<Index>()) {
        let (a, b) = (a.index(entries.len()), b.index(entries.len()));
        prop_assume!(a != b);
        entries.swap(a, b);
        prop_assert!(verify(&entries, Some(&order)).is_err());
        // Numbers that fit do not help: the links don't.
        for (number, entry) in entries.iter_mut().enumerate() {
            entry.version = u64::try_from(number).unwrap() + 1;
            entry.hash = entry.computed();
        }
        prop_assert!(verify(&entries, Some(&order)).is_err());
    }
}

fn approved() -> (Vec<Entry>, Order) {
    let at = |minutes| start() + SignedDuration::from_mins(minutes);
    let tags = vec![Tag::event("order.completed", "2026-11-25T10:00:00Z"), Tag::nonce("n1")];
    let (key, account) = (IdempotencyKey::from_random([1; 16]), "sandbox/m".to_owned());
    let attempt = Effect::StartAttempt { key, account, lease_until: at(3) };
    let claim = Change { effects: vec![attempt], ..Change::new(Transition::Claim, at(1)) };
    let approve = Change::new(Transition::Approve, at(2))
        .effect(Effect::Reason(Reason::new(ReasonCode::Webhook, "order.completed")))
        .effect(Effect::Remember(tags))
        .effect(Effect::ProviderOrder("p-1".parse().unwrap()))
        .effect(Effect::Due(None));
    let mut order = opened();
    let mut entries = vec![Entry::of(None, &order, None).unwrap()];
    for change in [claim, approve] {
        let before = order.clone();
        change.apply(&mut order);
        let previous = entries[entries.len() - 1].hash;
        entries.push(Entry::of(Some(&before), &order, Some(&previous)).unwrap());
    }
    (entries, order)
}

/// Makes every hash and link fit what is written, as somebody may who can write to the table.
fn rechain(entries: &mut [Entry]) {
    let mut previous = Entry::start(&opened().key);
    for entry in entries {
        entry.previous = previous;
        entry.hash = entry.computed();
        previous = entry.hash;
    }
}

#[test]
fn each_flaw_is_told_with_its_entry() {
    let (entries, order) = approved();
    let told = |forge: &dyn Fn(&mut Vec<Entry>, &mut Order)| {
        let (mut entries, mut order) = (entries.clone(), order.clone());
        forge(&mut entries, &mut order);
        verify(&entries, Some(&order)).unwrap_err().to_string()
    };
    assert_eq!(told(&|entries, _| entries.clear()), "entry 1: it is missing");
    assert_eq!(told(&|entries, _| drop(entries.pop())), "entry 3: it is missing");
    let removed = told(&|entries, _| drop(entries.remove(1)));
    assert_eq!(removed, "entry 2: it is missing, and the entry of version 3 is in its place");
    assert_eq!(told(&|_, order| order.version = 2), "entry 3: the order has no such version");
    let other = told(&|entries, _| entries[1].key.order_id = "x".parse().unwrap());
    assert_eq!(other, "entry 2: it belongs to another order");
    let foreign = told(&|_, order| order.key.order_id = "x".parse().unwrap());
    assert_eq!(foreign, "entry 1: it belongs to another order");
    let unlinked = told(&|entries, _| entries[2].previous = entries[0].hash);
    assert_eq!(unlinked, "entry 3: its link is not the hash of the entry before");
    let altered = told(&|entries, _| entries[1].state.submission.attempts = 0);
    assert_eq!(altered, "entry 2: its content is not what its hash says");
    let swallowed = told(&|entries, _| {
        entries[2].from = Some(Status::Pending);
        rechain(entries);
    });
    assert_eq!(swallowed, "entry 3: it starts from a status at which the order did not stand");
    let undone = told(&|entries, order| {
        entries[1].state.status = Status::Escalated;
        entries[2].from = Some(Status::Escalated);
        entries[2].state.status = Status::Pending;
        order.status = Status::Pending;
        rechain(entries);
    });
    assert_eq!(undone, "entry 3: no transition leads from escalated to pending");
    let unborn = told(&|entries, _| {
        entries[0].state.status = Status::Pending;
        rechain(entries);
    });
    assert_eq!(unborn, "entry 1: no transition leads from nothing to pending");
    let recounted = told(&|entries, _| {
        entries[1].facts = entries[0].hash;
        rechain(entries);
    });
    assert_eq!(recounted, "entry 2: amount, times or content of the order are not those it began with");
}

/// A write to the order that went past the changes.
#[test]
fn an_order_that_is_not_as_its_last_entry_says_is_told() {
    let (entries, order) = approved();
    let forgeries: [fn(&mut Order); 8] = [
        |order| order.status = Status::Declined,
        |order| order.reason = None,
        |order| order.amount.minor = crate::money::MinorUnits::new(1),
        |order| order.expires_at += SignedDuration::from_millis(1),
        |order| order.updated_at += SignedDuration::from_millis(1),
        |order| order.content = ContentHash::from_stored("0".repeat(64)),
        |order| drop(order.seen.pop_first()),
        |order| order.seen.extend([Tag::nonce("another")]),
    ];
    for (number, forge) in forgeries.iter().enumerate() {
        let mut forged = order.clone();
        forge(&mut forged);
        let broken = verify(&entries, Some(&forged));
        assert_eq!(broken, Err(Broken { version: 3, flaw: Flaw::Order }), "forgery {number}");
    }
}

/// What no chain can show by itself: docs/adr/0009.
#[test]
fn a_chain_that_was_written_anew_as_a_whole_verifies() {
    let (mut entries, order) = approved();
    entries[1].at += SignedDuration::from_secs(1);
    rechain(&mut entries);
    assert_eq!(verify(&entries, Some(&order)), Ok(()));
    assert_ne!(entries[2].hash, approved().0[2].hash, "a head kept elsewhere tells");
}

#[test]
fn what_is_no_single_change_is_no_entry() {
    let order = opened();
    let mut next = order.clone();
    Change::new(Transition::Note, start()).apply(&mut next);
    let hash = Entry::of(None, &order, None).unwrap().hash;
    assert_eq!(Entry::of(None, &order, Some(&hash)), Err(Unlinked::Previous));
    assert_eq!(Entry::of(Some(&order), &next, None), Err(Unlinked::Previous));
    assert_eq!(Entry::of(None, &next, None), Err(Unlinked::Version { before: 0, after: 2 }));
    assert_eq!(Entry::of(Some(&next), &next, Some(&hash)), Err(Unlinked::Version { before: 2, after: 2 }));
    next.key.order_id = "another".parse().unwrap();
    assert_eq!(Entry::of(Some(&order), &next, Some(&hash)), Err(Unlinked::OtherOrder));
}

#[test]
fn an_entry_holds_no_personal_data() {
    let (entries, _) = approved();
    let shown = format!("{entries:?}");
    for personal in ["p@example.com", "Pat", "Doe", "Main St", "+1555", "3184"] {
        assert!(!shown.contains(personal), "{personal}");
    }
}

/// Stored hashes depend on every byte of the form. The golden file has the forms in full (start, facts, entries; a blank
/// line between them), written by another program from the form's description.
#[test]
fn the_form_is_as_it_was_written_down() {
    let (entries, order) = approved();
    let golden = include_str!("../../../../tests/golden/history.txt");
    let written: Vec<_> = golden
        .split_inclusive("\n\n")
        .map(|form| form.strip_suffix("\n\n").map_or(form.to_owned(), |form| format!("{form}\n")))
        .map(|form| Hash(Sha256::digest(form).into()))
        .collect();
    let mut hashes = vec![Entry::start(&order.key), entries[0].facts];
    hashes.extend(entries.iter().map(|entry| entry.hash));
    assert_eq!(hashes, written);
}

#[test]
fn hashes_read_back() {
    let hash = Entry::of(None, &opened(), None).unwrap().hash;
    assert_eq!(hash.to_string().parse(), Ok(hash));
    for bad in ["", "abc", &"g".repeat(64), &"A".repeat(64), &"é".repeat(32)] {
        assert_eq!(bad.parse::<Hash>(), Err(HashError), "{bad}");
    }
}
