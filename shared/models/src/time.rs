//! Points in time as they are stored: UTC, to the millisecond, always in the same 24 characters.
//!
//! A fixed width makes the text sort as the time does, so that the store can compare it in a condition.

use jiff::{SignedDuration, Timestamp};

/// Cuts to whole milliseconds, the precision that everything stored has.
#[must_use]
pub fn to_millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// `2026-11-21T10:00:00.000Z`: fixed width, so that text order is time order (years 0000 to 9999).
#[must_use]
pub fn to_text(at: Timestamp) -> String {
    format!("{:.3}", to_millis(at))
}

/// `at` plus `by`, held at the end of time instead of overflowing.
#[must_use]
pub fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_has_a_fixed_width() {
        for text in ["2026-11-21T10:00:00Z", "2026-11-21T10:00:00.1Z", "2026-11-21T10:00:00.123456789Z"] {
            assert_eq!(to_text(text.parse().unwrap()).len(), 24, "{text}");
        }
        assert_eq!(to_text("2026-11-21T10:00:00.1239Z".parse().unwrap()), "2026-11-21T10:00:00.123Z");
    }

    proptest! {
        #[test]
        fn text_order_is_time_order(a in 0_i64..4_000_000_000_000, b in 0_i64..4_000_000_000_000) {
            let [first, second] = [a, b].map(|ms| Timestamp::from_millisecond(ms).unwrap());
            prop_assert_eq!(to_text(first).cmp(&to_text(second)), first.cmp(&second));
            prop_assert_eq!(to_text(first).parse::<Timestamp>().unwrap(), first);
        }
    }
}
