//! FlexFactor in this process: the sandbox's own state machine behind the traits that the functions call.
//!
//! Where FlexFactor's behaviour is not known the harmful reading is taken: a key is forgotten after 24 hours, a repeat
//! under another key is one more order, and two calls that are worked on at the same moment don't know of each other.

mod calls;
mod fates;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use flexfactor::{Account, Lost, Outcome, Refused};
use jiff::Timestamp;
use lambda_kit::clock::Clock as _;
use models::ids::ProviderOrderId;
use models::money::MinorUnits;
use sandbox::domain::delivery::Send;
use sandbox::domain::refusal::Refusal;
use sandbox::domain::world::World;
use sandbox::{Ledger, Rule};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::env::{Env, System};
use crate::fault::Fault;
use crate::merchants::ACCOUNTS;
use crate::runtime::lock;

pub(crate) use fates::{KINDS, rules};

/// How long a call is waited for (infra/template.yaml).
const TIMEOUT_MILLIS: i64 = 25_000;

/// FlexFactor. Clones are the same one.
#[derive(Debug, Clone)]
pub(crate) struct Provider {
    env: Env,
    world: Arc<Mutex<World>>,
    /// Until when a submission is being worked on, by merchant and order id.
    working: Arc<Mutex<BTreeMap<(String, String), i64>>>,
    /// The refunds that it was called for, as they arrived.
    refunds: Arc<Mutex<Vec<RefundCall>>>,
    /// Whether it tells an order's amounts when the order is read; whether the real one does is not known.
    tells_totals: bool,
}

/// A call to refund that reached FlexFactor.
#[derive(Debug, Clone)]
pub(crate) struct RefundCall {
    /// FlexFactor's id of the order.
    pub(crate) order: String,
    pub(crate) minor: i64,
    pub(crate) at: Timestamp,
    /// Whether it was made, and not refused.
    pub(crate) is_made: bool,
    /// Whether it was for more than our own refunds before had left: FlexFactor alone stood between it and the money.
    pub(crate) is_beyond: bool,
}

impl Provider {
    pub(crate) fn new(env: Env, seed: u64, rules: Vec<Rule>, tells_totals: bool) -> Self {
        let merchants = ACCOUNTS.iter().map(|account| account.at_flexfactor()).collect();
        let world = World::new(seed, seed, fates::settings(), rules, merchants);
        let world = Arc::new(Mutex::new(world));
        Self { env, world, working: Arc::default(), refunds: Arc::default(), tells_totals }
    }

    pub(crate) const fn tells_totals(&self) -> bool {
        self.tells_totals
    }

    /// The refunds that it was called for.
    pub(crate) fn refunds(&self) -> Vec<RefundCall> {
        lock(&self.refunds).clone()
    }

    /// What its portal shows people: whether a refund of this amount was made by a call since then.
    pub(crate) fn was_refunded(&self, order: &ProviderOrderId, amount: MinorUnits, since: Timestamp) -> bool {
        let minor = i64::try_from(amount.get()).unwrap_or(i64::MAX);
        let is = |call: &RefundCall| call.is_made && call.minor == minor && call.at >= since;
        lock(&self.refunds).iter().any(|call| call.order == order.as_str() && is(call))
    }

    /// Refunds, and notes that it was asked to.
    fn refund_now(&self, mid: &str, id: &ProviderOrderId, minor: i64) -> Result<(), Refusal> {
        let now = self.env.now();
        let mut world = self.world();
        let charged = world.order(mid, id.as_str()).map_or(0, sandbox::domain::order::Order::charged_minor);
        let answer = world.refund(now, mid, id.as_str(), minor).map(|_| ());
        let mut calls = lock(&self.refunds);
        let before = calls.iter().filter(|call| call.order == id.as_str() && call.is_made);
        let refunded: i64 = before.map(|call| call.minor).sum();
        let (order, is_made) = (id.as_str().to_owned(), answer.is_ok());
        let is_beyond = refunded.saturating_add(minor) > charged;
        calls.push(RefundCall { order, minor, at: now, is_made, is_beyond });
        answer
    }

    /// FlexFactor as of now.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        let mut world = lock(&self.world);
        world.advance_to(self.env.now());
        world
    }

    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        lock(&self.world).next_due()
    }

    /// The webhooks that are to be sent now.
    pub(crate) fn take_outbox(&self) -> Vec<Send> {
        self.world().take_outbox()
    }

    pub(crate) fn ledger(&self) -> Ledger {
        self.world().ledger(self.env.now())
    }

    /// One call: whatever befalls it, it takes effect or not, and is answered or not.
    async fn call<T>(
        &self,
        kinds: &[Fault],
        what: String,
        effect: impl FnOnce() -> Result<T, Refusal> + std::marker::Send,
    ) -> Outcome<T> {
        let fault = self.env.fault(System::FlexFactor, kinds, &what);
        self.env.pass(20, 200).await;
        let Some(fault) = fault else { return told(effect()) };
        if fault == Fault::DiesBefore {
            return self.env.die().await;
        }
        if fault.hides() {
            // Whether it was refused or done, nobody is told.
            drop(effect());
        }
        if fault == Fault::DiesAfter {
            return self.env.die().await;
        }
        self.give_up(fault).await
    }

    /// The caller's side of a call that is not answered.
    async fn give_up<T>(&self, fault: Fault) -> Outcome<T> {
        if fault.hangs() {
            self.env.runtime().sleep(TIMEOUT_MILLIS).await;
        }
        Outcome::Unknown(lost_by(fault))
    }

    /// The mid that the credentials belong to, as FlexFactor finds it.
    fn mid(&self, account: &Account) -> Result<String, Refusal> {
        let credentials = &account.credentials;
        let (key, secret) = (credentials.app_key.expose_secret(), credentials.app_secret.expose_secret());
        let mid = lock(&self.world).merchant_by_key(key, secret).map(|merchant| merchant.mid.clone());
        mid.ok_or_else(|| Refusal::new(400, "The key or the secret is wrong."))
    }

    /// Somebody else, who uses our merchant's account too, places an order under an order id of ours and calls it off.
    pub(crate) fn place_namesake(&self, mid: &str, request: &Value) -> Result<(), Refusal> {
        let now = self.env.now();
        let mut world = self.world();
        let request = wire::read(&world, mid, request, now)?;
        let placed = world.evaluate(now, mid, request)?;
        world.cancel(now, mid, &placed.answer.order_id, None)
    }
}

/// What the client makes of an answer, by its HTTP status (shared/flexfactor/src/client.rs).
fn told<T>(answer: Result<T, Refusal>) -> Outcome<T> {
    match answer {
        Ok(done) => Outcome::Done(done),
        Err(refusal) => match refusal.http_status {
            http @ (408 | 409 | 425 | 429) => Outcome::Unknown(Lost::Busy(http)),
            http @ 400..=499 => Outcome::Refused(Refused { http, words: refusal.reason() }),
            http => Outcome::Unknown(Lost::ServerFailed(http)),
        },
    }
}

/// What the client tells of a call that was not answered.
fn lost_by(fault: Fault) -> Lost {
    let told = [
        (Fault::ErrorBefore, Lost::ServerFailed(500)),
        (Fault::ErrorAfter, Lost::ServerFailed(500)),
        (Fault::TooManyRequests, Lost::Busy(429)),
        (Fault::Malformed, Lost::Malformed),
        (Fault::TokenRefused, Lost::Unauthorized),
    ];
    let known = told.into_iter().find(|(known, _)| *known == fault).map(|(_, lost)| lost);
    let silent = if fault.hangs() { Lost::TimedOut } else { Lost::Disconnected };
    known.unwrap_or(silent)
}
