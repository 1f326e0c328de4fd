//! Every way through a set of things told, each once or twice, without walking the same ground again: two ways that have
//! told the same and led to the same order have the same future. The same, that is, but for its version and its times:
//! they only ever serve to see that an order has changed since it was read, and here nothing happens in between.

use std::collections::HashMap;

use models::order::{Due, Order};
use models::refund::Refund;
use models::wish::Wish;

use super::alphabet::{Told, expected};
use super::asked::{self, Granted};
use super::delivery::{after, differences};

/// How often something was told: not yet, once, twice by the same delivery, or twice by two deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Count {
    Never,
    Once,
    Replayed,
    Redelivered,
}

/// What was found out about one set.
#[derive(Debug, Default)]
pub(crate) struct Explored {
    /// Sequences that end here: all told, and nothing more to come.
    pub(crate) sequences: u128,
    /// Different orders on the way.
    pub(crate) states: u64,
    /// A shortest sequence for each kind of difference.
    pub(crate) faults: HashMap<String, Vec<Told>>,
}

/// How often what was told, what was granted of what was asked for, and the order.
type Place = (Vec<Count>, Granted, String);

struct Reached {
    order: Order,
    /// In how many ways.
    ways: u128,
    /// One of them.
    way: Vec<Told>,
}

/// Tells the order all of the set in every order, each once or twice.
pub(crate) fn explore(claimed: &Order, set: &[Told]) -> Explored {
    let mut explored = Explored::default();
    let wanted = expected(set);
    let has_asks = set.iter().any(|told| matches!(told, Told::Ask(_) | Told::Read(_)));
    let start = Reached { order: claimed.clone(), ways: 1, way: Vec::new() };
    let mut level: HashMap<Place, Reached> = HashMap::new();
    level.insert((vec![Count::Never; set.len()], Granted::default(), String::new()), start);
    let mut step = 0;
    while !level.is_empty() {
        step += 1;
        let mut next: HashMap<Place, Reached> = HashMap::new();
        for ((counts, granted, _), reached) in level {
            explored.states += 1;
            if !counts.contains(&Count::Never) {
                explored.sequences += reached.ways;
                let found = match has_asks {
                    true => asked::differences(&reached.order, set, granted),
                    false => differences(&reached.order, &wanted),
                };
                for fault in found {
                    explored.faults.entry(fault).or_insert_with(|| reached.way.clone());
                }
            }
            for (index, told) in set.iter().enumerate() {
                for (count, delivery) in following(counts[index], *told) {
                    let granted = granted.then(&reached.way, *told);
                    let order = after(claimed, &reached.order, *told, delivery, step, granted);
                    let order = timeless(claimed, order);
                    let mut counts = counts.clone();
                    counts[index] = count;
                    let entry = next.entry((counts, granted, fingerprint(&order))).or_insert_with(|| {
                        Reached { way: reached.way.iter().copied().chain([*told]).collect(), order, ways: 0 }
                    });
                    entry.ways += reached.ways;
                }
            }
        }
        level = next;
    }
    explored
}

/// The order without the traces of when it changed and how often.
fn timeless(claimed: &Order, order: Order) -> Order {
    let at = claimed.updated_at;
    let due = order.due.map(|due| Due::new(at, due.reason));
    let wish = order.wish.map(|wish| Wish { asked_at: at, ..wish });
    let refunds = order.refunds.into_iter().map(|refund| Refund { asked_at: at, ..refund }).collect();
    Order { version: claimed.version, updated_at: at, due, wish, refunds, ..order }
}

/// All of it. The decline never changes, so only whether it is still there counts.
fn fingerprint(order: &Order) -> String {
    format!("{} {:?}", order.request.is_some(), Order { request: None, ..order.clone() })
}

/// How something may be told once more, and in which delivery.
fn following(count: Count, told: Told) -> Vec<(Count, u8)> {
    match (count, told) {
        (Count::Never, _) => vec![(Count::Once, 1)],
        // An answer has no nonce: recording it again is all there is.
        (Count::Once, Told::Answer(_) | Told::Ask(_) | Told::Read(_)) => vec![(Count::Replayed, 1)],
        (Count::Once, Told::Hook(..)) => vec![(Count::Replayed, 1), (Count::Redelivered, 2)],
        (Count::Replayed | Count::Redelivered, _) => Vec::new(),
    }
}
