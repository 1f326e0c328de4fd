//! expiry-sweep and order-reconcile: find what is due, read it, ask about it, settle.

use std::sync::Arc;

use jiff::Timestamp;
use models::order::Order;
use models::reconcile::{
    self, CalledOff, Heard, Look as Looking, ProviderView, Sighting, Step as Following, after_call_off,
    after_find, after_read,
};

use crate::rules::Rules;
use crate::steps::Step;
use crate::world::{Fate, Look, Said, Theirs, World};
use crate::{provider, submission};

/// Messages that are looked at apart.
const LOOKS_MAX: usize = 1;

pub(crate) fn possible(rules: &Rules, world: &World, steps: &mut Vec<Step>) {
    let due = world.order.as_ref().and_then(|order| order.due);
    if due.is_some_and(|due| due.at <= world.now) && world.looks.len() < LOOKS_MAX {
        steps.push(Step::Sweep);
    }
    match (&world.look, world.looks.first()) {
        (Some(look), _) => {
            steps.extend([Step::Settle, Step::DieLooking]);
            match following(rules, look) {
                Following::Settle(_) => {}
                Following::Resubmit(_) => steps.push(Step::DieBeforeSettling),
                Following::CallOff(_) => {
                    steps.extend([Step::DieBeforeSettling, Step::SettleWithoutAnswer, Step::SettleAnswerLost])
                }
            }
        }
        (None, Some(as_of)) => {
            steps.push(Step::RepeatLook(Said::Honest));
            steps.extend(answers(rules, world, *as_of).into_iter().map(Step::LookUp));
        }
        (None, None) => {}
    }
}

/// The answers that can make a difference.
fn answers(rules: &Rules, world: &World, as_of: Timestamp) -> Vec<Said> {
    let Some(order) = &world.order else { return Vec::new() };
    let mut answers = vec![Said::Honest];
    match (reconcile::look(order, &rules.look, as_of), world.theirs.is_empty()) {
        (Looking::Do(_), _) => return answers,
        (Looking::Find, true) => answers.push(Said::Nothing),
        (Looking::Find, false) => answers.extend([Said::Nothing, Said::Hidden, Said::Unread]),
        (Looking::Ask(_), _) => answers.push(Said::Nothing),
        (Looking::Cancel(_) | Looking::Capture(..), _) => nobody_wishes(),
    }
    if !world.theirs.is_empty() {
        answers.extend([Said::Coarse, Said::NotUnderstood, Said::Problem]);
    }
    answers
}

/// The model has no people who cancel or capture.
fn nobody_wishes() -> ! {
    unreachable!("nobody wishes anything in the model")
}

pub(crate) fn sweep(world: &mut World) {
    world.looks.push(world.now);
}

/// Reads the order and asks, as of the message's time. A message may be left to come again.
pub(crate) fn look_up(world: &mut World, said: Said, comes_again: bool) {
    let as_of = if comes_again { world.looks[0] } else { world.looks.remove(0) };
    let Some(order) = world.order.clone() else { return };
    if order.due.is_some_and(|due| due.at <= as_of) {
        world.look = Some(Look { order, as_of, said, theirs: world.theirs.clone() });
    }
}

/// What the look leads to, by the shipped rules.
fn following(rules: &Rules, look: &Look) -> Following {
    let (order, rules) = (&*look.order, &rules.look);
    match reconcile::look(order, rules, look.as_of) {
        Looking::Do(step) => step,
        Looking::Ask(id) => {
            let asked = look.theirs.iter().enumerate().find(|(index, _)| provider::id(*index) == id);
            let (_, theirs) = asked.expect("an id that was learnt is one of the provider's");
            Following::Settle(after_read(order, &heard(look.said, theirs), rules, look.as_of))
        }
        Looking::Find => after_find(order, &sighting(look), rules, look.as_of),
        Looking::Cancel(_) | Looking::Capture(..) => nobody_wishes(),
    }
}

fn heard(said: Said, theirs: &Theirs) -> Heard {
    let honest = match theirs.fate {
        Fate::Working => ProviderView::Working,
        Fate::Capture => ProviderView::CaptureRequired,
        Fate::Rescued if theirs.is_disputed => ProviderView::Disputed,
        Fate::Rescued if theirs.is_refunded => ProviderView::Returned,
        Fate::Rescued => ProviderView::Rescued,
        Fate::Declined => ProviderView::Declined,
        Fate::CalledOff => ProviderView::CalledOff,
        Fate::Expired => ProviderView::Expired,
    };
    let is_coarse =
        matches!(honest, ProviderView::Declined | ProviderView::CalledOff | ProviderView::Expired);
    let view = match said {
        Said::Coarse if is_coarse => ProviderView::Over,
        Said::Honest | Said::Coarse => honest,
        Said::Nothing | Said::Hidden | Said::Unread => return Heard::no_answer(""),
        Said::NotUnderstood => ProviderView::NotUnderstood,
        Said::Problem => ProviderView::Problem,
    };
    Heard { view, word: String::new(), totals: None }
}

fn sighting(look: &Look) -> Sighting {
    match (look.said, look.theirs.as_slice()) {
        (Said::Nothing, _) => Sighting::NoAnswer(String::new()),
        (Said::Hidden, _) | (_, []) => Sighting::NotFound,
        (said, [theirs]) => Sighting::One(provider::id(0), heard(said, theirs)),
        (_, [_, _, ..]) => Sighting::Several,
    }
}

/// Does what follows. It may die before that, or after what it does elsewhere and before it settles.
pub(crate) fn settle(rules: &Rules, world: &mut World, step: Step) {
    let mut look = world.look.take().expect("a look is under way");
    let change = match following(rules, &look) {
        _ if step == Step::DieLooking => None,
        Following::Settle(change) => Some(change),
        Following::Resubmit(change) => {
            submission::hand_on(world);
            Some(change)
        }
        Following::CallOff(hold) => {
            let stored: &mut Order = Arc::make_mut(world.order.as_mut().expect("it was read"));
            if !rules.change(stored, hold) {
                return;
            }
            let held = stored.clone();
            let called_off = call_off(world, step);
            look.order = Arc::new(held);
            Some(after_call_off(&look.order, &called_off, look.as_of))
        }
    };
    match change {
        Some(change) if step != Step::DieBeforeSettling => {
            let gives_up = reconcile::gives_up(&look.order, &change);
            let stored: &mut Order = Arc::make_mut(world.order.as_mut().expect("it was read"));
            world.history.gave_up |= rules.change(stored, change) && gives_up;
        }
        Some(_) | None => {
            if world.looks.len() < LOOKS_MAX {
                world.looks.push(look.as_of);
            }
        }
    }
}

/// The provider cancels what it works on under our id; what it never had, or what is over, it refuses to cancel.
fn call_off(world: &mut World, step: Step) -> CalledOff {
    if step == Step::SettleWithoutAnswer {
        return CalledOff::NoAnswer(String::new());
    }
    let is_working = world.theirs.last().is_some_and(|theirs| !crate::steps::is_over(theirs));
    if is_working {
        provider::go(world, Fate::CalledOff);
    }
    match (step, is_working) {
        (Step::SettleAnswerLost, _) => CalledOff::NoAnswer(String::new()),
        (_, true) => CalledOff::Done,
        (_, false) => CalledOff::Refused(String::new()),
    }
}
