//! This function's settings.

use flexfactor::ClientConfig;
use intake::IntakeRules;
use lambda_kit::settings::{Settings, SettingsError};

use crate::access::Authorization;
use crate::ask::RepeatedRefund;

/// All settings.
#[derive(Debug)]
pub struct ApiSettings {
    /// The orders table's name.
    pub orders_table: String,
    /// The evaluations queue's address.
    pub evaluations_queue_url: String,
    /// The reconciliations queue's address.
    pub reconciliations_queue_url: String,
    /// What secrets' names begin with.
    pub merchant_secret_prefix: String,
    /// Where FlexFactor is.
    pub provider: ClientConfig,
    /// What submitted declines are held against.
    pub intake: IntakeRules,
    /// What FlexFactor's yes to a second refund of the same amount is worth.
    pub repeated_refund: RepeatedRefund,
    /// How callers are authorized.
    pub authorization: Authorization,
}

impl ApiSettings {
    /// Reads them from the environment.
    ///
    /// # Errors
    /// Everything that is missing or malformed, at once.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::read(Settings::from_env())
    }

    fn read(mut settings: Settings) -> Result<Self, SettingsError> {
        let claim = settings.text("JWT_MERCHANT_CLAIM");
        let ways = [("iam", Authorization::Iam), ("jwt", Authorization::Jwt { claim })];
        let authorization = settings.choice("AUTHORIZATION", &ways).unwrap_or(Authorization::Iam);
        let ways = [("confirm", RepeatedRefund::Confirm), ("trust", RepeatedRefund::Trust)];
        let repeated_refund = settings.choice("REPEATED_REFUND", &ways).unwrap_or(RepeatedRefund::Confirm);
        let read = Self {
            orders_table: settings.text("ORDERS_TABLE"),
            evaluations_queue_url: settings.text("EVALUATIONS_QUEUE_URL"),
            reconciliations_queue_url: settings.text("RECONCILIATIONS_QUEUE_URL"),
            merchant_secret_prefix: settings.text("MERCHANT_SECRET_PREFIX"),
            provider: settings.provider_with_amounts(),
            intake: IntakeRules::read(&mut settings),
            repeated_refund,
            authorization,
        };
        settings.finish()?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_of_authorization_that_is_not_known_keeps_the_function_from_starting() {
        let told = |way: &str| {
            let settings =
                Settings::from_values([("AUTHORIZATION", way), ("JWT_MERCHANT_CLAIM", "merchant")]);
            ApiSettings::read(settings).unwrap_err().to_string()
        };
        for way in ["", "none", "JWT"] {
            assert!(told(way).contains("AUTHORIZATION"), "{way}");
        }
        for way in ["iam", "jwt"] {
            assert!(!told(way).contains("AUTHORIZATION"), "{way}");
        }
    }

    #[test]
    fn what_a_repeated_refund_is_worth_must_be_said() {
        let told = |word: &str| {
            ApiSettings::read(Settings::from_values([("REPEATED_REFUND", word)])).unwrap_err().to_string()
        };
        for (word, is_taken) in [("confirm", true), ("trust", true), ("", false), ("believe", false)] {
            assert_eq!(!told(word).contains("REPEATED_REFUND"), is_taken, "{word}");
        }
    }
}
