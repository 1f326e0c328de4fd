//! Orders over HTTP: read and list them, submit a decline, cancel, capture, refund. The program only wires this.

mod access;
mod answer;
mod ask;
mod call;
pub mod handler;
#[cfg(feature = "schema")]
pub mod openapi;
mod read;
mod refunds;
pub mod route;
pub mod settings;
mod submit;
mod wishes;
