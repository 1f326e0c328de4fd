//! This function's settings.

use std::time::Duration;

use flexfactor::ClientConfig;
use jiff::SignedDuration;
use lambda_kit::settings::{Settings, SettingsError};
use models::submission::Times;
use models::sweep::CancelledPastExpiry;

/// How long the store and the secret of one look may take together: three calls of three seconds (lambda-kit's aws.rs).
const STORE_TIME: Duration = Duration::from_secs(9);

/// How one order is looked at.
#[derive(Debug, Clone)]
pub struct LookRules {
    pub times: Times,
    pub cancelled_past_expiry: CancelledPastExpiry,
}

/// How much one run does.
#[derive(Debug, Clone)]
pub struct SweepRules {
    /// Most orders looked at in one run, but at least one of each shard; the next run goes on.
    pub orders_max: usize,
    /// How far ahead of the clock a run may be asked to look: an early look could end an order early.
    pub ahead_max: SignedDuration,
    /// How long looking at one order may take; no look is begun later than this before the function's end.
    pub look_time: Duration,
}

/// All settings.
#[derive(Debug)]
pub struct SweepSettings {
    pub orders_table: String,
    pub evaluations_queue_url: String,
    pub merchant_secret_prefix: String,
    pub provider: ClientConfig,
    pub look: LookRules,
    pub sweep: SweepRules,
}

impl SweepSettings {
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::read(Settings::from_env())
    }

    fn read(mut settings: Settings) -> Result<Self, SettingsError> {
        let provider = ClientConfig {
            sandbox_url: settings.text("FLEXFACTOR_SANDBOX_URL"),
            production_url: settings.text("FLEXFACTOR_PRODUCTION_URL"),
            timeout: Duration::from_millis(settings.parsed("PROVIDER_TIMEOUT_MILLIS", 0)),
        };
        let look_time = provider.call_time().saturating_add(STORE_TIME);
        let cancelled =
            [("expired", CancelledPastExpiry::Expired), ("cancelled", CancelledPastExpiry::Cancelled)];
        let read = Self {
            orders_table: settings.text("ORDERS_TABLE"),
            evaluations_queue_url: settings.text("EVALUATIONS_QUEUE_URL"),
            merchant_secret_prefix: settings.text("MERCHANT_SECRET_PREFIX"),
            provider,
            look: LookRules {
                times: Times {
                    // The sweep claims nothing.
                    lease: SignedDuration::ZERO,
                    submission_overdue: settings.seconds("SUBMISSION_OVERDUE_SECONDS"),
                    replay_window: settings.seconds("REPLAY_WINDOW_SECONDS"),
                    expiry_grace: settings.seconds("EXPIRY_GRACE_SECONDS"),
                },
                cancelled_past_expiry: settings
                    .choice("CANCELLED_PAST_EXPIRY", &cancelled)
                    .unwrap_or(CancelledPastExpiry::Expired),
            },
            sweep: SweepRules {
                orders_max: settings.parsed("SWEEP_ORDERS_MAX", 0),
                ahead_max: settings.seconds("SWEEP_AHEAD_SECONDS_MAX"),
                look_time,
            },
        };
        settings.finish()?;
        Ok(read)
    }
}
