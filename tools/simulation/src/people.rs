//! People, by their billing system: they cancel, capture and refund at moments of their own, several at once, ask again with
//! the same key where no answer comes, and ask anew where a refund turns out not to have been made.

use std::sync::Arc;

use lambda_kit::clock::Random as _;
use models::ids::{IdempotencyKey, OrderKey};
use models::money::{MinorUnits, Money};
use models::order::Order;
use models::refund::{RefundId, RefundState};
use models::status::Status;
use order_store::Table as _;

use crate::desk::{Ask, Said, What};
use crate::env::{Env, System};
use crate::fault::Fault;
use crate::functions::Functions;
use crate::random::Random;
use crate::traffic::Good;
use crate::world::{DAY, HOUR, MINUTE};

/// How often the same is asked with the same key.
const TRIES: i64 = 12;
/// How often a refund that was not made is asked anew.
const ROUNDS: u32 = 3;

/// How much of what was to be charged is to be paid back, in a thousand parts of it.
pub(crate) type Share = u64;

/// What somebody wants of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wants {
    Cancel,
    Capture,
    /// All of these at about the same moment, once it is approved.
    Refunds(Vec<Share>),
}

/// Somebody who wants something of an order at some moment.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) key: OrderKey,
    pub(crate) at: i64,
    pub(crate) wants: Wants,
}

/// Who wants something of the orders of a world.
pub(crate) fn people(good: &[Good], random: &mut Random) -> anyhow::Result<Vec<Person>> {
    let mut people = Vec::new();
    for good in good {
        let key = OrderKey { merchant: good.merchant.parse()?, order_id: good.order_id.parse()? };
        let mut wish = |at, wants| people.push(Person { key: key.clone(), at, wants });
        if random.happens(20) {
            wish(good.at + moment(random), Wants::Cancel);
        }
        if good.order_id.starts_with("capture-") && random.happens(60) {
            wish(good.at + random.between(MINUTE, 20 * HOUR), Wants::Capture);
        }
        if random.happens(30) {
            wish(good.at + around(&good.order_id, random), Wants::Refunds(shares(random)));
        }
    }
    Ok(people)
}

/// Before the submission, while it is under way, while its outcome may be unknown, while it is pending, and after its end.
fn moment(random: &mut Random) -> i64 {
    let spans = [
        (0, MINUTE),
        (MINUTE, 6 * MINUTE),
        (MINUTE, 6 * MINUTE),
        (6 * MINUTE, 30 * HOUR),
        (DAY, 21 * DAY),
        (21 * DAY, 26 * DAY),
    ];
    let (least, most) = random.pick(&spans).copied().unwrap_or_default();
    random.between(least, most)
}

/// Some day; of orders that FlexFactor's side refunds too, often at that very moment.
fn around(order_id: &str, random: &mut Random) -> i64 {
    match order_id.starts_with("refund-") && random.happens(50) {
        true => 5 * DAY + random.between(-20 * MINUTE, 20 * MINUTE),
        false => random.between(0, 24 * DAY),
    }
}

/// Parts, the whole, too much, and often several at once.
fn shares(random: &mut Random) -> Vec<Share> {
    let count = if random.happens(50) { 1 + random.below(4) } else { 1 };
    (0..count)
        .map(|_| match random.below(10) {
            0 | 1 => 1_000,
            2 => 1_001 + random.below(999),
            _ => 1 + random.below(700),
        })
        .collect()
}

/// Waits for its moment and sees to it.
pub(crate) async fn live(functions: Functions, person: Person) {
    let env = functions.env.clone();
    env.runtime().sleep(person.at.saturating_sub(env.millis())).await;
    let key = Arc::new(person.key);
    match person.wants {
        Wants::Cancel => {
            insist(&functions, &key, fresh(&env, What::Cancel)).await;
        }
        Wants::Capture => {
            insist(&functions, &key, fresh(&env, What::Capture)).await;
        }
        Wants::Refunds(shares) => {
            let Some(order) = approved(&functions, &key).await else { return };
            let spread = if shares.len() > 1 { 1_500 } else { 0 };
            for share in shares {
                let minor = order.amount.minor.get().saturating_mul(share).div_ceil(1_000);
                let amount = Money { minor: MinorUnits::new(minor), currency: order.amount.currency };
                let wait = env.random(|random| random.between(0, spread));
                let (functions, key) = (functions.clone(), key.clone());
                env.runtime().begin(async move {
                    functions.env.runtime().sleep(wait).await;
                    refund(&functions, &key, amount).await;
                });
            }
        }
    }
}

/// Asked for under a key that nobody used before.
fn fresh(env: &Env, what: What) -> Ask {
    Ask { what, key: IdempotencyKey::from_random(env.bytes()) }
}

/// The order once it is approved, for as long as that can be.
async fn approved(functions: &Functions, key: &OrderKey) -> Option<Order> {
    for _ in 0..60 {
        let order = stored(functions, key).await;
        if order.as_ref().is_some_and(|order| order.status == Status::Approved) {
            return order;
        }
        functions.env.runtime().sleep(12 * HOUR).await;
    }
    None
}

/// The order as people see it: what they look at has no faults.
async fn stored(functions: &Functions, key: &OrderKey) -> Option<Order> {
    functions.store.table().read(key).await.ok().flatten()
}

/// Asks until there is an answer, with the same key.
async fn insist(functions: &Functions, key: &OrderKey, ask: Ask) -> Option<Said> {
    let mut said = None;
    for number in 1..=TRIES {
        said = once(functions, key, &ask).await;
        functions.env.log(format_args!("{key} {:?}: {said:?}", ask.what));
        if said.is_some_and(|said| said != Said::Later) {
            break;
        }
        functions.env.runtime().sleep(number * number * MINUTE).await;
    }
    said
}

/// One request and its answer, either of which may be lost, and which may come twice at once.
async fn once(functions: &Functions, key: &OrderKey, ask: &Ask) -> Option<Said> {
    let fault = functions.env.fault(System::Webhook, Fault::OF_ASKING, &format!("ask for {key}"));
    functions.env.pass(5, 60).await;
    match fault {
        None => functions.ask(key, ask).await,
        Some(Fault::AskedTwice) => {
            let asked = futures_util::future::join(functions.ask(key, ask), functions.ask(key, ask)).await;
            asked.0.or(asked.1)
        }
        Some(_) => {
            functions.ask(key, ask).await;
            None
        }
    }
}

/// Refunds, and asks anew where nothing was made.
async fn refund(functions: &Functions, key: &OrderKey, amount: Money) {
    for _ in 0..ROUNDS {
        let ask = fresh(&functions.env, What::Refund(amount.minor, amount.currency));
        let id = RefundId::of(key, &ask.key.to_string());
        match insist(functions, key, ask).await {
            Some(Said::Refund(RefundState::Reserved | RefundState::NotMade) | Said::Later) | None => {}
            Some(Said::Refund(_) | Said::Refused | Said::Taken) => return,
        }
        match outcome(functions, key, &id).await {
            Some(RefundState::NotMade) | None => {}
            // Every other of those who are told that nobody could learn it looks into FlexFactor's portal.
            Some(RefundState::Unresolved) if amount.minor.get().is_multiple_of(2) => {
                if look_it_up(functions, key, &id).await {
                    return;
                }
            }
            Some(
                RefundState::Unresolved | RefundState::Reserved | RefundState::Made | RefundState::Refused,
            ) => return,
        }
    }
}

/// What became of a refund, for as long as its schedule runs.
async fn outcome(functions: &Functions, key: &OrderKey, id: &RefundId) -> Option<RefundState> {
    let mut state = None;
    for _ in 0..96 {
        let order = stored(functions, key).await?;
        state = order.refunds.iter().find(|refund| refund.id == *id).map(|refund| refund.state);
        if state != Some(RefundState::Reserved) {
            break;
        }
        functions.env.runtime().sleep(HOUR).await;
    }
    state
}

/// Says what FlexFactor's portal shows of a refund; whether it was made.
async fn look_it_up(functions: &Functions, key: &OrderKey, id: &RefundId) -> bool {
    let Some(order) = stored(functions, key).await else { return true };
    let refund = order.refunds.iter().find(|refund| refund.id == *id);
    let is_made = refund.zip(order.provider_order.as_ref()).is_some_and(|(refund, provider)| {
        functions.provider.was_refunded(provider, refund.amount, refund.asked_at)
    });
    insist(functions, key, fresh(&functions.env, What::Resolve(id.clone(), is_made))).await;
    is_made
}
