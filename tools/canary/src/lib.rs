//! Nothing sensitive anywhere: values that are planted in declines, webhooks, answers and secrets, and a scanner that finds
//! them in whatever a run leaves behind, plain or encoded.
//!
//! A finding names the canary, the form it was found in and the place. It never repeats the value.

mod files;
mod forms;
mod planted;
mod scanner;

pub use files::{Read, read_logs};
pub use planted::{CANARIES, Canary, Kind, planted};
pub use scanner::{Found, Scanner};
