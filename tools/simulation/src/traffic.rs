//! What the billing system sends: good declines of every kind, and beside them repeats, conflicts and rubbish.

use std::collections::BTreeSet;

use jiff::Timestamp;
use models::time::to_text;
use serde_json::Value;
use uuid::Uuid;

use crate::merchants::{ACCOUNTS, REFUSED_MINOR};
use crate::provider::KINDS;
use crate::random::Random;

/// The published sample, which every decline here is a variation of.
pub(crate) const SAMPLE: &str = include_str!("../../../events/decline.json");
const HOUR_MILLIS: i64 = 3_600_000;
/// Over how long the declines of a world arrive.
const ARRIVAL_MILLIS: i64 = 3 * 24 * HOUR_MILLIS;

/// A message for the declines queue.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) at: i64,
    pub(crate) body: String,
}

/// A good decline, as the billing system remembers it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Good {
    pub(crate) merchant: &'static str,
    pub(crate) order_id: String,
    /// When its decline arrives.
    pub(crate) at: i64,
}

/// All that is sent in a world.
#[derive(Debug)]
pub(crate) struct Traffic {
    /// In the order of time, the last first.
    pub(crate) messages: Vec<Message>,
    /// The good declines.
    pub(crate) good: BTreeSet<Good>,
    /// How many messages must be parked with a reason.
    pub(crate) bad: u64,
}

impl Traffic {
    /// Declines of `orders` orders from `start` on; `per_cent` of them come twice, in conflict or beside rubbish.
    pub(crate) fn new(orders: u64, start: i64, per_cent: u32, random: &mut Random) -> anyhow::Result<Self> {
        let sample: Value = serde_json::from_str(SAMPLE)?;
        let mut traffic = Self { messages: Vec::new(), good: BTreeSet::new(), bad: 0 };
        let mut at = start;
        for number in 0..orders {
            // In bursts of about four, so that batches have several records.
            if number == 0 || random.happens(25) {
                at = start.saturating_add(random.between(0, ARRIVAL_MILLIS));
            }
            traffic.add(&sample, number, at, per_cent, random)?;
        }
        traffic.messages.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| b.body.cmp(&a.body)));
        Ok(traffic)
    }

    fn add(
        &mut self,
        sample: &Value,
        number: u64,
        at: i64,
        per_cent: u32,
        random: &mut Random,
    ) -> anyhow::Result<()> {
        let kind = kind(random);
        let merchant = random.pick(&ACCOUNTS).map_or("acme", |account| account.id);
        let order_id = format!("{kind}-{number:06}");
        let minor = if kind == "refused" { REFUSED_MINOR } else { 1_000 + random.below(18_000) };
        let decline = decline(sample, merchant, &order_id, minor, at, random)?;
        self.send(at, &decline);
        self.good.insert(Good { merchant, order_id, at });
        if random.happens(per_cent) {
            self.send(at + random.between(0, 48 * HOUR_MILLIS), &decline);
        }
        if random.happens(per_cent) {
            self.spoil(decline, at, random);
        }
        Ok(())
    }

    /// Something that can't become an order: it must end in the parking place, and the good one beside it go on.
    fn spoil(&mut self, decline: Value, at: i64, random: &mut Random) {
        self.bad += 1;
        // Later than the good one and its delays, which would else be the one in conflict.
        let at = at + random.between(10 * 24 * HOUR_MILLIS, 12 * 24 * HOUR_MILLIS);
        let fresh = to_text(Timestamp::from_millisecond(at).unwrap_or_default());
        let decline = with(decline, "/declined_at", fresh.into());
        let spoilt = match random.below(4) {
            0 => with(decline, "/amount/minor", 999.into()),
            1 => with(decline, "/merchant", "nobody".into()),
            2 => with(decline, "/transaction/descriptor", "4111 1111 1111 1111".into()),
            _ => Value::from("{ not a decline"),
        };
        self.send(at, &spoilt);
    }

    fn send(&mut self, at: i64, decline: &Value) {
        self.messages.push(Message { at, body: decline.to_string() });
    }
}

/// A decline, and one that can be told apart from all others.
pub(crate) fn decline(
    sample: &Value,
    merchant: &str,
    order_id: &str,
    minor: u64,
    at: i64,
    random: &mut Random,
) -> anyhow::Result<Value> {
    let token = Uuid::from_bytes(random.bytes());
    let declined_at = to_text(Timestamp::from_millisecond(at)?);
    let fields = [
        ("/merchant", Value::from(merchant)),
        ("/order_id", Value::from(order_id)),
        ("/declined_at", Value::from(declined_at)),
        ("/amount/minor", Value::from(minor)),
        ("/transaction/id", Value::from(format!("txn-{order_id}"))),
        ("/card/token", Value::from(token.to_string())),
    ];
    Ok(fields.into_iter().fold(sample.clone(), |decline, (pointer, value)| with(decline, pointer, value)))
}

fn kind(random: &mut Random) -> &'static str {
    let sum: u32 = KINDS.iter().map(|kind| kind.weight).sum();
    let mut left = random.below(u64::from(sum));
    for kind in KINDS {
        let weight = u64::from(kind.weight);
        if left < weight {
            return kind.name;
        }
        left -= weight;
    }
    "approve"
}

pub(crate) fn with(mut decline: Value, pointer: &str, value: Value) -> Value {
    if let Some(field) = decline.pointer_mut(pointer) {
        *field = value;
    }
    decline
}
