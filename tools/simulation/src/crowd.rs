//! Many people who refund the same order at the same moment, in an order of steps that the seed decides.

use anyhow::Result;
use models::ids::OrderKey;
use models::refund::RefundState;
use sandbox::{Fate, Rule as Fated};
use serde_json::Value;
use std::collections::BTreeSet;

use crate::audit::Damage;
use crate::breaking::Rule;
use crate::env::{Chance, Env};
use crate::log::Log;
use crate::people::{Person, Wants};
use crate::random::Random;
use crate::traffic::{Message, SAMPLE, Traffic, decline};
use crate::world::{DAY, START, World};

const ORDER_ID: &str = "INV-1001-r1";
const MERCHANT: &str = "acme";
/// What is captured.
const MINOR: u64 = 10_000;
/// Most that one of them asks for, in a thousand parts: together they ask for more than there is.
const SHARE_MAX: u64 = 90;

/// What came of it, in minor units.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Crowd {
    /// How many people asked.
    pub people: u64,
    /// What was captured, by FlexFactor's ledger.
    pub captured: i64,
    /// What is called refunded here, by single refunds.
    pub made: i64,
    /// What FlexFactor refunded, by its ledger.
    pub refunded: i64,
    /// Refunds that were made.
    pub refunds: usize,
    /// Refunds that are neither made nor refused, and those of which FlexFactor was asked for more than was left.
    pub wrong: usize,
}

/// Lets `people` refund one order at once, each call with a fault in `per_cent` of a hundred cases.
///
/// # Errors
/// The world can't be set up, or the order is not approved.
pub fn crowd(seed: u64, people: u64, per_cent: u32, broken: Option<Rule>) -> Result<Crowd> {
    let mut random = Random::new(seed);
    let sample: Value = serde_json::from_str(SAMPLE)?;
    let one = decline(&sample, MERCHANT, ORDER_ID, MINOR, START, &mut random)?;
    let messages = vec![Message { at: START, body: one.to_string() }];
    let traffic = Traffic { messages, good: BTreeSet::new(), bad: 0 };
    let key = OrderKey { merchant: MERCHANT.parse()?, order_id: ORDER_ID.parse()? };
    let person = |random: &mut Random| Person {
        key: key.clone(),
        at: START + 2 * DAY,
        wants: Wants::Refunds(vec![1 + random.below(SHARE_MAX)]),
    };
    let crowd: Vec<_> = (0..people).map(|_| person(&mut random)).collect();
    let fate = Fate::Approve { after_seconds: 0, past_expiry: false };
    let rules = vec![Fated { fate: Some(fate), ..Fated::default() }];
    let chance = Chance::Seeded { per_cent, outages: Vec::new() };
    let env = Env::new(random, chance, Log::new(None), broken);
    let mut world = World::new(env, seed, rules, traffic, true)?;
    world.let_people_act(crowd);
    let ended = world.live();
    let store = &ended.functions.store;
    let entry = ended.ledger.orders.first().ok_or_else(|| anyhow::anyhow!("FlexFactor has no order"))?;
    let mut found = Crowd {
        people,
        captured: entry.charges.iter().map(|charge| charge.money.minor).sum(),
        refunded: entry.refunds.iter().map(|refund| refund.money.minor).sum(),
        wrong: ended.functions.provider.refunds().iter().filter(|call| call.is_beyond).count()
            + store.wrongs().iter().filter(|(damage, ..)| *damage != Damage::Lost).count(),
        ..Crowd::default()
    };
    for refund in store.table().orders().iter().flat_map(|order| &order.refunds) {
        match refund.state {
            RefundState::Made => {
                found.refunds += 1;
                found.made += i64::try_from(refund.amount.get())?;
            }
            RefundState::Refused | RefundState::NotMade => {}
            RefundState::Reserved | RefundState::Unresolved => found.wrong += 1,
        }
    }
    Ok(found)
}
