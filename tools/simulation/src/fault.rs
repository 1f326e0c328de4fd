//! What can go wrong, by name. Each name is a line of the report.

use serde::Serialize;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $words:literal),+ $(,)?) => {
        /// A fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Fault { $($(#[$doc])* $name),+ }

        impl Fault {
            /// What happens, for people.
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self { $(Self::$name => $words),+ }
            }
        }
    };
}

faults! {
    /// The process is gone before the call has its effect.
    DiesBefore = "process dies before a call",
    /// The process is gone once the call had its effect.
    DiesAfter = "process dies after a call",
    /// Throttled, nothing written.
    StoreRefuses = "store refuses",
    /// Written, and the answer is lost.
    StoreAnswerLost = "store writes and its answer is lost",
    /// Written, the answer lost, and the same request made again by the SDK.
    StoreRepeats = "store request repeated by the SDK",
    /// Not sent.
    SendFails = "queue refuses",
    /// Sent, and the answer is lost.
    SendAnswerLost = "queue takes and its answer is lost",
    /// Sent, and on its way for long.
    SendDelayed = "message delayed",
    /// Given to two receivers at once.
    DeliveredTwice = "message delivered twice",
    /// Handled, and delivered once more.
    NotDeleted = "handled batch delivered again",
    /// Secrets Manager refuses.
    SecretRefused = "secret refused",
    /// No answer, no effect.
    TimeoutBefore = "FlexFactor times out without effect",
    /// No answer, and the effect.
    TimeoutAfter = "FlexFactor times out with effect",
    /// No answer, and the effect comes when nobody waits any more.
    TimeoutThenEffect = "FlexFactor's effect comes after the timeout",
    /// HTTP 500, no effect.
    ErrorBefore = "FlexFactor fails without effect",
    /// HTTP 500, and the effect.
    ErrorAfter = "FlexFactor fails with effect",
    /// HTTP 429.
    TooManyRequests = "FlexFactor answers 429",
    /// Effect, and an answer that can't be read.
    Malformed = "FlexFactor's answer is malformed",
    /// Effect, and a word that nobody knows.
    UnknownWord = "FlexFactor's word is unknown",
    /// The token is refused.
    TokenRefused = "FlexFactor refuses the token",
    /// The connection is cut before the effect.
    CutBefore = "connection cut without effect",
    /// The connection is cut after the effect.
    CutAfter = "connection cut with effect",
    /// The request never arrives.
    WebhookCut = "webhook does not arrive",
    /// It was handled, and the sender never hears of it.
    WebhookAnswerLost = "webhook's answer is lost",
    /// The very same request, nonce and all, arrives twice.
    WebhookRepeated = "webhook request arrives twice",
    /// It was served, and who asked never hears of it.
    AskAnswerLost = "answer of the API is lost",
    /// The very same request comes twice at once.
    AskedTwice = "request to the API comes twice",
}

impl Fault {
    /// Whether the caller waits in vain for as long as it waits at all.
    pub(crate) const fn hangs(self) -> bool {
        matches!(self, Self::TimeoutBefore | Self::TimeoutAfter | Self::TimeoutThenEffect)
    }

    /// Whether the call that it hits has its effect, and the caller does not learn of it.
    pub(crate) const fn hides(self) -> bool {
        matches!(
            self,
            Self::TimeoutAfter | Self::ErrorAfter | Self::Malformed | Self::CutAfter | Self::DiesAfter
        )
    }

    /// Whether the call that it hits has no effect.
    pub(crate) const fn prevents(self) -> bool {
        matches!(
            self,
            Self::TimeoutBefore
                | Self::ErrorBefore
                | Self::TooManyRequests
                | Self::TokenRefused
                | Self::CutBefore
        )
    }

    /// Faults of a write to the store.
    pub(crate) const OF_WRITES: &'static [Self] =
        &[Self::StoreRefuses, Self::StoreAnswerLost, Self::StoreRepeats, Self::DiesBefore, Self::DiesAfter];
    /// Faults of a read from the store.
    pub(crate) const OF_READS: &'static [Self] = &[Self::StoreRefuses, Self::DiesBefore];
    /// Faults of sending a message.
    pub(crate) const OF_SENDS: &'static [Self] =
        &[Self::SendFails, Self::SendAnswerLost, Self::SendDelayed, Self::DiesBefore, Self::DiesAfter];
    /// Faults of changing a message's visibility.
    pub(crate) const OF_POSTPONING: &'static [Self] =
        &[Self::SendFails, Self::SendAnswerLost, Self::DiesBefore, Self::DiesAfter];
    /// Faults of reading a secret.
    pub(crate) const OF_SECRETS: &'static [Self] = &[Self::SecretRefused, Self::DiesBefore];
    /// Faults of a submission.
    pub(crate) const OF_EVALUATE: &'static [Self] = &[
        Self::TimeoutBefore,
        Self::TimeoutAfter,
        Self::TimeoutThenEffect,
        Self::ErrorBefore,
        Self::ErrorAfter,
        Self::TooManyRequests,
        Self::Malformed,
        Self::UnknownWord,
        Self::TokenRefused,
        Self::CutBefore,
        Self::CutAfter,
        Self::DiesBefore,
        Self::DiesAfter,
    ];
    /// Faults of other calls to FlexFactor.
    pub(crate) const OF_CALLS: &'static [Self] = &[
        Self::TimeoutBefore,
        Self::TimeoutAfter,
        Self::ErrorBefore,
        Self::ErrorAfter,
        Self::TooManyRequests,
        Self::Malformed,
        Self::TokenRefused,
        Self::CutBefore,
        Self::CutAfter,
        Self::DiesBefore,
        Self::DiesAfter,
    ];
    /// Faults between people and the API.
    pub(crate) const OF_ASKING: &'static [Self] = &[Self::AskAnswerLost, Self::AskedTwice];
    /// Faults of a webhook's transport.
    pub(crate) const OF_WEBHOOKS: &'static [Self] =
        &[Self::WebhookCut, Self::WebhookAnswerLost, Self::WebhookRepeated];
}
