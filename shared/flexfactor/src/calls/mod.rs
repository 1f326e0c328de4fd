//! The calls, each behind a trait of its own: a handler's signature names those it makes.

mod cancel;
mod capture;
mod evaluate;
mod find;
mod list;
mod read;
mod refund;
mod transmit;

use models::card_guard::redact_word;

use crate::error::words_of;
use crate::mapping::CallStatus;
use crate::outcome::{Lost, Outcome, Refused};
use crate::wire::order::CallResponse;

pub use cancel::{CancelExternally, CancelOrder};
pub use capture::{CaptureOrder, Capturing};
pub use evaluate::{Evaluate, EvaluateAnswer};
pub use find::{FindOrder, ListNames, Lookup};
pub use list::{ListOrders, Listed, Listing};
pub use read::{AmountNames, AmountUnit, OrderAnswer, OutcomeAnswer, ReadOrder, ReadOutcome};
pub use refund::{RefundOrder, Refunding};
pub use transmit::{Transmit, TransmitAnswer};

/// Longest status word kept, in bytes. Known ones have at most 15.
const WORD_BYTES_MAX: usize = 64;

/// A word as it came, as far as it can be one: it is logged and kept, and a number that is no status may be anything.
fn bounded(mut word: String) -> String {
    word.truncate(word.floor_char_boundary(WORD_BYTES_MAX));
    redact_word(&word)
}

/// What an answer to a capture or a refund says: a refusal, too, comes as HTTP 200 (recorded for a refund).
fn said(answer: Outcome<Vec<u8>>) -> Outcome<()> {
    let body = match answer {
        Outcome::Done(body) => body,
        Outcome::Refused(refused) => return Outcome::Refused(refused),
        Outcome::Unknown(lost) => return Outcome::Unknown(lost),
    };
    let read: Option<CallResponse> = serde_json::from_slice(&body).ok();
    let word = read.and_then(|answer| answer.status.or(answer.capture_status));
    match word.as_deref().map(CallStatus::parse) {
        Some(CallStatus::Success) => Outcome::Done(()),
        Some(CallStatus::Failed) => Outcome::Refused(Refused { http: 200, words: words_of(&body) }),
        // It may have had its effect: never taken for one or the other.
        Some(CallStatus::Other(_)) | None => Outcome::Unknown(Lost::Malformed),
    }
}
