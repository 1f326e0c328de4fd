//! Proofs by machine, in their short form. `cargo xtask prove NAME [--seed S] [--full]` runs one of them alone, at the
//! size that docs/promises.md speaks of.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answers;
mod forgery;
mod fuzz;
mod permutations;
mod size;
