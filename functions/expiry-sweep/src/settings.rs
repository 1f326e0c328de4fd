//! This function's settings.

use jiff::SignedDuration;
use lambda_kit::settings::{Settings, SettingsError};

/// How much one run does.
#[derive(Debug, Clone)]
pub struct SweepRules {
    /// Most things put on the queue in one run, but at least one of each shard; the next run goes on.
    pub orders_max: usize,
    /// How far ahead of the clock a run may be asked to look: an early look could end an order early.
    pub ahead_max: SignedDuration,
}

/// All settings.
#[derive(Debug)]
pub struct SweepSettings {
    /// The orders table's name.
    pub orders_table: String,
    /// The reconciliations queue's address.
    pub reconciliations_queue_url: String,
    /// What the handler goes by.
    pub sweep: SweepRules,
}

impl SweepSettings {
    /// Reads them from the environment.
    ///
    /// # Errors
    /// Everything that is missing or malformed, at once.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::read(Settings::from_env())
    }

    fn read(mut settings: Settings) -> Result<Self, SettingsError> {
        let read = Self {
            orders_table: settings.text("ORDERS_TABLE"),
            reconciliations_queue_url: settings.text("RECONCILIATIONS_QUEUE_URL"),
            sweep: SweepRules {
                orders_max: settings.parsed("SWEEP_ORDERS_MAX", 0),
                ahead_max: settings.seconds("SWEEP_AHEAD_SECONDS_MAX"),
            },
        };
        settings.finish()?;
        Ok(read)
    }
}
