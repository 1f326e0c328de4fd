//! Protections that can be switched off, one at a time, to see that the simulator notices.

use std::fmt;
use std::str::FromStr;

/// A protection of the product's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Nobody claims an order while another's claim holds.
    Claim,
    /// Every attempt uses the first one's idempotency key.
    KeyReuse,
    /// An order remembers the events it has seen.
    EventMemory,
    /// A change is made only from the statuses it may start from.
    Condition,
    /// Nothing is sent again once FlexFactor may have forgotten the key.
    ReplayWindow,
    /// FlexFactor's id of an order is fixed once it is known.
    ProviderId,
    /// A webhook is acknowledged only after its write.
    WriteBeforeAnswer,
    /// What is due is looked at.
    DueClock,
    /// A refund is reserved for the order as it was read: of two at once one is refused.
    RefundReserve,
    /// A refund whose answer is lost is not repeated.
    RefundRepeat,
    /// Nothing is submitted any more once people wish it cancelled.
    NoWish,
    /// What moves an order on leaves the look that is due for something beside it.
    Errand,
}

impl Rule {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Claim,
        Self::KeyReuse,
        Self::EventMemory,
        Self::Condition,
        Self::ReplayWindow,
        Self::ProviderId,
        Self::WriteBeforeAnswer,
        Self::DueClock,
        Self::RefundReserve,
        Self::RefundRepeat,
        Self::NoWish,
        Self::Errand,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::KeyReuse => "key-reuse",
            Self::EventMemory => "event-memory",
            Self::Condition => "condition",
            Self::ReplayWindow => "replay-window",
            Self::ProviderId => "provider-id",
            Self::WriteBeforeAnswer => "write-before-answer",
            Self::DueClock => "due-clock",
            Self::RefundReserve => "refund-reserve",
            Self::RefundRepeat => "refund-repeat",
            Self::NoWish => "no-wish",
            Self::Errand => "errand",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Rule {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        let known = || Self::ALL.iter().map(|rule| rule.name()).collect::<Vec<_>>().join(", ");
        Self::ALL
            .iter()
            .copied()
            .find(|rule| rule.name() == name)
            .ok_or_else(|| format!("is no protection; there are {}", known()))
    }
}
