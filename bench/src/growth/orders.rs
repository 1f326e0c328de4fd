//! The orders of a store: some that wait, as many as are wanted, and on top of them always the same that are due.

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use models::change::{Change, Effect};
use models::decline::Decline;
use models::ids::{ContentHash, IdempotencyKey, MerchantId, OrderKey};
use models::intake;
use models::order::{Due, DueReason, Order};
use models::screening::Screened;
use models::status::Transition;

/// The moment at which everything is asked for.
pub(crate) fn now() -> Timestamp {
    // 2026-11-21T10:00:00Z; whole seconds, as the index of due orders has them.
    Timestamp::constant(1_795_255_200, 0)
}

/// When so much is due: nothing, a hundred, a thousand.
pub(crate) const DUE: [(usize, SignedDuration); 3] = [
    (0, SignedDuration::from_mins(30)),
    (100, SignedDuration::from_mins(60)),
    (1_000, SignedDuration::from_mins(120)),
];

/// Which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// One that waits for its webhook, and is not due.
    Waiting(usize),
    /// One that is due: the first hundred earlier than the others.
    Due(usize),
}

impl Which {
    /// All of a store with so many orders that wait.
    pub(crate) fn all(waiting: usize) -> impl Iterator<Item = Self> {
        (0..waiting).map(Self::Waiting).chain((0..DUE[2].0).map(Self::Due))
    }

    pub(crate) fn id(self) -> String {
        match self {
            Self::Waiting(number) => format!("INV-{number:07}"),
            Self::Due(number) => format!("DUE-{number:07}"),
        }
    }

    pub(crate) fn due_at(self) -> Timestamp {
        let after = match self {
            Self::Waiting(_) => SignedDuration::from_hours(24 * 14),
            Self::Due(number) if number < DUE[1].0 => DUE[1].1,
            Self::Due(_) => DUE[2].1,
        };
        now() + after
    }

    /// One a second; what is due came last, so that it is where a list ends.
    pub(crate) fn received_at(self) -> Timestamp {
        let start = now() - SignedDuration::from_hours(24 * 15);
        let seconds = match self {
            Self::Waiting(number) => number,
            Self::Due(number) => 1_200_000 + number,
        };
        start + SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))
    }
}

pub(crate) fn merchant() -> Result<MerchantId> {
    Ok("acme".parse()?)
}

/// A pattern of orders, and how it became one.
#[derive(Debug)]
pub(crate) struct Pattern {
    received: Order,
    steps: Vec<Change>,
}

impl Pattern {
    /// An order that the provider works on.
    pub(crate) fn new() -> Result<Self> {
        let json = include_str!("../../../events/decline.json");
        let decline: Decline = serde_json::from_str(json)?;
        let content = ContentHash::of(&serde_json::from_str(json)?);
        let screened = Screened { decline, window_days: 21 };
        let received = intake::open(screened, content, SignedDuration::from_mins(15), now());
        let claim = Change::new(Transition::Claim, now()).effect(Effect::StartAttempt {
            key: IdempotencyKey::from_random([7; 16]),
            account: "sandbox/3f8a1c42-9b07-4e5d-bc6a-1d2e3f4a5b6c".to_owned(),
            lease_until: now() + SignedDuration::from_secs(90),
        });
        let accept = Change::new(Transition::Accept, now())
            .effect(Effect::ProviderOrder("ac9674ed-cbfe-49aa-bc8b-eb1d2b74c429".parse()?))
            .effect(Effect::EndLease);
        Ok(Self { received, steps: vec![claim, accept] })
    }

    /// An order as it is now.
    pub(crate) fn order(&self, which: Which) -> Result<Order> {
        self.life(which)?.pop().context("an order begins")
    }

    /// An order, from its arrival on: as each of its changes left it.
    pub(crate) fn life(&self, which: Which) -> Result<Vec<Order>> {
        let mut order = self.received.clone();
        order.key = OrderKey { merchant: merchant()?, order_id: which.id().parse()? };
        order.received_at = which.received_at();
        order.due = Some(Due::new(which.due_at(), DueReason::WebhookOverdue));
        let mut life = vec![order.clone()];
        for step in &self.steps {
            step.apply(&mut order);
            life.push(order.clone());
        }
        Ok(life)
    }
}
