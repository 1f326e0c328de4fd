//! Every state leads to an end: from each, the world is played on without chance until nothing is left to do, once with a
//! provider that answers and never decides, and once with one that never says anything again.

use std::collections::HashSet;
use std::sync::Mutex;

use crate::properties::broken;
use crate::rules::{Landmark, Rules};
use crate::steps::{Step, take};
use crate::world::{Left, Phase, Said, World, fingerprint};

/// How the provider behaves from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Provider {
    /// It answers everything, sends its webhooks, and works on an order for ever.
    Undecided,
    /// Nothing is heard from it.
    Silent,
}

/// The ends that were found already: states from which the end is known to be reached.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    undecided: Mutex<HashSet<u64>>,
    silent: Mutex<HashSet<u64>>,
}

impl Ends {
    const fn known(&self, provider: Provider) -> &Mutex<HashSet<u64>> {
        match provider {
            Provider::Undecided => &self.undecided,
            Provider::Silent => &self.silent,
        }
    }

    /// How many states were played on.
    pub(crate) fn played(&self) -> usize {
        [Provider::Undecided, Provider::Silent].iter().map(|it| self.known(*it).lock().unwrap().len()).sum()
    }

    /// Why the order does not end, if it does not.
    pub(crate) fn why_not(&self, rules: &Rules, world: &World, provider: Provider) -> Option<String> {
        let mut world = World { left: Left { faults: 0, waits: 0, signals: 0 }, ..world.clone() };
        let (mut way, mut been) = (Vec::new(), HashSet::new());
        loop {
            let here = fingerprint(&world);
            if !been.insert(here) {
                return Some(format!("it goes round in circles: {way:?}"));
            }
            if !self.known(provider).lock().unwrap().insert(here) {
                // From there the end was reached before, or another thread is on the way there and tells if it is not.
                return None;
            }
            if let Some(name) = broken(&world) {
                return Some(format!("{name}: after {way:?}"));
            }
            let Some(step) = next(provider, &world) else {
                let is_ended = world.order.as_ref().is_some_and(|order| order.status.is_terminal());
                return (!is_ended).then(|| format!("nothing is left to do after {way:?}"));
            };
            way.push(step);
            world = take(rules, &world, step);
        }
    }
}

/// The next step; none where nothing is left to do.
fn next(provider: Provider, world: &World) -> Option<Step> {
    let is_silent = provider == Provider::Silent;
    if let Some(attempt) = world.attempts.first() {
        return Some(match attempt.phase {
            Phase::Claimed => Step::Post(0),
            Phase::Heard(_) => Step::Record(0),
            Phase::Posted | Phase::Taken(_) if is_silent => Step::TimeOut(0),
            Phase::Taken(_) => Step::Reply(0),
            Phase::Posted => arrival(world, attempt.order.submission.attempts),
        });
    }
    if world.look.is_some() {
        return Some(if is_silent { Step::SettleWithoutAnswer } else { Step::Settle });
    }
    if let Some((event, delivery)) = world.hooks.first() {
        return Some(if is_silent {
            Step::LoseHook(*event, *delivery)
        } else {
            Step::Deliver(*event, *delivery)
        });
    }
    if !world.looks.is_empty() {
        return Some(Step::LookUp(if is_silent { Said::Nothing } else { Said::Honest }));
    }
    rest(world, is_silent)
}

/// The request arrives, if it is still on its way.
fn arrival(world: &World, attempt: u32) -> Step {
    let index = world.requests.iter().position(|request| request.attempt == attempt);
    index.map_or(Step::TimeOut(0), Step::Arrive)
}

/// What is left where nobody has the order in hand.
fn rest(world: &World, is_silent: bool) -> Option<Step> {
    let held_until = world.order.as_ref().and_then(|order| order.submission.lease_until);
    let is_held = held_until.is_some_and(|until| until > world.now);
    if world.has_decline {
        return Some(Step::TakeDecline);
    }
    if world.evaluations > 0 && !is_held {
        // A message whose deliveries lead to nothing goes to the dead letters, sooner or later.
        let is_spent = is_silent && world.order.as_ref().is_some_and(|order| order.submission.attempts > 3);
        return Some(if is_spent { Step::DeadLetter } else { Step::Claim });
    }
    // What is due while somebody submits it is looked at when that is over.
    if is_held {
        return Some(Step::Wait(Landmark::LeaseOver));
    }
    let due = world.order.as_ref().and_then(|order| order.due)?;
    Some(if due.at <= world.now { Step::Sweep } else { Step::Wait(Landmark::Due) })
}
