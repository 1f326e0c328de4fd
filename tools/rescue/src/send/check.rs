//! Every line is held against the same rules as the functions hold it against, before anything is sent.

use std::collections::BTreeMap;

use jiff::Timestamp;
use models::decline::Decline;
use models::ids::{ContentHash, MerchantId, OrderKey};
use models::merchant::Merchant;
use models::refusal::{Refusal, Rule};
use models::screening::{self, Limits};
use serde::Serialize;

use super::lines::Line;

/// A line that may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    /// Its number.
    pub(crate) line: u64,
    /// The message's body.
    pub(crate) body: String,
}

/// A line that is not sent, and why. No value of it is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RefusedLine {
    /// Its number.
    pub(crate) line: u64,
    /// The rule's stable code, or `conflict` for another decline under an id that stands earlier in the file.
    pub(crate) rule: String,
    /// The field, where it is one.
    pub(crate) path: String,
    /// What is wrong, in one sentence.
    pub(crate) sentence: String,
}

/// What became of the lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Checked {
    /// To be sent, in the file's order.
    pub(crate) good: Vec<Outgoing>,
    /// Not to be sent.
    pub(crate) refused: Vec<RefusedLine>,
    /// The same decline as in an earlier line: sent once.
    pub(crate) repeated: Vec<u64>,
}

/// The code of the one rule that needs a whole file to be broken.
pub(crate) const CONFLICT: &str = "conflict";

/// A decline that could be read; who is asked about its merchant comes later.
#[derive(Debug)]
pub(crate) struct Readable {
    outgoing: Outgoing,
    decline: Decline,
}

impl Readable {
    /// The merchant that it names.
    #[must_use]
    pub(crate) fn merchant(&self) -> &MerchantId {
        &self.decline.merchant
    }
}

/// Reads lines as declines, card guard first.
#[must_use]
pub(crate) fn read(lines: Vec<Line>) -> (Vec<Readable>, Vec<RefusedLine>) {
    let (mut readable, mut refused) = (Vec::new(), Vec::new());
    for Line { number, body } in lines {
        let read = body.and_then(|body| {
            let decline = screening::parse(&body).and_then(|value| screening::read(&value))?;
            Ok(Readable { outgoing: Outgoing { line: number, body }, decline })
        });
        match read {
            Ok(decline) => readable.push(decline),
            Err(refusal) => refused.push(refused_line(number, refusal)),
        }
    }
    (readable, refused)
}

/// Screens declines against their merchants and the deployment's limits, and against one another.
#[must_use]
pub(crate) fn screen(
    readable: Vec<Readable>,
    refused: Vec<RefusedLine>,
    merchants: &BTreeMap<MerchantId, Option<Merchant>>,
    limits: &Limits,
    now: Timestamp,
) -> Checked {
    let mut checked = Checked { refused, ..Checked::default() };
    let mut seen: BTreeMap<OrderKey, ContentHash> = BTreeMap::new();
    for Readable { outgoing, decline } in readable {
        let merchant = merchants.get(&decline.merchant).and_then(Option::as_ref);
        let (key, content) = (decline.key(), decline.content());
        let screened = screening::screen(decline, merchant, limits, now);
        match (screened, content) {
            (Err(refusal), _) => checked.refused.push(refused_line(outgoing.line, refusal)),
            (Ok(_), Err(_)) => checked.refused.push(refused_line(
                outgoing.line,
                Refusal::new(Rule::Schema, "", "The line can't be written as JSON again."),
            )),
            (Ok(_), Ok(content)) => match seen.get(&key) {
                None => {
                    seen.insert(key, content);
                    checked.good.push(outgoing);
                }
                Some(first) if *first == content => checked.repeated.push(outgoing.line),
                Some(_) => checked.refused.push(RefusedLine {
                    line: outgoing.line,
                    rule: CONFLICT.to_owned(),
                    path: "order_id".to_owned(),
                    sentence: "An earlier line has another decline under this merchant and order id."
                        .to_owned(),
                }),
            },
        }
    }
    checked.refused.sort_by_key(|refused| refused.line);
    checked
}

fn refused_line(line: u64, refusal: Refusal) -> RefusedLine {
    let Refusal { rule, sentence, path } = refusal;
    RefusedLine { line, rule: rule.code().to_owned(), path, sentence }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use serde_json::{Value, json};

    fn sample() -> Value {
        serde_json::from_str(include_str!("../../../../events/decline.json")).unwrap()
    }

    fn check(messages: &[Value]) -> Checked {
        let lines =
            (1..).zip(messages).map(|(number, message)| Line { number, body: Ok(message.to_string()) });
        let (readable, refused) = read(lines.collect());
        let merchant = serde_json::from_str(include_str!("../../../../events/merchant.json")).unwrap();
        let merchants = BTreeMap::from([("acme".parse().unwrap(), Some(merchant))]);
        let limits = Limits {
            decline_age_max: SignedDuration::from_hours(24),
            window_days_min: 14,
            window_days_max: 21,
            window_days_default: 21,
        };
        screen(readable, refused, &merchants, &limits, "2026-11-21T10:00:00Z".parse().unwrap())
    }

    #[test]
    fn lines_are_refused_by_the_functions_rules_and_no_value_is_repeated() {
        let with = |pointer: &str, value: Value| {
            let mut message = sample();
            *message.pointer_mut(pointer).unwrap() = value;
            message
        };
        let messages = [
            sample(),
            with("/customer/email", json!("4111111111111111")),
            with("/declined_at", json!("2026-11-19T10:00:00Z")),
            with("/merchant", json!("nobody")),
            with("/amount/minor", json!("nineteen")),
        ];
        let checked = check(&messages);
        let told: Vec<_> =
            checked.refused.iter().map(|line| (line.line, line.rule.as_str(), line.path.as_str())).collect();
        assert_eq!(
            told,
            [
                (2, "card_number", "customer.email"),
                (3, "stale", "declined_at"),
                (4, "merchant_unknown", "merchant"),
                (5, "schema", "amount.minor"),
            ]
        );
        assert!(!format!("{:?}", checked.refused).contains("4111"));
        assert_eq!(checked.good.len(), 1);
    }

    #[test]
    fn the_same_decline_twice_is_sent_once_and_another_under_its_id_is_refused() {
        let mut other = sample();
        other["amount"]["minor"] = json!(1998);
        let checked = check(&[sample(), sample(), other]);
        assert_eq!(checked.repeated, [2]);
        assert_eq!((checked.refused[0].line, checked.refused[0].rule.as_str()), (3, CONFLICT));
        assert_eq!(checked.good.iter().map(|line| line.line).collect::<Vec<_>>(), [1]);
    }
}
