//! Ends exactly the processes that a local stack started, and nothing else.
//!
//! A crate of its own, without async or AWS, so that `cargo xtask down` can use it and still builds in seconds.

mod kept;
mod signals;

pub use kept::{Kept, Process, down};
pub use signals::stop_group;
