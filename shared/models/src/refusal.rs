//! Why a decline was refused: a stable rule id, one sentence, and the path of the field. Never the field's value.

use serde::{Deserialize, Serialize};

macro_rules! rules {
    ($($(#[doc = $about:literal])+ $name:ident = $code:literal),+ $(,)?) => {
        /// The rules a message must satisfy, by their stable ids. Each id is a promise: it is never renamed or reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum Rule {
            $($(#[doc = $about])+ #[serde(rename = $code)] $name),+
        }

        impl Rule {
            /// All rules.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable id.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// What is wrong with a message that breaks it, in one sentence for the documentation.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Self::$name => concat!($($about),+).trim_ascii()),+ }
            }
        }
    };
}

rules! {
    /// The message is longer than the limit.
    TooLarge = "too_large",
    /// The message is not JSON.
    NotJson = "not_json",
    /// A field holds what looks like a card number.
    CardNumber = "card_number",
    /// A field's name says card secret (CVV, PIN, track data).
    CardSecret = "card_secret",
    /// The message does not have the shape of what it is to be.
    Schema = "schema",
    /// The message's version is not one we read.
    Version = "version",
    /// The merchant is not configured.
    MerchantUnknown = "merchant_unknown",
    /// The merchant is switched off.
    MerchantDisabled = "merchant_disabled",
    /// The transaction is not a recurring merchant-initiated one.
    MitFlags = "mit_flags",
    /// The merchant does not take this currency.
    Currency = "currency",
    /// The amount is outside the merchant's limits.
    Amount = "amount",
    /// The decline lies in the future.
    DeclinedInFuture = "declined_in_future",
    /// The decline is too old: rescues work on the day of the decline.
    Stale = "stale",
    /// The window is outside what the provider takes.
    Window = "window",
    /// The site is not one of the merchant's.
    SiteUnknown = "site_unknown",
    /// The card's BIN, last four or expiry are malformed.
    Card = "card",
    /// The billing country is not a two-letter code.
    Country = "country",
    /// The merchant's configuration does not ask for transmissions.
    TransmitOff = "transmit_off",
    /// A declined transaction, and the merchant's configuration asks for approvals only.
    DeclinesNotWanted = "declines_not_wanted",
    /// The transaction lies in the future.
    OccurredInFuture = "occurred_in_future",
    /// The transaction is too old: the provider wants it within 24 hours.
    TooOld = "too_old",
}

impl Rule {
    /// The rules of declines.
    pub const OF_DECLINES: &'static [Self] = &[
        Self::TooLarge,
        Self::NotJson,
        Self::CardNumber,
        Self::CardSecret,
        Self::Schema,
        Self::Version,
        Self::MerchantUnknown,
        Self::MerchantDisabled,
        Self::MitFlags,
        Self::Currency,
        Self::Amount,
        Self::DeclinedInFuture,
        Self::Stale,
        Self::Window,
        Self::SiteUnknown,
        Self::Card,
        Self::Country,
    ];

    /// The rules of transmissions.
    pub const OF_TRANSMISSIONS: &'static [Self] = &[
        Self::TooLarge,
        Self::NotJson,
        Self::CardNumber,
        Self::CardSecret,
        Self::Version,
        Self::Schema,
        Self::MerchantUnknown,
        Self::MerchantDisabled,
        Self::TransmitOff,
        Self::DeclinesNotWanted,
        Self::OccurredInFuture,
        Self::TooOld,
        Self::Currency,
        Self::SiteUnknown,
        Self::Card,
        Self::Country,
    ];
}

/// A refusal, as it is stored and reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Which rule.
    pub rule: Rule,
    /// What is wrong, in one sentence for the people at the merchant.
    pub sentence: String,
    /// The offending field, such as `amount.minor`; empty where it is the message as a whole.
    pub path: String,
}

impl Refusal {
    /// A refusal by `rule` at `path`.
    #[must_use]
    pub fn new(rule: Rule, path: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { rule, sentence: sentence.into(), path: path.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_one_of_some_message() {
        let told: std::collections::BTreeSet<_> =
            [Rule::OF_DECLINES, Rule::OF_TRANSMISSIONS].concat().into_iter().map(Rule::code).collect();
        assert_eq!(told, Rule::ALL.iter().map(|rule| rule.code()).collect());
    }

    #[test]
    fn codes_are_unique_and_what_serde_writes() {
        let codes: std::collections::BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.code()).collect();
        assert_eq!(codes.len(), Rule::ALL.len());
        for rule in Rule::ALL {
            assert_eq!(serde_json::to_value(rule).unwrap(), rule.code());
        }
    }
}
