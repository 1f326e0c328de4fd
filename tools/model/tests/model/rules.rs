//! The deployment's rules as they are set by default, and which of them a mutation leaves out.

use jiff::{SignedDuration, Timestamp};
use models::change::{Change, Guard};
use models::order::Order;
use models::reconcile::{CancelledPastExpiry, LookRules};
use models::submission::Times;

/// A guard that is left out of every change, or a habit that is broken, to see that the model finds what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutation {
    LeaseOver,
    NoProviderOrder,
    FirstAttemptAfter,
    Unseen,
    NoErrand,
    Version,
    /// Every attempt has a key of its own.
    FreshKeys,
}

impl Mutation {
    fn leaves_out(self, guard: &Guard) -> bool {
        match guard {
            Guard::LeaseOver(_) => self == Self::LeaseOver,
            Guard::NoProviderOrder => self == Self::NoProviderOrder,
            Guard::FirstAttemptAfter(_) => self == Self::FirstAttemptAfter,
            Guard::Unseen(_) => self == Self::Unseen,
            Guard::NoErrand => self == Self::NoErrand,
            Guard::Version(_) => self == Self::Version,
            // They ask for what the model's provider, workers and people never do: give one order two ids, outlive a lease,
            // and wish something.
            Guard::ProviderOrder(_) | Guard::Attempt(_) | Guard::NoWish => false,
        }
    }
}

/// The rules.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) look: LookRules,
    pub(crate) mutation: Option<Mutation>,
}

impl Rules {
    pub(crate) fn new(mutation: Option<Mutation>) -> Self {
        let times = Times {
            lease: SignedDuration::from_secs(90),
            repeat_after: SignedDuration::from_secs(90),
            submission_overdue: SignedDuration::from_mins(15),
            replay_window: SignedDuration::from_hours(24),
            webhook_cycle: SignedDuration::from_hours(24),
            expiry_grace: SignedDuration::from_hours(6),
        };
        let look = LookRules { times, cancelled_past_expiry: CancelledPastExpiry::Expired };
        Self { look, mutation }
    }

    pub(crate) const fn times(&self) -> &Times {
        &self.look.times
    }

    /// Makes the change if it holds.
    pub(crate) fn change(&self, order: &mut Order, mut change: Change) -> bool {
        if let Some(mutation) = self.mutation {
            change.guards.retain(|guard| !mutation.leaves_out(guard));
        }
        let holds = change.holds(order);
        if holds {
            change.apply(order);
        }
        holds
    }

    /// As the store makes a change that assumes the common case: with the order in hand where that is refused.
    pub(crate) fn make(&self, order: &mut Order, change: &Change) -> bool {
        self.change(order, change.clone()) || self.change(order, change.clone().knowing(order))
    }

    /// The moments at which something is different from before.
    pub(crate) fn landmarks(&self, order: &Order) -> [(Landmark, Option<Timestamp>); 5] {
        let times = self.times();
        let first = order.submission.first_attempt_at;
        let last_claim = times.replay_window - times.lease - SignedDuration::from_secs(1);
        [
            (Landmark::LeaseOver, order.submission.lease_until),
            (Landmark::Due, order.due.map(|due| due.at)),
            (Landmark::LastClaim, first.map(|first| first + last_claim)),
            (Landmark::ReplayWindowOver, first.map(|first| first + times.replay_window)),
            (Landmark::WindowOver, Some(order.expires_at)),
        ]
    }
}

/// A moment to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Landmark {
    LeaseOver,
    Due,
    /// A second before a claim would come too late.
    LastClaim,
    ReplayWindowOver,
    WindowOver,
}
