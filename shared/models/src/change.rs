//! A change of an order as data: what must hold, and what is set. One change is one conditional write.
//!
//! [`Change::holds`] and [`Change::apply`] say what a change means; the in-memory store runs them, and the DynamoDB
//! store compiles the same change into one `UpdateItem`. A property test compares the two.

use jiff::Timestamp;

use crate::ids::{IdempotencyKey, ProviderOrderId};
use crate::order::{Due, Facet, Order, Reason, Tag};
use crate::refund::{Refund, Totals};
use crate::status::Transition;
use crate::time::to_millis;
use crate::wish::Wish;

/// What must hold, beyond the status, for a change to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// The order has not seen this.
    Unseen(Tag),
    /// The provider's id is this one, or not known yet.
    ProviderOrder(ProviderOrderId),
    /// The provider's id is not known yet: nothing says that the provider has the order.
    NoProviderOrder,
    /// Nothing is to be done or found out beside its way to its end, and nobody ever wished anything of it.
    NoErrand,
    /// Nobody ever wished anything of it.
    NoWish,
    /// The present claim is this attempt's.
    Attempt(u32),
    /// Nobody holds a claim at this moment: there is no lease, or it is over.
    LeaseOver(Timestamp),
    /// The first attempt was later than this, or there was none.
    FirstAttemptAfter(Timestamp),
    /// It did not change since it had this version.
    Version(u64),
}

/// What a change sets, beyond the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Why it now stands where it stands.
    Reason(Reason),
    /// When somebody must look next; `None` for nobody.
    Due(Option<Due>),
    /// Remember these.
    Remember(Vec<Tag>),
    /// The provider's id is now known.
    ProviderOrder(ProviderOrderId),
    /// The provider's confirmation is now known.
    Confirmation(String),
    /// Take the claim: one more attempt, held until then. Key and account are kept where there are some already.
    StartAttempt {
        /// The key to use if the order has none.
        key: IdempotencyKey,
        /// The provider's account it is to go to, if it went to none before.
        account: String,
        /// Until when the claim holds.
        lease_until: Timestamp,
    },
    /// Give the claim back.
    EndLease,
    /// The attempt is over, but its call may still be under way: nobody claims before this.
    HoldUntil(Timestamp),
    /// The attempts so far sent nothing, the present one included: the first that counts is still to come.
    ForgetAttempts,
    /// How refunds stand.
    Refund(Facet),
    /// How disputes stand.
    Dispute(Facet),
    /// What people want done with it.
    Wish(Wish),
    /// All its refunds.
    Refunds(Vec<Refund>),
    /// What was captured and refunded altogether.
    Totals(Totals),
}

/// One change of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which step it is; it says from which statuses it may start.
    pub transition: Transition,
    /// When it is made.
    pub at: Timestamp,
    /// What else must hold.
    pub guards: Vec<Guard>,
    /// What else is set. Each kind of effect at most once.
    pub effects: Vec<Effect>,
}

impl Change {
    /// A change by `transition`, without guards or effects of its own yet.
    #[must_use]
    pub fn new(transition: Transition, at: Timestamp) -> Self {
        Self { transition, at: to_millis(at), guards: Vec::new(), effects: Vec::new() }
    }

    /// Adds a guard.
    #[must_use]
    pub fn guard(mut self, guard: Guard) -> Self {
        self.guards.push(guard);
        self
    }

    /// Adds an effect.
    #[must_use]
    pub fn effect(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }

    /// Whether the change may be made to this order.
    #[must_use]
    pub fn holds(&self, order: &Order) -> bool {
        self.transition.from().contains(&order.status) && self.guards.iter().all(|guard| guard.holds(order))
    }

    /// Whether the order has all that the change sets: a change that is seen in it may be the one that made it so. A claim is
    /// counted, and seen in no order.
    #[must_use]
    pub fn is_seen_in(&self, order: &Order) -> bool {
        let mut again = order.clone();
        self.set(&mut again);
        again == *order
    }

    /// Makes the change. Call it only where [`Change::holds`].
    pub fn apply(&self, order: &mut Order) {
        self.set(order);
        order.updated_at = self.at;
        order.version = order.version.saturating_add(1);
    }

    /// Whether the order's decline, with the personal data in it, goes with this change: no effect asks for it, so that none
    /// can forget to.
    #[must_use]
    pub fn drops_request(&self) -> bool {
        self.transition.to().is_some_and(|status| !status.holds_request())
    }

    fn set(&self, order: &mut Order) {
        if let Some(status) = self.transition.to() {
            order.status = status;
        }
        if self.drops_request() {
            order.request = None;
        }
        self.effects.iter().for_each(|effect| effect.apply(order, self.at));
    }
}

impl Guard {
    fn holds(&self, order: &Order) -> bool {
        match self {
            Self::Unseen(tag) => !order.seen.contains(tag),
            Self::ProviderOrder(id) => order.provider_order.as_ref().is_none_or(|known| known == id),
            Self::NoProviderOrder => order.provider_order.is_none(),
            Self::NoErrand => order.wish.is_none() && !order.has_errand(),
            Self::NoWish => order.wish.is_none(),
            Self::Attempt(attempt) => order.submission.attempts == *attempt,
            Self::LeaseOver(now) => order.submission.lease_until.is_none_or(|until| until <= to_millis(*now)),
            Self::FirstAttemptAfter(limit) => {
                order.submission.first_attempt_at.is_none_or(|first| first > to_millis(*limit))
            }
            Self::Version(version) => order.version == *version,
        }
    }
}

impl Effect {
    fn apply(&self, order: &mut Order, at: Timestamp) {
        match self {
            Self::Reason(reason) => order.reason = Some(reason.clone()),
            Self::Due(due) => order.due = *due,
            Self::Remember(tags) => order.seen.extend(tags.iter().cloned()),
            Self::ProviderOrder(id) => order.provider_order = Some(id.clone()),
            Self::Confirmation(confirmation) => order.confirmation = Some(confirmation.clone()),
            Self::StartAttempt { key, account, lease_until } => {
                let submission = &mut order.submission;
                submission.attempts = submission.attempts.saturating_add(1);
                submission.idempotency_key.get_or_insert(*key);
                submission.account.get_or_insert_with(|| account.clone());
                submission.first_attempt_at.get_or_insert(at);
                submission.lease_until = Some(to_millis(*lease_until));
            }
            Self::EndLease => order.submission.lease_until = None,
            Self::HoldUntil(until) => order.submission.lease_until = Some(to_millis(*until)),
            Self::ForgetAttempts => {
                order.submission.unsent = order.submission.attempts;
                order.submission.first_attempt_at = None;
                order.submission.account = None;
            }
            Self::Refund(facet) => order.refund = *facet,
            Self::Dispute(facet) => order.dispute = *facet,
            Self::Wish(wish) => order.wish = Some(wish.clone()),
            Self::Refunds(refunds) => order.refunds.clone_from(refunds),
            Self::Totals(totals) => order.totals = Some(*totals),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::intake;
    use crate::screening::Screened;
    use crate::status::Status;

    fn order() -> Order {
        let json = include_str!("../../../events/decline.json");
        let value = serde_json::from_str(json).unwrap();
        let screened = Screened { decline: serde_json::from_str(json).unwrap(), window_days: 21 };
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        intake::open(screened, crate::ids::ContentHash::of(&value), SignedDuration::from_mins(15), now)
    }

    #[test]
    fn an_order_holds_its_request_only_while_it_may_be_submitted() {
        for transition in Transition::ALL {
            let mut after = order();
            let change = Change::new(*transition, Timestamp::UNIX_EPOCH);
            change.apply(&mut after);
            let may_be_submitted =
                Transition::Claim.from().contains(&after.status) || after.status == Status::Submitting;
            assert_eq!(after.request.is_some(), may_be_submitted, "{transition:?}");
            assert!(change.is_seen_in(&after), "{transition:?}");
        }
        assert!(Transition::Claim.from().iter().all(|status| status.holds_request()));
    }

    #[test]
    fn what_holds_a_request_still_has_not_seen_the_change_that_drops_it() {
        let mut approved = order();
        approved.status = Status::Approved;
        assert!(!Change::new(Transition::Approve, Timestamp::UNIX_EPOCH).is_seen_in(&approved));
    }
}
