//! End-to-end tests against the deployed local stack: the real template, the functions as they are deployed, the sandbox
//! as FlexFactor. Each test brings up a stack of its own, so that none sees another's clock or orders.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod api;
mod e2e_api;
mod e2e_api_schema;
mod e2e_cli;
mod e2e_doctor;
mod e2e_erase;
mod e2e_history;
mod e2e_intake;
mod e2e_outcomes;
mod e2e_sensitive;
mod e2e_sweep;
mod e2e_transmit;
mod e2e_way;
mod e2e_webhook;
mod fault_api_key;
mod fault_aws;
mod fault_crash;
mod fault_evaluate;
mod fault_provider;
mod fault_records;
mod fault_rotation;
mod sensitive;
mod support;
mod trouble;
