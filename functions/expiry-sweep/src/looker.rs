//! Looking at one due order: ask FlexFactor where that helps, and apply what it says through the same transitions as
//! everybody else.

use flexfactor::{Account, Outcome, ReadOrder};
use jiff::Timestamp;
use lambda_kit::clock::Clock;
use lambda_kit::queue::{HandOn, QueueError};
use lambda_kit::secrets::FindSecret;
use lambda_kit::telemetry::{count, metric};
use models::change::Change;
use models::ids::{OrderKey, ProviderOrderId};
use models::order::Order;
use models::status::{Status, Transition};
use models::sweep::{self, ProviderView, after_read};
use order_store::StoreError;
use order_store::capability::{FindMerchant, Look};

use crate::settings::LookRules;

/// What orders are looked at with.
#[derive(Debug)]
pub struct Looker<S, Q, M, K, P, C> {
    pub store: S,
    pub queue: Q,
    pub merchants: M,
    pub secrets: K,
    pub provider: P,
    pub clock: C,
    pub rules: LookRules,
}

/// What a look led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// The order has ended.
    Closed,
    /// The order goes on, or somebody else was faster.
    Rearmed,
}

/// Why an order could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// What FlexFactor said of an order.
struct Heard {
    view: ProviderView,
    word: String,
}

impl Heard {
    fn no_answer(why: impl ToString) -> Self {
        Self { view: ProviderView::NoAnswer, word: why.to_string() }
    }
}

impl<S, Q, M, K, P, C> Looker<S, Q, M, K, P, C>
where
    S: Look,
    Q: HandOn,
    M: FindMerchant,
    K: FindSecret,
    P: ReadOrder,
    C: Clock,
{
    /// Looks at the order as of `as_of`.
    pub async fn look_at(&self, key: &OrderKey, as_of: Timestamp) -> Result<Looked, LookError> {
        let Some(order) = self.store.read(key).await? else { return Ok(Looked::Rearmed) };
        if order.due.is_none_or(|due| due.at > as_of) {
            // The index lags behind the table: somebody has looked already.
            return Ok(Looked::Rearmed);
        }
        let change = match sweep::look(&order, &self.rules.times, as_of) {
            sweep::Look::Settle(change) => change,
            sweep::Look::Resubmit(change) => {
                // Handed on first: if the process dies here, the order is still due, and a claim excludes the second.
                self.queue.hand_on(key).await?;
                tracing::warn!(order = %key, "the order waits for its submission and is handed on again");
                change
            }
            sweep::Look::Ask(id) => {
                let heard = self.ask(&order, &id).await?;
                let rules = &self.rules;
                after_read(&order, &heard.view, &heard.word, &rules.times, rules.cancelled_past_expiry, as_of)
            }
        };
        self.settle(&order, &change).await
    }

    async fn ask(&self, order: &Order, id: &ProviderOrderId) -> Result<Heard, LookError> {
        let Some(merchant) = self.merchants.find_merchant(&order.key.merchant).await? else {
            return Ok(Heard::no_answer("the merchant is not configured any more"));
        };
        let secret = match self.secrets.secret(&order.key.merchant).await {
            Ok(secret) => secret,
            Err(error) => return Ok(Heard::no_answer(error)),
        };
        let account = Account {
            merchant: order.key.merchant.clone(),
            environment: merchant.environment,
            credentials: secret.credentials.clone(),
        };
        Ok(match self.provider.read_order(&account, id, self.clock.now()).await {
            Outcome::Done(answer) => {
                let view = answer.status.view();
                if view == ProviderView::NotUnderstood {
                    count(metric::UNKNOWN_PROVIDER_VALUES);
                    tracing::error!(order = %order.key, word = answer.word, "the order's status is not understood");
                }
                Heard { view, word: answer.word }
            }
            Outcome::Refused(refused) => {
                Heard::no_answer(format!("HTTP {}: {}", refused.http, refused.words))
            }
            Outcome::Unknown(lost) => Heard::no_answer(lost),
        })
    }

    async fn settle(&self, order: &Order, change: &Change) -> Result<Looked, LookError> {
        let is_made = self.store.settle(&order.key, change).await?;
        let to = change.transition.to();
        if !is_made {
            tracing::info!(order = %order.key, "the order changed while it was looked at");
            return Ok(Looked::Rearmed);
        }
        if change.transition == Transition::Escalate || sweep::gives_up(order, change) {
            count(metric::ESCALATED_ORDERS);
            tracing::error!(order = %order.key, "the order was handed back: what became of it, or of its money, can't be learnt");
        }
        tracing::info!(order = %order.key, step = ?change.transition, "a due order was looked at");
        Ok(if to.is_some_and(Status::is_terminal) { Looked::Closed } else { Looked::Rearmed })
    }
}
