//! What a key is called where people and logs may see it. It tells two keys apart and nothing of either.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// The first four bytes of a SHA-256 over a key behind what it is for, shown as eight hexadecimal digits. The keys are long
/// and random, so that nobody finds one by trying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 4]);

/// A text is no fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not eight hexadecimal digits")]
pub struct NoFingerprint;

impl Fingerprint {
    /// The fingerprint of a key that is used for `purpose`: the same bytes under another purpose have another one.
    #[must_use]
    pub fn of(purpose: &str, key: &[u8]) -> Self {
        let hash = Sha256::new()
            .chain_update("rebill-rescue fingerprint\0")
            .chain_update(purpose)
            .chain_update("\0")
            .chain_update(key)
            .finalize();
        let mut first = [0; 4];
        first.iter_mut().zip(hash).for_each(|(byte, hashed)| *byte = hashed);
        Self(first)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    fn from_str(text: &str) -> Result<Self, NoFingerprint> {
        let is_hex = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = is_hex.then(|| u32::from_str_radix(text, 16).ok()).flatten();
        number.map(|number| Self(number.to_be_bytes())).ok_or(NoFingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_tells_keys_and_purposes_apart_and_reads_back() {
        let one = Fingerprint::of("webhook key", b"secret");
        assert_eq!(one, Fingerprint::of("webhook key", b"secret"));
        assert_ne!(one, Fingerprint::of("webhook key", b"Secret"));
        assert_ne!(one, Fingerprint::of("API key", b"secret"));
        assert_eq!(one.to_string().parse(), Ok(one));
        for text in ["", "0123456", "012345678", "+1234567", "0123456g"] {
            assert_eq!(text.parse::<Fingerprint>(), Err(NoFingerprint), "{text}");
        }
    }

    /// Fingerprints are stored, and noted down by people: they stay what they are.
    #[test]
    fn a_fingerprint_is_as_it_was_written_down() {
        // printf 'rebill-rescue fingerprint\0webhook key\0secret' | sha256sum
        assert_eq!(Fingerprint::of("webhook key", b"secret").to_string(), "b2fe42bf");
    }
}
