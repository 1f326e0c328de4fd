//! Everything that looks random is derived from a seed and a name, so that concurrency can't change it.

use sha2::{Digest, Sha256};

/// Hashes `parts` so that no two lists of parts share an input ("ab","c" differs from "a","bc").
fn digest(seed: u64, parts: &[&str]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(seed.to_be_bytes());
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().into()
}

/// A number for one decision: the same seed and the same name give the same number, whatever happened before.
#[must_use]
pub fn roll(seed: u64, parts: &[&str]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = digest(seed, parts);
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Makes the identifiers of one run. The salt keeps the nonces of two runs apart, as a receiver may remember them.
#[derive(Clone, Copy, Debug)]
pub struct Ids {
    salt: u64,
}

impl Ids {
    /// Identifiers of the run named by `salt`.
    #[must_use]
    pub fn new(salt: u64) -> Self {
        Self { salt }
    }

    /// A GUID (version 4 in form) for `parts`.
    #[must_use]
    pub fn guid(&self, parts: &[&str]) -> String {
        let bytes = digest(self.salt, parts);
        let mut half = [0_u8; 16];
        half.copy_from_slice(bytes.split_at(16).0);
        uuid::Builder::from_random_bytes(half).into_uuid().to_string()
    }

    /// The first `digits` lower-case hex digits (at most 64) of the name's hash.
    #[must_use]
    pub fn hex(&self, parts: &[&str], digits: usize) -> String {
        let mut text: String = digest(self.salt, parts).iter().map(|byte| format!("{byte:02x}")).collect();
        text.truncate(digits);
        text
    }

    /// 64 bytes for `parts`: the size of FlexFactor's signing keys.
    #[must_use]
    pub fn key(&self, parts: &[&str]) -> Vec<u8> {
        let mut bytes = digest(self.salt, parts).to_vec();
        bytes.extend(digest(!self.salt, parts));
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roll_depends_on_seed_and_name_alone() {
        assert_eq!(roll(7, &["a", "b"]), roll(7, &["a", "b"]));
        assert_ne!(roll(7, &["a", "b"]), roll(8, &["a", "b"]));
        assert_ne!(roll(7, &["ab", "c"]), roll(7, &["a", "bc"]));
    }

    #[test]
    fn ids_have_the_documented_forms() {
        let ids = Ids::new(1);
        assert!(uuid::Uuid::parse_str(&ids.guid(&["order"])).is_ok());
        assert_eq!(ids.hex(&["nonce"], 32).len(), 32);
        assert_eq!(ids.key(&["key"]).len(), 64);
    }
}
