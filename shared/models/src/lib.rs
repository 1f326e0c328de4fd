//! The order's life, written once and pure: money, declines, screening, statuses, transitions.
//!
//! Nothing here is async, and nothing here knows AWS, HTTP or the provider's words. Time and randomness come in as
//! arguments, so that every rule can be tested without a mocked clock.
//!
//! The way through this crate: a [`decline::Decline`] passes [`screening`] and becomes an [`order::Order`]; from then on
//! it only moves by a [`change::Change`], which names a [`status::Transition`] of the one table of who may follow whom.

pub mod card_guard;
pub mod change;
pub mod decline;
pub mod event;
pub mod facts;
pub mod fingerprint;
pub mod history;
pub mod ids;
pub mod intake;
pub mod listing;
pub mod merchant;
pub mod money;
pub mod order;
pub mod outcome;
pub mod parked;
pub mod reconcile;
pub mod refund;
pub mod refusal;
pub mod schedule;
pub mod screening;
pub mod status;
pub mod submission;
pub mod text;
pub mod time;
pub mod transmission;
pub mod view;
pub mod wish;
