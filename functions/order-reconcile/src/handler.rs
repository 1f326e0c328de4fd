//! One thing that is due: look at it, ask FlexFactor where that helps, and apply what it says through the same
//! transitions as everybody else.

use std::sync::Arc;

use flexfactor::{Account, CancelExternally, CancelOrder, CaptureOrder, FindOrder, ReadOrder, ReadOutcome};
use jiff::Timestamp;
use lambda_kit::batch::Record;
use lambda_kit::clock::Clock;
use lambda_kit::queue::{DueMessage, DueThing, HandOn, QueueError};
use lambda_kit::secrets::{FindSecret, MerchantSecret};
use lambda_kit::telemetry::{Metric, count};
use models::change::Change;
use models::ids::{OrderKey, ProviderOrderId};
use models::merchant::Merchant;
use models::order::Order;
use models::parked::{Fate, ParkedKey};
use models::reconcile::{
    self, CalledOff, Heard, Look as Looking, Sighting, Step, after_call_off, after_cancel, after_find,
    after_read, after_wished_call_off,
};
use models::status::Transition;
use order_store::StoreError;
use order_store::capability::{Applied, ApplyEvent, FindMerchant, Look, MatchOrphan};

use crate::ask::Asking;
use crate::settings::ReconcileRules;

/// What the function does its work with.
#[derive(Debug)]
pub struct Reconcile<S, Q, M, K, P, C> {
    /// The orders.
    pub store: S,
    /// The evaluations queue.
    pub queue: Q,
    /// Merchants' configuration.
    pub merchants: M,
    /// Merchants' credentials.
    pub secrets: K,
    /// FlexFactor.
    pub provider: P,
    /// The clock.
    pub clock: C,
    /// The settings.
    pub rules: ReconcileRules,
}

/// Why a record must be delivered again. What is due stays due besides.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The message is not of the form that the reconciliations queue has.
    #[error("the message names nothing that could be due: {0}")]
    Message(serde_json::Error),
    /// The store did not do as asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The order could not be handed on.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl<S, Q, M, K, P, C> Reconcile<S, Q, M, K, P, C>
where
    S: Look + MatchOrphan + ApplyEvent,
    Q: HandOn,
    M: FindMerchant,
    K: FindSecret,
    P: ReadOrder + ReadOutcome + FindOrder + CancelExternally + CancelOrder + CaptureOrder,
    C: Clock,
{
    /// Looks at what the message names, as of the message's time.
    ///
    /// # Errors
    /// See [`ReconcileError`]: the message must be delivered again.
    pub async fn reconcile(&self, record: Record) -> Result<(), ReconcileError> {
        let message: DueMessage = serde_json::from_str(&record.body).map_err(ReconcileError::Message)?;
        let looked = match message.what {
            DueThing::Order(order) => self.look_at(&order.key(), message.as_of).await,
            DueThing::Parked(key) => self.match_orphan(&key, message.as_of).await,
        };
        match looked {
            // Delivering it again would not make it readable; it stays due, and every sweep tells of it again.
            Err(ReconcileError::Store(error @ StoreError::Corrupt { .. })) => {
                count(Metric::FailedLooks);
                tracing::error!(%error, "what is due can't be read by this version");
                Ok(())
            }
            other => other,
        }
    }

    async fn look_at(&self, key: &OrderKey, as_of: Timestamp) -> Result<(), ReconcileError> {
        let Some(order) = self.store.read(key).await? else { return Ok(()) };
        if order.due.is_none_or(|due| due.at > as_of) {
            // The index lags behind the table, or the message came twice: somebody has looked already.
            return Ok(());
        }
        // A message may have waited: what follows is decided by the clock, unless the sweep was asked to look ahead of it.
        let now = as_of.max(self.clock.now());
        let step = match reconcile::look(&order, &self.rules.look, now) {
            Looking::Do(step) => step,
            Looking::Ask(id) => {
                let heard = self.read(&order, &id).await?;
                Step::Settle(after_read(&order, &heard, &self.rules.look, now))
            }
            Looking::Find => {
                let sighting = self.find(&order).await?;
                after_find(&order, &sighting, &self.rules.look, now)
            }
            Looking::Cancel(id) => Step::Settle(self.cancel(&order, &id, now).await?),
            Looking::Capture(id, key) => {
                let heard = match self.asking(&order).await? {
                    Ok(asking) => {
                        asking.capture(&order, &id, key).await;
                        asking.read(&order, &id).await
                    }
                    Err(why) => Heard::no_answer(why),
                };
                Step::Settle(after_read(&order, &heard, &self.rules.look, now))
            }
        };
        self.take(&order, step, now).await
    }

    async fn take(&self, order: &Order, step: Step, now: Timestamp) -> Result<(), ReconcileError> {
        let change = match step {
            Step::Settle(change) => change,
            Step::Resubmit(change) => {
                // Handed on first: if the process dies here, the order is still due, and a claim excludes the second.
                self.queue.hand_on(&order.key).await?;
                tracing::warn!(order = %order.key, "the order waits for its submission and is handed on again");
                change
            }
            // Repeating a cancel is safe: if the process dies before the change, the next look cancels again.
            Step::CallOff(hold) => {
                if !self.store.settle(&order.key, &hold).await? {
                    tracing::info!(order = %order.key, "the order changed while it was looked at");
                    return Ok(());
                }
                let mut held = order.clone();
                hold.apply(&mut held);
                let change = self.call_off(&held, now).await?;
                return self.settle(&held, &change).await;
            }
        };
        self.settle(order, &change).await
    }

    async fn settle(&self, order: &Order, change: &Change) -> Result<(), ReconcileError> {
        if !self.store.settle(&order.key, change).await? {
            tracing::info!(order = %order.key, "the order changed while it was looked at");
            return Ok(());
        }
        if change.transition == Transition::Escalate || reconcile::gives_up(order, change) {
            count(Metric::EscalatedOrders);
            tracing::error!(order = %order.key, "the order was handed back: what became of it, or of its money, can't be learnt");
        }
        tracing::info!(order = %order.key, step = ?change.transition, "a due order was looked at");
        Ok(())
    }

    async fn read(&self, order: &Order, id: &ProviderOrderId) -> Result<Heard, StoreError> {
        Ok(match self.asking(order).await? {
            Ok(asking) => asking.read(order, id).await,
            Err(why) => Heard::no_answer(why),
        })
    }

    async fn find(&self, order: &Order) -> Result<Sighting, StoreError> {
        Ok(match self.asking(order).await? {
            Ok(asking) => asking.find(order).await,
            Err(why) => Sighting::NoAnswer(why),
        })
    }

    /// Cancels by our own id: as people wish, or because nothing else is left. `order` is held: nobody submits it any more.
    async fn call_off(&self, order: &Order, now: Timestamp) -> Result<Change, StoreError> {
        let asking = match self.asking(order).await? {
            Ok(asking) => asking,
            Err(why) => {
                let (answer, sighting) = (CalledOff::NoAnswer(why.clone()), Sighting::NoAnswer(why));
                return Ok(match order.open_wish() {
                    Some(_) => after_wished_call_off(order, &answer, &sighting, &self.rules.look, now),
                    None => after_call_off(order, &answer, now),
                });
            }
        };
        let answer = asking.call_off(order).await;
        Ok(match order.open_wish() {
            None => after_call_off(order, &answer, now),
            // It may have come too late, or too early: also where it is answered.
            Some(_) => {
                let sighting = asking.find(order).await;
                after_wished_call_off(order, &answer, &sighting, &self.rules.look, now)
            }
        })
    }

    /// Cancels by FlexFactor's id, as people wish. Where that is not confirmed, the order tells why.
    async fn cancel(
        &self,
        order: &Order,
        id: &ProviderOrderId,
        now: Timestamp,
    ) -> Result<Change, StoreError> {
        let heard = match self.asking(order).await? {
            Ok(asking) => match after_cancel(order, &asking.cancel(order, id).await, now) {
                Some(change) => return Ok(change),
                None => asking.read(order, id).await,
            },
            Err(why) => Heard::no_answer(why),
        };
        Ok(after_read(order, &heard, &self.rules.look, now))
    }

    /// Whom to ask about the order; or why nobody can be asked, which the order's schedule bounds.
    async fn asking(&self, order: &Order) -> Result<Result<Asking<'_, P>, String>, StoreError> {
        let merchant = match self.merchants.find_merchant(&order.key.merchant).await {
            Ok(Some(merchant)) => merchant,
            Ok(None) => return Ok(Err("The merchant is not configured any more.".to_owned())),
            // That is no fault of the order's: its schedule goes on, so that it does not stay at the head of what is due.
            Err(error @ StoreError::Corrupt { .. }) => return Ok(Err(error.to_string())),
            Err(error) => return Err(error),
        };
        if order.submission.account.as_ref().is_some_and(|account| *account != merchant.account()) {
            let why = "The order went to another account than the merchant has now.";
            return Ok(Err(why.to_owned()));
        }
        let secret = match self.secrets.secret(&order.key.merchant).await {
            Ok(secret) => secret,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let account = account_of(order, &merchant, &secret);
        let now = self.clock.now();
        Ok(Ok(Asking { provider: &self.provider, account, merchant, rules: &self.rules, now }))
    }

    /// Applies a parked event to the order that it names, if that is there by now.
    async fn match_orphan(&self, key: &ParkedKey, as_of: Timestamp) -> Result<(), ReconcileError> {
        let Some(parked) = self.store.orphan(key).await? else { return Ok(()) };
        let due = parked.due.filter(|due| due.at <= as_of);
        let (Some(due), Some(event), Some(merchant)) = (due, parked.event, key.merchant.as_ref()) else {
            return Ok(());
        };
        let order = OrderKey { merchant: merchant.clone(), order_id: event.order_id.clone() };
        let (fate, next) = match self.store.apply(&order, &event, self.clock.now()).await? {
            Applied::Done | Applied::Duplicate | Applied::Replayed => (Fate::Matched, None),
            Applied::Orphan => (Fate::Parked, due.again(as_of.max(self.clock.now()))),
            Applied::OtherProviderOrder => (Fate::Parked, None),
        };
        if self.store.settle_orphan(key, due, fate, next).await? {
            match (fate, next) {
                (Fate::Matched, _) => {
                    tracing::info!(order = %order, event = event.name, "a parked event was applied");
                }
                (Fate::Parked, Some(_)) => {}
                (Fate::Parked, None) => {
                    count(Metric::EscalatedOrders);
                    tracing::error!(order = %order, event = event.name, "a parked event fits no order of ours");
                }
            }
        }
        Ok(())
    }
}

fn account_of(order: &Order, merchant: &Merchant, secret: &Arc<MerchantSecret>) -> Account {
    Account {
        merchant: order.key.merchant.clone(),
        environment: merchant.environment,
        credentials: secret.credentials.clone(),
    }
}

#[cfg(test)]
#[path = "handler_tests/mod.rs"]
mod tests;
