//! This function's settings.

use jiff::SignedDuration;
use lambda_kit::settings::{Settings, SettingsError};
use models::screening::Limits;

/// What declines are held against, and what becomes of them.
#[derive(Debug, Clone)]
pub struct IntakeRules {
    /// Limits of the screening.
    pub limits: Limits,
    /// After which time an order that was not submitted is looked at.
    pub submission_overdue: SignedDuration,
    /// For how long copies of refused messages are kept.
    pub rejected_copy: SignedDuration,
}

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
        let limits = Limits {
            decline_age_max: settings.seconds("DECLINE_AGE_MAX_SECONDS"),
            window_days_min: settings.parsed("WINDOW_DAYS_MIN", 0),
            window_days_max: settings.parsed("WINDOW_DAYS_MAX", 0),
            window_days_default: settings.parsed("WINDOW_DAYS_DEFAULT", 0),
        };
        if !(limits.window_days_min..=limits.window_days_max).contains(&limits.window_days_default) {
            settings.problem("WINDOW_DAYS_DEFAULT must lie between WINDOW_DAYS_MIN and WINDOW_DAYS_MAX");
        }
        let read = Self {
            orders_table: settings.text("ORDERS_TABLE"),
            evaluations_queue_url: settings.text("EVALUATIONS_QUEUE_URL"),
            rules: IntakeRules {
                limits,
                submission_overdue: settings.seconds("SUBMISSION_OVERDUE_SECONDS"),
                rejected_copy: SignedDuration::from_hours(
                    24 * i64::from(settings.parsed("REJECTED_COPY_DAYS", 0_u16)),
                ),
            },
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
