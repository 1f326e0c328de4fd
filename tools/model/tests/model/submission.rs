//! evaluate-submission: claim, post, record.

use std::sync::Arc;

use jiff::SignedDuration;
use models::ids::IdempotencyKey;
use models::order::{Reason, ReasonCode};
use models::submission::{self, Claim, ClaimRefused, Outcome, Verdict, escalate, why_refused};

use crate::provider;
use crate::rules::{Mutation, Rules};
use crate::steps::Step;
use crate::world::{Answer, Attempt, Fate, Phase, Request, World};

/// Messages that are looked at apart. More of them bring nothing that two don't.
const EVALUATIONS_MAX: u8 = 2;

pub(crate) fn possible(world: &World, steps: &mut Vec<Step>) {
    if world.evaluations > 0 {
        steps.extend([Step::Claim, Step::DeadLetter]);
    }
    if world.order.is_some() && world.evaluations < EVALUATIONS_MAX {
        steps.push(Step::RepeatEvaluation);
    }
    for (index, attempt) in world.attempts.iter().enumerate() {
        steps.push(Step::DieSubmitting(index));
        match attempt.phase {
            Phase::Claimed => steps.extend([Step::Post(index), Step::SendNothing(index)]),
            Phase::Posted => steps.push(Step::TimeOut(index)),
            Phase::Taken(_) => {
                steps.extend([Step::TimeOut(index), Step::Reply(index), Step::ReplyUnknownWord(index)]);
            }
            Phase::Heard(_) => steps.push(Step::Record(index)),
        }
    }
}

/// One more message, up to the bound.
pub(crate) fn hand_on(world: &mut World) {
    world.evaluations = (world.evaluations + 1).min(EVALUATIONS_MAX);
}

pub(crate) fn claim(rules: &Rules, world: &mut World) {
    world.evaluations -= 1;
    let stored = world.order.as_mut().expect("a message comes after its order");
    if stored.submission.first_attempt_at == Some(world.now) {
        // A second attempt comes later than the first: the message waits for seconds between them.
        world.now += SignedDuration::from_secs(5);
    }
    let now = world.now;
    let number = stored.submission.attempts + 1;
    let claim = Claim { key: key(number), account: "sandbox/m".to_owned(), now };
    let was_known = stored.provider_order.is_some();
    if rules.change(Arc::make_mut(stored), submission::claim(&claim, rules.times())) {
        if rules.mutation == Some(Mutation::FreshKeys) {
            Arc::make_mut(stored).submission.idempotency_key = Some(claim.key);
        }
        let order = Arc::clone(stored);
        world.history.claimed_the_known |= was_known;
        world.history.had_two_attempts |= !world.attempts.is_empty();
        world.attempts.push(Attempt { order, phase: Phase::Claimed });
        return;
    }
    match why_refused(Some(stored), now) {
        // The message waits until the lease is over.
        ClaimRefused::Held(_) => world.evaluations += 1,
        ClaimRefused::Settled(_)
        | ClaimRefused::CalledOff
        | ClaimRefused::AtProvider
        | ClaimRefused::ReplayWindowOver(_) => {}
        ClaimRefused::NoOrder => panic!("there is an order"),
    }
}

fn key(number: u32) -> IdempotencyKey {
    IdempotencyKey::from_random([u8::try_from(number).unwrap_or(u8::MAX); 16])
}

pub(crate) fn post(world: &mut World, index: usize) {
    let attempt = &mut world.attempts[index];
    attempt.phase = Phase::Posted;
    let submission = &attempt.order.submission;
    world.requests.push(Request {
        attempt: submission.attempts,
        key: submission.idempotency_key.expect("a claim persists the key"),
        until: submission.lease_until.expect("a claim has a lease"),
    });
    world.history.first_post.get_or_insert(world.now);
}

pub(crate) fn record(rules: &Rules, world: &mut World, index: usize) {
    let Attempt { order: claimed, phase } = world.attempts.remove(index);
    let Phase::Heard(answer) = phase else { panic!("only an attempt that ended is recorded") };
    let outcome = outcome(answer);
    let now = world.now;
    let stored = Arc::make_mut(world.order.as_mut().expect("it was claimed"));
    let change = submission::record(&claimed, &outcome, rules.times(), now);
    if rules.make(stored, &change) {
        if matches!(answer, Answer::Lost | Answer::NotSent) {
            hand_on(world);
        }
        return;
    }
    let Outcome::Answered { provider_order, .. } = outcome else { return };
    if stored.provider_order.as_ref().is_some_and(|known| *known != provider_order) {
        let change = escalate(Reason::new(ReasonCode::TwoProviderOrders, ""), now).knowing(stored);
        rules.make(stored, &change);
    }
}

fn outcome(answer: Answer) -> Outcome {
    let (verdict, order) = match answer {
        Answer::Told(Fate::Working, order) => (Verdict::Working, order),
        Answer::Told(Fate::Capture, order) => (Verdict::CaptureRequired, order),
        Answer::Told(Fate::Rescued, order) => (Verdict::Rescued, order),
        Answer::Told(Fate::Declined, order) => (Verdict::NotRescued, order),
        Answer::Told(Fate::CalledOff, order) => (Verdict::CalledOff, order),
        Answer::Told(Fate::Expired, order) => (Verdict::WindowOver, order),
        Answer::NotUnderstood(order) => (Verdict::NotUnderstood, order),
        Answer::Refused => return Outcome::Refused { words: String::new() },
        Answer::Lost => return Outcome::Lost(Reason::new(ReasonCode::SubmissionTimedOut, "")),
        Answer::NotSent => return Outcome::NotSent(Reason::new(ReasonCode::MerchantNotReady, "")),
    };
    Outcome::Answered { verdict, provider_order: provider::id(order), word: String::new() }
}
