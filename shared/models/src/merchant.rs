//! What is configured of a merchant. Credentials are not here: they are secrets and live elsewhere.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::money::{Currency, MinorUnits};

/// How the provider handles the merchant's MITs; the provider sets it per account, not per request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Asynchronous: the order is taken, and a webhook tells the outcome.
    Managed,
    /// Synchronous: the answer is the outcome at this moment; a decline is worked on in the background.
    Unmanaged,
}

/// Which of the provider's environments the merchant's orders go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// For tests: no money moves.
    Sandbox,
    /// Real money.
    Production,
}

impl Environment {
    /// The word that is configured and stored.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Production => "production",
        }
    }
}

/// Which transactions the provider's risk model gets copies of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Transmit {
    /// None.
    #[default]
    None,
    /// Those that the processor approved.
    Approvals,
    /// Those that it approved and those that it declined.
    All,
}

/// A site of the merchant: a brand with a descriptor of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// The provider's id of the site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site_id: Option<String>,
    /// The website linked to the subscription's descriptor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site_url: Option<String>,
}

/// A merchant's configuration, kept as data beside the orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Merchant {
    /// Whether declines and transmissions of this merchant are taken. Orders in flight are followed to their end either way.
    pub enabled: bool,
    /// How the provider handles the merchant's MITs.
    pub mode: Mode,
    /// Which of the provider's environments.
    pub environment: Environment,
    /// The merchant's account at the provider.
    pub mid: String,
    /// The default site at the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site_id: Option<String>,
    /// Further sites, by the name that declines use in `site`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sites: BTreeMap<String, Site>,
    /// For how many days orders are held, unless the decline says otherwise; the deployment's default when absent.
    /// For an unmanaged merchant it is the retry period agreed with the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_days: Option<u16>,
    /// The currencies taken.
    #[serde(default = "default_currencies")]
    pub currencies: Vec<Currency>,
    /// The smallest amount taken, in minor units; the environment's limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_minor_min: Option<MinorUnits>,
    /// The largest amount taken, in minor units; the environment's limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_minor_max: Option<MinorUnits>,
    /// Which transactions the provider's risk model gets copies of; none when absent.
    #[serde(default)]
    pub transmit: Transmit,
}

fn default_currencies() -> Vec<Currency> {
    vec![Currency::USD]
}

impl Merchant {
    /// The amounts taken, in minor units, both ends included.
    ///
    /// In its sandbox the provider takes only amounts above 10 and below 20000 cents (documented: ff/evaluate).
    #[must_use]
    pub fn amount_limits(&self) -> (MinorUnits, MinorUnits) {
        let (min, max) = match self.environment {
            Environment::Sandbox => (11, 19_999),
            Environment::Production => (1, u64::MAX),
        };
        (
            self.amount_minor_min.unwrap_or(MinorUnits::new(min)),
            self.amount_minor_max.unwrap_or(MinorUnits::new(max)),
        )
    }

    /// The account at the provider that the merchant's orders go to now: neither a repeat nor a question may go to another.
    #[must_use]
    pub fn account(&self) -> String {
        format!("{}/{}", self.environment.word(), self.mid)
    }

    /// The site that a decline names, or the default one.
    #[must_use]
    pub fn site(&self, name: Option<&str>) -> Option<Site> {
        match name {
            None => Some(Site { site_id: self.site_id.clone(), site_url: None }),
            Some(name) => self.sites.get(name).cloned(),
        }
    }
}
