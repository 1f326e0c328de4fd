//! What people ask for while the days pass, by the HTTP API: cancels and refunds, some of them too late or too large.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use rig::{Books, Rig};
use serde_json::{Value, json};

use crate::cast::Role;

/// How much a refund in part is, in minor units. Every order is of more.
pub(crate) const PART_MINOR: u64 = 500;

/// Something that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ask {
    /// Cancel it.
    Cancel,
    /// Refund [`PART_MINOR`].
    RefundInPart,
    /// Refund all of it.
    RefundInFull,
    /// Refund one cent more than was charged.
    RefundTooMuch,
}

/// When something is asked for orders of a kind, and how the API must answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The day, before the sweep has looked.
    day: u64,
    ask: Ask,
    /// The HTTP status.
    answer: u16,
}

/// What is asked for orders of this kind.
fn asked_of(kind: &str) -> Option<Asked> {
    Some(match kind {
        "cancel" => Asked { day: 2, ask: Ask::Cancel, answer: 202 },
        // FlexFactor has charged it meanwhile, and nobody has told yet.
        "cancel-late" => Asked { day: 2, ask: Ask::Cancel, answer: 202 },
        "cancel-paid" => Asked { day: 3, ask: Ask::Cancel, answer: 409 },
        "refund-part" => Asked { day: 4, ask: Ask::RefundInPart, answer: 201 },
        "refund-full" => Asked { day: 4, ask: Ask::RefundInFull, answer: 201 },
        "refund-much" => Asked { day: 4, ask: Ask::RefundTooMuch, answer: 422 },
        _ => return None,
    })
}

/// What was asked, and how it was answered.
#[derive(Debug, Default)]
pub(crate) struct People {
    /// How many answers of each status each kind of asking had.
    pub(crate) answers: BTreeMap<(Ask, u16), usize>,
    /// Answers that were not as they had to be.
    pub(crate) failures: Vec<String>,
}

impl People {
    /// Asks what is to be asked on this day.
    ///
    /// # Errors
    /// The API did not answer.
    pub(crate) async fn act(&mut self, rig: &Rig, roles: &[Role], books: &Books, day: u64) -> Result<()> {
        for role in roles {
            let Some(asked) = asked_of(role.kind.name).filter(|asked| asked.day == day) else { continue };
            let order = books.orders.iter().find(|order| order.key.order_id.as_str() == role.order_id);
            let amount = order.with_context(|| format!("{} is not there", role.order_id))?.amount.minor.get();
            // Twice under one key, as a caller does that had no answer: it must come to the same.
            let first = ask(rig, role, asked.ask, amount).await?;
            let second = ask(rig, role, asked.ask, amount).await?;
            *self.answers.entry((asked.ask, first.0)).or_default() += 1;
            if first.0 != asked.answer {
                self.failures.push(format!(
                    "{}: {:?} was answered {} and not {}: {}",
                    role.order_id, asked.ask, first.0, asked.answer, first.1
                ));
            }
            let is_success = |status: u16| status < 300;
            if is_success(first.0) != is_success(second.0) || first.1["code"] != second.1["code"] {
                self.failures.push(format!(
                    "{}: {:?} was answered {} and, repeated, {}",
                    role.order_id, asked.ask, first.0, second.0
                ));
            }
        }
        Ok(())
    }

    /// How often something was asked, and answered so.
    pub(crate) fn count(&self, asks: &[Ask], answered: impl Fn(u16) -> bool) -> usize {
        let counted =
            self.answers.iter().filter(|((ask, status), _)| asks.contains(ask) && answered(*status));
        counted.map(|(_, count)| count).sum()
    }
}

async fn ask(rig: &Rig, role: &Role, ask: Ask, amount: u64) -> Result<(u16, Value)> {
    let refund =
        |minor: u64| json!({ "amount": { "minor": minor, "currency": "USD" }, "reason": "asked for" });
    let (path, body) = match ask {
        Ask::Cancel => ("cancel", json!({})),
        Ask::RefundInPart => ("refunds", refund(PART_MINOR)),
        Ask::RefundInFull => ("refunds", refund(amount)),
        Ask::RefundTooMuch => ("refunds", refund(amount.saturating_add(1))),
    };
    let url = format!("{}/orders/{}/{path}", rig.stack().api_url(role.kind.merchant), role.order_id);
    let key = format!("demo-{path}-{}", role.order_id);
    let client = reqwest::Client::builder().no_proxy().build()?;
    let signed = rig.stack().api_authorization();
    let request = client.post(url).header("authorization", signed).header("idempotency-key", key);
    let answer = request.json(&body).send().await?;
    let status = answer.status().as_u16();
    ensure!(status < 500, "the API failed with {status}: {}", answer.text().await?);
    Ok((status, serde_json::from_str(&answer.text().await?).unwrap_or_default()))
}
