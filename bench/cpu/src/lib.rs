//! What the CPU benchmarks work on: bodies of a wanted size made from the published samples, and a store whose answers are
//! there at once. All of it is made before anything is measured.

pub mod decline;
mod fill;
pub mod functions;
pub mod store;
pub mod webhook;

use jiff::{SignedDuration, Timestamp};
use lambda_kit::clock::Clock;
use models::ids::OrderKey;
use models::merchant::Merchant;
use models::order::Order;

/// The sizes of bodies that are measured, in bytes. The sample of a webhook has about 250, a full decline about 2,000.
pub const BODY_BYTES: [usize; 2] = [2_048, 20_480];

/// The merchant of the samples.
///
/// # Errors
/// The sample is not as it should be.
pub fn merchant() -> anyhow::Result<Merchant> {
    Ok(serde_json::from_str(include_str!("../../../events/merchant.json"))?)
}

/// A clock that stands still.
#[derive(Debug, Clone, Copy)]
pub struct Fixed(
    /// Where it stands.
    pub Timestamp,
);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// A stored order that was answered with `SUBMITTED` and waits for its webhook: what most webhooks come to.
///
/// # Errors
/// The sample is not as it should be.
pub fn pending(key: &OrderKey, provider_order: &str, now: Timestamp) -> anyhow::Result<Order> {
    use models::submission::{self, Claim, Outcome, Times, Verdict};

    let mut screened = decline::Inputs::of_bytes(BODY_BYTES[0])?.screened()?;
    screened.decline.merchant = key.merchant.clone();
    screened.decline.order_id = key.order_id.clone();
    let content = screened.decline.content()?;
    let mut order = models::intake::open(screened, content, SignedDuration::from_mins(15), now);
    let times = Times {
        lease: SignedDuration::from_secs(90),
        repeat_after: SignedDuration::from_secs(60),
        submission_overdue: SignedDuration::from_mins(15),
        replay_window: SignedDuration::from_hours(24),
        webhook_cycle: SignedDuration::from_hours(24),
        expiry_grace: SignedDuration::from_hours(6),
    };
    let key = models::ids::IdempotencyKey::from_random([7; 16]);
    submission::claim(&Claim { key, account: merchant()?.account(), now }, &times).apply(&mut order);
    let outcome = Outcome::Answered {
        verdict: Verdict::Working,
        provider_order: provider_order.parse()?,
        word: "SUBMITTED".to_owned(),
    };
    submission::record(&order, &outcome, &times, now).apply(&mut order);
    Ok(order)
}
