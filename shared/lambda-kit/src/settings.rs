//! Settings from the environment. All that is wrong is named at once, before the first event is taken.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use flexfactor::{AmountNames, AmountUnit, ClientConfig};
use jiff::SignedDuration;

/// Everything that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("settings: {}", .0.join("; "))]
pub struct SettingsError(Vec<String>);

/// Reads settings and remembers what was wrong, until [`Settings::finish`] tells it all.
#[derive(Debug)]
pub struct Settings {
    values: BTreeMap<String, String>,
    problems: Vec<String>,
}

impl Settings {
    /// The process's environment.
    #[must_use]
    pub fn from_env() -> Self {
        Self::from_values(std::env::vars())
    }

    /// Settings from pairs, for tests.
    pub fn from_values<K: Into<String>, V: Into<String>>(values: impl IntoIterator<Item = (K, V)>) -> Self {
        let values = values.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { values, problems: Vec::new() }
    }

    fn read<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let value = self.values.get(name).map(String::as_str).unwrap_or_default();
        let parsed = if value.is_empty() { Err("is missing".to_owned()) } else { parse(value) };
        parsed.map_err(|problem| self.problems.push(format!("{name} {problem}"))).ok()
    }

    /// A text.
    pub fn text(&mut self, name: &str) -> String {
        self.read(name, |value| Ok(value.to_owned())).unwrap_or_default()
    }

    /// Where FlexFactor is, and how long it may take.
    pub fn provider(&mut self) -> ClientConfig {
        ClientConfig {
            sandbox_url: self.text("FLEXFACTOR_SANDBOX_URL"),
            production_url: self.text("FLEXFACTOR_PRODUCTION_URL"),
            timeout: Duration::from_millis(self.parsed("PROVIDER_TIMEOUT_MILLIS", 0)),
            amounts: None,
            trace_header: Some(self.text("FLEXFACTOR_TRACE_HEADER")).filter(|name| name != "none"),
        }
    }

    /// The same for a function that reads what orders were charged and refunded: with the names of these fields, or `none`.
    pub fn provider_with_amounts(&mut self) -> ClientConfig {
        let provider = self.provider();
        let captured = self.text("ORDER_AMOUNT_FIELD");
        let refunded = self.text("ORDER_REFUNDED_FIELD");
        let units = [("minor", AmountUnit::Minor), ("decimal", AmountUnit::Decimal)];
        let unit = self.choice("ORDER_AMOUNT_UNIT", &units).unwrap_or(AmountUnit::Minor);
        let amounts = match [captured.as_str(), refunded.as_str()] {
            ["none", "none"] => None,
            ["none", _] | [_, "none"] => {
                self.problem("ORDER_AMOUNT_FIELD and ORDER_REFUNDED_FIELD must both be names, or both none");
                None
            }
            _ => Some(AmountNames { captured, refunded, unit }),
        };
        ClientConfig { amounts, ..provider }
    }

    /// Anything that parses; `fallback` stands in until the problem is told.
    pub fn parsed<T: FromStr<Err: Display>>(&mut self, name: &str, fallback: T) -> T {
        self.read(name, |value| value.parse().map_err(|error| format!("is malformed: {error}")))
            .unwrap_or(fallback)
    }

    /// A duration in whole seconds.
    pub fn seconds(&mut self, name: &str) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.parsed(name, 0_u32)))
    }

    /// A list of durations in whole seconds, separated by commas; at least one.
    pub fn seconds_list(&mut self, name: &str) -> Vec<SignedDuration> {
        let parse = |value: &str| {
            let parts = value.split(',').map(|part| part.trim().parse::<u32>());
            let parsed: Result<Vec<_>, _> =
                parts.map(|part| part.map(|s| SignedDuration::from_secs(s.into()))).collect();
            parsed.map_err(|_| "must be whole seconds separated by commas".to_owned())
        };
        self.read(name, parse).unwrap_or_default()
    }

    /// One of a few words.
    pub fn choice<T: Clone>(&mut self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        let parse = |value: &str| {
            let found = choices.iter().find(|(word, _)| *word == value).map(|(_, choice)| choice.clone());
            found.ok_or_else(|| {
                let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
                format!("must be one of: {}", words.join(", "))
            })
        };
        self.read(name, parse)
    }

    /// Notes a problem that spans several settings.
    pub fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// Tells all that was wrong.
    ///
    /// # Errors
    /// Anything was missing or malformed.
    pub fn finish(self) -> Result<(), SettingsError> {
        if self.problems.is_empty() { Ok(()) } else { Err(SettingsError(self.problems)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_told_at_once() {
        let mut settings =
            Settings::from_values([("A", "x"), ("B", ""), ("C", "1,two"), ("D", "purple"), ("E", "5")]);
        settings.parsed("A", 0_u32);
        settings.text("B");
        settings.seconds_list("C");
        assert_eq!(settings.choice("D", &[("red", 1), ("green", 2)]), None);
        assert_eq!(settings.seconds("E"), SignedDuration::from_secs(5));
        let told = settings.finish().unwrap_err().to_string();
        for name in ["A is malformed", "B is missing", "C must be", "D must be one of: red, green"] {
            assert!(told.contains(name), "{told}");
        }
    }

    #[test]
    fn lists_and_choices_are_read() {
        let mut settings = Settings::from_values([("A", "5, 30,120"), ("B", "green")]);
        assert_eq!(settings.seconds_list("A"), [5, 30, 120].map(SignedDuration::from_secs));
        assert_eq!(settings.choice("B", &[("red", 1), ("green", 2)]), Some(2));
        assert_eq!(settings.finish(), Ok(()));
    }
}
