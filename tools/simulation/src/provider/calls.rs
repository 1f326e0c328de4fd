//! The calls that the functions make.

use flexfactor::mapping::{EvaluateStatus, OrderStatus};
use flexfactor::wire::evaluate::EvaluateRequest;
use flexfactor::{
    Account, CancelExternally, CancelOrder, CaptureOrder, Capturing, Evaluate, EvaluateAnswer, FindOrder,
    Lookup, Lost, OrderAnswer, Outcome, OutcomeAnswer, ReadOrder, ReadOutcome, RefundOrder, Refunding,
    Refused,
};
use jiff::Timestamp;
use lambda_kit::clock::{Clock as _, Random as _};
use models::ids::{IdempotencyKey, OrderId, ProviderOrderId};
use models::money::MinorUnits;
use models::refund::Totals;
use sandbox::domain::order::Order;
use sandbox::domain::refusal::Refusal;
use sandbox::domain::world::World;
use serde_json::Value;

use super::{Provider, wire};
use crate::breaking::Rule;
use crate::fault::Fault;
use crate::runtime::lock;

/// An answer to /evaluate before anybody reads it.
struct Placed {
    order_id: String,
    word: &'static str,
    wait_for: Option<u64>,
}

impl Evaluate for Provider {
    async fn evaluate(
        &self,
        account: &Account,
        request: &EvaluateRequest<'_>,
        _: Timestamp,
    ) -> Outcome<EvaluateAnswer> {
        let what = format!("FlexFactor evaluate {}", request.order_id);
        let Ok(mut body) = serde_json::to_value(request) else { return Outcome::Unknown(Lost::Disconnected) };
        if self.env.is_broken(Rule::KeyReuse) {
            set_key(&mut body, self.env.bytes());
        }
        let fault = self.env.fault(crate::env::System::FlexFactor, Fault::OF_EVALUATE, &what);
        self.submit(account, body, fault).await
    }
}

impl Provider {
    async fn submit(&self, account: &Account, body: Value, fault: Option<Fault>) -> Outcome<EvaluateAnswer> {
        self.env.pass(20, 200).await;
        match fault {
            None => self.place_and_tell(account, body).await,
            Some(Fault::UnknownWord) => self.place_and_tell(account, body).await.understood(|answer| {
                let word = "REVIEW".to_owned();
                Some(EvaluateAnswer { status: EvaluateStatus::parse(&word), word, ..answer })
            }),
            Some(Fault::DiesBefore) => self.env.die().await,
            Some(fault) if fault.hides() => {
                drop(self.place(account, body).await);
                if fault == Fault::DiesAfter {
                    return self.env.die().await;
                }
                self.give_up(fault).await
            }
            Some(Fault::TimeoutThenEffect) => {
                let (later, account) = (self.clone(), account.clone());
                self.env.runtime().begin(async move {
                    later.env.pass(26_000, 45_000).await;
                    drop(later.place(&account, body).await);
                });
                self.give_up(Fault::TimeoutThenEffect).await
            }
            Some(fault) => self.give_up(fault).await,
        }
    }

    async fn place_and_tell(&self, account: &Account, body: Value) -> Outcome<EvaluateAnswer> {
        let placed = self.place(account, body).await;
        if let Ok(Placed { wait_for: Some(webhook), .. }) = placed {
            self.wait_for(webhook).await;
        }
        super::told(placed).understood(|placed| {
            let word = placed.word.to_owned();
            let provider_order = placed.order_id.parse().ok()?;
            Some(EvaluateAnswer { provider_order, status: EvaluateStatus::parse(&word), word })
        })
    }

    /// FlexFactor works on a submission, for up to two seconds.
    async fn place(&self, account: &Account, mut body: Value) -> Result<Placed, Refusal> {
        let mid = self.mid(account)?;
        let order_id = body.get("orderId").and_then(Value::as_str).unwrap_or_default().to_owned();
        let pair = (mid, order_id);
        let takes = self.env.random(|random| random.between(50, 2_000));
        let until = self.env.millis().saturating_add(takes);
        let before = lock(&self.working).insert(pair.clone(), until);
        if before.is_some_and(|until| until > self.env.millis()) {
            // Both looked for the key before either had kept it.
            set_key(&mut body, self.env.bytes());
        }
        let placed = self.place_now(&pair.0, &body);
        self.env.runtime().sleep(takes).await;
        placed
    }

    fn place_now(&self, mid: &str, body: &Value) -> Result<Placed, Refusal> {
        let now = self.env.now();
        let mut world = self.world();
        let request = wire::read(&world, mid, body, now)?;
        world.note_evaluate(mid, &request);
        let evaluated = world.evaluate(now, mid, request)?;
        let answer = evaluated.answer;
        self.env.log(format_args!("FlexFactor has {} as {}", answer.order_id, answer.word));
        Ok(Placed { order_id: answer.order_id, word: answer.word, wait_for: evaluated.wait_for })
    }

    /// Answers only when a webhook that is to be faster was tried, or after a while.
    async fn wait_for(&self, webhook: u64) {
        for _ in 0..100 {
            if self.world().settled_once(webhook) {
                return;
            }
            self.env.runtime().sleep(100).await;
        }
    }

    /// A read of the order with FlexFactor's id.
    async fn read<T: Send>(
        &self,
        account: &Account,
        id: &ProviderOrderId,
        read: impl FnOnce(&World, &Order) -> T + Send,
    ) -> Outcome<T> {
        let effect = || {
            let mid = self.mid(account)?;
            let world = self.world();
            let order = world
                .order(&mid, id.as_str())
                .ok_or_else(|| Refusal::new(404, "The order was not found."))?;
            Ok(read(&world, order))
        };
        self.call(Fault::OF_CALLS, format!("FlexFactor read {id}"), effect).await
    }
}

impl ReadOrder for Provider {
    async fn read_order(
        &self,
        account: &Account,
        id: &ProviderOrderId,
        _: Timestamp,
    ) -> Outcome<OrderAnswer> {
        let tells = self.tells_totals;
        self.read(account, id, move |world, order| answer_about(world, order, tells)).await
    }
}

impl ReadOutcome for Provider {
    async fn read_outcome(
        &self,
        account: &Account,
        id: &ProviderOrderId,
        _: Timestamp,
    ) -> Outcome<OutcomeAnswer> {
        let answer = |_: &World, order: &Order| {
            let word = order.word().to_owned();
            OutcomeAnswer { status: EvaluateStatus::parse(&word), word }
        };
        self.read(account, id, answer).await
    }
}

impl FindOrder for Provider {
    async fn find_order(
        &self,
        account: &Account,
        lookup: Lookup<'_>,
        _: Timestamp,
    ) -> Outcome<Vec<ProviderOrderId>> {
        let effect = || {
            let mid = self.mid(account)?;
            let world = self.world();
            let ours = world.orders_of(&mid).filter(|order| order.external_id == lookup.order_id.as_str());
            Ok(ours.filter_map(|order| order.id.parse().ok()).collect())
        };
        self.call(Fault::OF_CALLS, format!("FlexFactor find {}", lookup.order_id), effect).await
    }
}

impl CancelExternally for Provider {
    async fn cancel_externally(&self, account: &Account, order_id: &OrderId, _: Timestamp) -> Outcome<()> {
        let effect = || {
            let mid = self.mid(account)?;
            self.world().external_cancel(self.env.now(), &mid, order_id.as_str(), None)
        };
        self.call(Fault::OF_CALLS, format!("FlexFactor cancel {order_id}"), effect).await
    }
}

impl CancelOrder for Provider {
    async fn cancel_order(&self, account: &Account, id: &ProviderOrderId, _: Timestamp) -> Outcome<()> {
        let effect = || {
            let mid = self.mid(account)?;
            self.world().cancel(self.env.now(), &mid, id.as_str(), None)
        };
        self.call(Fault::OF_CALLS, format!("FlexFactor cancel {id}"), effect).await
    }
}

impl CaptureOrder for Provider {
    async fn capture_order(&self, account: &Account, capture: Capturing<'_>, _: Timestamp) -> Outcome<()> {
        let Capturing { key, order, amount } = capture;
        let effect = || {
            let mid = self.mid(account)?;
            self.world().capture(self.env.now(), &mid, &key.to_string(), order.as_str(), theirs(amount)?)
        };
        let answer = self.call(Fault::OF_CALLS, format!("FlexFactor capture {order}"), effect).await;
        refused(answer)
    }
}

impl RefundOrder for Provider {
    async fn refund_order(&self, account: &Account, refund: Refunding<'_>, _: Timestamp) -> Outcome<()> {
        let answer = self.refund_once(account, refund).await;
        match answer {
            Outcome::Unknown(_) if self.env.is_broken(Rule::RefundRepeat) => {
                self.refund_once(account, refund).await
            }
            Outcome::Done(_) | Outcome::Refused(_) | Outcome::Unknown(_) => answer,
        }
    }
}

impl Provider {
    async fn refund_once(&self, account: &Account, refund: Refunding<'_>) -> Outcome<()> {
        let Refunding { order, amount, message: _ } = refund;
        let effect = || {
            let mid = self.mid(account)?;
            self.refund_now(&mid, order, theirs(amount)?.minor)
        };
        refused(self.call(Fault::OF_CALLS, format!("FlexFactor refund {order}"), effect).await)
    }
}

/// An amount as FlexFactor has it.
fn theirs(amount: models::money::Money) -> Result<sandbox::domain::money::Money, Refusal> {
    let minor = i64::try_from(amount.minor.get());
    let minor = minor.map_err(|_| Refusal::new(400, "The amount is too large."))?;
    Ok(sandbox::domain::money::Money { minor, currency: amount.currency.code().to_owned() })
}

/// A refusal comes with the status 200 here, and the client tells it by its body.
fn refused(answer: Outcome<()>) -> Outcome<()> {
    match answer {
        Outcome::Unknown(Lost::ServerFailed(http @ 200)) => {
            Outcome::Refused(Refused { http, words: "refused".to_owned() })
        }
        answer @ (Outcome::Done(()) | Outcome::Refused(_) | Outcome::Unknown(_)) => answer,
    }
}

fn answer_about(world: &World, order: &Order, tells_totals: bool) -> OrderAnswer {
    let word = order.name(world.settings());
    let minor = |minor: i64| MinorUnits::new(u64::try_from(minor).unwrap_or(0));
    let totals = Totals { captured: minor(order.amount.minor), refunded: minor(order.refunded_minor()) };
    OrderAnswer { status: OrderStatus::parse(&word), word, totals: tells_totals.then_some(totals) }
}

fn set_key(body: &mut Value, bytes: [u8; 16]) {
    if let Some(key) = body.get_mut("idempotencyKey") {
        *key = IdempotencyKey::from_random(bytes).to_string().into();
    }
}
