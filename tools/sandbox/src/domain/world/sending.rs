//! Webhooks: when they are sent, again, twice, never, or forged.

use jiff::Timestamp;

use super::{Due, World};
use crate::domain::{
    delivery::{
        Answer, DatePlan, Delivery, DeliveryState, Role, Send, SignatureHeaders, SigningPlan, WebhookBody,
        time_stamp,
    },
    fault::{Forgery, WebhookFaultKind},
    forgery::text,
    merchant::WebhookTarget,
    order::FaultNote,
    settings::DateClock,
};

impl World {
    /// Announces an event of an order, with the faults its rule asks for.
    pub(super) fn publish(&mut self, at: Timestamp, order_id: &str, event: &str) {
        let Some((id, mid, external_id)) = self.new_delivery(at, order_id, event) else { return };
        let faults = self.webhook_faults(at, &mid, &external_id, order_id, event);
        let mut start = Some(at);
        for fault in faults {
            match fault {
                WebhookFaultKind::Lost => {
                    start = None;
                    self.with_delivery(id, |delivery| {
                        delivery.state = DeliveryState::Lost;
                        delivery.settled_once = true;
                    });
                }
                WebhookFaultKind::Duplicated { copies, after_seconds } => {
                    self.with_delivery(id, |delivery| delivery.copies.push((copies, after_seconds)));
                }
                WebhookFaultKind::Reordered { hold_seconds } => {
                    start = start.map(|_| super::after(at, hold_seconds));
                    self.with_delivery(id, |delivery| delivery.held = true);
                }
                WebhookFaultKind::Delayed { seconds } => start = start.map(|_| super::after(at, seconds)),
                WebhookFaultKind::Forged { forgeries } => self.forge_beside(at, id, &forgeries),
                WebhookFaultKind::BeforeAnswer => {}
            }
        }
        match start {
            Some(start) if start == at => self.send_in_turn(at, order_id, id),
            Some(start) => self.schedule(start, Due::FirstTry(id)),
            None => {}
        }
    }

    /// Announces an event without faults, or forges one. Says whether the order exists.
    pub fn emit(&mut self, at: Timestamp, order_id: &str, event: &str, forgery: Option<Forgery>) -> bool {
        let Some((id, ..)) = self.new_delivery(at, order_id, event) else { return false };
        match forgery {
            None | Some(Forgery::ReplayedNonce) => {
                self.with_delivery(id, |delivery| delivery.replay = forgery.is_some());
                self.begin_attempt(at, id);
            }
            Some(forgery) => {
                self.forge_beside(at, id, &[forgery]);
                // There is no genuine event behind it.
                self.deliveries.remove(&id);
                self.change(order_id, |order| order.deliveries.retain(|delivery| *delivery != id));
            }
        }
        true
    }

    /// Takes the outcome of a request from the outbox.
    pub fn sent(&mut self, now: Timestamp, id: u64, answer: Answer, date: &str) {
        let Some(role) = self.open.remove(&id) else { return };
        match role {
            Role::Attempt { delivery, nonce } => {
                self.attempt_answered(now, delivery, answer, (nonce, date.to_owned()))
            }
            Role::Copy { delivery } => {
                let accepted = self.accepts(&answer);
                self.with_delivery(delivery, |delivery| {
                    delivery.copy_answers.push(answer);
                    if accepted && delivery.state != DeliveryState::Delivered {
                        delivery.state = DeliveryState::Delivered;
                    }
                });
            }
            Role::Forged { index, .. } => {
                if let Some(forged) = self.books.forged.get_mut(index) {
                    forged.answer = Some(answer);
                }
            }
        }
    }

    /// Requests that were handed out and not answered yet.
    #[must_use]
    pub fn open_sends(&self) -> usize {
        self.open.len()
    }

    /// Webhooks that will be sent at a later instant, and the next such instant.
    #[must_use]
    pub fn scheduled_sends(&self) -> (usize, Option<Timestamp>) {
        let waits = |id: &u64, tried: bool| {
            let delivery = self.deliveries.get(id);
            delivery.is_some_and(|it| it.state == DeliveryState::Pending && (it.attempts > 0) == tried)
        };
        let mut later = self
            .timeline
            .iter()
            .filter(|(_, due)| match due {
                Due::Step { .. } => false,
                Due::FirstTry(id) => waits(id, false),
                Due::Retry(id) => waits(id, true),
                Due::Copies(..) => true,
            })
            .peekable();
        let next = later.peek().map(|((at, _), _)| *at);
        (later.count(), next)
    }

    /// Whether the first try of a webhook was answered, or never will be.
    #[must_use]
    pub fn settled_once(&self, delivery: u64) -> bool {
        self.deliveries.get(&delivery).is_none_or(|delivery| delivery.settled_once)
    }

    pub(super) fn first_try_is_due(&mut self, at: Timestamp, id: u64) {
        if self.deliveries.get(&id).is_some_and(|delivery| delivery.attempts == 0) {
            self.begin_attempt(at, id);
        }
    }

    pub(super) fn begin_attempt(&mut self, at: Timestamp, id: u64) {
        let Some(delivery) = self.deliveries.get_mut(&id) else { return };
        if delivery.state != DeliveryState::Pending {
            return;
        }
        delivery.attempts += 1;
        delivery.held = false;
        let (attempt, last) = (delivery.attempts, delivery.last.clone());
        let copies = std::mem::take(&mut delivery.copies);
        let mut body = delivery.body.clone();
        let mut signing = self.genuine_signing(at, id);
        let settings = &self.settings.webhooks;
        body.is_resent = attempt > 1 && settings.resends_are_marked;
        if let Some((nonce, date)) = last {
            if !settings.fresh_nonce_on_resend {
                signing.nonce = nonce;
            }
            if !settings.fresh_date_on_resend {
                signing.date = DatePlan::Fixed(date);
            }
        }
        let role = Role::Attempt { delivery: id, nonce: signing.nonce.clone() };
        self.send(id, role, text(&body), signing);
        for (count, after_seconds) in copies {
            if after_seconds == 0 {
                self.send_copies(at, id, count);
            } else {
                self.schedule_after(at, after_seconds, Due::Copies(id, count));
            }
        }
    }

    pub(super) fn send_copies(&mut self, at: Timestamp, id: u64, count: u32) {
        let Some(body) = self.deliveries.get(&id).map(|delivery| text(&delivery.body)) else { return };
        for _ in 0..count {
            let signing = self.genuine_signing(at, id);
            self.send(id, Role::Copy { delivery: id }, body.clone(), signing);
        }
    }

    fn attempt_answered(&mut self, now: Timestamp, id: u64, answer: Answer, used: (String, String)) {
        let accepted = self.accepts(&answer);
        let waits = self.settings.webhooks.retry_after_seconds.clone();
        let Some(delivery) = self.deliveries.get_mut(&id) else { return };
        delivery.answers.push(answer);
        delivery.last = Some(used.clone());
        let first = !std::mem::replace(&mut delivery.settled_once, true);
        let (order_id, replay) = (delivery.order_id.clone(), delivery.replay);
        if accepted {
            delivery.state = DeliveryState::Delivered;
            delivery.replay = false;
            if replay {
                self.replay(now, id, used);
            }
        } else if delivery.state == DeliveryState::Pending {
            let next =
                usize::try_from(delivery.attempts).ok().and_then(|tries| waits.get(tries.checked_sub(1)?));
            match next {
                Some(wait) => self.schedule_after(now, *wait, Due::Retry(id)),
                None => delivery.state = DeliveryState::GivenUp,
            }
        }
        if first {
            self.next_in_turn(now, &order_id, id);
        }
    }

    /// Sends it if no other event of the order is on its way.
    fn send_in_turn(&mut self, at: Timestamp, order_id: &str, id: u64) {
        if self.deliveries.get(&id).is_none_or(|delivery| delivery.state != DeliveryState::Pending) {
            return;
        }
        if self.settings.webhooks.in_order {
            if let Some((_, waiting)) = self.queues.get_mut(order_id) {
                waiting.push_back(id);
                return;
            }
            self.queues.insert(order_id.to_owned(), (id, std::collections::VecDeque::new()));
        }
        self.begin_attempt(at, id);
    }

    fn next_in_turn(&mut self, now: Timestamp, order_id: &str, settled: u64) {
        let next = match self.queues.get_mut(order_id) {
            Some((current, waiting)) if *current == settled => match waiting.pop_front() {
                Some(next) => {
                    *current = next;
                    Some(next)
                }
                None => {
                    self.queues.remove(order_id);
                    None
                }
            },
            Some(_) | None => None,
        };
        if let Some(next) = next {
            self.begin_attempt(now, next);
        }
        self.release_held(now, order_id, settled);
    }

    /// What was held back goes out now that a younger event of the order is through.
    fn release_held(&mut self, now: Timestamp, order_id: &str, settled: u64) {
        let ids = self.orders.get(order_id).map(|order| order.deliveries.clone()).unwrap_or_default();
        for id in ids.into_iter().filter(|id| *id < settled) {
            if self.deliveries.get(&id).is_some_and(|delivery| delivery.held && delivery.attempts == 0) {
                self.begin_attempt(now, id);
            }
        }
    }

    pub(super) fn send(&mut self, delivery: u64, role: Role, body: String, signing: SigningPlan) {
        let Some(target) = self.target(delivery).cloned() else { return };
        let id = self.next_number();
        self.open.insert(id, role);
        self.outbox.push(Send {
            id,
            url: target.url,
            http_host: target.http_host,
            body,
            content_type: self.settings.webhooks.content_type.clone(),
            signing,
            timeout_millis: self.settings.webhooks.timeout_millis,
        });
    }

    /// How a genuine webhook is signed, with a nonce of its own.
    pub(super) fn genuine_signing(&mut self, at: Timestamp, delivery: u64) -> SigningPlan {
        let number = self.next_number().to_string();
        let nonce = self.ids.hex(&["nonce", &number], 32);
        let target = self.target(delivery);
        let settings = &self.settings.webhooks;
        SigningPlan {
            key: target.map(WebhookTarget::signing_key).unwrap_or_default(),
            host: target.map(WebhookTarget::host).unwrap_or_default(),
            nonce,
            date: match settings.date_clock {
                DateClock::Real => DatePlan::Real(0),
                DateClock::Virtual => DatePlan::At(at),
            },
            headers: SignatureHeaders::All { body_signature: settings.body_signature_header },
            signed_body: None,
            hash_of_sent: false,
        }
    }

    fn target(&self, delivery: u64) -> Option<&WebhookTarget> {
        self.merchants.get(&self.deliveries.get(&delivery)?.mid)?.webhook.as_ref()
    }

    fn new_delivery(&mut self, at: Timestamp, order_id: &str, event: &str) -> Option<(u64, String, String)> {
        let id = self.next_number();
        let order = self.orders.get_mut(order_id)?;
        let merchant = self.merchants.get(&order.mid)?;
        order.deliveries.push(id);
        let addressed = merchant.webhook.is_some();
        let body = WebhookBody {
            event: event.to_owned(),
            time_stamp: time_stamp(at),
            event_data: self.settings.webhooks.event_data.get(event).cloned().unwrap_or_default(),
            external_order_id: order.external_id.clone(),
            order_id: order.id.clone(),
            confirmation_id: order.confirmation_id.clone(),
            is_test_mode: merchant.is_test_mode,
            is_resent: false,
        };
        let delivery = Delivery {
            id,
            mid: order.mid.clone(),
            order_id: order.id.clone(),
            body,
            state: if addressed { DeliveryState::Pending } else { DeliveryState::NoAddress },
            attempts: 0,
            answers: vec![],
            copy_answers: vec![],
            copies: vec![],
            held: false,
            replay: false,
            last: None,
            settled_once: !addressed,
        };
        self.deliveries.insert(id, delivery);
        Some((id, order.mid.clone(), order.external_id.clone()))
    }

    /// The faults that hit an event, each decided by the names of order, event and fault.
    fn webhook_faults(
        &mut self,
        at: Timestamp,
        mid: &str,
        external_id: &str,
        order_id: &str,
        event: &str,
    ) -> Vec<WebhookFaultKind> {
        let number = self.orders.get(order_id).map_or(0, |order| order.deliveries.len());
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let Some(rule) = self.rule(mid, external_id) else { return vec![] };
        let hits: Vec<WebhookFaultKind> = rule
            .webhooks
            .iter()
            .enumerate()
            .filter(|(index, fault)| {
                let name = ["webhook", mid, external_id, event, &number.to_string(), &index.to_string()];
                fault.concerns(event, number) && fault.probability.hits(self.seed, &name)
            })
            .map(|(_, fault)| fault.kind.clone())
            .collect();
        for hit in &hits {
            let note = FaultNote { at, kind: hit.name().to_owned(), place: event.to_owned() };
            self.change(order_id, |order| order.faults.push(note));
        }
        hits
    }

    fn accepts(&self, answer: &Answer) -> bool {
        match answer {
            Answer::Status(status) => self.settings.webhooks.success.accept(*status),
            Answer::Failed(_) => false,
        }
    }

    pub(super) fn with_delivery(&mut self, id: u64, change: impl FnOnce(&mut Delivery)) {
        if let Some(delivery) = self.deliveries.get_mut(&id) {
            change(delivery);
        }
    }
}
