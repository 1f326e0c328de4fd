//! No forged webhook is accepted, and no genuine one refused: seeded mutations of valid deliveries.
//!
//! Each case is a genuine delivery in several harmless variants at once ([`vary`], [`carry`]), and in most cases one forgery on top:
//! something signed that may not be ([`misuse`]), or something changed on its way ([`tamper`]). What it must come to is
//! known from how it was made. It then goes through the handler end to end, and through the verifier alone.

mod body;
mod carry;
mod handler;
mod header;
mod letter;
mod misuse;
mod subject;
mod tamper;
mod vary;
mod wire;
mod worlds;

use std::collections::BTreeMap;

use fastrand::Rng;

use self::carry::Carried;
use self::letter::Letter;
pub(crate) use self::letter::{SCHEME, hash_of, mac};
use self::misuse::Misuse;
use self::subject::{Protection, Subject};
use self::tamper::Tamper;
use self::vary::Said;
use self::wire::Wire;
use self::worlds::{ACME, GLOBEX, INITECH, World};
use crate::size::{generator, seed, size};

/// One request, and whether it must be taken.
struct Case {
    world: World,
    wire: Wire,
    is_genuine: bool,
    /// What was done to it, for the count and for whoever reads a failure.
    made: String,
    said: Vec<Said>,
    carried: Vec<Carried>,
}

impl Case {
    fn drawn(rng: &mut Rng) -> Self {
        let world = World::ALL[rng.usize(..World::ALL.len())];
        let to = [&ACME, &ACME, &INITECH, &GLOBEX][rng.usize(..4)];
        let keys = world.keys(to.id).1;
        let key = keys[rng.usize(..keys.len())];
        let mut letter = Letter::genuine(rng, to, key);
        let another = letter::Letter { key: letter.key.clone(), ..Letter::genuine(rng, to, keys[0]) };
        let counts = (rng.usize(..3), rng.usize(..3));
        let (said, carried) =
            (rng.choose_multiple(Said::ALL, counts.0), rng.choose_multiple(Carried::ALL, counts.1));
        for variant in &said {
            variant.vary(&mut letter, rng);
        }
        // One case in eight is genuine; of the others, one in four is signed wrongly.
        let misuse = (rng.u8(..8) > 5).then(|| Misuse::ALL[rng.usize(..Misuse::ALL.len())]);
        if let Some(misuse) = misuse {
            misuse.spoil(&mut letter, world, rng);
        }
        let mut wire = letter.sent();
        for variant in &carried {
            variant.vary(&mut wire, rng);
        }
        let tamper = (misuse.is_none() && rng.u8(..6) > 0).then(|| {
            let all = Tamper::all();
            all[rng.usize(..all.len())]
        });
        let before = wire.meaning();
        if let Some(tamper) = tamper {
            tamper.spoil(&mut wire, &another, rng);
        }
        let is_genuine = misuse.is_none() && wire.meaning() == before;
        let made = match (misuse, tamper) {
            (Some(misuse), _) => format!("signed: {misuse:?}"),
            (None, Some(tamper)) if is_genuine => format!("without effect: {tamper:?}"),
            (None, Some(tamper)) => format!("changed: {tamper:?}"),
            (None, None) => match (said.last(), carried.last()) {
                (_, Some(carried)) => format!("genuine: {carried:?}"),
                (Some(said), None) => format!("genuine: {said:?}"),
                (None, None) => "genuine: plain".to_owned(),
            },
        };
        Self { world, wire, is_genuine, made, said, carried }
    }

    /// What the subject does wrong, if anything.
    fn fault(&self, subject: Subject) -> Option<String> {
        let seen = subject.seen(&self.wire, self.world);
        let wrong = match self.is_genuine {
            true if !(seen.is_taken && seen.is_written && seen.is_kept) => "a genuine delivery is not taken",
            false if seen.is_taken || seen.is_written || seen.is_kept => "a forgery has an effect",
            true | false => return None,
        };
        let Self { world, wire, made, said, carried, .. } = self;
        Some(format!(
            "{wrong} by {subject:?}: {seen:?}\n{made}, {said:?}, {carried:?}, {world:?}\n{wire:?}\n{}",
            wire.event()
        ))
    }
}

#[derive(Default)]
struct Tally {
    genuine: u64,
    forged: u64,
    by_kind: BTreeMap<String, u64>,
    faults: Vec<String>,
}

/// The cases `from..to` of a seed.
fn run(seed: u64, cases: std::ops::Range<u64>, subjects: &[Subject]) -> Tally {
    let mut tally = Tally::default();
    for number in cases {
        let case = Case::drawn(&mut generator(seed, number));
        *(if case.is_genuine { &mut tally.genuine } else { &mut tally.forged }) += 1;
        *tally.by_kind.entry(case.made.clone()).or_default() += 1;
        let faults = subjects.iter().filter_map(|subject| case.fault(*subject));
        tally.faults.extend(faults.map(|fault| format!("case {number}: {fault}")));
        if tally.faults.len() > 5 {
            break;
        }
    }
    tally
}

/// The same cases as [`run`], shared out among the machine's processors.
fn run_on_all(seed: u64, cases: u64, subjects: &[Subject]) -> Tally {
    let workers = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let bounds: Vec<u64> = (0..=workers).map(|worker| cases * worker / workers).collect();
    std::thread::scope(|threads| {
        let running: Vec<_> = bounds
            .windows(2)
            .map(|pair| threads.spawn(move || run(seed, pair[0]..pair[1], subjects)))
            .collect();
        let mut total = Tally::default();
        for worker in running {
            let tally = worker.join().unwrap();
            total.genuine += tally.genuine;
            total.forged += tally.forged;
            total.faults.extend(tally.faults);
            for (kind, count) in tally.by_kind {
                *total.by_kind.entry(kind).or_default() += count;
            }
        }
        total
    })
}

#[test]
fn no_forgery_has_an_effect_and_no_genuine_delivery_is_refused() {
    let seed = seed("forgery");
    let cases = size(20_000, 1_250_000);
    let started = std::time::Instant::now();
    let tally = run_on_all(seed, cases, &[Subject::Handler, Subject::Verifier, Subject::Reference(None)]);
    for (kind, count) in &tally.by_kind {
        println!("{count:>8}  {kind}");
    }
    assert_eq!(tally.faults.first().map_or("", String::as_str), "");
    assert_eq!(tally.genuine + tally.forged, cases);
    assert!(tally.forged >= size(15_000, 1_000_000), "{}", tally.forged);
    // Every kind of each was drawn.
    let kinds = |start: &str| tally.by_kind.keys().filter(|kind| kind.starts_with(start)).count();
    assert_eq!((kinds("signed: "), kinds("changed: ")), (Misuse::ALL.len(), Tamper::all().len()));
    assert_eq!(kinds("genuine: "), Said::ALL.len() + Carried::ALL.len() + 1);
    println!(
        "forgery: {} forged, 0 with an effect; {} genuine, 0 refused; {} s",
        tally.forged,
        tally.genuine,
        started.elapsed().as_secs()
    );
}

/// The proof itself can fail: a verifier that lacks one protection, or that is too strict in one way, is found out.
#[test]
fn each_missing_protection_is_noticed() {
    for protection in Protection::ALL {
        let tally = run(7, 0..20_000, &[Subject::Reference(Some(protection))]);
        println!(
            "{protection:?}: noticed by {:?}",
            tally.faults.first().and_then(|fault| fault.lines().next())
        );
        assert!(!tally.faults.is_empty(), "nothing notices that {protection:?} is missing");
    }
}
