//! An order as FlexFactor sees it, and its three vocabularies: the answer to /evaluate, the order's status, the events.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    money::Money,
    settings::{NameCase, PendingWord, Settings},
};

/// Where an order is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Taken in.
    Draft,
    /// Being worked on.
    Processing,
    /// Suspended.
    OnHold,
    /// In trouble.
    Problem,
    /// Waiting for the customer.
    Challenged,
    /// Authorized, waiting for a capture.
    CaptureRequired,
    /// Approved and charged.
    Completed,
    /// Not rescued: declined by FlexFactor.
    Declined,
    /// Cancelled by the merchant, or voided.
    Cancelled,
    /// Not rescued by the end of its period.
    Expired,
    /// Refunded in full.
    Returned,
    /// Taken back by the issuing bank.
    ChargedBack,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Draft,
        Self::Processing,
        Self::OnHold,
        Self::Problem,
        Self::Challenged,
        Self::CaptureRequired,
        Self::Completed,
        Self::Declined,
        Self::Cancelled,
        Self::Expired,
        Self::Returned,
        Self::ChargedBack,
    ];

    /// Whether FlexFactor is still trying by itself.
    #[must_use]
    pub fn is_pending(self) -> bool {
        match self {
            Self::Draft | Self::Processing | Self::OnHold | Self::Problem => true,
            Self::Challenged
            | Self::CaptureRequired
            | Self::Completed
            | Self::Declined
            | Self::Cancelled
            | Self::Expired
            | Self::Returned
            | Self::ChargedBack => false,
        }
    }

    /// Whether the rescue has ended, one way or the other.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        !self.is_pending() && self != Self::Challenged && self != Self::CaptureRequired
    }

    /// The number in GET answers (documented: ff/orders-id; the unknown ones are settings).
    #[must_use]
    pub fn code(self, settings: &Settings, partly_refunded: bool) -> u8 {
        match self {
            Self::Draft => 0,
            Self::OnHold => 1,
            Self::Declined | Self::Cancelled => 2,
            Self::Problem => 3,
            Self::Processing => 4,
            Self::CaptureRequired => 5,
            Self::Returned => 6,
            Self::Completed if partly_refunded => settings.orders.partly_refunded_status,
            Self::Completed => 7,
            Self::Challenged => settings.orders.challenged_status,
            Self::Expired => settings.orders.expired_status,
            Self::ChargedBack => settings.orders.chargeback_status,
        }
    }

    /// The word in answers to /evaluate and /outcome.
    #[must_use]
    pub fn word(self, pending: PendingWord) -> &'static str {
        match self {
            Self::Draft | Self::Processing | Self::OnHold | Self::Problem => pending.word(),
            Self::Challenged => "CHALLENGE",
            Self::CaptureRequired => "CAPTUREREQUIRED",
            // What happens to the money later doesn't change that the rescue was approved.
            Self::Completed | Self::Returned | Self::ChargedBack => "APPROVED",
            Self::Declined => "DECLINED",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
        }
    }
}

/// The name of a status number (documented: ff/orders-id).
#[must_use]
pub fn status_name(code: u8, case: NameCase) -> String {
    let name = match code {
        0 => "Draft",
        1 => "Onhold",
        2 => "Cancelled",
        3 => "Problem",
        4 => "Processing",
        5 => "Capturerequired",
        6 => "Returned",
        7 => "Completed",
        _ => "Unknown",
    };
    match case {
        NameCase::Documented => name.to_owned(),
        NameCase::Upper => name.to_uppercase(),
    }
}

/// Money that moved.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Movement {
    /// How much.
    #[serde(flatten)]
    pub money: Money,
    /// When, on the virtual clock.
    pub at: Timestamp,
}

/// One fault that hit an order.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FaultNote {
    /// When, on the virtual clock.
    pub at: Timestamp,
    /// Which.
    pub kind: String,
    /// The call, with its number, or the event.
    pub place: String,
}

/// What GET answers repeat from the request.
#[derive(Clone, Debug, Default)]
pub struct Details {
    /// `billingInformation`.
    pub billing: Value,
    /// `shippingInformation`.
    pub shipping: Value,
    /// `payer.email`.
    pub email: Option<String>,
    /// `payer.phone`.
    pub phone: Option<String>,
    /// `correlationId`.
    pub correlation_id: Option<String>,
    /// `senseKey`.
    pub sense_key: Option<String>,
    /// `siteId`.
    pub site_id: Option<String>,
}

/// One order.
#[derive(Clone, Debug)]
pub struct Order {
    /// FlexFactor's id.
    pub id: String,
    /// Whose.
    pub mid: String,
    /// The merchant's id.
    pub external_id: String,
    /// Merchant-initiated.
    pub mit: bool,
    /// The word for a pending order of its account.
    pub pending_word: PendingWord,
    /// `transactionType` was AUTHORIZATION.
    pub authorization: bool,
    /// What is to be rescued.
    pub amount: Money,
    /// Where it is.
    pub phase: Phase,
    /// When /evaluate took effect.
    pub placed_at: Timestamp,
    /// End of its period.
    pub expiry: Option<Timestamp>,
    /// Short upper-case hex.
    pub confirmation_id: String,
    /// Repeated in GET answers.
    pub details: Details,
    /// What was charged.
    pub charges: Vec<Movement>,
    /// What was given back.
    pub refunds: Vec<Movement>,
    /// Faults that hit it, with its webhooks' in order.
    pub faults: Vec<FaultNote>,
    /// Its webhooks.
    pub deliveries: Vec<u64>,
    /// When the merchant cancelled it.
    pub cancelled_by_merchant_at: Option<Timestamp>,
}

impl Order {
    /// Cents charged.
    #[must_use]
    pub fn charged_minor(&self) -> i64 {
        self.charges.iter().map(|charge| charge.money.minor).sum()
    }

    /// Cents given back.
    #[must_use]
    pub fn refunded_minor(&self) -> i64 {
        self.refunds.iter().map(|refund| refund.money.minor).sum()
    }

    /// Cents that can still be given back: nothing unless it is charged and not disputed.
    #[must_use]
    pub fn refundable_minor(&self) -> i64 {
        if self.phase == Phase::Completed { self.charged_minor() - self.refunded_minor() } else { 0 }
    }

    /// The number in GET answers.
    #[must_use]
    pub fn code(&self, settings: &Settings) -> u8 {
        self.phase.code(settings, self.refunded_minor() > 0)
    }

    /// The name in GET answers.
    #[must_use]
    pub fn name(&self, settings: &Settings) -> String {
        status_name(self.code(settings), settings.orders.status_name_case)
    }

    /// The word in answers to /evaluate and /outcome.
    #[must_use]
    pub fn word(&self) -> &'static str {
        self.phase.word(self.pending_word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_has_a_documented_status() {
        let settings = Settings::default();
        for phase in Phase::ALL {
            assert_ne!(
                status_name(phase.code(&settings, false), NameCase::Documented),
                "Unknown",
                "{phase:?}"
            );
            assert!(!(phase.is_pending() && phase.is_terminal()));
        }
    }

    #[test]
    fn names_are_written_as_the_setting_says() {
        assert_eq!(status_name(5, NameCase::Upper), "CAPTUREREQUIRED");
        assert_eq!(status_name(5, NameCase::Documented), "Capturerequired");
    }
}
