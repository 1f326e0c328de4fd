//! Money in integer minor units. /evaluate and /capture speak cents, /refund speaks decimal dollars (documented:
//! ff/evaluate, ff/refund); the one conversion between them is here, and it works on text.

use serde::{Deserialize, Serialize};

/// An amount in minor units with its currency.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Money {
    /// Cents, for US dollars.
    pub minor: i64,
    /// ISO 4217 code.
    pub currency: String,
}

/// Reads decimal dollars ("12", "12.5", "12.00") into cents; anything else, more than two significant decimals, an
/// exponent or a sign is refused.
#[must_use]
pub fn cents_of_decimal(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let significant = fraction.trim_end_matches('0');
    if significant.len() > 2 {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let cents: i64 = format!("{significant:0<2}").parse().ok()?;
    whole.checked_mul(100)?.checked_add(cents)
}

/// Writes cents as decimal dollars with two decimals.
#[must_use]
pub fn decimal_of_cents(minor: i64) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let magnitude = minor.unsigned_abs();
    format!("{sign}{}.{:02}", magnitude / 100, magnitude % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly() {
        for (text, cents) in
            [("12", 1200), ("12.5", 1250), ("12.00", 1200), ("0.07", 7), ("19.990", 1999), ("0", 0)]
        {
            assert_eq!(cents_of_decimal(text), Some(cents), "{text}");
        }
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e2", "1.005", "1,00", "99999999999999999999"] {
            assert_eq!(cents_of_decimal(text), None, "{text}");
        }
    }

    #[test]
    fn every_amount_survives_the_round_trip() {
        for minor in (0..2_000).chain([123_456_789]) {
            assert_eq!(cents_of_decimal(&decimal_of_cents(minor)), Some(minor));
        }
    }
}
