//! Copies transactions to FlexFactor's risk model. The program only wires this.

pub mod handler;
pub mod settings;
