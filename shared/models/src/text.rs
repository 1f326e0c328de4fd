//! Free text from outside: bounded, without control characters, and silent in logs.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::IdError;

/// Longest free text field, in bytes. Names, addresses and processor messages are shorter.
pub const TEXT_BYTES_MAX: usize = 256;

/// A non-empty text field of a decline. It may be personal data, so its `Debug` shows the length alone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Text(String);

impl Text {
    /// The text itself. Every use is a place where personal data may leave: keep them few.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Text {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        match text {
            text if text.trim().is_empty() => Err(IdError::Empty),
            text if text.len() > TEXT_BYTES_MAX => Err(IdError::TooLong(TEXT_BYTES_MAX)),
            text if text.chars().any(char::is_control) => Err(IdError::Character("no control characters")),
            text => Ok(Self(text)),
        }
    }
}

impl From<Text> for String {
    fn from(text: Text) -> String {
        text.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[text, {} bytes]", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_holds_at_the_edge_and_one_past_it() {
        assert!(Text::try_from("x".repeat(TEXT_BYTES_MAX)).is_ok());
        assert_eq!(Text::try_from("x".repeat(TEXT_BYTES_MAX + 1)), Err(IdError::TooLong(TEXT_BYTES_MAX)));
    }

    #[test]
    fn debug_does_not_show_the_text() {
        let shown = format!("{:?}", Text::try_from("Pat Doe".to_owned()).unwrap());
        assert!(!shown.contains("Pat"), "{shown}");
    }
}
