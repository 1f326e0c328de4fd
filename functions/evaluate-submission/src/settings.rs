//! This function's settings.

use flexfactor::ClientConfig;
use jiff::SignedDuration;
use lambda_kit::settings::{Settings, SettingsError};
use models::submission::Times;

/// How long a claim holds: longer than the function may run (60 s, infra/template.yaml), so that a claim whose holder may
/// still be at work is never taken over.
pub const CLAIM_LEASE: SignedDuration = SignedDuration::from_secs(90);

/// How often a message is delivered (`maxReceiveCount` of the queue, infra/template.yaml).
pub const DELIVERIES_MAX: u32 = 8;

/// The times around a submission.
#[derive(Debug, Clone)]
pub struct SubmissionRules {
    /// The deployment's times.
    pub times: Times,
    /// The waits before an unknown outcome is tried again; the last one repeats.
    pub retries: Vec<SignedDuration>,
}

/// All settings.
#[derive(Debug)]
pub struct SubmissionSettings {
    /// The orders table's name.
    pub orders_table: String,
    /// The evaluations queue's address.
    pub evaluations_queue_url: String,
    /// What secrets' names begin with.
    pub merchant_secret_prefix: String,
    /// Where FlexFactor is.
    pub provider: ClientConfig,
    /// What the handler goes by.
    pub rules: SubmissionRules,
}

impl SubmissionSettings {
    /// Reads them from the environment.
    ///
    /// # Errors
    /// Everything that is missing or malformed, at once.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::read(Settings::from_env())
    }

    fn read(mut settings: Settings) -> Result<Self, SettingsError> {
        let retries = settings.seconds_list("SUBMISSION_RETRY_SECONDS");
        let read = Self {
            orders_table: settings.text("ORDERS_TABLE"),
            evaluations_queue_url: settings.text("EVALUATIONS_QUEUE_URL"),
            merchant_secret_prefix: settings.text("MERCHANT_SECRET_PREFIX"),
            provider: settings.provider(),
            rules: SubmissionRules {
                times: Times {
                    lease: CLAIM_LEASE,
                    repeat_after: retries.first().copied().unwrap_or(CLAIM_LEASE),
                    submission_overdue: settings.seconds("SUBMISSION_OVERDUE_SECONDS"),
                    replay_window: settings.seconds("REPLAY_WINDOW_SECONDS"),
                    webhook_cycle: settings.seconds("WEBHOOK_CYCLE_SECONDS"),
                    expiry_grace: settings.seconds("EXPIRY_GRACE_SECONDS"),
                },
                retries,
            },
        };
        settings.finish()?;
        Ok(read)
    }
}
