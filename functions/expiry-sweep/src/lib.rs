//! Finds what is due and puts it on the reconciliations queue. The program only wires this.

pub mod settings;
pub mod sweep;
