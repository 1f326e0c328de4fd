//! This function's settings.

use flexfactor::ClientConfig;
use jiff::SignedDuration;
use lambda_kit::settings::{Settings, SettingsError};

/// What transmissions are held against, and what becomes of them.
#[derive(Debug, Clone)]
pub struct RelayRules {
    /// How old a transaction may be. FlexFactor wants it within 24 hours (documented: ff/transmit-1).
    pub age_max: SignedDuration,
    /// The waits before one that was not delivered is tried again; the last one repeats.
    pub retries: Vec<SignedDuration>,
    /// For how long it is kept what became of a transmission, with FlexFactor's key of it.
    pub transmission_copy: SignedDuration,
    /// For how long copies of parked messages are kept.
    pub rejected_copy: SignedDuration,
}

/// All settings.
#[derive(Debug)]
pub struct RelaySettings {
    /// The orders table's name.
    pub orders_table: String,
    /// The transmissions queue's address.
    pub transmissions_queue_url: String,
    /// What secrets' names begin with.
    pub merchant_secret_prefix: String,
    /// Where FlexFactor is.
    pub provider: ClientConfig,
    /// What the handler goes by.
    pub rules: RelayRules,
}

impl RelaySettings {
    /// Reads them from the environment.
    ///
    /// # Errors
    /// Everything that is missing or malformed, at once.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::read(Settings::from_env())
    }

    fn read(mut settings: Settings) -> Result<Self, SettingsError> {
        let retries = settings.seconds_list("TRANSMISSION_RETRY_SECONDS");
        if retries.iter().any(SignedDuration::is_zero) {
            settings.problem("TRANSMISSION_RETRY_SECONDS must not have a wait of 0");
        }
        let mut days = |name| SignedDuration::from_hours(24 * i64::from(settings.parsed(name, 0_u16)));
        let (transmission_copy, rejected_copy) = (days("TRANSMISSION_COPY_DAYS"), days("REJECTED_COPY_DAYS"));
        let read = Self {
            orders_table: settings.text("ORDERS_TABLE"),
            transmissions_queue_url: settings.text("TRANSMISSIONS_QUEUE_URL"),
            merchant_secret_prefix: settings.text("MERCHANT_SECRET_PREFIX"),
            provider: settings.provider(),
            rules: RelayRules {
                age_max: settings.seconds("TRANSMISSION_AGE_MAX_SECONDS"),
                retries,
                transmission_copy,
                rejected_copy,
            },
        };
        settings.finish()?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 11] = [
        ("ORDERS_TABLE", "orders"),
        ("TRANSMISSIONS_QUEUE_URL", "https://sqs.example/1/transmissions"),
        ("MERCHANT_SECRET_PREFIX", "rebill-rescue/dev/merchants/"),
        ("FLEXFACTOR_SANDBOX_URL", "https://sandbox.example/v1"),
        ("FLEXFACTOR_PRODUCTION_URL", "https://production.example/v1"),
        ("PROVIDER_TIMEOUT_MILLIS", "25000"),
        ("TRANSMISSION_AGE_MAX_SECONDS", "86400"),
        ("TRANSMISSION_RETRY_SECONDS", "60,300,900,3600"),
        ("TRANSMISSION_COPY_DAYS", "180"),
        ("REJECTED_COPY_DAYS", "30"),
        ("FLEXFACTOR_TRACE_HEADER", "none"),
    ];

    #[test]
    fn the_template_s_defaults_are_taken_and_a_wait_of_nothing_is_not() {
        let read = RelaySettings::read(Settings::from_values(GOOD)).unwrap();
        assert_eq!(read.rules.transmission_copy, SignedDuration::from_hours(24 * 180));
        assert_eq!(read.rules.retries.len(), 4);
        let mut bad = GOOD;
        bad[7].1 = "60,0";
        let told = RelaySettings::read(Settings::from_values(bad)).unwrap_err().to_string();
        assert!(told.contains("TRANSMISSION_RETRY_SECONDS must not have a wait of 0"), "{told}");
    }
}
