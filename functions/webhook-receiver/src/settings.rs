//! This function's settings.

use jiff::SignedDuration;
use lambda_kit::settings::{Settings, SettingsError};

/// What deliveries are held against.
#[derive(Debug, Clone)]
pub struct ReceiverRules {
    /// The host that FlexFactor was given, which it signs.
    pub host: String,
    /// How far a delivery's date may be from now. FlexFactor documents no rule; see docs/flexfactor.md.
    pub date_window: SignedDuration,
    /// For how long parked events are kept.
    pub parked_copy: SignedDuration,
}

/// All settings.
#[derive(Debug)]
pub struct ReceiverSettings {
    /// The orders table's name.
    pub orders_table: String,
    /// What secrets' names begin with.
    pub merchant_secret_prefix: String,
    /// What the handler goes by.
    pub rules: ReceiverRules,
}

impl ReceiverSettings {
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
            merchant_secret_prefix: settings.text("MERCHANT_SECRET_PREFIX"),
            rules: ReceiverRules {
                host: settings.text("WEBHOOK_HOST"),
                date_window: settings.seconds("WEBHOOK_DATE_WINDOW_SECONDS"),
                parked_copy: SignedDuration::from_hours(
                    24 * i64::from(settings.parsed("PARKED_COPY_DAYS", 0_u16)),
                ),
            },
        };
        settings.finish()?;
        Ok(read)
    }
}
