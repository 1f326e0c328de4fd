//! Changes of a body on its way.

use fastrand::Rng;
use serde_json::Value;

/// What is changed of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyChange {
    Bit,
    Insert,
    Delete,
    Truncate,
    Append,
    Field,
    SerialisedAnew,
    Case,
    Empty,
    TooLong,
}

impl BodyChange {
    pub(crate) const ALL: [Self; 10] = [
        Self::Bit,
        Self::Insert,
        Self::Delete,
        Self::Truncate,
        Self::Append,
        Self::Field,
        Self::SerialisedAnew,
        Self::Case,
        Self::Empty,
        Self::TooLong,
    ];

    pub(crate) fn spoil(self, body: &mut Vec<u8>, rng: &mut Rng) {
        let at = rng.usize(..body.len().max(1));
        match self {
            Self::Insert => body.insert(at.min(body.len()), rng.u8(..)),
            Self::Append => body.extend(["\n", " ", "\0", "{}", "x"][rng.usize(..5)].bytes()),
            Self::Field => change_field(body, rng),
            Self::SerialisedAnew => {
                if let Ok(value) = serde_json::from_slice::<Value>(body) {
                    *body = if rng.bool() { value.to_string() } else { format!("{value:#}") }.into_bytes();
                }
            }
            Self::Empty => body.clear(),
            Self::TooLong => {
                let limit = if rng.u8(..20) == 0 { 64 * 1024 } else { body.len() };
                body.resize(limit.max(body.len()) + rng.usize(1..100), b' ');
            }
            Self::Bit | Self::Delete if body.is_empty() => {}
            Self::Bit => body[at] ^= 1 << rng.u8(..8),
            Self::Delete => drop(body.remove(at)),
            Self::Truncate => body.truncate(at),
            Self::Case => {
                let letters: Vec<usize> =
                    (0..body.len()).filter(|at| body[*at].is_ascii_alphabetic()).collect();
                if let Some(at) = rng.choice(letters) {
                    body[at] ^= 0x20;
                }
            }
        }
    }
}

/// Another value in one field, the rest as it was.
fn change_field(body: &mut Vec<u8>, rng: &mut Rng) {
    let Ok(text) = std::str::from_utf8(body) else { return };
    let changed = match rng.u8(..6) {
        0 => text.replace("order.expired", "order.completed").replace("order.cancelled", "order.completed"),
        1 => text.replace("INV-1001-r1", "INV-1001-r2"),
        2 => text.replace("\"IsTestMode\":true", "\"IsTestMode\":false"),
        3 => text.replace("22ACD1D9", "22ACD1D8"),
        4 => text.replace("2026-11-25T09", "2026-11-25T08"),
        _ => text.replace("\"EventData\":null,", "\"EventData\":null,\"Event\":\"order.completed\","),
    };
    *body = changed.into_bytes();
}
