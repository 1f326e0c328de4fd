//! Declines, and orders in the state in which a webhook finds them.

use anyhow::{Result, ensure};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use models::decline::Decline;
use models::ids::{IdempotencyKey, OrderKey, ProviderOrderId};
use models::intake;
use models::order::Order;
use models::screening::Screened;
use models::submission::{Claim, Outcome, Times, Verdict, claim, record};
use order_store::dynamo::DynamoTable;
use order_store::{Inserted, Table as _};
use rig::MANAGED;
use uuid::Uuid;

/// How many are stored at once.
const STORED_AT_ONCE: usize = 8;
const WINDOW_DAYS: u16 = 21;

/// The template's defaults, as far as they matter here.
fn times() -> Times {
    Times {
        lease: SignedDuration::from_secs(90),
        repeat_after: SignedDuration::from_secs(90),
        submission_overdue: SignedDuration::from_mins(15),
        replay_window: SignedDuration::from_hours(24),
        webhook_cycle: SignedDuration::from_hours(24),
        expiry_grace: SignedDuration::from_hours(6),
    }
}

/// A decline as a billing system sends it.
pub(crate) fn decline(order_id: &str) -> Result<rig::Decline> {
    rig::Decline::new(MANAGED, order_id, Timestamp::now())
}

/// What names an order of the merchant that is measured.
pub(crate) fn key(order_id: &str) -> Result<OrderKey> {
    Ok(OrderKey { merchant: MANAGED.parse()?, order_id: order_id.parse()? })
}

/// An id as FlexFactor gives them.
pub(crate) fn provider_order() -> String {
    Uuid::new_v4().to_string()
}

/// An order that FlexFactor works on, as evaluate-submission leaves it.
pub(crate) fn pending(order_id: &str, provider_order: &str) -> Result<Order> {
    let now = Timestamp::now();
    let decline: Decline = serde_json::from_str(&decline(order_id)?.body())?;
    let content = decline.content()?;
    let screened = Screened { decline, window_days: WINDOW_DAYS };
    let mut order = intake::open(screened, content, times().submission_overdue, now);
    let key = IdempotencyKey::from_random(*Uuid::new_v4().as_bytes());
    let account = format!("sandbox/{}", rig::account(MANAGED)?.mid);
    claim(&Claim { key, account, now }, &times()).apply(&mut order);
    let provider_order: ProviderOrderId = provider_order.parse()?;
    let answer =
        Outcome::Answered { verdict: Verdict::Working, provider_order, word: "SUBMITTED".to_owned() };
    let change = record(&order, &answer, &times(), now);
    change.apply(&mut order);
    Ok(order)
}

/// Stores orders, which must be new.
pub(crate) async fn store(table: &DynamoTable, orders: &[Order]) -> Result<()> {
    let stored = orders.iter().map(|order| async move {
        let inserted = table.insert(order).await?;
        ensure!(matches!(inserted, Inserted::New), "{} is stored already", order.key);
        Ok(())
    });
    stream::iter(stored).buffer_unordered(STORED_AT_ONCE).try_collect::<Vec<()>>().await.map(|_| ())
}
