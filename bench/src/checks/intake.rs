//! Declines: a good one becomes an order once, and each bad one is kept with its reason and fails nobody else.

use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use models::decline::Decline;
use models::order::DueReason;
use models::status::Status;
use models::time::to_text;
use order_store::dynamo::Books;

use crate::local::Local;
use crate::orders::{decline, key};

const GOOD: [&str; 3] = ["good-1", "good-2", "good-3"];
const CARD_NUMBER: &str = "4000002760003184";

pub(super) async fn check(local: &Local) -> Result<()> {
    local.deliver(Some("decline-intake"), true).await?;
    let good: Vec<_> = GOOD.iter().map(|id| Ok(decline(id)?.body())).collect::<Result<_>>()?;
    let stale = to_text(Timestamp::now().checked_sub(SignedDuration::from_hours(25))?);
    let bad = [
        "no json at all".to_owned(),
        decline("bad-card")?.with("/customer/email", CARD_NUMBER).body(),
        decline("bad-name")?.body().replacen('{', "{\"cvv\":\"975\",", 1),
        decline("bad-shape")?.body().replacen('{', "{\"nobody\":\"knows\",", 1),
        decline("bad-amount")?.with("/amount/minor", 20_000).body(),
        decline("bad-age")?.with("/declined_at", stale).body(),
        decline("bad-site")?.with("/site", "elsewhere").body(),
        rig::Decline::new("nobody", "bad-merchant", Timestamp::now())?.body(),
    ];
    let batch = [&good[..1], &bad, &good[1..]].concat();
    local.send(&batch).await?;
    let books = local.until(|books| count(books, good.len(), bad.len())).await?;
    check_orders(&books, &good)?;
    check_refusals(&books)?;
    repeats(local, &good).await?;
    let dead = local.waiting(&local.stack.outputs().declines_dlq_url).await?;
    ensure!(dead == 0, "{dead} declines are in the dead-letter queue");
    Ok(())
}

fn count(books: &Books, orders: usize, parked: usize) -> Result<()> {
    let found = (books.orders.len(), books.parked.len());
    ensure!(found == (orders, parked), "{found:?} orders and parked declines, not {:?}", (orders, parked));
    Ok(())
}

/// Each order holds what its decline says, as this project's own functions read it.
fn check_orders(books: &Books, bodies: &[String]) -> Result<()> {
    for body in bodies {
        let decline: Decline = serde_json::from_str(body)?;
        let order =
            books.orders.iter().find(|order| order.key == decline.key()).context("it is not stored")?;
        let is_due = order.due.is_some_and(|due| due.reason == DueReason::SubmissionOverdue);
        ensure!(
            order.status == Status::Received
                && order.content == decline.content()?
                && order.amount == decline.amount
                && order.request.as_deref() == Some(&decline)
                && order.expires_at.duration_since(order.received_at) == SignedDuration::from_hours(21 * 24)
                && order.version == 1
                && is_due,
            "the order is not as its decline says: {order:?}"
        );
        ensure!(books.facts.contains_key(&order.key), "nothing will be left of its decline for reports");
    }
    Ok(())
}

fn check_refusals(books: &Books) -> Result<()> {
    let mut found: Vec<_> = books
        .parked
        .iter()
        .map(|item| (item.rule.as_deref().unwrap_or("-"), item.order_id.as_deref().unwrap_or("-")))
        .collect();
    found.sort_unstable();
    let wanted = [
        ("amount", "bad-amount"),
        ("card_number", "bad-card"),
        ("card_secret", "bad-name"),
        ("merchant_unknown", "bad-merchant"),
        ("not_json", "-"),
        ("schema", "bad-shape"),
        ("site_unknown", "bad-site"),
        ("stale", "bad-age"),
    ];
    ensure!(found == wanted, "{found:?} are refused, not {wanted:?}");
    ensure!(!format!("{books:?}").contains(CARD_NUMBER), "a card number is stored");
    Ok(())
}

/// The same again changes nothing but is handed on as long as it waits; another decline under the same id is kept aside.
async fn repeats(local: &Local, good: &[String]) -> Result<()> {
    let before = local.books().await?;
    local.until_handed_on(good.len()).await?;
    let first = good.first().context("no good decline")?;
    let again: Decline = serde_json::from_str(first)?;
    let conflict = decline(again.order_id.as_str())?.with("/amount/minor", again.amount.minor.get() + 1);
    local.send(&[first.clone(), conflict.body()]).await?;
    local.until_handed_on(good.len() + 1).await?;
    let after = local.until(|books| count(books, before.orders.len(), before.parked.len() + 1)).await?;
    let of = |books: &Books| {
        let key = key(again.order_id.as_str())?;
        books.orders.iter().find(|order| order.key == key).cloned().context("the order is gone")
    };
    ensure!(of(&before)? == of(&after)?, "a repeat or a conflict changed the order");
    let conflicts = after.parked.iter().filter(|item| item.kind == "conflict").count();
    ensure!(conflicts == 1, "{conflicts} conflicts are kept");
    Ok(())
}
