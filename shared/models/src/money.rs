//! Exact money: integer minor units with a currency. No floating point comes near an amount.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserializer, Unexpected, Visitor};
use serde::{Deserialize, Serialize};

/// An amount in the currency's smallest unit (cents for USD). Never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct MinorUnits(u64);

impl MinorUnits {
    /// An amount of so many minor units.
    #[must_use]
    pub const fn new(minor: u64) -> Self {
        Self(minor)
    }

    /// The number of minor units.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// JSON knows no integers: by JSON Schema `1999.0` is one, and some writers write all numbers so. It is taken where it can
/// mean one amount only, and nothing is reckoned with it.
impl<'de> Deserialize<'de> for MinorUnits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(WholeNumber)
    }
}

struct WholeNumber;

/// From here on not every integer has a number of its own in a 64-bit float.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

impl Visitor<'_> for WholeNumber {
    type Value = MinorUnits;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("u64")
    }

    fn visit_u64<E: de::Error>(self, minor: u64) -> Result<MinorUnits, E> {
        Ok(MinorUnits(minor))
    }

    fn visit_i64<E: de::Error>(self, minor: i64) -> Result<MinorUnits, E> {
        let minor = u64::try_from(minor).map_err(|_| E::invalid_value(Unexpected::Signed(minor), &self))?;
        Ok(MinorUnits(minor))
    }

    fn visit_f64<E: de::Error>(self, minor: f64) -> Result<MinorUnits, E> {
        if minor.fract() == 0.0 && (0.0..WHOLE_MAX).contains(&minor) {
            return Ok(MinorUnits(minor as u64));
        }
        Err(E::invalid_type(Unexpected::Float(minor), &self))
    }
}

/// A currency of ISO 4217.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(iso_currency::Currency);

/// The text is not a currency code of ISO 4217 in capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a currency code of ISO 4217, such as USD")]
pub struct CurrencyError;

impl Currency {
    /// US dollar, the one currency known to be rescued (documented: ff/evaluate).
    pub const USD: Self = Self(iso_currency::Currency::USD);

    /// The three letters.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// How many decimals the currency has: 2 for USD, 0 for JPY. `None` where ISO 4217 gives none (gold, test codes).
    #[must_use]
    pub fn decimals(self) -> Option<u32> {
        self.0.exponent().map(u32::from)
    }
}

impl FromStr for Currency {
    type Err = CurrencyError;
    fn from_str(code: &str) -> Result<Self, CurrencyError> {
        iso_currency::Currency::from_code(code).map(Self).ok_or(CurrencyError)
    }
}

impl TryFrom<String> for Currency {
    type Error = CurrencyError;
    fn try_from(code: String) -> Result<Self, CurrencyError> {
        code.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.code().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Currency {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Currency".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "pattern": "^[A-Z]{3}$", "description": "A currency code of ISO 4217."
        })
    }
}

/// An amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// How much, in the currency's minor units: 1999 is 19.99 US dollars.
    pub minor: MinorUnits,
    /// The currency, by its ISO 4217 code.
    pub currency: Currency,
}

/// Why a decimal text is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not digits with at most one point between them.
    #[error("is not a decimal amount such as 19.99")]
    Malformed,
    /// More decimals than the currency has.
    #[error("has more decimals than the currency")]
    TooFine,
    /// Larger than can be held.
    #[error("is too large")]
    TooLarge,
    /// The currency has no minor unit by ISO 4217.
    #[error("is in a currency without a minor unit")]
    NoMinorUnit,
}

impl Money {
    /// An amount of `minor` units of `currency`.
    #[must_use]
    pub const fn new(minor: u64, currency: Currency) -> Self {
        Self { minor: MinorUnits(minor), currency }
    }

    /// The amount as decimal text without the currency: 1999 USD is `19.99`, 5 JPY is `5`.
    ///
    /// # Errors
    /// The currency has no minor unit.
    pub fn to_decimal(self) -> Result<String, DecimalError> {
        let decimals = self.currency.decimals().ok_or(DecimalError::NoMinorUnit)? as usize;
        let digits = format!("{:0>width$}", self.minor.0, width = decimals.saturating_add(1));
        let (units, fraction) = digits.split_at(digits.len().saturating_sub(decimals));
        Ok(if fraction.is_empty() { units.to_owned() } else { format!("{units}.{fraction}") })
    }

    /// The inverse of [`Money::to_decimal`]; missing trailing decimals count as zeros, so `12` and `12.0` are 12.00.
    ///
    /// # Errors
    /// The text is not a plain decimal number, is finer than the currency, or is too large.
    pub fn from_decimal(text: &str, currency: Currency) -> Result<Self, DecimalError> {
        let decimals = currency.decimals().ok_or(DecimalError::NoMinorUnit)? as usize;
        let (units, fraction) =
            text.split_once('.').map_or((text, None), |(units, rest)| (units, Some(rest)));
        let fraction = match fraction {
            Some("") => return Err(DecimalError::Malformed),
            Some(fraction) => fraction,
            None => "",
        };
        let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if units.is_empty() || !is_digits(units) || !is_digits(fraction) {
            return Err(DecimalError::Malformed);
        }
        if fraction.len() > decimals {
            return Err(DecimalError::TooFine);
        }
        let minor = format!("{units}{fraction:0<decimals$}").parse().map_err(|_| DecimalError::TooLarge)?;
        Ok(Self::new(minor, currency))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_decimal() {
            Ok(decimal) => write!(f, "{decimal} {}", self.currency),
            Err(_) => write!(f, "{} minor units of {}", self.minor.0, self.currency),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_follow_the_currency() {
        let show = |minor, code: &str| Money::new(minor, code.parse().unwrap()).to_decimal();
        assert_eq!(show(1999, "USD").as_deref(), Ok("19.99"));
        assert_eq!(show(5, "USD").as_deref(), Ok("0.05"));
        assert_eq!(show(0, "USD").as_deref(), Ok("0.00"));
        assert_eq!(show(5, "JPY").as_deref(), Ok("5"));
        assert_eq!(show(1234, "KWD").as_deref(), Ok("1.234"));
    }

    #[test]
    fn a_whole_number_is_an_amount_however_it_is_written_and_no_other_is() {
        let read = |json: &str| serde_json::from_str::<MinorUnits>(json).ok().map(MinorUnits::get);
        for (json, minor) in [
            ("0", Some(0)),
            ("1999", Some(1_999)),
            ("1999.0", Some(1_999)),
            ("1.999e3", Some(1_999)),
            ("-0.0", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("9007199254740991.0", Some(9_007_199_254_740_991)),
            ("9007199254740992.0", None),
            ("19.99", None),
            ("-1", None),
            ("-1.0", None),
            ("1e300", None),
            ("18446744073709551616", None),
            ("\"1999\"", None),
            ("null", None),
        ] {
            assert_eq!(read(json), minor, "{json}");
        }
    }

    #[test]
    fn what_is_not_an_amount_is_refused() {
        let parse = |text| Money::from_decimal(text, Currency::USD);
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,00", " 1", "1.2.3", "NaN", "١"] {
            assert_eq!(parse(text), Err(DecimalError::Malformed), "{text:?}");
        }
        assert_eq!(parse("1.005"), Err(DecimalError::TooFine));
        assert_eq!(parse("184467440737095516.16"), Err(DecimalError::TooLarge));
        assert_eq!(parse("12.0"), Ok(Money::new(1200, Currency::USD)));
    }

    #[test]
    fn currency_codes_are_exact() {
        assert!("USD".parse::<Currency>().is_ok());
        for bad in ["usd", "US", "ZZZ", "US$"] {
            assert!(bad.parse::<Currency>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn decimal_round_trip_is_exact(minor in any::<u64>(), code in prop::sample::select(vec!["USD", "JPY", "KWD", "EUR"])) {
            let money = Money::new(minor, code.parse().unwrap());
            prop_assert_eq!(Money::from_decimal(&money.to_decimal().unwrap(), money.currency), Ok(money));
        }
    }
}
