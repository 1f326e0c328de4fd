//! Submits stored orders to FlexFactor, each exactly once. The program only wires this.

pub mod handler;
pub mod settings;
