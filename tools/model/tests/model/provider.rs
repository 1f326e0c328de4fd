//! The provider: it may take what arrives, once for each key that it remembers, and may end what it took at any moment.

use jiff::Timestamp;
use models::event::EventKind;
use models::ids::ProviderOrderId;

use crate::rules::Rules;
use crate::steps::{Step, event_index};
use crate::world::{Answer, Fate, Phase, Request, Theirs, World};

/// Its id of its order of this index.
pub(crate) fn id(index: usize) -> ProviderOrderId {
    format!("00000000-0000-4000-8000-00000000000{index}").parse().unwrap()
}

pub(crate) fn possible(rules: &Rules, world: &World, steps: &mut Vec<Step>) {
    for (index, request) in world.requests.iter().enumerate() {
        steps.push(Step::Arrive(index));
        if waiting(world, request).is_some() {
            let is_repeat = remembered(rules, world, request).is_some();
            steps.push(if is_repeat { Step::RefuseRepeat(index) } else { Step::Refuse(index) });
        }
    }
    let Some(theirs) = world.theirs.last() else { return };
    steps.extend(nexts(theirs.fate).iter().map(|fate| Step::Move(*fate)));
    if world.left.signals == 0 {
        return;
    }
    let is_working = matches!(theirs.fate, Fate::Working | Fate::Capture);
    if is_working && !theirs.has_progressed {
        steps.push(Step::Progress);
    }
    if theirs.fate == Fate::Rescued && !theirs.is_refunded {
        steps.push(Step::Refund);
    }
    if theirs.fate == Fate::Rescued && !theirs.is_disputed {
        steps.push(Step::Dispute);
    }
}

const fn nexts(fate: Fate) -> &'static [Fate] {
    match fate {
        Fate::Working => &[Fate::Capture, Fate::Rescued, Fate::Declined, Fate::CalledOff, Fate::Expired],
        Fate::Capture => &[Fate::Rescued, Fate::CalledOff, Fate::Expired],
        Fate::Rescued | Fate::Declined | Fate::CalledOff | Fate::Expired => &[],
    }
}

/// Its order under the request's key, while it remembers that.
fn remembered(rules: &Rules, world: &World, request: &Request) -> Option<usize> {
    let is_fresh = |taken: Timestamp| world.now.duration_since(taken) < rules.times().replay_window;
    world.theirs.iter().position(|theirs| theirs.key == request.key && is_fresh(theirs.taken_at))
}

/// The attempt that still waits for an answer to the request.
fn waiting(world: &World, request: &Request) -> Option<usize> {
    world.attempts.iter().position(|attempt| {
        attempt.order.submission.attempts == request.attempt && attempt.phase == Phase::Posted
    })
}

pub(crate) fn arrive(rules: &Rules, world: &mut World, index: usize) {
    let request = world.requests.remove(index);
    let window_over = world.history.first_post.map(|first| first + rules.times().replay_window);
    world.history.was_late |= window_over.is_some_and(|over| world.now >= over);
    let order = remembered(rules, world, &request).unwrap_or_else(|| {
        let (key, taken_at) = (request.key, world.now);
        let (is_refunded, is_disputed, has_progressed) = (false, false, false);
        world.theirs.push(Theirs {
            key,
            taken_at,
            fate: Fate::Working,
            is_refunded,
            is_disputed,
            has_progressed,
        });
        world.theirs.len() - 1
    });
    if let Some(attempt) = waiting(world, &request) {
        world.attempts[attempt].phase = Phase::Taken(order);
    }
}

pub(crate) fn refuse(world: &mut World, index: usize) {
    let request = world.requests.remove(index);
    let attempt = waiting(world, &request).expect("somebody waits for it");
    world.attempts[attempt].phase = Phase::Heard(Answer::Refused);
}

/// Answers an attempt with what the order has come to by now.
pub(crate) fn reply(world: &mut World, index: usize, answer: impl Fn(Fate, usize) -> Answer) {
    let Phase::Taken(order) = world.attempts[index].phase else { panic!("it was taken") };
    world.attempts[index].phase = Phase::Heard(answer(world.theirs[order].fate, order));
}

/// The order comes to this, and a webhook says so. Declined ones are closed with the event for cancelled ones.
pub(crate) fn go(world: &mut World, fate: Fate) {
    let kind = match fate {
        Fate::Working => panic!("an order does not go back"),
        Fate::Capture => EventKind::CaptureRequired,
        Fate::Rescued => EventKind::Completed,
        Fate::Declined | Fate::CalledOff => EventKind::Cancelled,
        Fate::Expired => EventKind::Expired,
    };
    world.theirs.last_mut().expect("there is an order").fate = fate;
    world.hooks.insert((event_index(kind), 0));
}

/// Something else is signalled about the order.
pub(crate) fn signal(world: &mut World, kind: EventKind) {
    world.left.signals -= 1;
    let theirs = world.theirs.last_mut().expect("there is an order");
    match kind {
        EventKind::Refunded => theirs.is_refunded = true,
        EventKind::Chargeback => theirs.is_disputed = true,
        EventKind::Progress => theirs.has_progressed = true,
        EventKind::Completed | EventKind::Expired | EventKind::Cancelled | EventKind::CaptureRequired => {
            panic!("this is an end or a change of the order");
        }
    }
    world.hooks.insert((event_index(kind), 0));
}
