//! What is kept of a decline when its personal data goes: enough to tell where rescues work, and nothing about a person.

use crate::card_guard::redact_text;
use crate::decline::Decline;
use crate::text::Text;

/// Longest fact kept, in bytes. Descriptors have at most 25 characters, codes fewer.
pub const FACT_BYTES_MAX: usize = 64;

/// Three facts about a decline. They are set once, stay as long as the order, and are no part of its history.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Facts {
    /// The merchant's site, where the decline names one.
    pub site: Option<String>,
    /// The descriptor on the customer's statement, where the decline has one.
    pub descriptor: Option<String>,
    /// The processor's decline code.
    pub response_code: String,
    /// Whose vocabulary the code belongs to.
    pub response_code_source: String,
}

impl Facts {
    /// The facts of a decline. Screening has passed them; they are redacted all the same, as they outlive it.
    #[must_use]
    pub fn of(decline: &Decline) -> Self {
        let transaction = &decline.transaction;
        Self {
            site: decline.site.as_ref().map(fact),
            descriptor: transaction.descriptor.as_ref().map(fact),
            response_code: fact(&transaction.response_code),
            response_code_source: fact(&transaction.response_code_source),
        }
    }
}

fn fact(text: &Text) -> String {
    // Redacted before it is cut: half a card number is not recognised.
    let mut fact = redact_text(text.as_str());
    fact.truncate(fact.floor_char_boundary(FACT_BYTES_MAX));
    fact
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decline(descriptor: &str) -> Decline {
        let sample = include_str!("../../../events/decline.json");
        let mut value: serde_json::Value = serde_json::from_str(sample).unwrap();
        value["transaction"]["descriptor"] = descriptor.into();
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_facts_of_a_decline_are_those_that_name_no_person() {
        let facts = Facts::of(&decline("ACME*PLAN"));
        assert_eq!((facts.site.as_deref(), facts.descriptor.as_deref()), (Some("plans"), Some("ACME*PLAN")));
        assert_eq!((facts.response_code.as_str(), facts.response_code_source.as_str()), ("51", "NMI"));
    }

    #[test]
    fn a_fact_is_bounded_and_holds_no_card_number() {
        let kept = |descriptor: &str| Facts::of(&decline(descriptor)).descriptor.unwrap();
        assert_eq!(kept(&"x".repeat(FACT_BYTES_MAX)).len(), FACT_BYTES_MAX);
        assert_eq!(kept(&"x".repeat(FACT_BYTES_MAX + 1)).len(), FACT_BYTES_MAX);
        assert!(!kept("SHOP 4111111111111111").contains("4111111111111111"));
        let across_the_cut = format!("{} 4111111111111111", "x".repeat(FACT_BYTES_MAX - 10));
        assert!(!kept(&across_the_cut).contains("411111"));
    }
}
