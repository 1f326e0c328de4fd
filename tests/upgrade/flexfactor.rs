//! A FlexFactor that has the orders it is said to have, does what it is asked, and tells what that was.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flexfactor::mapping::{EvaluateStatus, OrderStatus};
use flexfactor::wire::evaluate::EvaluateRequest;
use flexfactor::{
    Account, CancelExternally, CancelOrder, CaptureOrder, Capturing, Evaluate, EvaluateAnswer, FindOrder,
    Lookup, OrderAnswer, Outcome, OutcomeAnswer, ReadOrder, ReadOutcome, Refused,
};
use jiff::Timestamp;
use models::ids::{OrderId, ProviderOrderId};
use models::money::MinorUnits;
use models::refund::Totals;

use crate::lives::at_provider;

/// Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct FlexFactor(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What it was asked, in order.
    calls: Vec<String>,
    /// Its orders: their status in its words, and what was captured and refunded of each.
    orders: BTreeMap<String, (&'static str, Totals)>,
}

impl FlexFactor {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it was asked since the last time.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().calls)
    }

    /// From now on it has our order like this.
    pub(crate) fn has(&self, order_id: &str, word: &'static str, captured: u64, refunded: u64) {
        let totals = Totals { captured: MinorUnits::new(captured), refunded: MinorUnits::new(refunded) };
        self.lock().orders.insert(at_provider(order_id), (word, totals));
    }

    fn set(&self, id: &str, word: &'static str) {
        if let Some(order) = self.lock().orders.get_mut(id) {
            order.0 = word;
        }
    }
}

fn unknown<T>() -> Outcome<T> {
    Outcome::Refused(Refused { http: 404, words: "The order was not found.".to_owned() })
}

impl Evaluate for FlexFactor {
    async fn evaluate(
        &self,
        _: &Account,
        request: &EvaluateRequest<'_>,
        _: Timestamp,
    ) -> Outcome<EvaluateAnswer> {
        let request = serde_json::to_value(request).unwrap();
        let text = |pointer: &str| {
            request.pointer(pointer).and_then(|value| value.as_str()).unwrap_or("-").to_owned()
        };
        let (order_id, key) = (text("/orderId"), text("/idempotencyKey"));
        self.lock().calls.push(format!("evaluate {order_id} {key} {}", text("/transaction/id")));
        self.has(&order_id, "Processing", 0, 0);
        Outcome::Done(EvaluateAnswer {
            provider_order: at_provider(&order_id).parse().unwrap(),
            status: EvaluateStatus::parse("SUBMITTED"),
            word: "SUBMITTED".to_owned(),
        })
    }
}

impl ReadOrder for FlexFactor {
    async fn read_order(&self, _: &Account, id: &ProviderOrderId, _: Timestamp) -> Outcome<OrderAnswer> {
        let mut state = self.lock();
        state.calls.push(format!("read {id}"));
        let Some((word, totals)) = state.orders.get(id.as_str()) else { return unknown() };
        let (status, word) = (OrderStatus::parse(word), (*word).to_owned());
        Outcome::Done(OrderAnswer { status, word, totals: Some(*totals) })
    }
}

impl ReadOutcome for FlexFactor {
    async fn read_outcome(&self, _: &Account, id: &ProviderOrderId, _: Timestamp) -> Outcome<OutcomeAnswer> {
        self.lock().calls.push(format!("outcome {id}"));
        unknown()
    }
}

impl FindOrder for FlexFactor {
    async fn find_order(
        &self,
        _: &Account,
        lookup: Lookup<'_>,
        _: Timestamp,
    ) -> Outcome<Vec<ProviderOrderId>> {
        let mut state = self.lock();
        state.calls.push(format!("find {}", lookup.order_id));
        let id = at_provider(lookup.order_id.as_str());
        let found = state.orders.contains_key(&id).then(|| id.parse().unwrap());
        Outcome::Done(found.into_iter().collect())
    }
}

impl CancelExternally for FlexFactor {
    async fn cancel_externally(&self, _: &Account, order_id: &OrderId, _: Timestamp) -> Outcome<()> {
        self.lock().calls.push(format!("cancel externally {order_id}"));
        self.set(&at_provider(order_id.as_str()), "Cancelled");
        Outcome::Done(())
    }
}

impl CancelOrder for FlexFactor {
    async fn cancel_order(&self, _: &Account, id: &ProviderOrderId, _: Timestamp) -> Outcome<()> {
        self.lock().calls.push(format!("cancel {id}"));
        self.set(id.as_str(), "Cancelled");
        Outcome::Done(())
    }
}

impl CaptureOrder for FlexFactor {
    async fn capture_order(&self, _: &Account, capture: Capturing<'_>, _: Timestamp) -> Outcome<()> {
        self.lock().calls.push(format!("capture {} {}", capture.order, capture.key));
        self.set(capture.order.as_str(), "Completed");
        Outcome::Done(())
    }
}
