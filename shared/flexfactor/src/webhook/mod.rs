//! Webhooks: a forged one is never accepted, and what is accepted has passed the verifier by construction.
//!
//! The scheme is that of the official sample client (2023), whose recorded delivery is the test vector: HMAC-SHA512 over
//! method, nonce, date, host and body hash. Path and query are not signed. A second, body-only signature was seen in
//! `x-fc-signature`; it covers neither date nor nonce, so it never suffices and is not read.

mod notice;
mod sign;
mod verify;

pub use notice::{Notice, NoticeError};
pub use sign::{CHECK_EVENT, Signed, check_body};
pub use verify::{Delivery, Forged, KeyError, Policy, Verified, WebhookKey, verify};
