//! The deployed stack on one machine.
