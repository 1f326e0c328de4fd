//! What every function's `main` needs: telemetry, settings that fail fast, AWS clients, secrets and configuration that
//! are cached and outlive their source's bad hours, queues, and batches whose records fail alone.

pub mod aws;
pub mod batch;
pub mod clock;
pub mod merchants;
pub mod provider;
pub mod queue;
pub mod secrets;
pub mod settings;
pub mod telemetry;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod trace;
