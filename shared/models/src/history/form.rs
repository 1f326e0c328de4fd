//! The canonical form of an entry, and its hash. Stored hashes depend on every byte of it: a test holds it against hashes
//! that were written down. A change of it is a new form under new domains, and the old one stays for what is stored.
//!
//! A form is lines of UTF-8, each ended by a line feed. The first one is the domain, which tells what is hashed. Each
//! other one is a field: its name, a space, the length of its value in bytes, a space, the value; or its name, a space and
//! `-` where there is none. As every value is preceded by its length, no two entries have the same form. Times are as
//! [`to_text`] writes them, statuses and the like are their stored words.

use std::fmt::Display;

use sha2::{Digest, Sha256};

use super::{Entry, Hash, State};
use crate::ids::OrderKey;
use crate::order::{Due, Order, Reason, Submission};
use crate::refund::{Refund, Totals};
use crate::time::to_text;
use crate::wish::Wish;

const START: &str = "rebill-rescue history start 1";
const ENTRY: &str = "rebill-rescue history entry 1";
const FACTS: &str = "rebill-rescue history facts 1";

struct Form(Sha256);

impl Form {
    fn new(domain: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(domain);
        hash.update("\n");
        Self(hash)
    }

    fn field(&mut self, name: &str, value: impl Display) {
        let value = value.to_string();
        self.0.update(format!("{name} {} {value}\n", value.len()));
    }

    fn optional(&mut self, name: &str, value: Option<impl Display>) {
        match value {
            Some(value) => self.field(name, value),
            None => self.0.update(format!("{name} -\n")),
        }
    }

    fn key(&mut self, key: &OrderKey) {
        let OrderKey { merchant, order_id } = key;
        self.field("merchant", merchant);
        self.field("order_id", order_id);
    }

    /// Fields are named one by one and none is left out by `..`: a new one breaks the build here.
    fn state(&mut self, state: &State) {
        let State {
            status,
            reason,
            holds_request,
            submission,
            provider_order,
            confirmation,
            due,
            refund,
            dispute,
            wish,
            refunds,
            totals,
        } = state;
        self.field("status", status);
        let reason = reason.as_ref().map(|Reason { code, detail }| (code, detail));
        self.optional("reason", reason.map(|(code, _)| code));
        self.optional("reason_detail", reason.map(|(_, detail)| detail));
        self.field("holds_request", holds_request);
        let Submission { attempts, unsent, idempotency_key, lease_until, first_attempt_at, account } =
            submission;
        self.field("attempts", attempts);
        self.field("unsent", unsent);
        self.optional("idempotency_key", idempotency_key.as_ref());
        self.optional("lease_until", lease_until.map(to_text));
        self.optional("first_attempt_at", first_attempt_at.map(to_text));
        self.optional("account", account.as_ref());
        self.optional("provider_order", provider_order.as_ref());
        self.optional("confirmation", confirmation.as_ref());
        let due = due.map(|Due { at, reason, looks }| (at, reason, looks));
        self.optional("due_at", due.map(|(at, ..)| to_text(at)));
        self.optional("due_reason", due.map(|(_, reason, _)| reason));
        self.optional("due_looks", due.map(|(.., looks)| looks));
        self.field("refund", refund);
        self.field("dispute", dispute);
        // What came with a later version of the form is left out where there is none, so that older hashes stay.
        if let Some(Wish { kind, asked_at, key, state }) = wish {
            self.field("wish", kind);
            self.field("wish_at", to_text(*asked_at));
            self.field("wish_key", key);
            self.field("wish_state", state);
        }
        if let Some(Totals { captured, refunded }) = totals {
            self.field("captured_minor", captured.get());
            self.field("refunded_minor", refunded.get());
        }
        for Refund { id, amount, asked_at, before, asking, state, detail } in refunds {
            self.field("refund_id", id);
            self.field("refund_minor", amount.get());
            self.field("refund_at", to_text(*asked_at));
            self.field("refund_before_minor", before.get());
            self.field("refund_asking", asking);
            self.field("refund_state", state);
            self.field("refund_detail", detail);
        }
    }

    fn finish(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}

pub(super) fn start(key: &OrderKey) -> Hash {
    let mut form = Form::new(START);
    form.key(key);
    form.finish()
}

pub(super) fn facts(order: &Order) -> Hash {
    let mut form = Form::new(FACTS);
    form.field("amount_minor", order.amount.minor.get());
    form.field("currency", order.amount.currency.code());
    form.field("declined_at", to_text(order.declined_at));
    form.field("received_at", to_text(order.received_at));
    form.field("expires_at", to_text(order.expires_at));
    form.field("content", order.content.as_str());
    form.finish()
}

pub(super) fn entry(entry: &Entry) -> Hash {
    let Entry { key, version, at, from, state, remembered, facts, previous, hash: _ } = entry;
    let mut form = Form::new(ENTRY);
    form.field("previous", previous);
    form.key(key);
    form.field("version", version);
    form.field("at", to_text(*at));
    form.optional("from", from.as_ref());
    form.state(state);
    form.field("remembered", remembered.len());
    for tag in remembered {
        form.field("tag", tag.as_str());
    }
    form.field("facts", facts);
    form.finish()
}
