//! This function's settings.

use lambda_kit::settings::{Settings, SettingsError};

/// All settings.
#[derive(Debug)]
pub struct HistorySettings {
    /// The orders table's name.
    pub orders_table: String,
}

impl HistorySettings {
    /// Reads them from the environment.
    ///
    /// # Errors
    /// Everything that is missing or malformed, at once.
    pub fn from_env() -> Result<Self, SettingsError> {
        let mut settings = Settings::from_env();
        let read = Self { orders_table: settings.text("ORDERS_TABLE") };
        settings.finish()?;
        Ok(read)
    }
}
