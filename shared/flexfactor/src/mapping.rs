//! FlexFactor's three vocabularies, each mapped into our own terms by one exhaustive match. A word that is not known
//! is a variant of its own: it is kept and alarmed, never defaulted.

use models::event::EventKind;
use models::merchant::Mode;
use models::reconcile::ProviderView;
use models::submission::Verdict;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// A word that is not known, as it came.
            Other(String),
        }

        impl $name {
            /// Every known word.
            pub const KNOWN: &'static [&'static str] = &[$($word),+];

            /// Reads a word, whatever its case: the documentation and the wire differ in it.
            #[must_use]
            pub fn parse(word: &str) -> Self {
                $(if word.eq_ignore_ascii_case($word) { return Self::$variant; })+
                Self::Other(word.to_owned())
            }
        }
    };
}

words! {
    /// The status in an answer of `/evaluate` and `/outcome` (documented: ff/evaluate, ff/outcome-1).
    EvaluateStatus {
        /// Rescued and charged.
        Approved = "APPROVED",
        /// Not rescued; for an unmanaged MIT, not at this moment.
        Declined = "DECLINED",
        /// Could be rescued with the customer's help.
        Challenge = "CHALLENGE",
        /// Taken; the outcome follows by webhook.
        Submitted = "SUBMITTED",
        /// In progress.
        Processing = "PROCESSING",
        /// Authorised; a capture must follow.
        CaptureRequired = "CAPTUREREQUIRED",
        /// Its window is over.
        Expired = "EXPIRED",
        /// Cancelled.
        Cancelled = "CANCELLED",
        /// Unknown to FlexFactor; only `/outcome` is documented to say so.
        NotFound = "NOTFOUND",
    }
}

words! {
    /// The status name of an order (documented: ff/orders-id; `Chargeback`: the portal guide).
    OrderStatus {
        /// Taken, not yet picked up.
        Draft = "Draft",
        /// Suspended by FlexFactor for a moment.
        OnHold = "Onhold",
        /// Declined by FlexFactor, or cancelled. How an expired order shows is not known.
        Cancelled = "Cancelled",
        /// FlexFactor's support must be asked.
        Problem = "Problem",
        /// Being worked on.
        Processing = "Processing",
        /// Authorised; a capture must follow.
        CaptureRequired = "Capturerequired",
        /// Refunded.
        Returned = "Returned",
        /// Approved and charged.
        Completed = "Completed",
        /// Disputed by the cardholder's bank.
        Chargeback = "Chargeback",
    }
}

words! {
    /// The name of a webhook's event (documented: ff/webhook, fc/webhook).
    EventName {
        /// Approved and charged.
        OrderCompleted = "order.completed",
        /// Refunded.
        OrderRefunded = "order.refunded",
        /// Cancelled by the system or by the merchant.
        OrderCancelled = "order.cancelled",
        /// Not rescued by the end of its window.
        OrderExpired = "order.expired",
        /// Authorised; a capture must follow.
        OrderCaptureRequired = "order.capturerequired",
        /// A chargeback by the issuing bank.
        ChargebackReceived = "payment.chargeback.received",
        /// Progress of a challenge.
        ChallengePresented = "challenge.presented",
        /// Progress of a challenge; says nothing about success.
        ChallengeAttempted = "challenge.attempted",
        /// Progress of a challenge.
        ChallengePassed = "challenge.passed",
        /// Progress of a challenge.
        ChallengeFailed = "challenge.failed",
        /// A payout was made.
        PayoutCreated = "payout.created",
        /// A payout changed.
        PayoutUpdated = "payout.updated",
    }
}

words! {
    /// The status in an answer of `/capture` and `/orders/{id}/refund` (documented: ff/capture, ff/refund).
    CallStatus {
        /// It was done.
        Success = "SUCCESS",
        /// It was refused.
        Failed = "FAILED",
    }
}

impl EvaluateStatus {
    /// What the word means for an MIT of a merchant in this mode.
    #[must_use]
    pub fn verdict(&self, mode: Mode) -> Verdict {
        match (self, mode) {
            (Self::Approved, _) => Verdict::Rescued,
            (Self::Submitted | Self::Processing, _) => Verdict::Working,
            (Self::CaptureRequired, _) => Verdict::CaptureRequired,
            // Nobody is there to be challenged in an MIT: as good as a decline, as without the widget (ff/standard-integration).
            (Self::Declined | Self::Challenge, Mode::Managed) => Verdict::NotRescued,
            // "FlexFactor continues in the background" (documented: ff/standard-integration-for-mit).
            (Self::Declined | Self::Challenge, Mode::Unmanaged) => Verdict::Working,
            (Self::Expired, _) => Verdict::WindowOver,
            (Self::Cancelled, _) => Verdict::CalledOff,
            (Self::NotFound | Self::Other(_), _) => Verdict::NotUnderstood,
        }
    }

    /// What the word means in an answer of `/outcome` about an order of a merchant in this mode.
    #[must_use]
    pub fn view(&self, mode: Mode) -> ProviderView {
        match self.verdict(mode) {
            Verdict::Rescued => ProviderView::Rescued,
            Verdict::Working => ProviderView::Working,
            Verdict::CaptureRequired => ProviderView::CaptureRequired,
            Verdict::NotRescued => ProviderView::Declined,
            Verdict::WindowOver => ProviderView::Expired,
            Verdict::CalledOff => ProviderView::CalledOff,
            Verdict::NotUnderstood => ProviderView::NotUnderstood,
        }
    }
}

impl OrderStatus {
    /// Reads the status by its number (documented: ff/orders-id), for an answer without a name.
    #[must_use]
    pub fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Draft,
            1 => Self::OnHold,
            2 => Self::Cancelled,
            3 => Self::Problem,
            4 => Self::Processing,
            5 => Self::CaptureRequired,
            6 => Self::Returned,
            7 => Self::Completed,
            other => Self::Other(other.to_string()),
        }
    }

    /// What the word means for an order of ours.
    #[must_use]
    pub fn view(&self) -> ProviderView {
        match self {
            Self::Draft | Self::OnHold | Self::Processing => ProviderView::Working,
            Self::CaptureRequired => ProviderView::CaptureRequired,
            Self::Completed => ProviderView::Rescued,
            Self::Returned => ProviderView::Returned,
            Self::Chargeback => ProviderView::Disputed,
            Self::Cancelled => ProviderView::Over,
            Self::Problem => ProviderView::Problem,
            Self::Other(_) => ProviderView::NotUnderstood,
        }
    }
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// An order.
    Order(EventKind),
    /// The merchant's account.
    Account,
    /// Not known.
    Unknown,
}

impl EventName {
    /// What the event means.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self {
            Self::OrderCompleted => Subject::Order(EventKind::Completed),
            Self::OrderRefunded => Subject::Order(EventKind::Refunded),
            Self::OrderCancelled => Subject::Order(EventKind::Cancelled),
            Self::OrderExpired => Subject::Order(EventKind::Expired),
            Self::OrderCaptureRequired => Subject::Order(EventKind::CaptureRequired),
            Self::ChargebackReceived => Subject::Order(EventKind::Chargeback),
            Self::ChallengePresented
            | Self::ChallengeAttempted
            | Self::ChallengePassed
            | Self::ChallengeFailed => Subject::Order(EventKind::Progress),
            Self::PayoutCreated | Self::PayoutUpdated => Subject::Account,
            Self::Other(_) => Subject::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_whatever_their_case_and_kept_when_unknown() {
        assert_eq!(OrderStatus::parse("CAPTUREREQUIRED"), OrderStatus::CaptureRequired);
        assert_eq!(EvaluateStatus::parse("Approved"), EvaluateStatus::Approved);
        assert_eq!(EventName::parse("order.paused"), EventName::Other("order.paused".to_owned()));
    }

    #[test]
    fn an_unknown_word_is_never_an_outcome() {
        let unknown = EvaluateStatus::parse("RESCUED");
        assert_eq!(unknown.verdict(Mode::Managed), Verdict::NotUnderstood);
        assert_eq!(OrderStatus::parse("Done").view(), ProviderView::NotUnderstood);
        assert_eq!(OrderStatus::from_number(8).view(), ProviderView::NotUnderstood);
        assert_eq!(EventName::parse("").subject(), Subject::Unknown);
    }

    #[test]
    fn a_decline_ends_a_managed_order_and_not_an_unmanaged_one() {
        assert_eq!(EvaluateStatus::Declined.verdict(Mode::Managed), Verdict::NotRescued);
        assert_eq!(EvaluateStatus::Declined.verdict(Mode::Unmanaged), Verdict::Working);
    }

    #[test]
    fn numbers_and_names_of_order_statuses_agree() {
        let named = [
            "Draft",
            "Onhold",
            "Cancelled",
            "Problem",
            "Processing",
            "Capturerequired",
            "Returned",
            "Completed",
        ];
        for (number, name) in named.into_iter().enumerate() {
            assert_eq!(OrderStatus::from_number(i64::try_from(number).unwrap()), OrderStatus::parse(name));
        }
    }
}
