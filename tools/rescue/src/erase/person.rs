//! Telling whether something that is kept is about one person.

use std::collections::BTreeSet;

use models::decline::Decline;
use models::ids::{MerchantId, OrderId};
use serde_json::Value;

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
    pub(crate) fn is_in(&self, text: &str) -> bool {
        let Ok(value) = serde_json::from_str::<Value>(text) else { return self.is_in_words(text) };
        let merchant = value.get("merchant").and_then(Value::as_str);
        let is_another_s = merchant.is_some_and(|merchant| merchant != self.merchant.as_str());
        !is_another_s && (self.is_in_value(&value) || self.is_the_order_of(&value))
    }

    /// The id of an order, as our messages and FlexFactor's have it.
    fn is_the_order_of(&self, value: &Value) -> bool {
        let ids = ["order_id", "ExternalOrderId"].into_iter().filter_map(|name| value.get(name)?.as_str());
        ids.into_iter().any(|id| self.orders.iter().any(|order| order.as_str() == id))
    }

    /// The address anywhere, whoever's message it is; the id where a customer's id stands, since elsewhere it may be another's.
    fn is_in_value(&self, value: &Value) -> bool {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
            Value::String(text) => self.emails.contains(&text.trim().to_lowercase()),
            Value::Array(items) => items.iter().any(|item| self.is_in_value(item)),
            Value::Object(fields) => {
                let id =
                    fields.get("customer").and_then(|customer| customer.get("id")).and_then(Value::as_str);
                id.is_some_and(|id| self.customers.contains(id))
                    || fields.values().any(|field| self.is_in_value(field))
            }
        }
    }

    /// What is not JSON has no fields: any of it that stands there as a word.
    fn is_in_words(&self, text: &str) -> bool {
        let is_of_word = |c: char| c.is_alphanumeric() || matches!(c, '@' | '.' | '_' | '-' | '+');
        text.split(|c| !is_of_word(c)).map(|word| word.trim_matches('.')).any(|word| {
            self.emails.contains(&word.to_lowercase())
                || self.customers.contains(word)
                || self.orders.iter().any(|order| order.as_str() == word)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn person() -> Person {
        Person {
            merchant: "acme".parse().unwrap(),
            emails: BTreeSet::from(["pat@example.com".to_owned()]),
            customers: BTreeSet::from(["cus-7".to_owned()]),
            orders: BTreeSet::from(["INV-1".parse().unwrap()]),
        }
    }

    #[test]
    fn a_message_is_a_person_s_by_address_id_or_order() {
        for (message, is_theirs) in [
            (json!({ "merchant": "acme", "customer": { "email": "Pat@Example.com " } }), true),
            (json!({ "merchant": "acme", "customer": { "id": "cus-7" } }), true),
            (json!({ "merchant": "acme", "order_id": "INV-1" }), true),
            (json!({ "ExternalOrderId": "INV-1" }), true),
            (json!({ "Data": [{ "payer": { "mail": "pat@example.com" } }] }), true),
            (json!({ "customer": { "email": "pat@example.com" } }), true),
            (json!({ "merchant": "other", "customer": { "email": "pat@example.com" } }), false),
            (json!({ "merchant": "other", "order_id": "INV-1" }), false),
            (
                json!({ "merchant": "acme", "customer": { "email": "chris.pat@example.com", "id": "cus-77" } }),
                false,
            ),
            (json!({ "merchant": "acme", "transaction": { "id": "cus-7" } }), false),
        ] {
            assert_eq!(person().is_in(&message.to_string()), is_theirs, "{message}");
        }
    }

    #[test]
    fn what_is_not_json_is_a_person_s_by_whole_words() {
        for (text, is_theirs) in [
            ("merchant=acme;email=PAT@example.com;", true),
            ("mail to pat@example.com.", true),
            ("{\"customer\": {\"id\": \"cus-7\", ", true),
            ("order INV-1 of", true),
            ("cus-77, INV-12, a.pat@example.com, pat@example.com.au", false),
        ] {
            assert_eq!(person().is_in(text), is_theirs, "{text}");
        }
    }
}
