//! What the billing system is told: one event for each change of an order's status or of a facet, and one for each
//! decline that was kept aside.
//!
//! An event is made from the two images of one change alone, so a change that is read again makes the same event again,
//! under the same id. It holds ids, words of our own, money and times: no personal data, and no sentence of the provider's.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ids::{ContentHash, MerchantId, OrderId, ProviderOrderId};
use crate::money::{MinorUnits, Money};
use crate::order::{Facet, Order, ReasonCode};
use crate::parked::{ParkedDecline, ParkedKind};
use crate::refusal::Rule;
use crate::status::{Instruction, Status};
use crate::wish::CancelState;

/// The version of the events that this code writes. Fields may be added under it; none is renamed or removed.
pub const OUTCOME_VERSION: u32 = 1;

macro_rules! kinds {
    ($(#[$about:meta])* $ty:ident { $($(#[$doc:meta])* $name:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum $ty { $($(#[$doc])* #[serde(rename = $word)] $name),+ }

        impl $ty {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word that is published.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }
        }
    };
}

kinds! {
    /// What happened to an order.
    OrderOutcomeKind {
        /// The provider has the order and works on it.
        Pending = "order.pending",
        /// Authorised: the amount must be captured within the provider's window.
        CaptureRequired = "order.capture_required",
        /// Rescued: the customer was charged.
        Approved = "order.approved",
        /// The provider declined to rescue it.
        Declined = "order.declined",
        /// Its window ended without a rescue.
        Expired = "order.expired",
        /// It was cancelled, by the merchant or by the provider.
        Cancelled = "order.cancelled",
        /// Nothing was sent, or the provider refused the request as invalid.
        Rejected = "order.rejected",
        /// What became of it could not be learnt: people must look.
        Escalated = "order.escalated",
        /// Money went back to the customer: it was signalled, or the refunded amount is another one now.
        Refunded = "order.refunded",
        /// The cardholder's bank disputes the charge: it was signalled, or confirmed since.
        Disputed = "order.disputed",
    }
}

kinds! {
    /// Why a decline is no order.
    DeclineOutcomeKind {
        /// Another decline is stored under its order id.
        Conflict = "decline.conflict",
        /// It broke a rule.
        Refused = "decline.refused",
    }
}

/// An event's id: 64 hexadecimal digits, the same on each delivery of the same event and of no other one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct OutcomeId(String);

impl OutcomeId {
    /// The id of what these values name. As JSON they can't run into one another.
    fn of(names: &Value) -> Self {
        Self(ContentHash::of(names).as_str().to_owned())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An event about an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderOutcome {
    /// The version of this event's form: 1.
    pub version: u32,
    /// The event's id. The same event comes at least once: deduplicate by this.
    pub id: OutcomeId,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: OrderOutcomeKind,
    /// When the order changed, in UTC.
    pub occurred_at: Timestamp,
    /// The merchant.
    pub merchant: MerchantId,
    /// The merchant's id of the order.
    pub order_id: OrderId,
    /// Counts the order's changes. Events come in any order: what has a lower version than what you know is older.
    pub order_version: u64,
    /// The provider's id of the order, once learnt.
    pub provider_order_id: Option<ProviderOrderId>,
    /// The provider's confirmation of an approval, where it gave one.
    pub confirmation: Option<String>,
    /// Where the order stands after the change.
    pub status: Status,
    /// What the billing system is to do.
    pub instruction: Instruction,
    /// Why it stands there, by its stable code.
    pub reason: Option<ReasonCode>,
    /// What was to be charged.
    pub amount: Money,
    /// How much was captured, in the amount's currency.
    pub captured_minor: MinorUnits,
    /// How much of it went back to the customer, in the amount's currency.
    pub refunded_minor: MinorUnits,
    /// How a cancel stands, where one was asked for.
    pub cancel: Option<CancelState>,
}

/// An event about a decline that is no order. It has no place among an order's versions: where an order stands under its
/// id, that order's own events say what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeclineOutcome {
    /// The version of this event's form: 1.
    pub version: u32,
    /// The event's id. The same event comes at least once: deduplicate by this.
    pub id: OutcomeId,
    /// Why the decline is no order.
    #[serde(rename = "type")]
    pub kind: DeclineOutcomeKind,
    /// When the decline was sent to us, in UTC.
    pub occurred_at: Timestamp,
    /// The merchant.
    pub merchant: MerchantId,
    /// The order id that the decline names, where it could be read.
    pub order_id: Option<OrderId>,
    /// What the billing system is to do: always `do_not_retry`, which here is until somebody has looked.
    pub instruction: Instruction,
    /// The rule it broke; none for a conflict.
    pub reason: Option<Rule>,
}

/// An event, as it is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OutcomeEvent {
    /// About an order.
    Order(Box<OrderOutcome>),
    /// About a decline that is no order.
    Decline(Box<DeclineOutcome>),
}

impl OutcomeEvent {
    /// The event's id.
    #[must_use]
    pub const fn id(&self) -> &OutcomeId {
        match self {
            Self::Order(event) => &event.id,
            Self::Decline(event) => &event.id,
        }
    }

    /// The word of what happened.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Order(event) => event.kind.word(),
            Self::Decline(event) => event.kind.word(),
        }
    }

    /// When it happened.
    #[must_use]
    pub const fn occurred_at(&self) -> Timestamp {
        match self {
            Self::Order(event) => event.occurred_at,
            Self::Decline(event) => event.occurred_at,
        }
    }
}

/// What a change of an order is told as; `before` is `None` where the order arrived with it.
#[must_use]
pub fn of_order(before: Option<&Order>, after: &Order) -> Vec<OutcomeEvent> {
    let kinds = [status_kind(before, after), refund_kind(before, after), dispute_kind(before, after)];
    let event = |kind| OutcomeEvent::Order(Box::new(OrderOutcome::new(kind, after)));
    kinds.into_iter().flatten().map(event).collect()
}

/// A status is told when the order comes to it, and again when something else of what was told of it has changed: what to
/// do, how much was captured, how a cancel stands.
fn status_kind(before: Option<&Order>, after: &Order) -> Option<OrderOutcomeKind> {
    // What to do about an approved order changes with its refunds and disputes only, which are told themselves.
    let instruction = |order: &Order| (order.status != Status::Approved).then(|| order.instruction());
    let told = |order: &Order| (order.status, instruction(order), order.captured(), order.cancel_state());
    if before.is_some_and(|before| told(before) == told(after)) {
        return None;
    }
    match after.status {
        // Our own steps on the way to FlexFactor. The billing system holds its retries since it sent the decline, and
        // nothing is known yet that would change that; `unknown` ends by being asked about, in one of the others.
        Status::Received | Status::Submitting | Status::Unknown => None,
        Status::Rejected => Some(OrderOutcomeKind::Rejected),
        Status::Pending => Some(OrderOutcomeKind::Pending),
        Status::CaptureRequired => Some(OrderOutcomeKind::CaptureRequired),
        Status::Escalated => Some(OrderOutcomeKind::Escalated),
        Status::Expired => Some(OrderOutcomeKind::Expired),
        Status::Cancelled => Some(OrderOutcomeKind::Cancelled),
        Status::Declined => Some(OrderOutcomeKind::Declined),
        Status::Approved => Some(OrderOutcomeKind::Approved),
    }
}

fn refund_kind(before: Option<&Order>, after: &Order) -> Option<OrderOutcomeKind> {
    let was = before.map_or(MinorUnits::new(0), Order::refunded);
    let is_told = has_moved(before.map(|before| before.refund), after.refund) || was != after.refunded();
    is_told.then_some(OrderOutcomeKind::Refunded)
}

fn dispute_kind(before: Option<&Order>, after: &Order) -> Option<OrderOutcomeKind> {
    has_moved(before.map(|before| before.dispute), after.dispute).then_some(OrderOutcomeKind::Disputed)
}

fn has_moved(before: Option<Facet>, after: Facet) -> bool {
    match after {
        Facet::None => false,
        Facet::Signalled | Facet::Confirmed => before != Some(after),
    }
}

impl OrderOutcome {
    fn new(kind: OrderOutcomeKind, order: &Order) -> Self {
        let names = json!([order.key.merchant, order.key.order_id, order.version, kind]);
        Self {
            version: OUTCOME_VERSION,
            id: OutcomeId::of(&names),
            kind,
            occurred_at: order.updated_at,
            merchant: order.key.merchant.clone(),
            order_id: order.key.order_id.clone(),
            order_version: order.version,
            provider_order_id: order.provider_order.clone(),
            confirmation: order.confirmation.clone(),
            status: order.status,
            instruction: order.instruction(),
            // The code alone: the detail may be a sentence of the provider's.
            reason: order.reason.as_ref().map(|reason| reason.code),
            amount: order.amount,
            captured_minor: order.captured(),
            refunded_minor: order.refunded(),
            cancel: order.cancel_state(),
        }
    }
}

/// What a newly parked thing is told as: `None` where it is no decline, or of no merchant of ours, whom nobody could tell.
#[must_use]
pub fn of_parked(parked: &ParkedDecline) -> Option<OutcomeEvent> {
    let kind = match parked.key.kind {
        ParkedKind::Refused => DeclineOutcomeKind::Refused,
        ParkedKind::Conflict => DeclineOutcomeKind::Conflict,
        // What is not JSON names no merchant; events are the provider's, and people are told by their alarm; transmissions
        // are no orders, and their sender wants no answer.
        ParkedKind::Unparseable
        | ParkedKind::OrphanEvent
        | ParkedKind::MismatchedEvent
        | ParkedKind::UnknownEvent
        | ParkedKind::AccountEvent
        | ParkedKind::Check
        | ParkedKind::TransmissionRefused
        | ParkedKind::TransmissionConflict
        | ParkedKind::TransmissionUndelivered => return None,
    };
    let merchant = parked.key.merchant.clone()?;
    Some(OutcomeEvent::Decline(Box::new(DeclineOutcome {
        version: OUTCOME_VERSION,
        id: OutcomeId::of(&json!([parked.key, kind])),
        kind,
        occurred_at: parked.key.arrived_at,
        merchant,
        order_id: parked.order_id.clone(),
        // An order may be under way under this id: only people can tell whether the decline was meant as a repeat of it.
        instruction: Instruction::DoNotRetry,
        reason: parked.rule,
    })))
}

#[cfg(test)]
mod tests;
