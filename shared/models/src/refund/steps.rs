//! The steps of a refund: reserve it, settle it by the call's answer, by the provider's totals, or by people's word.

use jiff::Timestamp;

use super::{IDLE_REFUNDS_MAX, REFUNDS_MAX, Refund, RefundId, RefundState, Totals};
use crate::change::{Change, Effect, Guard};
use crate::ids::IdempotencyKey;
use crate::money::{MinorUnits, Money};
use crate::order::{Due, DueReason, Facet, Order};
use crate::status::{Status, Transition};
use crate::time::to_millis;

/// A refund that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRequest {
    /// Its name.
    pub id: RefundId,
    /// How much.
    pub amount: Money,
    /// Random, and drawn anew for each asking, also where the same is asked again.
    pub asking: IdempotencyKey,
}

/// What asking for a refund came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserve {
    /// This change reserves it, for the order as it was read. Only after it was made may the provider be called, once.
    Change(Change),
    /// The same was asked for before: this is how far it got.
    Known(Refund),
}

/// Why a refund can't be reserved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReserveRefused {
    /// Nothing was charged.
    #[error("the order is {0}: nothing was charged that could be refunded")]
    NotCharged(Status),
    /// The provider's id of the order is not known, so it can't be refunded there.
    #[error("the provider's id of the order is not known")]
    NoProviderOrder,
    /// The cardholder's bank takes the money back already.
    #[error("the order is disputed: a refund would pay the money back twice")]
    Disputed,
    /// Another refund's outcome is not known yet.
    #[error("another refund of the order is under way")]
    UnderWay(RefundId),
    /// It is another currency than the order's.
    #[error("the order's currency is another one")]
    Currency,
    /// Nothing is asked for.
    #[error("a refund must be of more than nothing")]
    Nothing,
    /// More than is left.
    #[error("that is more than is left to refund")]
    TooMuch {
        /// What is left.
        refundable: MinorUnits,
    },
    /// The same key was used for another amount.
    #[error("the key was used for another refund")]
    KeyReused,
    /// There are too many.
    #[error("the order has {REFUNDS_MAX} refunds already")]
    TooMany,
}

/// Reserves a refund. `totals` are the provider's, where it was asked just now.
///
/// # Errors
/// Why it may not be made; nothing changes then.
pub fn reserve(
    order: &Order,
    request: &RefundRequest,
    totals: Option<Totals>,
    now: Timestamp,
) -> Result<Reserve, ReserveRefused> {
    let Money { minor, currency } = request.amount;
    if let Some(known) = order.refunds.iter().find(|refund| refund.id == request.id) {
        let is_same = known.amount == minor && currency == order.amount.currency;
        return if is_same { Ok(Reserve::Known(known.clone())) } else { Err(ReserveRefused::KeyReused) };
    }
    // What the totals tell of earlier refunds counts before anything is reserved.
    let order = &totals.map_or_else(|| order.clone(), |totals| settle_by_totals(order, totals, now));
    check(order, request)?;
    let refund = Refund {
        id: request.id.clone(),
        amount: minor,
        asked_at: to_millis(now),
        before: order.refunded(),
        asking: request.asking,
        state: RefundState::Reserved,
        detail: String::new(),
    };
    // What is due before that is looked at then, but with a count of its own: this refund's looks begin with it.
    let due = Due::new(refund.settles_at(), DueReason::RefundUnknown);
    let due = order.due.filter(|before| before.at < due.at).map_or(due, |before| Due { looks: 0, ..before });
    let refunds = remembered(&order.refunds).cloned().chain([refund]).collect();
    let totals = Totals { captured: order.captured(), refunded: order.refunded() };
    let change = Change::new(Transition::Note, now)
        .guard(Guard::Version(order.version))
        .effect(Effect::Refunds(refunds))
        .effect(Effect::Totals(totals))
        .effect(Effect::Due(Some(due)));
    Ok(Reserve::Change(change))
}

/// The refunds that an order goes on to remember when one more is asked for: all that moved money or may have, and the last
/// ones of those that did not, whose askers may ask again what became of them.
fn remembered(refunds: &[Refund]) -> impl Iterator<Item = &Refund> {
    let idle = refunds.iter().filter(|refund| !refund.counts()).count();
    let mut to_forget = idle.saturating_sub(IDLE_REFUNDS_MAX);
    refunds.iter().filter(move |refund| {
        let is_forgotten = !refund.counts() && to_forget > 0;
        to_forget = to_forget.saturating_sub(usize::from(is_forgotten));
        !is_forgotten
    })
}

fn check(order: &Order, request: &RefundRequest) -> Result<(), ReserveRefused> {
    let Money { minor, currency } = request.amount;
    if order.status != Status::Approved {
        return Err(ReserveRefused::NotCharged(order.status));
    }
    if order.provider_order.is_none() {
        return Err(ReserveRefused::NoProviderOrder);
    }
    if order.dispute != Facet::None {
        return Err(ReserveRefused::Disputed);
    }
    if currency != order.amount.currency {
        return Err(ReserveRefused::Currency);
    }
    if let Some(other) = order.refunds.iter().find(|refund| refund.holds_money()) {
        return Err(ReserveRefused::UnderWay(other.id.clone()));
    }
    if order.refunds.iter().filter(|refund| refund.counts()).count() >= REFUNDS_MAX {
        return Err(ReserveRefused::TooMany);
    }
    if minor.get() == 0 {
        return Err(ReserveRefused::Nothing);
    }
    match order.refundable() {
        refundable if minor > refundable => Err(ReserveRefused::TooMuch { refundable }),
        _ => Ok(()),
    }
}

/// How a refund's call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundOutcome {
    /// The provider made it.
    Made,
    /// The provider refused it, in these words.
    Refused(String),
    /// It is not known, and why.
    Lost(String),
}

/// The change after the call; `None` where somebody else found out already what became of the refund.
#[must_use]
pub fn settle(order: &Order, id: &RefundId, outcome: &RefundOutcome, now: Timestamp) -> Option<Change> {
    // Also one that a look has left to people meanwhile: an answer is better than none.
    let refund = order.refunds.iter().find(|refund| refund.id == *id && refund.holds_money())?;
    let (state, detail) = match outcome {
        RefundOutcome::Made => (RefundState::Made, ""),
        RefundOutcome::Refused(words) => (RefundState::Refused, words.as_str()),
        RefundOutcome::Lost(words) => (refund.state, words.as_str()),
    };
    let settled = Refund { state, detail: detail.to_owned(), ..refund.clone() };
    Some(write(order, &settled, now))
}

/// People say what became of a refund whose outcome is not known, once no call can be under way any more.
///
/// `None` where there is no such refund, it is settled, or it is too early to say.
#[must_use]
pub fn resolve(order: &Order, id: &RefundId, made: bool, now: Timestamp) -> Option<Change> {
    let refund = order.refunds.iter().find(|refund| refund.id == *id)?;
    let state = if made { RefundState::Made } else { RefundState::NotMade };
    let detail = "Somebody looked it up and said so.".to_owned();
    let settled = Refund { state, detail, ..refund.clone() };
    let is_open = match refund.state {
        RefundState::Unresolved => true,
        RefundState::Reserved => now >= refund.settles_at(),
        RefundState::Made | RefundState::Refused | RefundState::NotMade => false,
    };
    is_open.then(|| write(order, &settled, now))
}

fn write(order: &Order, settled: &Refund, now: Timestamp) -> Change {
    let mut after = order.clone();
    replace(&mut after, settled);
    let mut change = Change::new(Transition::Note, now)
        .guard(Guard::Version(order.version))
        .effect(Effect::Refunds(after.refunds.clone()));
    if let Some(totals) = after.totals.filter(|totals| Some(*totals) != order.totals) {
        change = change.effect(Effect::Totals(totals));
    }
    // The look was for this; what else is open keeps its own.
    let was_for_this = order.due.is_some_and(|due| due.reason == DueReason::RefundUnknown);
    let is_over = after.refund_under_way().is_none();
    if was_for_this && is_over {
        change = change.effect(Effect::Due(after.next_errand(now)));
    }
    change
}

fn replace(order: &mut Order, settled: &Refund) {
    for refund in order.refunds.iter_mut().filter(|refund| refund.id == settled.id) {
        refund.clone_from(settled);
    }
    if settled.state == RefundState::Made {
        let totals = Totals { captured: order.captured(), refunded: settled.after().max(order.refunded()) };
        order.totals = Some(totals);
    }
}

/// Settles by the provider's totals what can be settled: `order` as it then is. Where the totals hold the refund, it was
/// made; where they do not, and a call can't be under way any more, it was not.
pub(crate) fn settle_by_totals(order: &Order, totals: Totals, now: Timestamp) -> Order {
    // What was refunded does not come back: an older answer of the provider's must not open a way to refund twice.
    let refunded = totals.refunded.max(order.refunded());
    let mut order = Order { totals: Some(Totals { refunded, ..totals }), ..order.clone() };
    for refund in &mut order.refunds {
        let is_made = totals.refunded >= refund.after();
        refund.state = match refund.state {
            RefundState::Reserved | RefundState::Unresolved if is_made => RefundState::Made,
            // A total below what it was before is older than the refund, and proves nothing of it.
            RefundState::Reserved | RefundState::Unresolved
                if now >= refund.settles_at() && totals.refunded >= refund.before =>
            {
                RefundState::NotMade
            }
            state @ (RefundState::Reserved
            | RefundState::Unresolved
            | RefundState::Made
            | RefundState::Refused
            | RefundState::NotMade) => state,
        };
    }
    order
}

/// Leaves to people what could not be found out: `order` as it then is.
pub(crate) fn leave_unresolved(order: &Order) -> Order {
    let mut order = order.clone();
    for refund in order.refunds.iter_mut().filter(|refund| refund.state == RefundState::Reserved) {
        refund.state = RefundState::Unresolved;
    }
    order
}
