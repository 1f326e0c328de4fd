//! Webhooks on the wire: signed by the official scheme, delivered in the background.

pub(crate) mod deliver;
mod resolve;
pub mod sign;
