//! Identifiers, each a type of its own: a merchant's order id can't be passed where the provider's is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::card_guard::holds_card_number;

/// Longest merchant id, in bytes.
pub const MERCHANT_ID_BYTES_MAX: usize = 32;
/// Longest order id, in bytes. The provider documents no limit; invoice numbers are far shorter.
pub const ORDER_ID_BYTES_MAX: usize = 100;
/// Longest provider order id, in bytes (a GUID has 36).
pub const PROVIDER_ORDER_ID_BYTES_MAX: usize = 64;
/// Longest key of a transmitted transaction, in bytes (a GUID has 36).
pub const TRANSMIT_ID_BYTES_MAX: usize = 64;

/// Why a text is not an identifier of the wanted kind. It never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is empty.
    #[error("must not be empty")]
    Empty,
    /// The text is longer than the limit, in bytes.
    #[error("is longer than {0} bytes")]
    TooLong(usize),
    /// The text holds a character that this kind of id does not allow.
    #[error("holds a character that is not allowed (allowed: {0})")]
    Character(&'static str),
    /// The text looks like a card number, which is kept nowhere.
    #[error("looks like a card number")]
    CardNumber,
}

fn check(text: &str, max: usize, allowed: &'static str, ok: impl Fn(char) -> bool) -> Result<(), IdError> {
    match text {
        "" => Err(IdError::Empty),
        _ if text.len() > max => Err(IdError::TooLong(max)),
        _ if !text.chars().all(ok) => Err(IdError::Character(allowed)),
        // In an address these would name something else.
        "." | ".." => Err(IdError::Character(allowed)),
        _ if holds_card_number(text) => Err(IdError::CardNumber),
        _ => Ok(()),
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $max:expr, $allowed:literal, $ok:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                check(&text, $max, $allowed, $ok)?;
                Ok(Self(text))
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// Our name of a merchant: lower-case letters, digits and hyphens, at most 32 bytes. It is part of the webhook's path.
    MerchantId,
    MERCHANT_ID_BYTES_MAX,
    "a-z, 0-9, -",
    |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
);
text_id!(
    /// The merchant's own id of an order: printable ASCII without spaces, at most 100 bytes.
    OrderId,
    ORDER_ID_BYTES_MAX,
    "printable ASCII without spaces",
    |c| c.is_ascii_graphic()
);
text_id!(
    /// The provider's id of an order: printable ASCII without spaces, at most 64 bytes.
    ProviderOrderId,
    PROVIDER_ORDER_ID_BYTES_MAX,
    "printable ASCII without spaces",
    |c| c.is_ascii_graphic()
);

text_id!(
    /// The provider's key of a transmitted transaction: printable ASCII without spaces, at most 64 bytes.
    TransmitId,
    TRANSMIT_ID_BYTES_MAX,
    "printable ASCII without spaces",
    |c| c.is_ascii_graphic()
);

/// What names an order everywhere: the merchant and its own order id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrderKey {
    /// The merchant.
    pub merchant: MerchantId,
    /// The merchant's id of the order.
    pub order_id: OrderId,
}

impl fmt::Display for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.merchant, self.order_id)
    }
}

/// The key under which a submission is repeated safely. Persisted before the first call, never made anew for the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(Uuid);

impl IdempotencyKey {
    /// A key from 16 random bytes, which the caller draws.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for IdempotencyKey {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// SHA-256 of a decline's content: tells "the same again" from "another under the same id".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentHash(String);

impl ContentHash {
    /// Hashes a JSON value. Object keys are sorted, so white space and field order in the message don't matter.
    #[must_use]
    pub fn of(value: &serde_json::Value) -> Self {
        use fmt::Write as _;
        let mut hex = String::with_capacity(64);
        for byte in Sha256::digest(value.to_string()) {
            // Writing to a String can't fail.
            write!(hex, "{byte:02x}").unwrap_or_default();
        }
        Self(hex)
    }

    /// A hash as it was stored.
    #[must_use]
    pub fn from_stored(hex: String) -> Self {
        Self(hex)
    }

    /// 64 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_at_the_edge_and_one_past_it() {
        assert!("a".repeat(MERCHANT_ID_BYTES_MAX).parse::<MerchantId>().is_ok());
        assert_eq!("a".repeat(MERCHANT_ID_BYTES_MAX + 1).parse::<MerchantId>(), Err(IdError::TooLong(32)));
        assert!("7".repeat(ORDER_ID_BYTES_MAX).parse::<OrderId>().is_ok());
        assert_eq!("7".repeat(ORDER_ID_BYTES_MAX + 1).parse::<OrderId>(), Err(IdError::TooLong(100)));
        assert_eq!("".parse::<OrderId>(), Err(IdError::Empty));
    }

    #[test]
    fn only_the_named_characters_pass() {
        for bad in ["Acme", "ac me", "acme#1", "a/b", "ä"] {
            assert!(bad.parse::<MerchantId>().is_err(), "{bad}");
        }
        for bad in ["a b", "a\n", "é", "\u{0}"] {
            assert!(bad.parse::<OrderId>().is_err(), "{bad:?}");
        }
        assert!("INV-1001#r1/2".parse::<OrderId>().is_ok());
    }

    #[test]
    fn no_id_is_a_card_number() {
        assert_eq!("4111111111111111".parse::<MerchantId>(), Err(IdError::CardNumber));
        assert_eq!("INV-4111-1111-1111-1111".parse::<OrderId>(), Err(IdError::CardNumber));
        assert_eq!("4111111111111111".parse::<ProviderOrderId>(), Err(IdError::CardNumber));
        assert!("4111111111111112".parse::<OrderId>().is_ok());
    }

    #[test]
    fn content_hash_ignores_layout_but_not_content() {
        let parse = |text| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let one = ContentHash::of(&parse(r#"{"a":1,"b":[1,2]}"#));
        assert_eq!(one, ContentHash::of(&parse("{ \"b\": [1, 2],\n \"a\": 1 }")));
        assert_ne!(one, ContentHash::of(&parse(r#"{"a":1,"b":[2,1]}"#)));
        assert_eq!(one.as_str().len(), 64);
    }
}
