//! Taking a decline, whatever way it came in: parse, screen, store, hand on. A decline from the queue and one that is
//! posted go the same way and become the same order.

pub mod rules;
mod take;

pub use rules::IntakeRules;
pub use take::{Intake, Kept, Message, TakeError, Taken};
