//! What declines are held against, as the environment says it.

use jiff::SignedDuration;
use lambda_kit::settings::Settings;
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

impl IntakeRules {
    /// Reads them; what is wrong is told by [`Settings::finish`].
    pub fn read(settings: &mut Settings) -> Self {
        let limits = Limits {
            decline_age_max: settings.seconds("DECLINE_AGE_MAX_SECONDS"),
            window_days_min: settings.parsed("WINDOW_DAYS_MIN", 0),
            window_days_max: settings.parsed("WINDOW_DAYS_MAX", 0),
            window_days_default: settings.parsed("WINDOW_DAYS_DEFAULT", 0),
        };
        if !(limits.window_days_min..=limits.window_days_max).contains(&limits.window_days_default) {
            settings.problem("WINDOW_DAYS_DEFAULT must lie between WINDOW_DAYS_MIN and WINDOW_DAYS_MAX");
        }
        Self {
            limits,
            submission_overdue: settings.seconds("SUBMISSION_OVERDUE_SECONDS"),
            rejected_copy: SignedDuration::from_hours(
                24 * i64::from(settings.parsed("REJECTED_COPY_DAYS", 0_u16)),
            ),
        }
    }
}
