//! This function's settings.

use jiff::SignedDuration;
use lambda_kit::settings::{Settings, SettingsError};

/// What deliveries are held against.
#[derive(Debug, Clone)]
pub(crate) struct ReceiverRules {
    /// The host that FlexFactor was given, which it signs.
    pub(crate) host: String,
    /// How far a delivery's date may be from now. FlexFactor documents no rule; see docs/flexfactor.md.
    pub(crate) date_window: SignedDuration,
    /// For how long parked events are kept.
    pub(crate) parked_copy: SignedDuration,
}

/// All settings.
#[derive(Debug)]
pub(crate) struct ReceiverSettings {
    pub(crate) orders_table: String,
    pub(crate) merchant_secret_prefix: String,
    pub(crate) rules: ReceiverRules,
}

impl ReceiverSettings {
    pub(crate) fn from_env() -> Result<Self, SettingsError> {
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
