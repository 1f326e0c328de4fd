//! Writes each change of an order into its hash-chained history. The program only wires this.

pub mod handler;
pub mod settings;
