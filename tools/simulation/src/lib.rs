//! The real handlers over an in-memory world: every call may fail before or after its effect, every message and webhook may
//! be lost, doubled or late, every process may die, and weeks pass in a second.
//!
//! All chance follows from one seed and all time is virtual, so that a run is told again by its seed alone, on any
//! machine. A world is one thread; worlds share nothing.

mod audit;
mod breaking;
mod crash;
mod crowd;
mod desk;
mod env;
mod fault;
mod functions;
mod log;
mod merchants;
mod people;
mod provider;
mod queue;
mod random;
mod report;
mod runtime;
mod secrets;
mod simulate;
mod store;
mod traffic;
mod watch;
mod webhooks;
mod world;

pub use audit::{Damage, Finding};
pub use breaking::Rule;
pub use crash::{Crashes, Difference, crashes};
pub use crowd::{Crowd, crowd};
pub use fault::Fault;
pub use report::Report;
pub use simulate::{Plan, simulate, trace};
