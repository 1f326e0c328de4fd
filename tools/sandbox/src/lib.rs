//! A simulator of FlexFactor's merchant API: the documented calls with their shapes and errors, signed webhooks, a
//! virtual clock, scripted fates, seeded faults, and a ledger that says what really happened.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use sandbox::{Config, Sandbox};
//!
//! let sandbox = Sandbox::start(Config { seed: 7, ..Config::default() }).await?;
//! println!("{} {}", sandbox.base_url, sandbox.control_url);
//! sandbox.advance(21 * 86_400);
//! println!("{:?}", sandbox.ledger().summary);
//! sandbox.shutdown().await;
//! # Ok(()) }
//! ```
//!
//! [`domain`] is pure: time comes in as an argument and what must be sent comes out as data, so that a test with virtual
//! time can drive [`domain::world::World`] without a network. `http` and `control` translate to and from the wire, and
//! `webhook` signs and delivers.

mod app;
mod control;
pub mod domain;
pub mod examples;
mod http;
mod server;
pub mod webhook;

pub use control::{ClockView, IdleView};
pub use domain::{
    Endpoint,
    fate::{Action, Fate, Step},
    fault::{CallFault, CallFaultKind, Forgery, Probability, WebhookFault, WebhookFaultKind},
    ledger::{Ledger, OrderEntry, Summary, TransmittedEntry},
    merchant::{Merchant, Mode, WebhookTarget},
    order::Phase,
    scenario::{Match, Rule, Scenario},
    settings::Settings,
};
pub use server::{Config, Running, Sandbox, StartError};
