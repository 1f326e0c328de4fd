//! Verifies FlexFactor's webhooks and applies them. The program only wires this.

pub mod answer;
pub mod handler;
pub mod keys;
pub mod settings;
