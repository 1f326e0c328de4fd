//! FlexFactor's API, and nothing else knows its words: wire types, mappings into our own terms, the client, and the
//! signature of its webhooks.
//!
//! Every fact about FlexFactor that code here relies on is named with its source: a page of its documentation (`ff/…`,
//! `fc/…` for the older pages), a recorded answer, or its official sample client. What is not known is a setting, listed
//! in docs/flexfactor.md.

mod account;
mod calls;
mod client;
mod error;
pub mod mapping;
mod outcome;
mod request;
mod token;
mod trace;
pub mod webhook;
pub mod wire;

pub use account::{Account, Credentials};
pub use calls::{
    AmountNames, AmountUnit, CancelExternally, CancelOrder, CaptureOrder, Capturing, Evaluate,
    EvaluateAnswer, FindOrder, ListNames, ListOrders, Listed, Listing, Lookup, OrderAnswer, OutcomeAnswer,
    ReadOrder, ReadOutcome, RefundOrder, Refunding, Transmit, TransmitAnswer,
};
pub use client::{Client, ClientConfig, ClientError};
pub use error::words_of;
pub use outcome::{Lost, Outcome, Refused};
pub use request::{RequestError, evaluate_request, transmit_request};
pub use trace::traced;
