//! This function's settings.

use intake::IntakeRules;
use lambda_kit::settings::{Settings, SettingsError};

/// All settings.
#[derive(Debug)]
pub struct IntakeSettings {
    /// The orders table's name.
    pub orders_table: String,
    /// The evaluations queue's address.
    pub evaluations_queue_url: String,
    /// What the handler goes by.
    pub rules: IntakeRules,
}

impl IntakeSettings {
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
            evaluations_queue_url: settings.text("EVALUATIONS_QUEUE_URL"),
            rules: IntakeRules::read(&mut settings),
        };
        settings.finish()?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 8] = [
        ("ORDERS_TABLE", "orders"),
        ("EVALUATIONS_QUEUE_URL", "https://sqs.example/1/evaluations"),
        ("DECLINE_AGE_MAX_SECONDS", "86400"),
        ("WINDOW_DAYS_MIN", "14"),
        ("WINDOW_DAYS_MAX", "21"),
        ("WINDOW_DAYS_DEFAULT", "21"),
        ("SUBMISSION_OVERDUE_SECONDS", "900"),
        ("REJECTED_COPY_DAYS", "30"),
    ];

    #[test]
    fn the_template_s_defaults_are_taken_and_nonsense_is_not() {
        assert!(IntakeSettings::read(Settings::from_values(GOOD)).is_ok());
        let mut bad = GOOD;
        bad[5].1 = "22";
        let told = IntakeSettings::read(Settings::from_values(bad)).unwrap_err().to_string();
        assert!(told.contains("WINDOW_DAYS_DEFAULT must lie between"), "{told}");
    }
}
