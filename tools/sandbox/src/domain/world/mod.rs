//! The whole of the simulated FlexFactor: merchants, orders, what is due, what was sent.

mod cancel;
mod capture;
mod evaluate;
mod forging;
mod lifecycle;
mod refund;
mod sending;
mod views;

use std::collections::{BTreeMap, HashMap, VecDeque};

pub use evaluate::{EvaluateAnswer, Evaluated};
use jiff::Timestamp;
pub use refund::RefundDone;
use serde_json::Value;

use super::{
    Endpoint,
    clock::after,
    delivery::{Delivery, Role, Send},
    doc::Doc,
    fate::Action,
    fault::CallFault,
    ids::Ids,
    ledger::{Books, Refused, TransmittedEntry},
    merchant::Merchant,
    order::{FaultNote, Order},
    refusal::Refusal,
    scenario::{Rule, Scenario},
    settings::Settings,
    token::Tokens,
    vault::Vault,
};

/// A merchant and one of its order ids.
pub(super) type Pair = (String, String);

/// Something that happens at an instant.
#[derive(Clone, Debug)]
enum Due {
    /// To an order.
    Step { order_id: String, action: Action },
    /// The first try of a webhook that was delayed or held back.
    FirstTry(u64),
    /// A later try.
    Retry(u64),
    /// Duplicates.
    Copies(u64, u32),
}

/// The simulated FlexFactor.
#[derive(Debug)]
pub struct World {
    seed: u64,
    ids: Ids,
    settings: Settings,
    rules: Vec<Rule>,
    merchants: BTreeMap<String, Merchant>,
    /// Bearer tokens.
    pub tokens: Tokens,
    /// Cards.
    pub vault: Vault,
    orders: BTreeMap<String, Order>,
    by_external: BTreeMap<Pair, Vec<String>>,
    evaluate_keys: HashMap<Pair, evaluate::KeyUse>,
    cancel_keys: HashMap<Pair, cancel::KeyUse>,
    capture_keys: HashMap<Pair, capture::KeyUse>,
    timeline: BTreeMap<(Timestamp, u64), Due>,
    deliveries: BTreeMap<u64, Delivery>,
    /// By order: the webhook whose first try is awaited, and those that wait for it.
    queues: HashMap<String, (u64, VecDeque<u64>)>,
    open: HashMap<u64, Role>,
    calls: HashMap<(Endpoint, String, Option<String>), u32>,
    books: Books,
    outbox: Vec<Send>,
    sequence: u64,
}

impl World {
    /// An empty world. `seed` decides fates and faults, `salt` makes the ids and nonces of this run.
    #[must_use]
    pub fn new(seed: u64, salt: u64, settings: Settings, rules: Vec<Rule>, merchants: Vec<Merchant>) -> Self {
        let merchants = merchants.into_iter().map(|merchant| (merchant.mid.clone(), merchant)).collect();
        Self {
            seed,
            ids: Ids::new(salt),
            settings,
            rules,
            merchants,
            tokens: Tokens::default(),
            vault: Vault::default(),
            orders: BTreeMap::new(),
            by_external: BTreeMap::new(),
            evaluate_keys: HashMap::new(),
            cancel_keys: HashMap::new(),
            capture_keys: HashMap::new(),
            timeline: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            queues: HashMap::new(),
            open: HashMap::new(),
            calls: HashMap::new(),
            books: Books::default(),
            outbox: Vec::new(),
            sequence: 0,
        }
    }

    /// Forgets everything but the merchants, the settings and the rules. Answers to requests still under way are
    /// ignored.
    pub fn reset(&mut self, salt: u64) {
        let merchants = std::mem::take(&mut self.merchants).into_values().collect();
        let (settings, rules) = (std::mem::take(&mut self.settings), std::mem::take(&mut self.rules));
        let sequence = self.sequence;
        *self = Self::new(self.seed, salt, settings, rules, merchants);
        // Numbers go on, so that an answer to a request of before can't be taken for one of after.
        self.sequence = sequence;
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The merchants, by mid.
    #[must_use]
    pub fn merchants(&self) -> &BTreeMap<String, Merchant> {
        &self.merchants
    }

    /// Takes over what a scenario has; what it lacks stays.
    pub fn apply(&mut self, scenario: Scenario) {
        if let Some(rules) = scenario.rules {
            self.rules = rules;
        }
        if let Some(settings) = scenario.settings {
            self.settings = settings;
        }
    }

    /// Adds a merchant or replaces the one with its mid.
    pub fn put_merchant(&mut self, merchant: Merchant) {
        self.merchants.insert(merchant.mid.clone(), merchant);
    }

    /// The merchant with these credentials.
    #[must_use]
    pub fn merchant_by_key(&self, key: &str, secret: &str) -> Option<&Merchant> {
        self.merchants.values().find(|merchant| merchant.has_key(key, secret))
    }

    /// The order with FlexFactor's id, if it is this merchant's.
    #[must_use]
    pub fn order(&self, mid: &str, order_id: &str) -> Option<&Order> {
        self.orders.get(&order_id.to_ascii_lowercase()).filter(|order| order.mid == mid)
    }

    /// The merchant's orders.
    pub fn orders_of<'a>(&'a self, mid: &'a str) -> impl Iterator<Item = &'a Order> {
        self.orders.values().filter(move |order| order.mid == mid)
    }

    /// The youngest order with the merchant's id.
    #[must_use]
    pub fn order_by_external(&self, mid: &str, external_id: &str) -> Option<&Order> {
        let ids = self.by_external.get(&(mid.to_owned(), external_id.to_owned()))?;
        self.orders.get(ids.last()?)
    }

    /// Lets everything happen that is due by `now`, in the order of time.
    pub fn advance_to(&mut self, now: Timestamp) {
        while let Some(entry) = self.timeline.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((at, _), due) = entry.remove_entry();
            match due {
                Due::Step { order_id, action } => self.act(at, &order_id, &action),
                Due::FirstTry(delivery) => self.first_try_is_due(at, delivery),
                Due::Retry(delivery) => self.begin_attempt(at, delivery),
                Due::Copies(delivery, count) => self.send_copies(at, delivery, count),
            }
        }
    }

    /// When something is due next.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.timeline.keys().next().map(|(at, _)| *at)
    }

    /// What must be sent now. Each is to be answered with [`World::sent`].
    pub fn take_outbox(&mut self) -> Vec<Send> {
        std::mem::take(&mut self.outbox)
    }

    /// Counts a call and says which fault hits it. `external_id` is the merchant's order id, if the call has one.
    pub fn begin_call(
        &mut self,
        now: Timestamp,
        endpoint: Endpoint,
        mid: &str,
        external_id: Option<&str>,
    ) -> Option<CallFault> {
        let key = (endpoint, mid.to_owned(), external_id.map(str::to_owned));
        let number = self.calls.entry(key).or_insert(0);
        *number += 1;
        let number = *number;
        let seed = self.seed;
        let rule = self.rules.iter().find(|rule| rule.when.matches(mid, external_id))?;
        let fault = rule.calls.iter().enumerate().find(|(index, fault)| {
            let scripted = number > fault.skip && number <= fault.skip.saturating_add(fault.times);
            let name = [
                "call",
                endpoint.name(),
                mid,
                external_id.unwrap_or(""),
                &number.to_string(),
                &index.to_string(),
            ];
            fault.on.contains(&endpoint) && scripted && fault.probability.hits(seed, &name)
        });
        let fault = fault.map(|(_, fault)| fault.clone())?;
        let place = format!("{} call {number}", endpoint.name());
        self.note_fault(mid, external_id, FaultNote { at: now, kind: fault.kind.name().to_owned(), place });
        Some(fault)
    }

    /// Counts a request that arrived.
    pub fn note_request(&mut self, endpoint: Endpoint) {
        self.books.requests.entry(endpoint).or_default().received += 1;
    }

    /// Counts its answer: an HTTP status, or what took its place.
    pub fn note_answer(&mut self, endpoint: Endpoint, answer: &str) {
        *self.books.requests.entry(endpoint).or_default().answers.entry(answer.to_owned()).or_insert(0) += 1;
    }

    /// Counts card numbers seen where a token is expected.
    pub fn note_card_numbers(&mut self, count: u64) {
        self.books.card_numbers_seen += count;
    }

    /// Keeps what a /transmit brought and makes its id.
    pub fn transmit(&mut self, now: Timestamp, mid: &str, body: &Value) -> String {
        let number = self.books.transmitted.len() + 1;
        let transmit_id = self.ids.guid(&["transmit", mid, &number.to_string()]);
        let doc = Doc::new(body);
        let transaction = doc.object("transaction");
        self.books.transmitted.push(TransmittedEntry {
            at: now,
            mid: mid.to_owned(),
            external_order_id: doc.text_or_number("orderId").unwrap_or_default(),
            transaction_id: transaction.text_or_number("id"),
            declined: doc.flag("isDeclined").unwrap_or_default(),
            amount_minor: transaction.get("amount").and_then(Value::as_i64),
            currency: transaction.text("currency").map(str::to_owned),
            has_card_number: doc.object("paymentMethod").get("cardNumber").is_some(),
            transmit_id: transmit_id.clone(),
        });
        transmit_id
    }

    /// Makes the token of a card, and keeps the card.
    pub fn tokenize(&mut self, mid: &str, card: super::vault::Card) -> String {
        let token = self.ids.guid(&["card", mid, &self.vault.count().to_string()]);
        self.vault.put(token.clone(), card);
        token
    }

    /// Issues a bearer token.
    pub fn issue_token(&mut self, now: Timestamp, mid: &str) -> super::token::IssuedToken {
        self.tokens.issue(&self.ids, now, self.settings.tokens.lifetime_seconds, mid)
    }

    /// A trace id as ASP.NET writes it.
    pub fn trace_id(&mut self) -> String {
        let name = self.next_number().to_string();
        format!("00-{}-{}-01", self.ids.hex(&["trace", &name], 32), self.ids.hex(&["span", &name], 16))
    }

    /// Keeps a refused call for the ledger.
    pub fn note_refused(
        &mut self,
        at: Timestamp,
        endpoint: Endpoint,
        mid: &str,
        external_id: Option<&str>,
        why: &Refusal,
    ) {
        self.books.refused.push(Refused {
            at,
            endpoint,
            mid: mid.to_owned(),
            external_order_id: external_id.map(str::to_owned),
            http_status: why.http_status,
            reason: why.reason(),
        });
    }

    fn note_fault(&mut self, mid: &str, external_id: Option<&str>, note: FaultNote) {
        let pair = (mid.to_owned(), external_id.unwrap_or_default().to_owned());
        self.books.faults.entry(pair).or_default().push(note);
    }

    fn rule(&self, mid: &str, external_id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.when.matches(mid, Some(external_id)))
    }

    fn schedule(&mut self, at: Timestamp, due: Due) {
        let number = self.next_number();
        self.timeline.insert((at, number), due);
    }

    fn schedule_after(&mut self, from: Timestamp, seconds: u64, due: Due) {
        self.schedule(after(from, seconds), due);
    }

    fn next_number(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }
}
