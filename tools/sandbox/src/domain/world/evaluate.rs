//! What /evaluate does.

use jiff::Timestamp;

use super::{Due, World};
use crate::domain::{
    clock::after,
    fate::{Action, Fate, Opening, Plan, Step},
    fault::WebhookFaultKind,
    ledger::Submission,
    merchant::{Merchant, Mode},
    order::{Order, Phase},
    refusal::Refusal,
    request::EvaluateRequest,
    settings::{PendingWord, RepeatedOrder, Replay},
    trigger::triggered,
};

/// The answer to /evaluate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EvaluateAnswer {
    /// FlexFactor's order id.
    pub order_id: String,
    /// `status`.
    pub word: &'static str,
    /// `success`.
    pub success: bool,
    /// Echoed.
    pub sense_key: Option<String>,
}

/// The answer, and what must happen before it is given.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// The answer.
    pub answer: EvaluateAnswer,
    /// A webhook whose first try must be answered first.
    pub wait_for: Option<u64>,
}

/// What an idempotency key was used for.
#[derive(Clone, Debug)]
pub(super) struct KeyUse {
    payload: String,
    at: Timestamp,
    answer: EvaluateAnswer,
}

impl World {
    /// Keeps that a valid request was received, whether or not it then takes effect.
    pub fn note_evaluate(&mut self, mid: &str, request: &EvaluateRequest) {
        let submission = self.submission(mid, &request.external_id);
        submission.evaluate_requests += 1;
        if !submission.idempotency_keys.contains(&request.idempotency_key) {
            submission.idempotency_keys.push(request.idempotency_key.clone());
        }
    }

    /// Takes a valid request.
    ///
    /// # Errors
    /// 409 if its idempotency key stands for another payload.
    pub fn evaluate(
        &mut self,
        now: Timestamp,
        mid: &str,
        request: EvaluateRequest,
    ) -> Result<Evaluated, Refusal> {
        let Some(merchant) = self.merchants.get(mid).cloned() else {
            return Err(Refusal::new(403, "The merchant is unknown."));
        };
        let key = (mid.to_owned(), request.idempotency_key.clone());
        if let Some(answer) = self.replayed(now, &key, &request)? {
            return Ok(Evaluated { answer, wait_for: None });
        }
        let known = self.order_by_external(mid, &request.external_id).map(|order| order.id.clone());
        let policy = match merchant.mode {
            Mode::Managed => self.settings.evaluate.repeated_order_managed,
            Mode::Unmanaged => self.settings.evaluate.repeated_order_unmanaged,
        };
        let payload = request.payload.clone();
        let evaluated = match (known, policy) {
            (Some(order_id), RepeatedOrder::CurrentState) => {
                Evaluated { answer: self.current_answer(&order_id), wait_for: None }
            }
            (Some(_), RepeatedOrder::NewOrder) | (None, _) => self.place(now, &merchant, request),
        };
        self.evaluate_keys.insert(key, KeyUse { payload, at: now, answer: evaluated.answer.clone() });
        Ok(evaluated)
    }

    fn replayed(
        &self,
        now: Timestamp,
        key: &super::Pair,
        request: &EvaluateRequest,
    ) -> Result<Option<EvaluateAnswer>, Refusal> {
        let Some(used) = self.evaluate_keys.get(key) else { return Ok(None) };
        if self.settings.evaluate.replay_window_seconds.is_some_and(|window| now > after(used.at, window)) {
            return Ok(None);
        }
        if used.payload != request.payload {
            return Err(Refusal::new(409, "The idempotency key was used with another payload."));
        }
        Ok(Some(match self.settings.evaluate.replay {
            Replay::Original => used.answer.clone(),
            Replay::CurrentState => self.current_answer(&used.answer.order_id),
        }))
    }

    fn current_answer(&self, order_id: &str) -> EvaluateAnswer {
        let order = self.orders.get(order_id);
        let word = order.map_or("NOTFOUND", Order::word);
        EvaluateAnswer {
            order_id: order_id.to_owned(),
            word,
            success: word != "DECLINED" || self.settings.evaluate.declined_success,
            sense_key: order.and_then(|order| order.details.sense_key.clone()),
        }
    }

    fn place(&mut self, now: Timestamp, merchant: &Merchant, request: EvaluateRequest) -> Evaluated {
        let plan = self.plan(merchant, &request);
        let order = self.new_order(now, merchant, request);
        let (order_id, mid, external_id) = (order.id.clone(), order.mid.clone(), order.external_id.clone());
        let expiry = order.expiry;
        self.submission(&mid, &external_id).effective_submissions += 1;
        self.by_external.entry((mid.clone(), external_id.clone())).or_default().push(order_id.clone());
        self.orders.insert(order_id.clone(), order);
        self.open_order(now, &order_id, plan.opening);
        // The answer is what /evaluate finds; what a fault brings forward is not in it.
        let answer = self.current_answer(&order_id);
        let early = self.early_step(&plan, &mid, &external_id);
        for (index, step) in plan.steps.iter().enumerate() {
            if Some(index) != early {
                let due = Due::Step { order_id: order_id.clone(), action: step.action.clone() };
                self.schedule_after(now, step.after_seconds, due);
            }
        }
        let processing = self.settings.evaluate.processing_after_seconds;
        self.schedule_after(
            now,
            processing,
            Due::Step { order_id: order_id.clone(), action: Action::StartProcessing },
        );
        if let Some(expiry) = expiry.filter(|_| plan.expires) {
            self.schedule(expiry.max(now), Due::Step { order_id: order_id.clone(), action: Action::Expire });
        }
        let wait_for = early.and_then(|index| plan.steps.get(index)).and_then(|step| {
            self.act(now, &order_id, &step.action.clone());
            self.orders.get(&order_id)?.deliveries.last().copied()
        });
        Evaluated { answer, wait_for }
    }

    fn plan(&self, merchant: &Merchant, request: &EvaluateRequest) -> Plan {
        let rule = self.rule(&merchant.mid, &request.external_id);
        let by_trigger = || triggered(request, merchant).filter(|_| self.settings.evaluate.sandbox_triggers);
        let fate: Fate = rule
            .and_then(|rule| rule.fate.clone())
            .or_else(by_trigger)
            .unwrap_or_else(|| self.settings.default_fate.clone());
        let mut plan = fate.draw(self.seed, &merchant.mid, &request.external_id).plan();
        plan.steps.extend(rule.map(|rule| rule.steps.clone()).unwrap_or_default());
        plan
    }

    fn new_order(&mut self, now: Timestamp, merchant: &Merchant, request: EvaluateRequest) -> Order {
        let pair = (merchant.mid.clone(), request.external_id.clone());
        let number = self.by_external.get(&pair).map_or(0, Vec::len).to_string();
        let name = ["order", &merchant.mid, &request.external_id, &number];
        let unmanaged = merchant.mode == Mode::Unmanaged;
        let period = merchant.retry_period_seconds.unwrap_or(self.settings.evaluate.unmanaged_expiry_seconds);
        Order {
            id: self.ids.guid(&name),
            mid: merchant.mid.clone(),
            confirmation_id: self.ids.hex(&["confirmation", &name.join("/")], 8).to_uppercase(),
            external_id: request.external_id,
            mit: request.mit,
            pending_word: if unmanaged {
                self.settings.evaluate.unmanaged_pending
            } else {
                PendingWord::Submitted
            },
            authorization: request.authorization,
            amount: request.amount,
            phase: Phase::Draft,
            placed_at: now,
            expiry: if unmanaged && request.mit { Some(after(now, period)) } else { request.expiry },
            details: request.details,
            charges: vec![],
            refunds: vec![],
            faults: vec![],
            deliveries: vec![],
            cancelled_by_merchant_at: None,
        }
    }

    fn open_order(&mut self, now: Timestamp, order_id: &str, opening: Opening) {
        let announce = (
            self.settings.webhooks.announce_answered_approval,
            self.settings.webhooks.announce_answered_decline,
        );
        match opening {
            Opening::Pending => {}
            Opening::Approved => self.approve(now, order_id, announce.0),
            Opening::Declined => self.decline(now, order_id, announce.1),
            Opening::Challenged => self.challenge(now, order_id),
            Opening::CaptureRequired(window) => self.require_capture(now, order_id, window),
        }
    }

    /// The step that a fault brings forward, so that its webhook arrives before the answer.
    fn early_step(&self, plan: &Plan, mid: &str, external_id: &str) -> Option<usize> {
        let rule = self.rule(mid, external_id)?;
        let (index, fault) = rule
            .webhooks
            .iter()
            .enumerate()
            .find(|(_, fault)| fault.kind == WebhookFaultKind::BeforeAnswer)?;
        let hit = fault.probability.hits(self.seed, &["before answer", mid, external_id, &index.to_string()]);
        let decides =
            |step: &Step| matches!(step.action, Action::Approve | Action::ApproveLate | Action::Decline);
        hit.then(|| plan.steps.iter().position(decides)).flatten()
    }

    fn submission(&mut self, mid: &str, external_id: &str) -> &mut Submission {
        self.books.submissions.entry((mid.to_owned(), external_id.to_owned())).or_default()
    }
}
