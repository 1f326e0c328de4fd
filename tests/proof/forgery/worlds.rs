//! Who receives: four merchants, and how far a rotation of the first one's key has got.

use std::sync::LazyLock;

pub(crate) const NOW: &str = "2026-11-25T10:00:00Z";
pub(crate) const HOST: &str = "hooks.example";
pub(crate) const WINDOW_SECONDS: i64 = 300;
pub(crate) const ORDER_ID: &str = "INV-1001-r1";

/// A merchant as it is configured.
#[derive(Debug)]
pub(crate) struct Party {
    pub(crate) id: &'static str,
    pub(crate) is_test: bool,
}

/// The one whose key rotates.
pub(crate) static ACME: Party = Party { id: "acme", is_test: true };
/// Another one of the same environment.
pub(crate) static INITECH: Party = Party { id: "initech", is_test: true };
/// One whose orders are real.
pub(crate) static GLOBEX: Party = Party { id: "globex", is_test: false };
/// One without any key.
pub(crate) static UMBRELLA: Party = Party { id: "umbrella", is_test: true };

pub(crate) static PARTIES: [&Party; 4] = [&ACME, &INITECH, &GLOBEX, &UMBRELLA];

fn key(first: u8) -> String {
    use base64::Engine as _;
    let bytes: Vec<u8> = (0..64_u8).map(|byte| byte.wrapping_mul(7).wrapping_add(first)).collect();
    // HMAC fills short keys up with zeros: a key that ended in one would equal itself cut short.
    assert_ne!(bytes.last(), Some(&0));
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

pub(crate) static OLD: LazyLock<String> = LazyLock::new(|| key(1));
pub(crate) static NEW: LazyLock<String> = LazyLock::new(|| key(2));
static INITECH_KEY: LazyLock<String> = LazyLock::new(|| key(3));
static GLOBEX_KEY: LazyLock<String> = LazyLock::new(|| key(4));

/// How far the rotation has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum World {
    /// Only the old key.
    Before,
    /// Only the old one in our copy, both where secrets are kept: ours is to be read again.
    Unread,
    /// Both.
    During,
    /// Only the new one.
    After,
}

impl World {
    pub(crate) const ALL: [Self; 4] = [Self::Before, Self::Unread, Self::During, Self::After];

    /// The keys of a merchant: in our copy, and where secrets are kept.
    pub(crate) fn keys(self, party: &str) -> (Vec<&'static str>, Vec<&'static str>) {
        let (old, new): (&'static str, &'static str) = (&OLD, &NEW);
        match (party, self) {
            ("acme", Self::Before) => (vec![old], vec![old]),
            ("acme", Self::Unread) => (vec![old], vec![new, old]),
            ("acme", Self::During) => (vec![new, old], vec![new, old]),
            ("acme", Self::After) => (vec![new], vec![new]),
            ("initech", _) => (vec![&INITECH_KEY], vec![&INITECH_KEY]),
            ("globex", _) => (vec![&GLOBEX_KEY], vec![&GLOBEX_KEY]),
            _ => (Vec::new(), Vec::new()),
        }
    }

    /// Keys that sign nothing for this merchant: of others, not yet known, or removed.
    pub(crate) fn foreign_keys(self, party: &str) -> Vec<&'static str> {
        let valid = self.keys(party).1;
        let all: [&'static str; 4] = [&OLD, &NEW, &INITECH_KEY, &GLOBEX_KEY];
        all.into_iter().filter(|key| !valid.contains(key)).collect()
    }
}
