//! Whatever the order in which an order is told things, and however often: it ends the same.
//!
//! The order has one attempt under way. It is told at most one answer of that attempt and any of the webhooks, each once
//! or twice, the second time by the same delivery or by another. Compared are status, facets, provider's id, confirmation,
//! lease, attempts, whether somebody must look and whether it is for money, and whether the decline is still there. The
//! reason must be one that leads to the status; where two do, the first to come is kept, so it may differ.
//!
//! People ask for things among it, and the order is read: what is compared then is in [`asked`].

mod alphabet;
mod asked;
mod delivery;
mod explore;

use std::collections::BTreeMap;

use models::order::{Order, Reason, ReasonCode};
use models::status::Status;

use self::alphabet::{Answer, Ask, Hook, Read, Told, expected};
use self::asked::Granted;
use self::delivery::{after, claimed, differences, expired_here};
use self::explore::explore;
use crate::size::{generator, seed, size};

const ORDER_ID: &str = "INV-1001-r1";

/// Most different things told in the exhaustive part.
const TOLD_MAX: usize = 6;

/// The same where people ask for something.
const ASKED_MAX: usize = 5;

/// All sets of at most so many things, at most one of them an answer.
fn sets(told_max: usize) -> Vec<Vec<Told>> {
    let hooks = |bits: u32| {
        Hook::ALL
            .into_iter()
            .enumerate()
            .filter(move |(at, _)| bits & (1 << at) != 0)
            .map(|(_, hook)| Told::Hook(hook, 1))
    };
    let answers = [None].into_iter().chain(Answer::ALL.map(Some));
    answers
        .flat_map(|answer| {
            (0..1_u32 << Hook::ALL.len())
                .map(move |bits| answer.map(Told::Answer).into_iter().chain(hooks(bits)).collect::<Vec<_>>())
        })
        .filter(|set| !set.is_empty() && set.len() <= told_max)
        .collect()
}

/// All sets of at most so many things in which something is asked for or read: at most one answer, one end of a refund's call
/// and one read.
fn sets_with_asks(told_max: usize) -> Vec<Vec<Told>> {
    let asks = [Ask::Cancel, Ask::Capture, Ask::Refund].map(Told::Ask);
    let calls = [None, Some(Ask::RefundMade), Some(Ask::RefundLost)].map(|call| call.map(Told::Ask));
    let reads = [None, Some(Read::Working), Some(Read::Rescued)].map(|read| read.map(Told::Read));
    let mut beside: Vec<Vec<Told>> = Vec::new();
    for bits in 0..1_u32 << asks.len() {
        let asked = || asks.into_iter().enumerate().filter(move |(at, _)| bits & (1 << at) != 0);
        for call in calls {
            for read in reads {
                beside.push(asked().map(|(_, ask)| ask).chain(call).chain(read).collect());
            }
        }
    }
    // Of a refund that was not asked for no call is made.
    let is_call = |told: &Told| matches!(told, Told::Ask(Ask::RefundMade | Ask::RefundLost));
    beside
        .retain(|set| !set.is_empty() && (set.contains(&Told::Ask(Ask::Refund)) || !set.iter().any(is_call)));
    let told = [Vec::new()].into_iter().chain(sets(told_max));
    told.flat_map(|set| beside.iter().map(move |asked| [set.clone(), asked.clone()].concat()))
        .filter(|set| set.len() <= told_max)
        .collect()
}

/// An order that was told all this in this order.
fn told(claimed: &Order, way: &[Told]) -> Order {
    let step =
        |order: Order, (step, told): (u32, &Told)| after(claimed, &order, *told, 1, step, Granted::default());
    (1..).zip(way).fold(claimed.clone(), step)
}

fn on_all_processors<T: Send>(sets: &[Vec<Told>], explore: impl Fn(&[Told]) -> T + Sync) -> Vec<T> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let explore = &explore;
    std::thread::scope(|threads| {
        let share =
            |worker| sets.iter().skip(worker).step_by(workers).map(|set| explore(set)).collect::<Vec<_>>();
        let running: Vec<_> = (0..workers).map(|worker| threads.spawn(move || share(worker))).collect();
        running.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

#[test]
fn every_permutation_and_duplication_ends_in_the_same_state() {
    seed("permutations (exhaustive, needs none)");
    let order = claimed();
    let sets = sets(size(4, TOLD_MAX));
    let (sequences, states) = explore_all("permutations", &order, &sets);
    // So that it can't pass by walking through nothing.
    assert!(sequences > size(6_000_000, 18_000_000_000) && states > size(40_000, 270_000));
}

/// With people who cancel, capture and refund, and with reads that tell totals.
#[test]
fn what_people_ask_for_ends_the_same_whatever_it_meets() {
    seed("permutations with asks (exhaustive, needs none)");
    let order = claimed();
    let sets = sets_with_asks(size(3, ASKED_MAX));
    let (sequences, states) = explore_all("permutations with asks", &order, &sets);
    assert!(sequences > size(170_000, 3_600_000_000) && states > size(20_000, 3_000_000));
}

fn explore_all(what: &str, order: &Order, sets: &[Vec<Told>]) -> (u128, u64) {
    let (mut sequences, mut states) = (0, 0);
    let mut faults: BTreeMap<String, Vec<Told>> = BTreeMap::new();
    for explored in on_all_processors(sets, |set| explore(order, set)) {
        sequences += explored.sequences;
        states += explored.states;
        for (fault, way) in explored.faults {
            let shortest = faults.entry(fault).or_insert_with(|| way.clone());
            if way.len() < shortest.len() {
                *shortest = way;
            }
        }
    }
    println!("{what}: {} sets, {sequences} sequences, {states} states", sets.len());
    for (fault, way) in &faults {
        println!("  {fault}: {way:?}");
    }
    assert!(faults.is_empty());
    (sequences, states)
}

/// Beyond what can be walked through: up to three different events of each kind, each delivered up to four times.
#[test]
fn random_sequences_beyond_end_in_the_same_state() {
    let (seed, runs) = (seed("permutations (random)"), size(300, 30_000));
    let (order, mut longest, mut counted) = (claimed(), 0, 0);
    for run in 0..runs {
        let mut rng = generator(seed, run);
        let set = random_set(&mut rng);
        let wanted = expected(&set);
        let mut sequence: Vec<(Told, u8)> = Vec::new();
        for told in &set {
            sequence.extend((0..rng.u8(1..=4)).map(|_| (*told, rng.u8(1..=3))));
        }
        rng.shuffle(&mut sequence);
        let step = |order: Order, (step, (told, delivery)): (u32, &(Told, u8))| {
            after(&claimed(), &order, *told, *delivery, step, Granted::default())
        };
        let ended = (1..).zip(&sequence).fold(order.clone(), step);
        assert_eq!(
            differences(&ended, &wanted),
            Vec::<String>::new(),
            "seed {seed}, run {run}: {sequence:?}"
        );
        (longest, counted) = (sequence.len().max(longest), counted + 1);
    }
    println!("permutations: {counted} random sequences, the longest of {longest} deliveries");
    assert_eq!(counted, runs);
}

/// The same with all that people can ask for, and both ends of a refund's call among it: the first of the two counts.
#[test]
fn random_sequences_with_asks_end_in_the_same_state() {
    let (seed, runs) = (seed("permutations with asks (random)"), size(300, 30_000));
    let (claimed, mut longest) = (claimed(), 0);
    let asks = [Ask::Cancel, Ask::Capture, Ask::Refund, Ask::RefundMade, Ask::RefundLost].map(Told::Ask);
    for run in 0..runs {
        let mut rng = generator(seed, run);
        let mut set: Vec<Told> = Hook::ALL.map(|hook| Told::Hook(hook, 1)).to_vec();
        set.extend(asks);
        set.push(Told::Read(if rng.bool() { Read::Working } else { Read::Rescued }));
        rng.shuffle(&mut set);
        set.truncate(rng.usize(4..=set.len()));
        set.push(Told::Answer(Answer::ALL[rng.usize(..Answer::ALL.len())]));
        let mut sequence: Vec<(Told, u8)> = Vec::new();
        for told in &set {
            sequence.extend((0..rng.u8(1..=4)).map(|_| (*told, rng.u8(1..=3))));
        }
        rng.shuffle(&mut sequence);
        let (mut order, mut granted, mut before) = (claimed.clone(), Granted::default(), Vec::new());
        for (step, (told, delivery)) in (1..).zip(&sequence) {
            granted = granted.then(&before, *told);
            order = after(&claimed, &order, *told, *delivery, step, granted);
            before.push(*told);
        }
        let found = asked::differences(&order, &set, granted);
        assert_eq!(found, Vec::<String>::new(), "seed {seed}, run {run}: {sequence:?}");
        longest = sequence.len().max(longest);
    }
    println!("permutations with asks: {runs} random sequences, the longest of {longest} deliveries");
}

/// Numbers of events of one kind.
const NUMBERS: u8 = 3;

fn random_set(rng: &mut fastrand::Rng) -> Vec<Told> {
    let hooks = Hook::ALL.into_iter().chain([Hook::Progress]);
    let mut all: Vec<Told> =
        hooks.flat_map(|hook| (1..=NUMBERS).map(move |number| Told::Hook(hook, number))).collect();
    rng.shuffle(&mut all);
    all.truncate(rng.usize(TOLD_MAX..=all.len()));
    if rng.u8(..8) > 0 {
        all.push(Told::Answer(Answer::ALL[rng.usize(..Answer::ALL.len())]));
    }
    all
}

#[test]
fn a_late_approval_beats_a_local_expiry() {
    let claimed = claimed();
    let expired = expired_here(&told(&claimed, &[Told::Answer(Answer::Submitted)]));
    assert_eq!((expired.status, expired.due), (Status::Expired, None));
    let approved = after(&claimed, &expired, Told::Hook(Hook::Completed, 1), 1, 9, Granted::default());
    assert_eq!((approved.status, approved.due), (Status::Approved, None));
    let late = after(&claimed, &expired, Told::Answer(Answer::Approved), 1, 9, Granted::default());
    assert_eq!(late.status, Status::Approved);
}

#[test]
fn a_webhook_beats_an_answer_to_evaluate_that_comes_later() {
    let claimed = claimed();
    for (hook, answer) in [
        (Hook::Completed, Answer::Submitted),
        (Hook::Completed, Answer::Declined),
        (Hook::Completed, Answer::Expired),
        (Hook::Completed, Answer::Lost),
        (Hook::Completed, Answer::Refused),
        (Hook::Cancelled, Answer::Submitted),
        (Hook::Expired, Answer::CaptureRequired),
        (Hook::CaptureRequired, Answer::Submitted),
    ] {
        let before = told(&claimed, &[Told::Hook(hook, 1)]);
        let ended = after(&claimed, &before, Told::Answer(answer), 1, 2, Granted::default());
        assert_eq!(ended, before, "{hook:?}, then {answer:?}");
    }
}

#[test]
fn refunds_and_disputes_never_change_the_status() {
    let claimed = claimed();
    for status in Status::ALL {
        let order = Order {
            status: *status,
            reason: Some(Reason::new(ReasonCode::ProviderRead, "as it was")),
            ..claimed.clone()
        };
        for hook in [Hook::Refunded, Hook::Chargeback] {
            let ended = after(&claimed, &order, Told::Hook(hook, 1), 1, 1, Granted::default());
            assert_eq!((ended.status, &ended.reason), (*status, &order.reason), "{hook:?}");
            assert!(ended.due.is_some() && ended.has_open_signal(), "{hook:?} on {status}");
        }
    }
}

/// That FlexFactor refused the request says that it has no order; that it tells of the order says more.
#[test]
fn what_the_provider_tells_of_an_order_beats_its_refusal_of_it() {
    let claimed = claimed();
    let [hook, answer] = [Told::Hook(Hook::CaptureRequired, 1), Told::Answer(Answer::Refused)];
    for way in [[hook, answer], [answer, hook]] {
        let ended = told(&claimed, &way);
        assert_eq!(ended.status, Status::CaptureRequired);
        assert!(ended.due.is_some(), "an authorised order is read");
    }
}
