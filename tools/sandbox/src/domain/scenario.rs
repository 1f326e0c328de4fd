//! The script: rules, of which the first that matches an order decides.

use serde::{Deserialize, Serialize};

use super::{
    fate::{Fate, Step},
    fault::{CallFault, WebhookFault},
    settings::Settings,
};

/// A scenario file. What is missing stays as it is.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Replaces all rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<Rule>>,
    /// Replaces all settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<Settings>,
}

/// What happens to the orders it matches.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// For the reader.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which orders.
    pub when: Match,
    /// Their fate; without one, the sandbox's triggers and then the default fate decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fate: Option<Fate>,
    /// What happens besides the fate.
    pub steps: Vec<Step>,
    /// Faults of the calls about them.
    pub calls: Vec<CallFault>,
    /// Faults of their webhooks.
    pub webhooks: Vec<WebhookFault>,
}

/// Which orders a rule is about; an empty match is about all.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// The merchant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
    /// The merchant's order id, with `*` for any text and `?` for any character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
}

impl Match {
    /// Whether it is about the order. Calls that concern no order (token, list) match only rules without `order_id`.
    #[must_use]
    pub fn matches(&self, mid: &str, external_id: Option<&str>) -> bool {
        let merchant = self.mid.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(mid));
        let order = match (self.order_id.as_deref(), external_id) {
            (None, _) => true,
            (Some(pattern), Some(id)) => glob(pattern.as_bytes(), id.as_bytes()),
            (Some(_), None) => false,
        };
        merchant && order
    }
}

/// Matches `text` against a pattern of literal bytes, `*` and `?`, without recursion over the text's length squared.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut resume: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                resume = Some((p + 1, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || text.get(t) == Some(byte) => {
                p += 1;
                t += 1;
            }
            Some(_) | None => match resume {
                Some((after_star, from)) => {
                    resume = Some((after_star, from + 1));
                    p = after_star;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (pattern, text, matches) in [
            ("lost-*", "lost-17", true),
            ("lost-*", "found-17", false),
            ("*-r?", "INV-1-r1", true),
            ("*-r?", "INV-1-r12", false),
            ("*a*b", "xaxxbxb", true),
            ("", "", true),
            ("", "x", false),
            ("**", "", true),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn a_call_without_an_order_matches_rules_without_one() {
        let all = Match::default();
        let some = Match { mid: None, order_id: Some("*".to_owned()) };
        assert!(all.matches("m", None));
        assert!(!some.matches("m", None));
        assert!(some.matches("m", Some("x")));
    }
}
