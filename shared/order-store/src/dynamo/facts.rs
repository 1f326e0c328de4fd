//! What stays of a decline when it is dropped from its order, for reports: attributes beside the order's own, set when it is
//! stored and changed by nobody.

use aws_sdk_dynamodb::types::AttributeValue;
use models::decline::Decline;
use models::facts::Facts;

use super::item::{Item, text};

const SITE: &str = "site";
const DESCRIPTOR: &str = "descriptor";
const RESPONSE_CODE: &str = "response_code";
const RESPONSE_CODE_SOURCE: &str = "response_code_source";

/// The facts of a decline as attributes.
pub(super) fn of(decline: &Decline) -> impl Iterator<Item = (String, AttributeValue)> {
    let Facts { site, descriptor, response_code, response_code_source } = Facts::of(decline);
    let facts = [
        (SITE, site),
        (DESCRIPTOR, descriptor),
        (RESPONSE_CODE, Some(response_code)),
        (RESPONSE_CODE_SOURCE, Some(response_code_source)),
    ];
    facts.into_iter().filter_map(|(name, fact)| Some((name.to_owned(), text(fact?))))
}

/// Reads the facts of an order's item; `None` for an order that was stored before any were kept.
pub(super) fn read(item: &Item) -> Option<Facts> {
    let fact = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
    Some(Facts {
        response_code: fact(RESPONSE_CODE)?,
        response_code_source: fact(RESPONSE_CODE_SOURCE)?,
        site: fact(SITE),
        descriptor: fact(DESCRIPTOR),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_read_back_and_an_item_from_before_has_none() {
        let sample = include_str!("../../../../events/decline.json");
        let decline: Decline = serde_json::from_str(sample).unwrap();
        let item: Item = of(&decline).collect();
        assert_eq!(read(&item), Some(Facts::of(&decline)));
        assert_eq!(read(&Item::new()), None);
    }
}
