//! Orders as people and programs are shown them, over HTTP and on the command line. These shapes are published: a field is
//! never renamed or taken away within a version, and readers must pass over fields they don't know.
//!
//! None of a decline's personal data is here, and of the provider only what the order keeps of it.

mod problem;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::history::{Entry, verify};
use crate::ids::{MerchantId, OrderId, ProviderOrderId};
use crate::listing::Listing;
use crate::money::{MinorUnits, Money};
use crate::order::{DueReason, Facet, Order, ReasonCode};
use crate::refund::{Refund, RefundId, RefundState};
use crate::status::{Instruction, Status};
use crate::wish::{CancelState, CaptureState};

pub use problem::{PROBLEM_TYPE, Problem, ProblemCode};

/// An order in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderSummary {
    /// The merchant.
    pub merchant: MerchantId,
    /// The merchant's own id of the order.
    pub order_id: OrderId,
    /// Where it stands.
    pub status: Status,
    /// What the billing system is to do.
    pub instruction: Instruction,
    /// Why it stands there; null until something happened after it was received.
    pub reason: Option<ReasonCode>,
    /// What is to be charged.
    pub amount: Money,
    /// When it was stored. Lists are sorted by this.
    pub received_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl From<Listing> for OrderSummary {
    fn from(listing: Listing) -> Self {
        let Listing { key, status, instruction, reason, amount, received_at, updated_at, version: _ } =
            listing;
        Self {
            merchant: key.merchant,
            order_id: key.order_id,
            status,
            instruction,
            reason,
            amount,
            received_at,
            updated_at,
        }
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderPage {
    /// The orders, by the time they were received.
    pub orders: Vec<OrderSummary>,
    /// What to ask the next page with; null on the last one.
    pub next_cursor: Option<String>,
}

/// Why an order stands where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReasonView {
    /// The stable code.
    pub code: ReasonCode,
    /// One sentence, or the provider's word, for people.
    pub detail: String,
}

/// What the provider calls the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProviderView {
    /// The provider's id of it, once learnt.
    pub order_id: Option<ProviderOrderId>,
    /// The provider's confirmation of an approval, where it gave one.
    pub confirmation: Option<String>,
}

/// The order's money, in minor units of its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MoneyView {
    /// Captured altogether.
    pub captured_minor: MinorUnits,
    /// Refunded altogether, as far as is known: by refunds asked for here and by others.
    pub refunded_minor: MinorUnits,
    /// Reserved for refunds whose outcome is not known.
    pub reserved_minor: MinorUnits,
    /// What may still be refunded.
    pub refundable_minor: MinorUnits,
}

/// A refund that was asked for here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RefundView {
    /// Its id.
    pub id: RefundId,
    /// How much.
    pub amount: Money,
    /// How far it got.
    pub state: RefundState,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// Why it stands so, for people; empty where there is nothing to say.
    pub detail: String,
}

impl RefundView {
    fn of(refund: &Refund, order: &Order) -> Self {
        let Refund { id, amount, asked_at, before: _, asking: _, state, detail } = refund;
        Self {
            id: id.clone(),
            amount: Money { minor: *amount, currency: order.amount.currency },
            state: *state,
            asked_at: *asked_at,
            detail: detail.clone(),
        }
    }
}

/// What became of a cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CancelView {
    /// How far it got.
    pub state: CancelState,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// If it came too late: the refund that takes its place, which nobody makes by himself.
    pub proposed_refund: Option<Money>,
}

/// What became of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CaptureView {
    /// How far it got.
    pub state: CaptureState,
    /// When it was asked for.
    pub asked_at: Timestamp,
}

/// When somebody looks at the order next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DueView {
    /// When, to the second.
    pub at: Timestamp,
    /// Why.
    pub reason: DueReason,
    /// How many looks for this reason have led to nothing.
    pub looks: u16,
}

/// One change of the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HistoryView {
    /// The order's version that the change made: 1 is its arrival.
    pub version: u64,
    /// When it was made.
    pub at: Timestamp,
    /// The status before; null for the arrival.
    pub from: Option<Status>,
    /// The status after.
    pub status: Status,
    /// Why it stood there then.
    pub reason: Option<ReasonCode>,
    /// What a look was due for then.
    pub due_reason: Option<DueReason>,
    /// The entry's hash: 64 hexadecimal digits, chained to the entry before.
    pub hash: String,
}

impl HistoryView {
    fn of(entry: &Entry) -> Self {
        Self {
            version: entry.version,
            at: entry.at,
            from: entry.from,
            status: entry.state.status,
            reason: entry.state.reason.as_ref().map(|reason| reason.code),
            due_reason: entry.state.due.map(|due| due.reason),
            hash: entry.hash.to_string(),
        }
    }
}

/// A refund that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RefundBody {
    /// How much, in the order's currency.
    pub amount: Money,
    /// Why, for people at FlexFactor: kept with the refund there. It must hold no card data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What people found out about a refund whose outcome nobody could learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ResolutionBody {
    /// Whether FlexFactor's portal shows it as made.
    pub made: bool,
}

/// An order with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderView {
    /// The merchant.
    pub merchant: MerchantId,
    /// The merchant's own id of the order.
    pub order_id: OrderId,
    /// Where it stands.
    pub status: Status,
    /// What the billing system is to do.
    pub instruction: Instruction,
    /// Why it stands there; null until something happened after it was received.
    pub reason: Option<ReasonView>,
    /// What is to be charged.
    pub amount: Money,
    /// When it was stored.
    pub received_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When the processor declined it.
    pub declined_at: Timestamp,
    /// When its window ends.
    pub expires_at: Timestamp,
    /// Counts its changes, from 1.
    pub version: u64,
    /// What the provider calls it.
    pub provider: ProviderView,
    /// Its money.
    pub money: MoneyView,
    /// The refunds that were asked for here, oldest first.
    pub refunds: Vec<RefundView>,
    /// What was signalled of refunds.
    pub refund: Facet,
    /// What was signalled of disputes.
    pub dispute: Facet,
    /// What became of the cancel that was asked for; null where none was.
    pub cancel: Option<CancelView>,
    /// What became of the capture that was asked for; null where none was.
    pub capture: Option<CaptureView>,
    /// How many times its submission was attempted.
    pub attempts: u32,
    /// When somebody looks at it next; null where nobody has to.
    pub due: Option<DueView>,
    /// What happened to it, oldest first. It is written a moment after the order.
    pub history: Vec<HistoryView>,
    /// Whether the history is whole, unaltered, and ends where the order stands. False for the moment by which it lags.
    pub history_verified: bool,
}

impl OrderView {
    /// The order and its history, first entry first.
    #[must_use]
    pub fn of(order: &Order, history: &[Entry]) -> Self {
        Self {
            merchant: order.key.merchant.clone(),
            order_id: order.key.order_id.clone(),
            status: order.status,
            instruction: order.instruction(),
            reason: order
                .reason
                .as_ref()
                .map(|reason| ReasonView { code: reason.code, detail: reason.detail.clone() }),
            amount: order.amount,
            received_at: order.received_at,
            updated_at: order.updated_at,
            declined_at: order.declined_at,
            expires_at: order.expires_at,
            version: order.version,
            provider: ProviderView {
                order_id: order.provider_order.clone(),
                confirmation: order.confirmation.clone(),
            },
            money: MoneyView {
                captured_minor: order.captured(),
                refunded_minor: order.refunded(),
                reserved_minor: order.reserved(),
                refundable_minor: order.refundable(),
            },
            refunds: order.refunds.iter().map(|refund| RefundView::of(refund, order)).collect(),
            refund: order.refund,
            dispute: order.dispute,
            cancel: order.wish.as_ref().zip(order.cancel_state()).map(|(wish, state)| CancelView {
                state,
                asked_at: wish.asked_at,
                proposed_refund: order.proposed_refund(),
            }),
            capture: order
                .wish
                .as_ref()
                .zip(order.capture_state())
                .map(|(wish, state)| CaptureView { state, asked_at: wish.asked_at }),
            attempts: order.submission.attempts,
            due: order.due.map(|due| DueView { at: due.at, reason: due.reason, looks: due.looks }),
            history: history.iter().map(HistoryView::of).collect(),
            history_verified: verify(history, Some(order)).is_ok(),
        }
    }
}
