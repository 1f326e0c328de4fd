//! What a variant must do right before it is measured: nothing is compared with a function that does less than it should.
//!
//! The peers' own idioms show in three places, which are named where they are allowed: a replayed delivery is answered from
//! Powertools' record with 200, ours with 409; what was delivered is remembered there, ours in the order; and what is wrong
//! with a message is said in other words, under the same rule.

mod intake;
mod webhook;

use anyhow::{Context as _, Result};

use crate::Bench;
use crate::local::Local;
use crate::variant::Variant;

/// The variants that do the whole work. The bare function does its one write, which each measurement looks for.
pub(crate) const WHOLE: [Variant; 3] = [Variant::Ours, Variant::Python, Variant::Typescript];

/// Checks what each variant's webhook-receiver does with genuine and with forged webhooks.
///
/// # Errors
/// A variant does not do as it should; which, and what it did.
pub(crate) async fn webhooks(bench: &Bench) -> Result<()> {
    for variant in WHOLE {
        let local = Local::up(bench, variant, "webhook-receiver").await?;
        let checked = webhook::check(&local, variant).await;
        checked.with_context(|| format!("webhook-receiver in {}", variant.name()))?;
        local.stack.down()?;
        println!("checked: webhook-receiver, {}", variant.name());
    }
    Ok(())
}

/// Checks what each variant's decline-intake does with good and with bad declines.
///
/// # Errors
/// A variant does not do as it should; which, and what it did.
pub(crate) async fn intake(bench: &Bench) -> Result<()> {
    for variant in WHOLE {
        let local = Local::up(bench, variant, "decline-intake").await?;
        let checked = intake::check(&local).await;
        checked.with_context(|| format!("decline-intake in {}", variant.name()))?;
        local.stack.down()?;
        println!("checked: decline-intake, {}", variant.name());
    }
    Ok(())
}
