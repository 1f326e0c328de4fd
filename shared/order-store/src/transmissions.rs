//! The capability of transmit-relay.

use std::future::Future;

use models::transmission::{Relayed, Stage, TransmissionKey};

use crate::table::StoreError;

/// What became of a transmission that was to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Took {
    /// It is kept that it is taken. What was parked under its id before is forgotten.
    New,
    /// Its id is taken, by what is kept here. Nothing was written.
    Exists(Box<Relayed>),
}

/// Keeping what became of transmissions. Each table does this itself: there is nothing to decide.
pub trait KeepTransmission: Send + Sync {
    /// Keeps that it is taken, unless its id is. One conditional write.
    fn take_transmission(&self, taken: &Relayed) -> impl Future<Output = Result<Took, StoreError>> + Send;

    /// Reads what is kept.
    fn transmission(
        &self,
        key: &TransmissionKey,
    ) -> impl Future<Output = Result<Option<Relayed>, StoreError>> + Send;

    /// Keeps how a taken one ended; `false` where it had ended already, or another has its id. One conditional write.
    fn settle_transmission(
        &self,
        taken: &Relayed,
        stage: &Stage,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}
