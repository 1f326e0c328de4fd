//! What must hold in every state, whatever happened.

use models::order::{DueReason, Order};
use models::status::Status;

use crate::webhooks::{tag, target};
use crate::world::{Fate, World};

type Holds = fn(&World) -> bool;

/// What must always hold, by name.
pub(crate) const ALWAYS: [(&str, Holds); 11] = [
    ("at most one submission takes effect", |world| world.theirs.len() <= 1),
    ("no two attempts are under way at once", |world| !world.history.had_two_attempts),
    ("nothing is submitted whose id at the provider is known", |world| !world.history.claimed_the_known),
    ("no submission arrives past the replay window", |world| !world.history.was_late),
    ("an acknowledged event is remembered, and its effect is there or superseded", remembers),
    ("an event has its effect once", |world| !world.history.had_effect_twice),
    ("an open order is due, and an ended one only for an open money signal", is_due),
    ("an open money signal is due, or was left to people", is_signal_due),
    ("an ended order does not go to a lower rank", keeps_its_rank),
    ("what is approved here was charged there", |world| {
        status(world) != Some(Status::Approved)
            || world.theirs.iter().any(|theirs| theirs.fate == Fate::Rescued)
    }),
    ("what is rejected here was never taken there", |world| {
        status(world) != Some(Status::Rejected) || world.theirs.is_empty()
    }),
];

/// The first of them that does not hold.
pub(crate) fn broken(world: &World) -> Option<&'static str> {
    ALWAYS.iter().find(|(_, holds)| !holds(world)).map(|(name, _)| *name)
}

fn status(world: &World) -> Option<Status> {
    world.order.as_ref().map(|order| order.status)
}

fn remembers(world: &World) -> bool {
    world.history.acknowledged.iter().all(|event| {
        let order = world.order.as_deref();
        order.is_some_and(|order| {
            order.seen.contains(&tag(*event)) && target(*event).is_none_or(|target| target <= order.status)
        })
    })
}

fn is_due(world: &World) -> bool {
    let for_money = |order: &Order| {
        order.due.is_none_or(|due| due.reason == DueReason::MoneySignal && order.has_open_signal())
    };
    world.order.as_deref().is_none_or(|order| match order.status.is_terminal() {
        false => order.due.is_some(),
        true => for_money(order),
    })
}

fn is_signal_due(world: &World) -> bool {
    let is_left = |order: &Order| order.has_open_signal() && order.due.is_none();
    !world.order.as_deref().is_some_and(is_left) || world.history.gave_up
}

fn keeps_its_rank(world: &World) -> bool {
    world.history.ended_as.is_none_or(|ended| status(world).is_some_and(|status| ended <= status))
}
