//! Compiles a change into the expressions of one `UpdateItem`. What a change means is said in `models::change`; a
//! property test holds the two together.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use models::change::{Change, Effect, Guard};
use models::ids::OrderKey;
use models::order::Facet;
use models::status::Status;

use super::item::{SCHEMA, attr, number, refunds_attributes, text, time, totals_attributes, wish_attributes};
use super::key::{due_shard, order as order_key, shard_name};

/// The expressions of an update, with their names and values.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Update {
    pub(super) condition: String,
    pub(super) update: String,
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
}

/// Compiles `change` for the order under `key`.
pub(super) fn compile(key: &OrderKey, change: &Change) -> Update {
    let mut expressions = Expressions::default();
    let mut conditions = vec![expressions.known_schema()];
    conditions.extend(expressions.status_condition(change));
    conditions.extend(change.guards.iter().map(|guard| expressions.condition(guard)));

    expressions.set(attr::UPDATED_AT, time(change.at));
    expressions.increment(attr::VERSION);
    if let Some(status) = change.transition.to() {
        expressions.set(attr::STATUS, text(status.word()));
    }
    if change.drops_request() {
        expressions.remove(attr::REQUEST);
    }
    for effect in &change.effects {
        expressions.effect(key, effect, change);
    }
    Update {
        condition: conditions.join(" AND "),
        update: expressions.update(),
        names: expressions.names,
        values: expressions.values,
    }
}

/// For benchmarks: what a change is compiled to, which nobody else may look into.
#[cfg(feature = "measure")]
#[must_use]
pub fn compiled(key: &OrderKey, change: &Change) -> impl Sized + use<> {
    compile(key, change)
}

#[derive(Default)]
struct Expressions {
    sets: Vec<String>,
    removes: Vec<String>,
    adds: Vec<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Expressions {
    /// Every attribute goes by a placeholder, since some of their names are reserved words.
    fn name(&mut self, attribute: &str) -> String {
        let name = format!("#{attribute}");
        self.names.insert(name.clone(), attribute.to_owned());
        name
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let name = format!(":v{}", self.values.len());
        self.values.insert(name.clone(), value);
        name
    }

    fn set(&mut self, attribute: &str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(value));
        self.sets.push(format!("{name} = {value}"));
    }

    fn set_if_absent(&mut self, attribute: &str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(value));
        self.sets.push(format!("{name} = if_not_exists({name}, {value})"));
    }

    fn increment(&mut self, attribute: &str) {
        let (name, one) = (self.name(attribute), self.value(number(1)));
        self.sets.push(format!("{name} = {name} + {one}"));
    }

    fn remove(&mut self, attribute: &str) {
        let name = self.name(attribute);
        self.removes.push(name);
    }

    /// That the order exists, and in a form that this version knows. An update is written before its item is read: without this a
    /// version that was moved back to would change orders of a later one by its own rules, and only then find that it can't
    /// read them. It stands in the place of `attribute_exists`, since a comparison with an attribute that is not there fails:
    /// no write costs more for it, and no read comes before it. A refused order comes back with the refusal, and reading that
    /// tells the schema.
    fn known_schema(&mut self) -> String {
        let (schema, known) = (self.name(attr::SCHEMA), self.value(number(SCHEMA)));
        format!("{schema} <= {known}")
    }

    fn status_condition(&mut self, change: &Change) -> Option<String> {
        let from = change.transition.from();
        if from.len() == Status::ALL.len() {
            return None;
        }
        let name = self.name(attr::STATUS);
        let words: Vec<_> = from.iter().map(|status| self.value(text(status.word()))).collect();
        Some(format!("{name} IN ({})", words.join(", ")))
    }

    fn condition(&mut self, guard: &Guard) -> String {
        match guard {
            Guard::Unseen(tag) => {
                let (name, value) = (self.name(attr::SEEN), self.value(text(tag.as_str())));
                format!("NOT contains({name}, {value})")
            }
            Guard::ProviderOrder(id) => {
                let (name, value) = (self.name(attr::PROVIDER_ORDER), self.value(text(id.as_str())));
                format!("(attribute_not_exists({name}) OR {name} = {value})")
            }
            Guard::NoProviderOrder => format!("attribute_not_exists({})", self.name(attr::PROVIDER_ORDER)),
            Guard::NoErrand => {
                let signalled = self.value(text(Facet::Signalled.word()));
                let (refund, dispute) = (self.name(attr::REFUND), self.name(attr::DISPUTE));
                let closed = |name: &str| format!("(attribute_not_exists({name}) OR {name} <> {signalled})");
                let (wish, under_way) = (self.name(attr::WISH), self.name(attr::REFUND_UNDER_WAY));
                let absent = |name: &str| format!("attribute_not_exists({name})");
                [closed(&refund), closed(&dispute), absent(&wish), absent(&under_way)].join(" AND ")
            }
            Guard::NoWish => format!("attribute_not_exists({})", self.name(attr::WISH)),
            Guard::Attempt(attempt) => {
                let (name, value) = (self.name(attr::ATTEMPTS), self.value(number(attempt)));
                format!("{name} = {value}")
            }
            Guard::LeaseOver(now) => {
                let (lease, now) = (self.name(attr::LEASE_UNTIL), self.value(time(*now)));
                format!("(attribute_not_exists({lease}) OR {lease} <= {now})")
            }
            Guard::FirstAttemptAfter(limit) => {
                let (name, value) = (self.name(attr::FIRST_ATTEMPT_AT), self.value(time(*limit)));
                format!("(attribute_not_exists({name}) OR {name} > {value})")
            }
            Guard::Version(version) => {
                let (name, value) = (self.name(attr::VERSION), self.value(number(version)));
                format!("{name} = {value}")
            }
        }
    }

    fn effect(&mut self, key: &OrderKey, effect: &Effect, change: &Change) {
        match effect {
            Effect::Reason(reason) => {
                self.set(attr::REASON, text(reason.code.word()));
                self.set(attr::REASON_DETAIL, text(&reason.detail));
            }
            Effect::Due(Some(due)) => {
                self.set(attr::DUE_AT, number(due.at.as_second()));
                self.set(attr::DUE_REASON, text(due.reason.word()));
                self.set(attr::DUE_LOOKS, number(due.looks));
                self.set(attr::DUE_SHARD, text(shard_name(due_shard(&order_key(key)))));
            }
            // Without its key attributes the order leaves the index.
            Effect::Due(None) => {
                for attribute in attr::DUE {
                    self.remove(attribute);
                }
            }
            Effect::Remember(tags) => {
                let tags = tags.iter().map(|tag| tag.as_str().to_owned()).collect();
                let (name, value) = (self.name(attr::SEEN), self.value(AttributeValue::Ss(tags)));
                self.adds.push(format!("{name} {value}"));
            }
            Effect::ProviderOrder(id) => self.set(attr::PROVIDER_ORDER, text(id.as_str())),
            Effect::Confirmation(confirmation) => self.set(attr::CONFIRMATION, text(confirmation)),
            Effect::StartAttempt { key, account, lease_until } => {
                self.increment(attr::ATTEMPTS);
                self.set_if_absent(attr::ACCOUNT, text(account));
                self.set_if_absent(attr::IDEMPOTENCY_KEY, text(key.to_string()));
                self.set_if_absent(attr::FIRST_ATTEMPT_AT, time(change.at));
                self.set(attr::LEASE_UNTIL, time(*lease_until));
            }
            Effect::EndLease => self.remove(attr::LEASE_UNTIL),
            Effect::HoldUntil(until) => self.set(attr::LEASE_UNTIL, time(*until)),
            Effect::ForgetAttempts => {
                let (unsent, attempts) = (self.name(attr::UNSENT), self.name(attr::ATTEMPTS));
                self.sets.push(format!("{unsent} = {attempts}"));
                self.remove(attr::FIRST_ATTEMPT_AT);
                self.remove(attr::ACCOUNT);
            }
            Effect::Refund(facet) => self.facet(attr::REFUND, *facet),
            Effect::Dispute(facet) => self.facet(attr::DISPUTE, *facet),
            Effect::Wish(wish) => self.set_all(wish_attributes(wish)),
            Effect::Totals(totals) => self.set_all(totals_attributes(*totals)),
            Effect::Refunds(refunds) => {
                let attributes = refunds_attributes(refunds);
                for name in [attr::REFUNDS, attr::REFUND_UNDER_WAY] {
                    if attributes.iter().all(|(set, _)| set != name) {
                        self.remove(name);
                    }
                }
                self.set_all(attributes);
            }
        }
    }

    fn set_all(&mut self, attributes: impl IntoIterator<Item = (String, AttributeValue)>) {
        for (name, value) in attributes {
            self.set(&name, value);
        }
    }

    fn facet(&mut self, attribute: &str, facet: Facet) {
        match facet {
            Facet::None => self.remove(attribute),
            Facet::Signalled | Facet::Confirmed => self.set(attribute, text(facet.word())),
        }
    }

    fn update(&self) -> String {
        [("SET", &self.sets), ("REMOVE", &self.removes), ("ADD", &self.adds)]
            .into_iter()
            .filter(|(_, clauses)| !clauses.is_empty())
            .map(|(verb, clauses)| format!("{verb} {}", clauses.join(", ")))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

#[cfg(test)]
mod tests {
    use models::status::Transition;

    use super::*;

    /// Which status may follow which is written in `Transition::from` and nowhere else: the condition names just those.
    #[test]
    fn the_condition_of_a_step_names_the_statuses_that_it_may_start_from() {
        let key = OrderKey { merchant: "acme".parse().unwrap(), order_id: "INV-1".parse().unwrap() };
        for transition in Transition::ALL {
            let update = compile(&key, &Change::new(*transition, jiff::Timestamp::UNIX_EPOCH));
            let placeholders =
                update.condition.split_once(" IN (").map(|(_, rest)| rest.trim_end_matches(')'));
            let named: Option<Vec<&str>> = placeholders.map(|list| {
                list.split(", ").map(|value| update.values[value].as_s().unwrap().as_str()).collect()
            });
            let from: Vec<_> = transition.from().iter().map(|status| status.word()).collect();
            let expected = (from.len() < Status::ALL.len()).then_some(from);
            assert_eq!(named, expected, "{transition:?}: {}", update.condition);
            // Beside the list, only that the order exists in a schema that is known: no status is asked for in another way.
            let known =
                format!("{} <= ", update.names.iter().find(|(_, name)| *name == attr::SCHEMA).unwrap().0);
            assert!(update.condition.contains(&known), "{transition:?}: {}", update.condition);
            assert_eq!(
                update.condition.matches(" AND ").count(),
                usize::from(expected.is_some()),
                "{transition:?}"
            );
        }
    }
}
