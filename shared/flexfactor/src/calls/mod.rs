//! The calls, each behind a trait of its own: a handler's signature names those it makes.

mod cancel;
mod evaluate;
mod find;
mod list;
mod read;

use models::card_guard::redact_word;

pub use cancel::CancelExternally;
pub use evaluate::{Evaluate, EvaluateAnswer};
pub use find::{FindOrder, ListNames, Lookup};
pub use list::{ListOrders, Listed, Listing};
pub use read::{OrderAnswer, OutcomeAnswer, ReadOrder, ReadOutcome};

/// Longest status word kept, in bytes. Known ones have at most 15.
const WORD_BYTES_MAX: usize = 64;

/// A word as it came, as far as it can be one: it is logged and kept, and a number that is no status may be anything.
fn bounded(mut word: String) -> String {
    word.truncate(word.floor_char_boundary(WORD_BYTES_MAX));
    redact_word(&word)
}
