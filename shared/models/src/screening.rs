//! Screening: what a decline must satisfy to become an order. Pure; the first broken rule is named.
//!
//! The order matters: nothing is read as a decline before the card guard has passed every field of it.

use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::card_guard::{self, Finding, FindingKind};
use crate::decline::{Address, DECLINE_BYTES_MAX, DECLINE_VERSION, Decline, METADATA_ENTRIES_MAX};
use crate::merchant::{Merchant, Site};
use crate::money::{Currency, Money};
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
    read_as(value, DECLINE_VERSION, "a decline")
}

/// The same for any message: `name` is what it is, with its article.
pub(crate) fn read_as<T: DeserializeOwned>(value: &Value, version: u32, name: &str) -> Result<T, Refusal> {
    if let Some(finding) = card_guard::find(value) {
        return Err(card_refusal(finding));
    }
    let told = value.get("version").and_then(Value::as_u64);
    if told.is_some_and(|told| told != u64::from(version)) {
        return Err(Refusal::new(Rule::Version, "version", format!("Only version {version} is read.")));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { String::new() } else { path };
        let told = without_values(&error.inner().to_string());
        let sentence = format!("The message has not the shape of {name}: {told}.");
        Refusal::new(Rule::Schema, path, sentence)
    })
}

fn card_refusal(finding: Finding) -> Refusal {
    match finding.kind {
        FindingKind::CardNumber => Refusal::new(
            Rule::CardNumber,
            finding.path,
            "The field holds what looks like a card number; send no more of it than the BIN and the last four digits.",
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
    let merchant = enabled(merchant)?;
    check_mit(&decline)?;
    check_amount(&decline, merchant)?;
    check_age(&decline, limits, now)?;
    site(merchant, decline.site.as_ref())?;
    let card = &decline.card;
    check_card(&CardFacts {
        bin: card.bin.as_ref(),
        last4: card.last4.as_ref(),
        expiry_month: card.expiry_month,
        expiry_year: card.expiry_year,
    })?;
    check_texts(&decline)?;
    let window_days = window_days(&decline, merchant, limits)?;
    Ok(Screened { decline, window_days })
}

/// The merchant, if there is one and it is switched on.
pub(crate) fn enabled(merchant: Option<&Merchant>) -> Result<&Merchant, Refusal> {
    let merchant = merchant.ok_or_else(|| {
        Refusal::new(Rule::MerchantUnknown, "merchant", "No merchant is configured under this id.")
    })?;
    if !merchant.enabled {
        return Err(Refusal::new(Rule::MerchantDisabled, "merchant", "The merchant is switched off."));
    }
    Ok(merchant)
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
    check_currency(currency, merchant)?;
    check_price(decline.subscription.price, currency)?;
    let (min, max) = merchant.amount_limits();
    if decline.amount.minor < min || decline.amount.minor > max {
        let sentence = format!("The amount must be {} to {} minor units.", min.get(), max.get());
        return Err(Refusal::new(Rule::Amount, "amount.minor", sentence));
    }
    Ok(())
}

/// Whether the merchant takes the currency of an amount.
pub(crate) fn check_currency(currency: Currency, merchant: &Merchant) -> Result<(), Refusal> {
    if merchant.currencies.contains(&currency) {
        return Ok(());
    }
    let sentence = format!("The merchant does not take {currency}.");
    Err(Refusal::new(Rule::Currency, "amount.currency", sentence))
}

/// Whether a subscription's price can be written in the currency of the amount.
pub(crate) fn check_price(price: Money, currency: Currency) -> Result<(), Refusal> {
    if currency.decimals().is_some() && price.currency == currency {
        return Ok(());
    }
    let sentence = "The subscription's price must be in the currency of the amount.";
    Err(Refusal::new(Rule::Currency, "subscription.price.currency", sentence))
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

/// The merchant's site of this name, or its default one.
pub(crate) fn site(merchant: &Merchant, name: Option<&Text>) -> Result<Site, Refusal> {
    merchant
        .site(name.map(Text::as_str))
        .ok_or_else(|| Refusal::new(Rule::SiteUnknown, "site", "The merchant has no site under this name."))
}

/// What may be shown of a card, as far as a message has it.
pub(crate) struct CardFacts<'a> {
    pub(crate) bin: Option<&'a Text>,
    pub(crate) last4: Option<&'a Text>,
    pub(crate) expiry_month: Option<u8>,
    pub(crate) expiry_year: Option<u16>,
}

pub(crate) fn check_card(card: &CardFacts<'_>) -> Result<(), Refusal> {
    let is_digits = |text: &Text, count: std::ops::RangeInclusive<usize>| {
        count.contains(&text.as_str().len()) && text.as_str().bytes().all(|b| b.is_ascii_digit())
    };
    let refuse = |path: &str, sentence: &str| Err(Refusal::new(Rule::Card, path, sentence));
    if card.bin.is_some_and(|bin| !is_digits(bin, 6..=8)) {
        return refuse("card.bin", "The BIN must be the card's first six to eight digits.");
    }
    if card.last4.is_some_and(|last4| !is_digits(last4, 4..=4)) {
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

/// Whether the country of a billing address is a code.
pub(crate) fn check_country(address: &Address) -> Result<(), Refusal> {
    let country = address.country_code.as_str();
    if country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase()) {
        return Ok(());
    }
    let sentence = "The country must be two capital letters (ISO 3166-1 alpha-2).";
    Err(Refusal::new(Rule::Country, "billing_address.country_code", sentence))
}

fn check_texts(decline: &Decline) -> Result<(), Refusal> {
    check_country(&decline.billing_address)?;
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
