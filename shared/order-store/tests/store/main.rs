//! The store's tests, each run on the in-memory table, on DynamoDB as `dynoxide` serves it inside this process, and as
//! MiniStack serves it: what all three agree on does not lean on the quirks of one.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod agreement;
mod fixtures;
mod history;
mod keys;
mod life;
mod listing;
mod parked;
mod tables;
mod template;
mod transmissions;
