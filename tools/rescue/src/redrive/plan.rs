//! What each dead letter would do if it were moved back: decided by the same pure rules as the functions decide by, from
//! what was read of the table. Nothing is moved here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lambda_kit::queue::{DueMessage, DueThing, OrderMessage};
use models::event::{OrderEvent, Resolution};
use models::ids::{IdempotencyKey, MerchantId, OrderKey};
use models::intake::{Repeat, compare};
use models::merchant::Merchant;
use models::order::Order;
use models::parked::{Parked, ParkedKey};
use models::reconcile::{Look, LookRules, Step, look};
use models::refusal::Refusal;
use models::screening::{self, Limits};
use models::submission::{Claim, ClaimRefused, claim, why_refused};
use serde::Serialize;

use super::Queue;
use crate::parked::name_of;

/// A message as it lies in a dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    /// The message's id, by which it is selected.
    pub(crate) id: String,
    /// Its body, as it came.
    pub(crate) body: String,
    /// What holds it.
    pub(crate) receipt: String,
}

/// What of the table the letters are about.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Merchants' configurations.
    pub(crate) merchants: BTreeMap<MerchantId, Merchant>,
    /// Orders.
    pub(crate) orders: BTreeMap<OrderKey, Order>,
    /// Parked things.
    pub(crate) parked: BTreeMap<ParkedKey, Parked>,
}

/// The deployment's rules.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// Of declines.
    pub(crate) limits: Limits,
    /// Of submissions and looks.
    pub(crate) look: LookRules,
}

/// Whether a letter is to be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Its function would change something.
    Changes,
    /// Its function would acknowledge it and change nothing: what it asks for is done.
    Repeats,
    /// It can't be applied: it would only fail again, or be kept aside.
    Rejected,
}

/// What would become of a letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Planned {
    /// The message's id.
    pub(crate) id: String,
    /// What it is about, where that can be read.
    pub(crate) about: Option<String>,
    /// Whether it is to be moved.
    pub(crate) verdict: Verdict,
    /// Where its order stands now.
    pub(crate) from: Option<String>,
    /// Where it would stand then.
    pub(crate) to: Option<String>,
    /// What would happen, or why nothing can.
    pub(crate) says: String,
}

/// What must be read for a letter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Wanted {
    /// The merchant.
    pub(crate) merchant: Option<MerchantId>,
    /// The order.
    pub(crate) order: Option<OrderKey>,
    /// The parked thing.
    pub(crate) parked: Option<ParkedKey>,
}

/// What must be read to plan for a letter of this queue.
#[must_use]
pub(crate) fn wanted(queue: Queue, letter: &Letter) -> Wanted {
    let of_order = |key: OrderKey| Wanted {
        merchant: Some(key.merchant.clone()),
        order: Some(key),
        ..Wanted::default()
    };
    match queue {
        Queue::Declines => {
            let decline = screening::parse(&letter.body).and_then(|value| screening::read(&value));
            decline.map(|decline| of_order(decline.key())).unwrap_or_default()
        }
        Queue::Evaluations => {
            let message = serde_json::from_str::<OrderMessage>(&letter.body);
            message.map(|message| of_order(message.key())).unwrap_or_default()
        }
        Queue::Reconciliations => {
            match serde_json::from_str::<DueMessage>(&letter.body).map(|due| due.what) {
                Ok(DueThing::Order(order)) => of_order(order.key()),
                Ok(DueThing::Parked(key)) => Wanted { parked: Some(key), ..Wanted::default() },
                Err(_) => Wanted::default(),
            }
        }
    }
}

/// The order that a parked event names, which must be read as well.
#[must_use]
pub(crate) fn order_of(parked: &Parked) -> Option<OrderKey> {
    let (event, merchant) = (parked.event.as_ref()?, parked.key.merchant.as_ref()?);
    Some(OrderKey { merchant: merchant.clone(), order_id: event.order_id.clone() })
}

/// What would become of a letter of this queue, were it moved at `now`.
#[must_use]
pub(crate) fn plan(queue: Queue, letter: &Letter, known: &Known, rules: &Rules, now: Timestamp) -> Planned {
    let planner = Planner { id: &letter.id, known, rules, now };
    match queue {
        Queue::Declines => planner.decline(&letter.body),
        Queue::Evaluations => planner.submission(&letter.body),
        Queue::Reconciliations => planner.due(&letter.body),
    }
}

struct Planner<'a> {
    id: &'a str,
    known: &'a Known,
    rules: &'a Rules,
    now: Timestamp,
}

impl Planner<'_> {
    fn planned(
        &self,
        verdict: Verdict,
        about: Option<&OrderKey>,
        to: Option<&str>,
        says: impl Into<String>,
    ) -> Planned {
        let order = about.and_then(|key| self.known.orders.get(key));
        Planned {
            id: self.id.to_owned(),
            about: about.map(ToString::to_string),
            verdict,
            from: order.map(|order| order.status.word().to_owned()),
            to: to.map(str::to_owned).or_else(|| order.map(|order| order.status.word().to_owned())),
            says: says.into(),
        }
    }

    fn refused(&self, about: Option<&OrderKey>, refusal: &Refusal) -> Planned {
        let Refusal { rule, sentence, path } = refusal;
        let at = if path.is_empty() { String::new() } else { format!(" ({path})") };
        let says = format!("would be refused: {}{at}: {sentence}", rule.code());
        self.planned(Verdict::Rejected, about, None, says)
    }

    /// As decline-intake takes a decline.
    fn decline(&self, body: &str) -> Planned {
        let decline = match screening::parse(body).and_then(|value| screening::read(&value)) {
            Ok(decline) => decline,
            Err(refusal) => return self.refused(None, &refusal),
        };
        let key = decline.key();
        let Ok(content) = decline.content() else {
            return self.planned(Verdict::Rejected, Some(&key), None, "it can't be hashed");
        };
        let repeat = self.known.orders.get(&key).map(|stored| compare(stored, &content));
        let merchant = self.known.merchants.get(&key.merchant);
        let screened = screening::screen(decline, merchant, &self.rules.limits, self.now);
        match (screened, repeat) {
            (Ok(_), None) => self.planned(
                Verdict::Changes,
                Some(&key),
                Some("received"),
                "would be taken as a new order and submitted",
            ),
            (_, Some(Repeat::Same)) => self.planned(
                Verdict::Repeats,
                Some(&key),
                None,
                "a repeat: the order is there and under way or ended",
            ),
            (_, Some(Repeat::SameToHandOn)) => self.planned(
                Verdict::Changes,
                Some(&key),
                None,
                "a repeat: the order is there and would be handed on",
            ),
            (Ok(_), Some(Repeat::Conflict)) => self.planned(
                Verdict::Rejected,
                Some(&key),
                None,
                "another decline is stored under this id; it would only be parked as a conflict",
            ),
            (Err(refusal), Some(Repeat::Conflict) | None) => self.refused(Some(&key), &refusal),
        }
    }

    /// As evaluate-submission claims an order.
    fn submission(&self, body: &str) -> Planned {
        let Ok(message) = serde_json::from_str::<OrderMessage>(body) else {
            return self.planned(Verdict::Rejected, None, None, "it names no order");
        };
        let key = message.key();
        let Some(merchant) = self.known.merchants.get(&key.merchant) else {
            return self.planned(Verdict::Rejected, Some(&key), None, "the merchant is not configured");
        };
        let Some(order) = self.known.orders.get(&key) else {
            return self.planned(Verdict::Rejected, Some(&key), None, "the order is not stored");
        };
        let attempt = Claim {
            // Only whether a claim would hold is asked; nobody makes it.
            key: IdempotencyKey::from_random([0; 16]),
            account: merchant.account(),
            now: self.now,
        };
        if claim(&attempt, &self.rules.look.times).holds(order) {
            let moved = order.submission.account.as_ref().is_some_and(|account| *account != attempt.account);
            let (to, says) = match moved {
                true => {
                    ("escalated", "would be escalated: an earlier attempt went to another account".to_owned())
                }
                false => {
                    ("submitting", format!("would be submitted, attempt {}", order.submission.attempts + 1))
                }
            };
            return self.planned(Verdict::Changes, Some(&key), Some(to), says);
        }
        let (verdict, says) = match why_refused(Some(order), self.now) {
            ClaimRefused::NoOrder => (Verdict::Rejected, "the order is not stored".to_owned()),
            ClaimRefused::Settled(status) => {
                (Verdict::Repeats, format!("the order is {status}: nothing to submit"))
            }
            ClaimRefused::Held(until) => {
                (Verdict::Changes, format!("would wait: a submission may be under way until {until}"))
            }
            ClaimRefused::CalledOff => (Verdict::Repeats, "the order is being called off".to_owned()),
            ClaimRefused::AtProvider => {
                (Verdict::Repeats, "FlexFactor has the order, which is read in time".to_owned())
            }
            ClaimRefused::ReplayWindowOver(_) => {
                (Verdict::Repeats, "too late to be sent again safely; the looks go on with it".to_owned())
            }
        };
        self.planned(verdict, Some(&key), None, says)
    }

    /// As order-reconcile looks at what is due.
    fn due(&self, body: &str) -> Planned {
        let Ok(message) = serde_json::from_str::<DueMessage>(body) else {
            return self.planned(Verdict::Rejected, None, None, "it names nothing that could be due");
        };
        match message.what {
            DueThing::Order(order) => self.due_order(&order.key(), message.as_of),
            DueThing::Parked(key) => self.due_parked(&key, message.as_of),
        }
    }

    fn due_order(&self, key: &OrderKey, as_of: Timestamp) -> Planned {
        let Some(order) = self.known.orders.get(key) else {
            return self.planned(Verdict::Repeats, Some(key), None, "no such order: nothing to look at");
        };
        if order.due.is_none_or(|due| due.at > as_of) {
            return self.planned(Verdict::Repeats, Some(key), None, "it was looked at since");
        }
        let (to, says) = match look(order, &self.rules.look, as_of.max(self.now)) {
            Look::Ask(_) => (None, "FlexFactor would be asked for the order by its id".to_owned()),
            Look::Find => (None, "FlexFactor would be asked for the order by our own id".to_owned()),
            Look::Cancel(_) => (None, "would be cancelled at FlexFactor, as people wish".to_owned()),
            Look::Capture(..) => (None, "would be captured at FlexFactor, as people wish".to_owned()),
            Look::Do(Step::Settle(change)) => match change.transition.to() {
                Some(status) => (Some(status.word()), format!("would become {status}")),
                None => (None, "would only be looked at later again".to_owned()),
            },
            Look::Do(Step::Resubmit(_)) => (None, "would be handed on for submission".to_owned()),
            Look::Do(Step::CallOff(_)) => (None, "would be called off at FlexFactor".to_owned()),
        };
        self.planned(Verdict::Changes, Some(key), to, says)
    }

    fn due_parked(&self, key: &ParkedKey, as_of: Timestamp) -> Planned {
        let mut planned = match self.known.parked.get(key) {
            Some(parked) if parked.due.is_some_and(|due| due.at <= as_of) => {
                match (&parked.event, order_of(parked)) {
                    (Some(event), Some(order)) => self.event(event, &order),
                    (None, _) | (_, None) => self.planned(
                        Verdict::Repeats,
                        None,
                        None,
                        "no event is kept with it: nothing to apply",
                    ),
                }
            }
            Some(_) => self.planned(Verdict::Repeats, None, None, "it was looked at since"),
            None => self.planned(Verdict::Repeats, None, None, "nothing is parked there any more"),
        };
        planned.about = Some(name_of(key));
        planned
    }

    /// As a parked event is applied to the order that it names.
    fn event(&self, event: &OrderEvent, key: &OrderKey) -> Planned {
        let (verdict, to, says) = foresee(event, self.known.orders.get(key), self.now);
        self.planned(verdict, Some(key), to, says)
    }
}

/// What applying an event to an order would do.
#[must_use]
pub(crate) fn foresee(
    event: &OrderEvent,
    order: Option<&Order>,
    now: Timestamp,
) -> (Verdict, Option<&'static str>, String) {
    let change = event.change(now);
    let changed = match order {
        Some(order) if change.holds(order) => Ok(change),
        _ => match event.resolve(order, now) {
            Resolution::Instead(change) => Ok(change),
            Resolution::Orphan => Err("no order of ours has this id yet; the event stays parked"),
            Resolution::OtherProviderOrder => Err("the order is known under another id of FlexFactor's"),
            Resolution::Replayed | Resolution::Duplicate(_) => {
                return (Verdict::Repeats, None, format!("{} was applied before", event.name));
            }
        },
    };
    match changed {
        Ok(change) => match change.transition.to() {
            Some(status) => {
                (Verdict::Changes, Some(status.word()), format!("{} would make it {status}", event.name))
            }
            None => (Verdict::Changes, None, format!("{} would be remembered; the status stays", event.name)),
        },
        Err(why) => (Verdict::Rejected, None, why.to_owned()),
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
