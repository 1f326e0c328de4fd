//! FlexFactor as a pure state machine: time comes in as an argument, and what must be sent comes out as data. No
//! network, no clock, no ambient randomness, so that a test with virtual time can drive it in-process.

pub mod clock;
pub mod delivery;
pub mod doc;
mod endpoint;
pub mod event;
pub mod fate;
pub mod fault;
pub mod forgery;
pub mod ids;
pub mod ledger;
pub mod merchant;
pub mod money;
pub mod order;
pub mod refusal;
pub mod request;
pub mod scenario;
pub mod settings;
pub mod token;
mod trigger;
pub mod vault;
pub mod world;

pub use endpoint::Endpoint;
