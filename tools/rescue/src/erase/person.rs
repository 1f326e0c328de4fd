//! Telling whether something that is kept is about one person.

use std::collections::BTreeSet;

use models::decline::Decline;
use models::ids::{MerchantId, OrderId};
use serde_json::Value;

/// Characters that may be part of an address or an id when letters or digits are on both sides of them.
const JOINING: &[char] = &['.', '_', '-', '+', '\'', '’', '@', '/', '|', '!', '~', '*'];

/// Whether something is a person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Match {
    /// Nothing says so.
    No,
    /// An id stands in it as a word, which may be another's, or what may be one whose digits are masked: somebody must look.
    Perhaps,
    /// It is.
    Theirs,
}

/// What a person is known by at one merchant: each of it alone is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) merchant: MerchantId,
    /// E-mail addresses, in lower case.
    pub(crate) emails: BTreeSet<String>,
    /// The merchant's ids of the customer.
    pub(crate) customers: BTreeSet<String>,
    /// Orders.
    pub(crate) orders: BTreeSet<OrderId>,
}

impl Person {
    /// Whether a decline that an order holds is this person's.
    pub(crate) fn has(&self, decline: &Decline) -> bool {
        decline.merchant == self.merchant
            && (self.orders.contains(&decline.order_id)
                || self.emails.contains(&decline.customer.email.as_str().to_lowercase())
                || decline.customer.id.as_ref().is_some_and(|id| self.customers.contains(id.as_str())))
    }

    /// Whether a message, or the copy of one, is this person's. What names another merchant is not; what names none may be.
    pub(crate) fn is_in(&self, text: &str) -> Match {
        let Ok(value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) else {
            return self.is_in_words(text);
        };
        let merchant = value.get("merchant").and_then(Value::as_str);
        if merchant.is_some_and(|merchant| merchant != self.merchant.as_str()) {
            return Match::No;
        }
        match self.is_the_order_of(&value) {
            true => Match::Theirs,
            false => self.is_in_value(&value),
        }
    }

    /// The id of an order, as our messages and FlexFactor's have it.
    fn is_the_order_of(&self, value: &Value) -> bool {
        let mut ids =
            ["order_id", "ExternalOrderId"].into_iter().filter_map(|name| text_of(value.get(name)?));
        ids.any(|id| self.orders.iter().any(|order| order.as_str() == id))
    }

    /// The address anywhere; the id where a customer's id stands, since elsewhere it may be another's.
    fn is_in_value(&self, value: &Value) -> Match {
        let of_all = |values: &mut dyn Iterator<Item = &Value>| {
            values.map(|value| self.is_in_value(value)).max().unwrap_or(Match::No)
        };
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Match::No,
            // A message within a message.
            Value::String(text) if text.starts_with(['{', '[']) => self.is_in(text),
            Value::String(text) if self.is_addressed_in(text) => Match::Theirs,
            Value::String(_) => Match::No,
            Value::Array(items) => of_all(&mut items.iter()),
            Value::Object(fields) => {
                let id = fields.get("customer").and_then(|customer| text_of(customer.get("id")?));
                match id.is_some_and(|id| self.customers.contains(&id)) {
                    true => Match::Theirs,
                    false => of_all(&mut fields.values()),
                }
            }
        }
    }

    fn is_addressed_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.emails.iter().any(|email| stands_in(&text, email, char::is_alphanumeric))
    }

    /// What is not JSON has no fields: an address tells whose it is, an id only that it may be. Copies of it have their digits
    /// masked (`card_guard::redact_unparsed`).
    fn is_in_words(&self, text: &str) -> Match {
        if self.is_addressed_in(text) {
            return Match::Theirs;
        }
        let ids = || self.customers.iter().map(String::as_str).chain(self.orders.iter().map(OrderId::as_str));
        let is_word = |c: char| c.is_alphanumeric() || c == '#';
        let is_masked = |name: &str, text: &str| {
            let masked = name.replace(|c: char| c.is_ascii_digit(), "#");
            masked != name && stands_in(text, &masked, is_word)
        };
        let lower = text.to_lowercase();
        let may_be = ids().any(|id| stands_in(text, id, char::is_alphanumeric) || is_masked(id, text))
            || self.emails.iter().any(|email| is_masked(email, &lower));
        if may_be { Match::Perhaps } else { Match::No }
    }
}

/// An id, also where somebody wrote it as a number.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether `name` stands in `text` by itself, and not as part of a longer one.
fn stands_in(text: &str, name: &str, is_word: impl Fn(char) -> bool) -> bool {
    let is_edge = |next: Option<char>, beyond: Option<char>| match next {
        None => true,
        Some(c) if is_word(c) => false,
        Some(c) => !(JOINING.contains(&c) && beyond.is_some_and(&is_word)),
    };
    text.match_indices(name).any(|(at, _)| {
        let (before, rest) = text.split_at(at);
        let (mut before, mut after) = (before.chars().rev(), rest.chars().skip(name.chars().count()));
        is_edge(before.next(), before.next()) && is_edge(after.next(), after.next())
    })
}

#[cfg(test)]
#[path = "person_tests.rs"]
mod tests;
