//! An order: what is stored of a rebill from its decline to its end.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::decline::Decline;
use crate::ids::{ContentHash, IdempotencyKey, OrderKey, ProviderOrderId};
use crate::money::Money;
use crate::refund::{Refund, Totals};
use crate::status::Status;
use crate::time::later;
use crate::wish::Wish;

/// Up to how many entries in an order's event memory the nonces of further deliveries of a known event are remembered. An
/// event itself always is; a provider that repeats itself more often than this is still without effect.
pub const SEEN_MAX: usize = 100;

/// Why somebody must look when something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DueReason {
    /// The order should have been submitted by now.
    SubmissionOverdue,
    /// It is not known whether the provider has the order.
    OutcomeUnknown,
    /// The provider has the order, and a webhook about it may have been lost.
    WebhookOverdue,
    /// The order's window and the grace after it are over.
    WindowOver,
    /// A refund or a dispute was signalled: read the order again.
    MoneySignal,
    /// A cancel or a capture is to be done.
    Wish,
    /// It is not known whether a refund was made.
    RefundUnknown,
    /// An event came for no order of ours: it may be one by now.
    Orphan,
}

impl DueReason {
    /// All reasons.
    pub const ALL: &'static [Self] = &[
        Self::SubmissionOverdue,
        Self::OutcomeUnknown,
        Self::WebhookOverdue,
        Self::WindowOver,
        Self::MoneySignal,
        Self::Wish,
        Self::RefundUnknown,
        Self::Orphan,
    ];

    /// The word that is stored.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::SubmissionOverdue => "submission_overdue",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::WebhookOverdue => "webhook_overdue",
            Self::WindowOver => "window_over",
            Self::MoneySignal => "money_signal",
            Self::Wish => "wish",
            Self::RefundUnknown => "refund_unknown",
            Self::Orphan => "orphan",
        }
    }

    /// Whether it is an errand: something to be done or found out beside the order's own way to its end. One look does all
    /// that are open, so they share one count of looks, and one can't start another's schedule again.
    #[must_use]
    pub const fn is_errand(self) -> bool {
        match self {
            Self::MoneySignal | Self::Wish | Self::RefundUnknown => true,
            Self::SubmissionOverdue
            | Self::OutcomeUnknown
            | Self::WebhookOverdue
            | Self::WindowOver
            | Self::Orphan => false,
        }
    }

    fn counts_with(self, other: Self) -> bool {
        self == other || (self.is_errand() && other.is_errand())
    }
}

/// The next moment at which somebody must look. Every open order has exactly one, and an ended one has none, but while it
/// has an errand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// When, to the second.
    pub at: Timestamp,
    /// Why.
    pub reason: DueReason,
    /// How many looks for this reason have led to nothing.
    pub looks: u16,
}

impl Due {
    /// Due at `at` for `reason`, for the first time.
    #[must_use]
    pub fn new(at: Timestamp, reason: DueReason) -> Self {
        Self { at: Timestamp::from_second(at.as_second()).unwrap_or(at), reason, looks: 0 }
    }

    /// The same after a look at `now` that led to nothing; `None` where its schedule is used up.
    #[must_use]
    pub fn again(self, now: Timestamp) -> Option<Self> {
        let wait = self.reason.schedule().wait(self.looks)?;
        Some(Self { looks: self.looks.saturating_add(1), ..Self::new(later(now, wait), self.reason) })
    }

    /// The same with the looks that the order in hand has behind it for this reason.
    #[must_use]
    pub fn counted(mut self, before: Option<Self>) -> Self {
        self.looks = before.filter(|due| due.reason.counts_with(self.reason)).map_or(0, |due| due.looks);
        self
    }

    /// The same, but not before the look that the order in hand has coming for this reason.
    #[must_use]
    pub fn not_before(self, before: Option<Self>) -> Self {
        let at = before.filter(|due| due.reason == self.reason).map_or(self.at, |due| due.at.max(self.at));
        Self { at, ..self.counted(before) }
    }
}

/// Something an order remembers having seen, so that it has its effect once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// The tag of an event: its name and its own time, which a resent copy repeats.
    #[must_use]
    pub fn event(name: &str, occurred_at: &str) -> Self {
        Self(format!("e:{name}@{occurred_at}"))
    }

    /// The tag of one delivery, by its nonce.
    #[must_use]
    pub fn nonce(nonce: &str) -> Self {
        Self(format!("n:{nonce}"))
    }

    /// A tag as it was stored.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The tag as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the provider has signalled that money moved back, and whether that was read since.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Facet {
    /// Nothing was signalled.
    #[default]
    None,
    /// Signalled by an event; the order must be read again.
    Signalled,
    /// Read from the provider since.
    Confirmed,
}

impl Facet {
    /// The word that is stored.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Signalled => "signalled",
            Self::Confirmed => "confirmed",
        }
    }
}

macro_rules! from_word {
    ($ty:ident, $all:expr) => {
        impl FromStr for $ty {
            type Err = WordError;
            fn from_str(word: &str) -> Result<Self, WordError> {
                $all.iter().copied().find(|known: &Self| known.word() == word).ok_or(WordError)
            }
        }
        impl fmt::Display for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

/// A stored word that this version does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a word of this version")]
pub struct WordError;

from_word!(DueReason, DueReason::ALL);
from_word!(Facet, [Facet::None, Facet::Signalled, Facet::Confirmed]);
from_word!(ReasonCode, ReasonCode::ALL);

/// Why an order stands where it stands, by a stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// The provider answered so when it was asked to rescue.
    EvaluateAnswer,
    /// The provider sent a webhook.
    Webhook,
    /// The provider said so when asked about the order.
    ProviderRead,
    /// The provider refused the request as invalid.
    ProviderRefused,
    /// The submission timed out, or the connection broke.
    SubmissionTimedOut,
    /// The provider failed or answered what can't be read.
    ProviderFailed,
    /// The window ended while the provider still worked on it.
    WindowOver,
    /// It could not be submitted within the bound, and nothing was sent.
    NeverSubmitted,
    /// The outcome stayed unknown until the bound was used up.
    OutcomeUnknown,
    /// The provider gave the order two ids: it may have taken it twice.
    TwoProviderOrders,
    /// The merchant's configuration or credentials are missing.
    MerchantNotReady,
    /// The merchant cancelled it.
    MerchantCancelled,
    /// A cancel or a capture could not be confirmed within its schedule.
    WishNotConfirmed,
}

impl ReasonCode {
    /// All codes.
    pub const ALL: &'static [Self] = &[
        Self::EvaluateAnswer,
        Self::Webhook,
        Self::ProviderRead,
        Self::ProviderRefused,
        Self::SubmissionTimedOut,
        Self::ProviderFailed,
        Self::WindowOver,
        Self::NeverSubmitted,
        Self::OutcomeUnknown,
        Self::TwoProviderOrders,
        Self::MerchantNotReady,
        Self::MerchantCancelled,
        Self::WishNotConfirmed,
    ];

    /// The word that is stored.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::EvaluateAnswer => "evaluate_answer",
            Self::Webhook => "webhook",
            Self::ProviderRead => "provider_read",
            Self::ProviderRefused => "provider_refused",
            Self::SubmissionTimedOut => "submission_timed_out",
            Self::ProviderFailed => "provider_failed",
            Self::WindowOver => "window_over",
            Self::NeverSubmitted => "never_submitted",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::TwoProviderOrders => "two_provider_orders",
            Self::MerchantNotReady => "merchant_not_ready",
            Self::MerchantCancelled => "merchant_cancelled",
            Self::WishNotConfirmed => "wish_not_confirmed",
        }
    }
}

/// Why an order stands where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The stable code.
    pub code: ReasonCode,
    /// One sentence, or the provider's word, for people.
    pub detail: String,
}

impl Reason {
    /// A reason with its detail.
    #[must_use]
    pub fn new(code: ReasonCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// How far the submission got.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Submission {
    /// How many times it was claimed.
    pub attempts: u32,
    /// How many of these attempts, the first ones, are known to have sent nothing.
    pub unsent: u32,
    /// The key that every attempt uses; set by the first claim, before the first call.
    pub idempotency_key: Option<IdempotencyKey>,
    /// Until when the present claim holds.
    pub lease_until: Option<Timestamp>,
    /// When the first attempt was claimed that may have been sent: the provider's memory of the key is counted from here.
    pub first_attempt_at: Option<Timestamp>,
    /// The provider's account that the first of these attempts went to; a repeat goes to no other.
    pub account: Option<String>,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its name.
    pub key: OrderKey,
    /// Where it stands.
    pub status: Status,
    /// Why it stands there; `None` until something happened after it was received.
    pub reason: Option<Reason>,
    /// What is to be charged.
    pub amount: Money,
    /// When the processor declined it.
    pub declined_at: Timestamp,
    /// When we stored it.
    pub received_at: Timestamp,
    /// When its window ends: what the provider is told, and when it counts as expired.
    pub expires_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// What its decline's content was.
    pub content: ContentHash,
    /// The decline, personal data and all. It rides here only until the provider has answered, then it is dropped.
    pub request: Option<Box<Decline>>,
    /// How far the submission got.
    pub submission: Submission,
    /// The provider's id of it, once learnt.
    pub provider_order: Option<ProviderOrderId>,
    /// The provider's confirmation of an approval, where it gave one.
    pub confirmation: Option<String>,
    /// When somebody must look at it next.
    pub due: Option<Due>,
    /// What it remembers having seen.
    pub seen: BTreeSet<Tag>,
    /// Refunds, beside the status.
    pub refund: Facet,
    /// Disputes, beside the status.
    pub dispute: Facet,
    /// What people want done with it.
    pub wish: Option<Wish>,
    /// The refunds that were asked for, oldest first.
    pub refunds: Vec<Refund>,
    /// What was captured and refunded altogether, as far as the provider told.
    pub totals: Option<Totals>,
    /// Counts its changes, from 1.
    pub version: u64,
}

impl Order {
    /// Whether money moved back and the order was not read again since.
    #[must_use]
    pub fn has_open_signal(&self) -> bool {
        self.refund == Facet::Signalled || self.dispute == Facet::Signalled
    }

    /// Whether something is to be done or found out beside its way to its end.
    #[must_use]
    pub fn has_errand(&self) -> bool {
        self.has_open_signal() || self.open_wish().is_some() || self.refund_under_way().is_some()
    }

    /// The look that is due for what is open beside its way to its end.
    pub(crate) fn next_errand(&self, now: Timestamp) -> Option<Due> {
        let wish = self.open_wish().map(|_| Due::new(now, DueReason::Wish));
        [self.next_errand_without_wish(now), wish].into_iter().flatten().min_by_key(|due| due.at)
    }

    /// The same once its wish is done.
    pub(crate) fn next_errand_without_wish(&self, now: Timestamp) -> Option<Due> {
        let signal = self.has_open_signal().then(|| Due::new(now, DueReason::MoneySignal));
        let refund =
            self.refund_under_way().map(|refund| Due::new(refund.settles_at(), DueReason::RefundUnknown));
        [signal, refund].into_iter().flatten().min_by_key(|due| due.at)
    }
}
