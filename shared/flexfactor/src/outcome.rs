//! Three-valued outcomes: a timeout is not a failure, and the type forbids treating it as one.

use std::fmt;

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Outcome<T> {
    /// It was answered.
    Done(T),
    /// FlexFactor refused it: it had no effect, and repeating it unchanged is pointless.
    Refused(Refused),
    /// It may or may not have had an effect.
    Unknown(Lost),
}

/// A refusal in FlexFactor's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status.
    pub http: u16,
    /// What FlexFactor says, redacted and bounded.
    pub words: String,
}

impl Refused {
    /// Whether a refund was refused as more than is left: FlexFactor's code 2001 (recorded).
    #[must_use]
    pub fn is_more_than_refundable(&self) -> bool {
        self.words.split("; ").any(|words| words.starts_with("2001: "))
    }
}

/// Why an outcome is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// No answer within the time limit.
    TimedOut,
    /// The connection could not be made, or broke.
    Disconnected,
    /// FlexFactor failed, with this HTTP status.
    ServerFailed(u16),
    /// FlexFactor asks to come back later: too many requests, or the same key is in progress (409; documented: ff/errors).
    Busy(u16),
    /// The answer can't be read.
    Malformed,
    /// FlexFactor does not take our credentials: nothing was sent on.
    Unauthorized,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("no answer within the time limit"),
            Self::Disconnected => f.write_str("the connection failed"),
            Self::ServerFailed(http) => write!(f, "FlexFactor failed with HTTP {http}"),
            Self::Busy(http) => write!(f, "FlexFactor asks to come back later, HTTP {http}"),
            Self::Malformed => f.write_str("the answer can't be read"),
            Self::Unauthorized => f.write_str("FlexFactor does not take the merchant's credentials"),
        }
    }
}

impl<T> Outcome<T> {
    /// Reads what was answered; an answer that `read` makes nothing of may have had an effect all the same.
    pub fn understood<U>(self, read: impl FnOnce(T) -> Option<U>) -> Outcome<U> {
        match self {
            Self::Done(value) => read(value).map_or(Outcome::Unknown(Lost::Malformed), Outcome::Done),
            Self::Refused(refused) => Outcome::Refused(refused),
            Self::Unknown(lost) => Outcome::Unknown(lost),
        }
    }
}
