//! This function's settings.

use flexfactor::{ClientConfig, ListNames};
use jiff::SignedDuration;
use lambda_kit::settings::{Settings, SettingsError};
use models::reconcile::{CancelledPastExpiry, LookRules};
use models::submission::Times;

/// How orders are looked at.
#[derive(Debug, Clone)]
pub struct ReconcileRules {
    /// The times, and what words mean.
    pub look: LookRules,
    /// Names in FlexFactor's list of orders.
    pub list: ListNames,
}

/// All settings.
#[derive(Debug)]
pub struct ReconcileSettings {
    /// The orders table's name.
    pub orders_table: String,
    /// The evaluations queue's address.
    pub evaluations_queue_url: String,
    /// What secrets' names begin with.
    pub merchant_secret_prefix: String,
    /// Where FlexFactor is.
    pub provider: ClientConfig,
    /// What the handler goes by.
    pub rules: ReconcileRules,
}

impl ReconcileSettings {
    /// Reads them from the environment.
    ///
    /// # Errors
    /// Everything that is missing or malformed, at once.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::read(Settings::from_env())
    }

    fn read(mut settings: Settings) -> Result<Self, SettingsError> {
        let cancelled =
            [("expired", CancelledPastExpiry::Expired), ("cancelled", CancelledPastExpiry::Cancelled)];
        let read = Self {
            orders_table: settings.text("ORDERS_TABLE"),
            evaluations_queue_url: settings.text("EVALUATIONS_QUEUE_URL"),
            merchant_secret_prefix: settings.text("MERCHANT_SECRET_PREFIX"),
            provider: settings.provider_with_amounts(),
            rules: ReconcileRules {
                look: LookRules {
                    times: Times {
                        // This function submits nothing.
                        lease: SignedDuration::ZERO,
                        repeat_after: SignedDuration::ZERO,
                        submission_overdue: SignedDuration::ZERO,
                        replay_window: settings.seconds("REPLAY_WINDOW_SECONDS"),
                        webhook_cycle: settings.seconds("WEBHOOK_CYCLE_SECONDS"),
                        expiry_grace: settings.seconds("EXPIRY_GRACE_SECONDS"),
                    },
                    cancelled_past_expiry: settings
                        .choice("CANCELLED_PAST_EXPIRY", &cancelled)
                        .unwrap_or(CancelledPastExpiry::Expired),
                },
                list: ListNames {
                    orders: settings.text("ORDER_LIST_ARRAY"),
                    reference: settings.text("ORDER_REFERENCE_FIELD"),
                },
            },
        };
        settings.finish()?;
        Ok(read)
    }
}
