//! Asks FlexFactor about one due order and applies the answer. The program only wires this.

mod ask;
pub mod handler;
pub mod settings;
