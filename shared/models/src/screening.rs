//! Screening: what a decline must satisfy to become an order. Pure; the first broken rule is named.
//!
//! The order matters: nothing is read as a decline before the card guard has passed every field of it.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::card_guard::{self, Finding, FindingKind};
use crate::decline::{DECLINE_BYTES_MAX, DECLINE_VERSION, Decline, METADATA_ENTRIES_MAX};
use crate::merchant::Merchant;
use crate::refusal::{Refusal, Rule};
use crate::text::Text;

/// How far in the future a decline may lie: clocks differ.
pub const CLOCK_SKEW_SECONDS_MAX: i64 = 300;

/// The deployment's limits for declines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How old a decline may be. FlexFactor wants it on the day it failed (documented: fc/merchant-initiated-transactions).
    pub decline_age_max: SignedDuration,
    /// Fewest days an order may be held: two weeks (documented: fc/merchant-initiated-transactions).
    pub window_days_min: u16,
    /// Most days an order may be held: 21 (two integrators' documentation).
    pub window_days_max: u16,
    /// How many days where neither the decline nor the merchant says.
    pub window_days_default: u16,
}

/// A decline that passed, and for how long its order is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Screened {
    /// The decline.
    pub decline: Decline,
    /// For how many days.
    pub window_days: u16,
}

/// Reads a message body as JSON.
///
/// # Errors
/// It is too long, or not JSON; the sentence says where, never what.
pub fn parse(body: &str) -> Result<Value, Refusal> {
    if body.len() > DECLINE_BYTES_MAX {
        let sentence = format!("The message has {} bytes; the limit is {DECLINE_BYTES_MAX}.", body.len());
        return Err(Refusal::new(Rule::TooLarge, "", sentence));
    }
    serde_json::from_str(body).map_err(|error| {
        let sentence = format!("The message is not JSON: line {}, column {}.", error.line(), error.column());
        Refusal::new(Rule::NotJson, "", sentence)
    })
}

/// Refuses card numbers and card secrets in any field, then reads the value as a decline.
///
/// # Errors
/// Card data was found, or the value has not the shape of a decline.
pub fn read(value: &Value) -> Result<Decline, Refusal> {
    if let Some(finding) = card_guard::find(value) {
        return Err(card_refusal(finding));
    }
    let version = value.get("version").and_then(Value::as_u64);
    if version.is_some_and(|version| version != u64::from(DECLINE_VERSION)) {
        return Err(Refusal::new(
            Rule::Version,
            "version",
            format!("Only version {DECLINE_VERSION} is read."),
        ));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { String::new() } else { path };
        let sentence = format!(
            "The message has not the shape of a decline: {}.",
            without_values(&error.inner().to_string())
        );
        Refusal::new(Rule::Schema, path, sentence)
    })
}

fn card_refusal(finding: Finding) -> Refusal {
    match finding.kind {
        FindingKind::CardNumber => Refusal::new(
            Rule::CardNumber,
            finding.path,
            "The field holds what looks like a card number; send the token, the BIN and the last four digits only.",
        ),
        FindingKind::CardSecret => Refusal::new(
            Rule::CardSecret,
            finding.path,
            "The field's name says that it holds a card secret; CVV, PIN and track data must never be sent.",
        ),
    }
}

/// What a parser says, without what it quotes: values may be anything. The names of fields it quotes are kept, as the card
/// guard has passed them.
fn without_values(message: &str) -> String {
    let names_a_field = ["missing field `", "unknown field `", "duplicate field `"];
    if names_a_field.iter().any(|start| message.starts_with(start)) {
        return message.to_owned();
    }
    // What is expected is the parser's own text; the last of these can't be a value's.
    let Some((told, expected)) = message.rsplit_once(", expected ") else {
        return message.split(['"', '`']).step_by(2).collect::<Vec<_>>().join("…");
    };
    let kind = told.split_once(':').map_or("invalid value", |(kind, _)| kind);
    format!("{kind}, expected {expected}")
}

/// Checks a decline against its merchant's configuration and the deployment's limits at the time `now`.
///
/// # Errors
/// The first rule that it breaks.
pub fn screen(
    decline: Decline,
    merchant: Option<&Merchant>,
    limits: &Limits,
    now: Timestamp,
) -> Result<Screened, Refusal> {
    let merchant = merchant.ok_or_else(|| {
        Refusal::new(Rule::MerchantUnknown, "merchant", "No merchant is configured under this id.")
    })?;
    if !merchant.enabled {
        return Err(Refusal::new(Rule::MerchantDisabled, "merchant", "The merchant is switched off."));
    }
    check_mit(&decline)?;
    check_amount(&decline, merchant)?;
    check_age(&decline, limits, now)?;
    check_site(&decline, merchant)?;
    check_card(&decline)?;
    check_texts(&decline)?;
    let window_days = window_days(&decline, merchant, limits)?;
    Ok(Screened { decline, window_days })
}

fn check_mit(decline: &Decline) -> Result<(), Refusal> {
    let refuse = |path: &str| {
        let sentence = "Only recurring merchant-initiated transactions are rescued here; this must be true.";
        Err(Refusal::new(Rule::MitFlags, path, sentence))
    };
    match (decline.merchant_initiated, decline.recurring) {
        (false, _) => refuse("merchant_initiated"),
        (true, false) => refuse("recurring"),
        (true, true) => Ok(()),
    }
}

fn check_amount(decline: &Decline, merchant: &Merchant) -> Result<(), Refusal> {
    let currency = decline.amount.currency;
    if !merchant.currencies.contains(&currency) {
        let sentence = format!("The merchant does not take {currency}.");
        return Err(Refusal::new(Rule::Currency, "amount.currency", sentence));
    }
    if currency.decimals().is_none() || decline.subscription.price.currency != currency {
        let sentence = "The subscription's price must be in the currency of the amount.";
        return Err(Refusal::new(Rule::Currency, "subscription.price.currency", sentence));
    }
    let (min, max) = merchant.amount_limits();
    if decline.amount.minor < min || decline.amount.minor > max {
        let sentence = format!("The amount must be {} to {} minor units.", min.get(), max.get());
        return Err(Refusal::new(Rule::Amount, "amount.minor", sentence));
    }
    Ok(())
}

fn check_age(decline: &Decline, limits: &Limits, now: Timestamp) -> Result<(), Refusal> {
    let age = now.duration_since(decline.declined_at);
    if age < SignedDuration::from_secs(-CLOCK_SKEW_SECONDS_MAX) {
        let sentence = format!("The decline lies {} seconds in the future.", age.abs().as_secs());
        return Err(Refusal::new(Rule::DeclinedInFuture, "declined_at", sentence));
    }
    if age > limits.decline_age_max {
        let sentence = format!(
            "The decline is {} hours old; only those of the last {} hours are rescued.",
            age.as_hours(),
            limits.decline_age_max.as_hours()
        );
        return Err(Refusal::new(Rule::Stale, "declined_at", sentence));
    }
    Ok(())
}

fn check_site(decline: &Decline, merchant: &Merchant) -> Result<(), Refusal> {
    match merchant.site(decline.site.as_ref().map(Text::as_str)) {
        Some(_) => Ok(()),
        None => Err(Refusal::new(Rule::SiteUnknown, "site", "The merchant has no site under this name.")),
    }
}

fn check_card(decline: &Decline) -> Result<(), Refusal> {
    let card = &decline.card;
    let is_digits = |text: &Text, count: std::ops::RangeInclusive<usize>| {
        count.contains(&text.as_str().len()) && text.as_str().bytes().all(|b| b.is_ascii_digit())
    };
    let refuse = |path: &str, sentence: &str| Err(Refusal::new(Rule::Card, path, sentence));
    if card.bin.as_ref().is_some_and(|bin| !is_digits(bin, 6..=8)) {
        return refuse("card.bin", "The BIN must be the card's first six to eight digits.");
    }
    if card.last4.as_ref().is_some_and(|last4| !is_digits(last4, 4..=4)) {
        return refuse("card.last4", "This must be the card's last four digits.");
    }
    if card.expiry_month.is_some_and(|month| !(1..=12).contains(&month)) {
        return refuse("card.expiry_month", "The month must be 1 to 12.");
    }
    if card.expiry_year.is_some_and(|year| !(2000..=2100).contains(&year)) {
        return refuse("card.expiry_year", "The year must have four digits.");
    }
    Ok(())
}

fn check_texts(decline: &Decline) -> Result<(), Refusal> {
    let country = decline.billing_address.country_code.as_str();
    if country.len() != 2 || !country.bytes().all(|b| b.is_ascii_uppercase()) {
        let sentence = "The country must be two capital letters (ISO 3166-1 alpha-2).";
        return Err(Refusal::new(Rule::Country, "billing_address.country_code", sentence));
    }
    if decline.metadata.len() > METADATA_ENTRIES_MAX {
        let sentence = format!("At most {METADATA_ENTRIES_MAX} entries are taken.");
        return Err(Refusal::new(Rule::Schema, "metadata", sentence));
    }
    Ok(())
}

fn window_days(decline: &Decline, merchant: &Merchant, limits: &Limits) -> Result<u16, Refusal> {
    let days = decline.window_days.or(merchant.window_days).unwrap_or(limits.window_days_default);
    if (limits.window_days_min..=limits.window_days_max).contains(&days) {
        return Ok(days);
    }
    let sentence =
        format!("The window must be {} to {} days.", limits.window_days_min, limits.window_days_max);
    Err(Refusal::new(Rule::Window, "window_days", sentence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_parser_quotes_is_not_repeated() {
        for (message, told) in [
            ("missing field `avs_result`", "missing field `avs_result`"),
            ("invalid type: integer `123`, expected a string", "invalid type, expected a string"),
            ("invalid type: string \"a\\\", expected 1\", expected u64", "invalid type, expected u64"),
            ("invalid value: integer `-5`, expected u64", "invalid value, expected u64"),
            ("is longer than 256 bytes", "is longer than 256 bytes"),
            ("could not parse \"secret\" as a date", "could not parse … as a date"),
        ] {
            assert_eq!(without_values(message), told);
        }
    }
}
