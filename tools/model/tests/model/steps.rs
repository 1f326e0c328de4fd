//! What can happen next, and what it does: every step of the workers, the provider, the queues and the clock.

use models::event::EventKind;

use crate::rules::{Landmark, Rules};
use crate::world::{Answer, EVENTS, Fate, Phase, Said, Theirs, World};
use crate::{intake, looks, provider, submission, webhooks};

/// One step. Those that cost a fault say so in [`Step::is_fault`]; the others are how things are meant to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    // decline-intake, which may die after the put, or after the hand-on and before the message is deleted.
    TakeDecline,
    DieAfterPut,
    DieAfterHandOn,
    // evaluate-submission: the attempt of this index.
    Claim,
    Post(usize),
    TimeOut(usize),
    SendNothing(usize),
    Record(usize),
    DieSubmitting(usize),
    RepeatEvaluation,
    DeadLetter,
    // The provider. A request arrives; the attempt of this index is answered.
    Arrive(usize),
    Refuse(usize),
    RefuseRepeat(usize),
    Reply(usize),
    ReplyUnknownWord(usize),
    Move(Fate),
    Progress,
    Refund,
    Dispute,
    // Webhooks: one by its event and its delivery.
    Deliver(u8, u8),
    /// Taken, and sent again in a new delivery.
    SendAgain(u8, u8),
    /// Taken, and the same delivery comes again.
    Repeat(u8, u8),
    LoseHook(u8, u8),
    // expiry-sweep and order-reconcile.
    Sweep,
    LookUp(Said),
    RepeatLook(Said),
    Settle,
    SettleWithoutAnswer,
    SettleAnswerLost,
    DieLooking,
    DieBeforeSettling,
    // The clock.
    Wait(Landmark),
}

impl Step {
    pub(crate) const fn is_fault(self) -> bool {
        match self {
            Self::TakeDecline | Self::Claim | Self::Post(_) | Self::Record(_) => false,
            Self::Arrive(_) | Self::Refuse(_) | Self::Reply(_) | Self::Move(_) => false,
            Self::Progress | Self::Refund | Self::Dispute | Self::Deliver(..) => false,
            Self::Sweep | Self::Settle | Self::Wait(_) => false,
            Self::LookUp(said) => !matches!(said, Said::Honest | Said::Coarse),
            Self::DieAfterPut | Self::DieAfterHandOn | Self::DieSubmitting(_) | Self::DieLooking => true,
            Self::DieBeforeSettling | Self::TimeOut(_) | Self::SendNothing(_) | Self::DeadLetter => true,
            Self::RepeatEvaluation | Self::RefuseRepeat(_) | Self::ReplyUnknownWord(_) => true,
            Self::SendAgain(..) | Self::Repeat(..) | Self::LoseHook(..) | Self::RepeatLook(_) => true,
            Self::SettleWithoutAnswer | Self::SettleAnswerLost => true,
        }
    }
}

/// All steps that are possible.
pub(crate) fn possible(rules: &Rules, world: &World, steps: &mut Vec<Step>) {
    intake::possible(world, steps);
    submission::possible(world, steps);
    provider::possible(rules, world, steps);
    webhooks::possible(world, steps);
    looks::possible(rules, world, steps);
    if world.left.waits > 0 {
        steps.extend(waits(rules, world).map(|(landmark, _)| Step::Wait(landmark)));
    }
    if world.left.faults == 0 {
        steps.retain(|step| !step.is_fault());
    }
}

/// Takes a step that is possible.
pub(crate) fn take(rules: &Rules, before: &World, step: Step) -> World {
    let mut world = before.clone();
    if step.is_fault() {
        world.left.faults = world.left.faults.saturating_sub(1);
    }
    match step {
        Step::TakeDecline | Step::DieAfterPut | Step::DieAfterHandOn => intake::take(rules, &mut world, step),
        Step::Claim => submission::claim(rules, &mut world),
        Step::Post(index) => submission::post(&mut world, index),
        Step::TimeOut(index) => world.attempts[index].phase = Phase::Heard(Answer::Lost),
        Step::SendNothing(index) => world.attempts[index].phase = Phase::Heard(Answer::NotSent),
        Step::Record(index) => submission::record(rules, &mut world, index),
        Step::DieSubmitting(index) => {
            world.attempts.remove(index);
            world.evaluations += 1;
        }
        Step::RepeatEvaluation => world.evaluations += 1,
        Step::DeadLetter => world.evaluations -= 1,
        Step::Arrive(index) => provider::arrive(rules, &mut world, index),
        Step::Refuse(index) | Step::RefuseRepeat(index) => provider::refuse(&mut world, index),
        Step::Reply(index) => provider::reply(&mut world, index, Answer::Told),
        Step::ReplyUnknownWord(index) => {
            provider::reply(&mut world, index, |_, order| Answer::NotUnderstood(order));
        }
        Step::Move(fate) => provider::go(&mut world, fate),
        Step::Progress => provider::signal(&mut world, EventKind::Progress),
        Step::Refund => provider::signal(&mut world, EventKind::Refunded),
        Step::Dispute => provider::signal(&mut world, EventKind::Chargeback),
        Step::Deliver(event, delivery) => webhooks::deliver(rules, &mut world, event, delivery, None),
        Step::SendAgain(event, delivery) => {
            webhooks::deliver(rules, &mut world, event, delivery, Some(delivery + 1));
        }
        Step::Repeat(event, delivery) => {
            webhooks::deliver(rules, &mut world, event, delivery, Some(delivery))
        }
        Step::LoseHook(event, delivery) => {
            world.hooks.remove(&(event, delivery));
        }
        Step::Sweep => looks::sweep(&mut world),
        Step::LookUp(said) => looks::look_up(&mut world, said, false),
        Step::RepeatLook(said) => looks::look_up(&mut world, said, true),
        Step::Settle
        | Step::SettleWithoutAnswer
        | Step::SettleAnswerLost
        | Step::DieLooking
        | Step::DieBeforeSettling => looks::settle(rules, &mut world, step),
        Step::Wait(landmark) => wait(rules, &mut world, landmark),
    }
    remember_end(&mut world);
    world
}

/// The moments that may be waited for. A worker does not outlive them: a function runs for less than a lease.
fn waits(rules: &Rules, world: &World) -> impl Iterator<Item = (Landmark, jiff::Timestamp)> {
    let is_idle = world.attempts.is_empty() && world.look.is_none();
    let landmarks = world.order.as_ref().filter(|_| is_idle).map(|order| rules.landmarks(order));
    let now = world.now;
    landmarks
        .into_iter()
        .flatten()
        .filter_map(|(name, at)| Some((name, at?)))
        .filter(move |(_, at)| *at > now)
}

fn wait(rules: &Rules, world: &mut World, landmark: Landmark) {
    let at = waits(rules, world).find(|(name, _)| *name == landmark).map(|(_, at)| at);
    world.now = at.expect("only a moment to come is waited for");
    let now = world.now;
    world.requests.retain(|request| request.until > now);
    world.left.waits = world.left.waits.saturating_sub(1);
}

fn remember_end(world: &mut World) {
    if let Some(order) = world.order.as_ref().filter(|order| order.status.is_terminal()) {
        world.history.ended_as = world.history.ended_as.max(Some(order.status));
    }
}

/// The index of an event in [`EVENTS`].
pub(crate) fn event_index(kind: EventKind) -> u8 {
    let index = EVENTS.iter().position(|(known, _)| *known == kind).expect("every event is in the list");
    u8::try_from(index).unwrap()
}

/// Whether the provider can't change its mind on this order any more.
pub(crate) const fn is_over(theirs: &Theirs) -> bool {
    match theirs.fate {
        Fate::Working | Fate::Capture => false,
        Fate::Rescued | Fate::Declined | Fate::CalledOff | Fate::Expired => true,
    }
}
