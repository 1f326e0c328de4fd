//! The simulator as its users meet it: over HTTP, with a receiver of webhooks of its own.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod api_errors;
mod api_orders;
mod control;
mod faults_of_calls;
mod faults_of_webhooks;
mod lifecycle;
mod pure;
mod support;
mod webhooks;
