//! The world around one order: its queues, the workers that have it in hand, the provider, and what was promised so far.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use jiff::Timestamp;
use models::event::EventKind;
use models::ids::IdempotencyKey;
use models::order::Order;
use models::status::Status;

/// A state of the model. The order in it is the shipped one, and only the shipped rules move it.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) now: Timestamp,
    /// Whether the decline waits on its queue.
    pub(crate) has_decline: bool,
    pub(crate) order: Option<Arc<Order>>,
    /// How many messages wait on the evaluations queue.
    pub(crate) evaluations: u8,
    pub(crate) attempts: Vec<Attempt>,
    /// Requests to submit that were sent and did not arrive yet.
    pub(crate) requests: Vec<Request>,
    /// Messages on the reconciliations queue, by their time.
    pub(crate) looks: Vec<Timestamp>,
    pub(crate) look: Option<Look>,
    /// What the provider has under our id: an order for each submission that took effect.
    pub(crate) theirs: Vec<Theirs>,
    /// Webhooks on their way, and in which delivery.
    pub(crate) hooks: BTreeSet<(u8, u8)>,
    pub(crate) history: History,
    pub(crate) left: Left,
}

/// A worker of evaluate-submission that holds the claim.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    /// The order as the claim left it.
    pub(crate) order: Arc<Order>,
    pub(crate) phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    Claimed,
    Posted,
    /// The provider has it, as its order of this index, and has not answered yet.
    Taken(usize),
    Heard(Answer),
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    Told(Fate, usize),
    NotUnderstood(usize),
    Refused,
    Lost,
    NotSent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Request {
    pub(crate) attempt: u32,
    pub(crate) key: IdempotencyKey,
    /// The end of its lease, by which it has arrived or is lost.
    pub(crate) until: Timestamp,
}

/// A worker of order-reconcile that has read the order and asked about it.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    pub(crate) order: Arc<Order>,
    pub(crate) as_of: Timestamp,
    pub(crate) said: Said,
    /// What the provider had when it was asked.
    pub(crate) theirs: Vec<Theirs>,
}

/// How the provider answered a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Said {
    Honest,
    /// One word for three ends.
    Coarse,
    /// No answer.
    Nothing,
    NotUnderstood,
    /// The order has a problem that people must solve.
    Problem,
    /// The list does not show the order that is there.
    Hidden,
    /// The list shows it, and reading it gives no answer.
    Unread,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fate {
    Working,
    Capture,
    Rescued,
    Declined,
    CalledOff,
    Expired,
}

/// An order of the provider's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Theirs {
    pub(crate) key: IdempotencyKey,
    pub(crate) taken_at: Timestamp,
    pub(crate) fate: Fate,
    pub(crate) is_refunded: bool,
    pub(crate) is_disputed: bool,
    pub(crate) has_progressed: bool,
}

/// What the properties need to know of the past.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct History {
    /// The highest terminal status so far.
    pub(crate) ended_as: Option<Status>,
    pub(crate) first_post: Option<Timestamp>,
    /// Events answered with 200, as indices into [`EVENTS`].
    pub(crate) acknowledged: BTreeSet<u8>,
    pub(crate) was_late: bool,
    pub(crate) had_two_attempts: bool,
    pub(crate) claimed_the_known: bool,
    pub(crate) had_effect_twice: bool,
    /// An open money signal was left to people.
    pub(crate) gave_up: bool,
}

/// What may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Left {
    pub(crate) faults: u8,
    pub(crate) waits: u8,
    /// What the provider tells beside an order's fate: progress, a refund, a dispute.
    pub(crate) signals: u8,
}

/// The events that the model's provider sends, each at most once; a hook names one by its index.
pub(crate) const EVENTS: [(EventKind, &str); 7] = [
    (EventKind::Completed, "order.completed"),
    (EventKind::Expired, "order.expired"),
    (EventKind::Cancelled, "order.cancelled"),
    (EventKind::CaptureRequired, "order.capturerequired"),
    (EventKind::Refunded, "order.refunded"),
    (EventKind::Chargeback, "payment.chargeback.received"),
    (EventKind::Progress, "challenge.presented"),
];

/// What of an order decides what can become of it. The rest (amount, decline, words for people) never changes or is never
/// asked for; versions and counts of attempts are only compared with those of copies in hand.
fn decisive(order: &Order) -> impl Hash + PartialEq + '_ {
    let submission = &order.submission;
    (
        (order.status, order.reason.as_ref().map(|reason| reason.code), order.request.is_some()),
        (submission.idempotency_key, submission.lease_until, submission.first_attempt_at),
        (order.expires_at, order.due.map(|due| (due.at, due.reason, due.looks))),
        (&order.provider_order, &order.confirmation, &order.seen),
        (order.refund.word(), order.dispute.word()),
    )
}

impl World {
    /// Whether a copy in hand is still of the attempt that the order is at, which is all that is asked of its count.
    fn is_of_this_attempt(&self, copy: &Order) -> bool {
        self.order.as_deref().is_some_and(|order| order.submission.attempts == copy.submission.attempts)
    }

    /// Whether a copy in hand is still as the order is, which is all that is asked of its version.
    fn is_as_it_is(&self, copy: &Order) -> bool {
        self.order.as_deref().is_some_and(|order| order.version == copy.version)
    }

    fn others(&self) -> impl Hash + PartialEq + '_ {
        let queues = (self.now, self.has_decline, self.evaluations, &self.looks, &self.hooks);
        (queues, &self.requests, &self.theirs, &self.history, self.left)
    }
}

/// States that can't be told apart by anything that follows are one state.
impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.others().hash(state);
        self.order.as_deref().map(decisive).hash(state);
        for attempt in &self.attempts {
            let is_first = attempt.order.submission.first_attempt_at == Some(attempt.order.updated_at);
            (self.is_of_this_attempt(&attempt.order), decisive(&attempt.order), is_first, attempt.phase)
                .hash(state);
        }
        if let Some(look) = &self.look {
            (self.is_as_it_is(&look.order), decisive(&look.order), look.as_of, look.said, &look.theirs)
                .hash(state);
        }
    }
}

impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        fingerprint(self) == fingerprint(other)
    }
}

/// A state by its hash, as the checker knows it.
pub(crate) fn fingerprint(world: &World) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    world.hash(&mut hasher);
    hasher.finish()
}
