//! The cost meter: what one order takes of AWS and of FlexFactor, request by request, over its life on the deployed local
//! stack, and what that costs at public list prices.
//!
//! Counted is what the functions call, as it passes the proxies before AWS and FlexFactor, and each invocation. What DynamoDB
//! consumes follows from AWS's documented rules and the items before and after each write ([`capacity`]).
//!
//! What AWS does by itself is not seen, and counted by rule, here and nowhere else: a message is received once for each
//! invocation that SQS makes and deleted once ([`bill`]); each invocation behind an HTTP API is one request to it; Lambda's
//! reads of the table's stream are free. Every batch is of one record, which is the dearest there is.
//!
//! Not an order's, and left out: the sweep's own run each minute, empty polls of queues, and what instances read for many
//! orders (configuration, secrets, tokens) or note for many (a webhook key in use), which is counted apart and bounded.

pub mod bill;
pub mod capacity;
mod meter;
pub mod page;
pub mod price;
pub mod recorder;
pub mod request;
pub mod scenario;
mod shared;

/// Seconds of a day.
pub const DAY_SECONDS: u64 = 86_400;

pub use bill::Bill;
pub use meter::{Life, Meter, MeterOptions};
pub use price::{Measured, Picodollars, Prices};
pub use scenario::Scenario;
