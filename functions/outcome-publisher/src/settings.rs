//! This function's settings.

use lambda_kit::settings::{Settings, SettingsError};

/// All settings.
#[derive(Debug)]
pub struct PublisherSettings {
    /// The bus's name.
    pub outcomes_bus: String,
}

impl PublisherSettings {
    /// Reads them from the environment.
    ///
    /// # Errors
    /// Everything that is missing or malformed, at once.
    pub fn from_env() -> Result<Self, SettingsError> {
        let mut settings = Settings::from_env();
        let read = Self { outcomes_bus: settings.text("OUTCOMES_BUS") };
        settings.finish()?;
        Ok(read)
    }
}
