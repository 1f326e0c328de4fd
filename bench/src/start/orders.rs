//! Orders in the state in which a function finds them.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use flexfactor::{Account, Client, ClientConfig, Evaluate, Outcome as Answer, evaluate_request};
use jiff::{SignedDuration, Timestamp};
use lambda_kit::secrets::MerchantSecret;
use models::decline::Decline;
use models::ids::{IdempotencyKey, ProviderOrderId};
use models::intake;
use models::merchant::Merchant;
use models::order::{Due, DueReason, Order};
use models::screening::Screened;
use models::submission::{Claim, Outcome, Times, Verdict, claim, record};
use models::text::Text;
use order_store::{Inserted, Table as _};
use rig::{MANAGED, order_id};
use uuid::Uuid;

use super::world::World;

const WINDOW_DAYS: u16 = 21;
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// The template's defaults; they only decide when an order is due, which the events here say themselves.
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

/// The text of a decline, as a billing system sends it.
pub(crate) fn decline(number: usize) -> Result<String> {
    Ok(rig::Decline::new(MANAGED, &order_id("bench", number), Timestamp::now())?.body())
}

/// An order as decline-intake stores it.
pub(crate) fn received(number: usize) -> Result<Order> {
    let now = Timestamp::now();
    let decline: Decline = serde_json::from_str(&decline(number)?)?;
    let content = decline.content()?;
    let screened = Screened { decline, window_days: WINDOW_DAYS };
    Ok(intake::open(screened, content, times().submission_overdue, now))
}

/// The same under a claim, as evaluate-submission leaves it before its call.
pub(crate) fn claimed(number: usize) -> Result<Order> {
    let mut order = received(number)?;
    let (key, now) = (IdempotencyKey::from_random(*Uuid::new_v4().as_bytes()), Timestamp::now());
    let account = format!("sandbox/{}", rig::account(MANAGED)?.mid);
    claim(&Claim { key, account, now }, &times()).apply(&mut order);
    Ok(order)
}

/// The same once FlexFactor works on it, as evaluate-submission records it.
pub(crate) fn pending(claimed: &Order, provider_order: ProviderOrderId) -> Order {
    let answer =
        Outcome::Answered { verdict: Verdict::Working, provider_order, word: "SUBMITTED".to_owned() };
    let mut order = claimed.clone();
    record(claimed, &answer, &times(), Timestamp::now()).apply(&mut order);
    order
}

/// An id as FlexFactor gives them.
pub(crate) fn provider_order() -> Result<ProviderOrderId> {
    Ok(Uuid::new_v4().to_string().parse()?)
}

/// Makes the order due for a look, that long ago.
pub(crate) fn due(order: &mut Order, reason: DueReason, ago: SignedDuration) -> Result<()> {
    order.due = Some(Due::new(Timestamp::now().checked_sub(ago)?, reason));
    Ok(())
}

/// Stores orders.
pub(crate) async fn store(world: &World, orders: &[Order]) -> Result<()> {
    for order in orders {
        let inserted = world.table.insert(order).await?;
        ensure!(matches!(inserted, Inserted::New), "{} is stored already", order.key);
    }
    Ok(())
}

/// Submits orders to FlexFactor, so that it knows them: its ids of them.
pub(crate) async fn submit(world: &World, orders: &[Order]) -> Result<Vec<ProviderOrderId>> {
    let url = world.provider.base_url.clone();
    let config = ClientConfig {
        sandbox_url: url.clone(),
        production_url: url,
        timeout: CALL_TIMEOUT,
        amounts: None,
        trace_header: None,
    };
    let client = Client::new(&config)?;
    let merchant: Merchant =
        world.table.merchant(&MANAGED.parse()?).await?.context("the merchant is not set up")?;
    let secret = world.account.secret(&[world.account.webhook_key]).to_string();
    let credentials = MerchantSecret::parse(&secret)?.credentials;
    let account = Account { merchant: MANAGED.parse()?, environment: merchant.environment, credentials };
    let mut ids = Vec::new();
    for order in orders {
        let decline = order.request.as_deref().context("the order has no decline")?;
        let key = order.submission.idempotency_key.context("the order has no key")?;
        let site =
            merchant.site(decline.site.as_ref().map(Text::as_str)).context("the merchant has no site")?;
        let request = evaluate_request(decline, &merchant, &site, key, order.expires_at)?;
        match client.evaluate(&account, &request, Timestamp::now()).await {
            Answer::Done(answer) => ids.push(answer.provider_order),
            Answer::Refused(refused) => bail!("FlexFactor refused an order: {refused:?}"),
            Answer::Unknown(lost) => return Err(anyhow!("FlexFactor did not answer: {lost:?}")),
        }
    }
    Ok(ids)
}
