//! The ledger, read off the world.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::World;
use crate::domain::{
    delivery::{Answer, DeliveryState},
    ledger::{Ledger, OrderEntry, PairEntry, Summary, WebhookEntry, WebhookSummary},
    order::{Movement, Order},
};

impl World {
    /// Everything.
    #[must_use]
    pub fn ledger(&self, now: Timestamp) -> Ledger {
        let mut orders: Vec<&Order> = self.orders.values().collect();
        orders.sort_by_key(|order| (&order.mid, &order.external_id, order.placed_at));
        let effectless =
            self.books.submissions.iter().filter(|(_, submission)| submission.effective_submissions == 0);
        Ledger {
            now,
            summary: self.summary(),
            orders: orders.into_iter().map(|order| self.order_entry(order)).collect(),
            without_effect: effectless
                .map(|(pair, submission)| PairEntry {
                    mid: pair.0.clone(),
                    external_order_id: pair.1.clone(),
                    evaluate_requests: submission.evaluate_requests,
                    faults: self.books.faults.get(pair).cloned().unwrap_or_default(),
                })
                .collect(),
            refused: self.books.refused.clone(),
            forged: self.books.forged.clone(),
            other_faults: self
                .books
                .faults
                .iter()
                .filter(|(pair, _)| pair.1.is_empty())
                .flat_map(|(_, notes)| notes.clone())
                .collect(),
            transmitted: self.books.transmitted.clone(),
            requests: self.books.requests.clone(),
        }
    }

    /// The figures.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut by_phase = BTreeMap::new();
        for order in self.orders.values() {
            *by_phase.entry(order.phase).or_insert(0) += 1;
        }
        let submissions = self.books.submissions.values();
        let orders = || self.orders.values();
        Summary {
            orders: count(orders()),
            by_phase,
            pending: count(orders().filter(|order| !order.phase.is_terminal())),
            submitted_twice: count(
                submissions.clone().filter(|submission| submission.effective_submissions > 1),
            ),
            evaluate_requests: submissions.map(|submission| submission.evaluate_requests).sum(),
            charged_minor: sums(orders().flat_map(|order| &order.charges)),
            refunded_minor: sums(orders().flat_map(|order| &order.refunds)),
            charged_twice: count(orders().filter(|order| order.charges.len() > 1)),
            refused: count(self.books.refused.iter()),
            tokens_issued: self.tokens.issued(),
            cards_tokenized: self.vault.count(),
            transmitted: count(self.books.transmitted.iter()),
            card_numbers_seen: self.books.card_numbers_seen,
            webhooks: self.webhook_summary(),
            forged_sent: count(self.books.forged.iter()),
            forged_accepted: count(
                self.books.forged.iter().filter(|forged| forged.answer.as_ref().is_some_and(Answer::is_2xx)),
            ),
        }
    }

    fn webhook_summary(&self) -> WebhookSummary {
        let mut summary = WebhookSummary::default();
        for delivery in self.deliveries.values() {
            summary.events += 1;
            summary.attempts += u64::from(delivery.attempts);
            summary.copies += count(delivery.copy_answers.iter());
            match delivery.state {
                DeliveryState::Pending => summary.pending += 1,
                DeliveryState::Delivered => summary.delivered += 1,
                DeliveryState::GivenUp => summary.given_up += 1,
                DeliveryState::Lost => summary.lost += 1,
                DeliveryState::NoAddress => summary.no_address += 1,
            }
        }
        summary
    }

    fn order_entry(&self, order: &Order) -> OrderEntry {
        let pair = (order.mid.clone(), order.external_id.clone());
        let submission = self.books.submissions.get(&pair).cloned().unwrap_or_default();
        let mut faults = self.books.faults.get(&pair).cloned().unwrap_or_default();
        faults.extend(order.faults.iter().cloned());
        OrderEntry {
            mid: order.mid.clone(),
            external_order_id: order.external_id.clone(),
            order_id: order.id.clone(),
            site_id: order.details.site_id.clone(),
            evaluate_requests: submission.evaluate_requests,
            idempotency_keys: submission.idempotency_keys,
            effective_submissions: submission.effective_submissions,
            phase: order.phase,
            status: order.code(&self.settings),
            status_name: order.name(&self.settings),
            terminal: order.phase.is_terminal(),
            amount_minor: order.amount.minor,
            currency: order.amount.currency.clone(),
            placed_at: order.placed_at,
            expiry: order.expiry,
            charges: order.charges.clone(),
            refunds: order.refunds.clone(),
            webhooks: order.deliveries.iter().filter_map(|id| self.webhook_entry(*id)).collect(),
            faults,
        }
    }

    fn webhook_entry(&self, id: u64) -> Option<WebhookEntry> {
        let delivery = self.deliveries.get(&id)?;
        Some(WebhookEntry {
            event: delivery.body.event.clone(),
            time_stamp: delivery.body.time_stamp.clone(),
            state: delivery.state,
            delivered: delivery.state == DeliveryState::Delivered,
            lost: delivery.state == DeliveryState::Lost,
            attempts: delivery.attempts,
            answers: delivery.answers.clone(),
            copy_answers: delivery.copy_answers.clone(),
        })
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    items.count() as u64
}

fn sums<'a>(movements: impl Iterator<Item = &'a Movement>) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for movement in movements {
        *sums.entry(movement.money.currency.clone()).or_insert(0) += movement.money.minor;
    }
    sums
}
