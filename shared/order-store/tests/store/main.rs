//! The store's tests, each run on the in-memory table and on DynamoDB as `dynoxide` serves it inside this process.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod agreement;
mod fixtures;
mod history;
mod life;
mod local_dynamo;
