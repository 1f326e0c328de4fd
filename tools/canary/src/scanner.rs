//! The search.

use std::fmt;

use aho_corasick::{AhoCorasick, MatchKind};
use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::forms::{forms, without_separators};
use crate::planted::{Canary, Kind};

/// A canary that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Which.
    pub canary: &'static str,
    /// How it was written.
    pub form: &'static str,
    /// Where.
    pub place: String,
    /// At which byte of it.
    pub at: usize,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({}) at byte {}", self.place, self.canary, self.form, self.at)
    }
}

/// Finds some canaries in all their forms.
pub struct Scanner {
    needles: Vec<(&'static str, &'static str)>,
    forms: AhoCorasick,
    cards: Vec<&'static str>,
    digits: AhoCorasick,
}

impl Scanner {
    /// A scanner for these canaries.
    ///
    /// # Errors
    /// There are too many of them.
    pub fn new(canaries: &[Canary]) -> Result<Self> {
        let (mut needles, mut texts) = (Vec::new(), Vec::new());
        for canary in canaries {
            for (form, text) in canary.writings().iter().flat_map(|writing| forms(writing)) {
                needles.push((canary.name, form));
                texts.push(text);
            }
        }
        let cards: Vec<_> = canaries.iter().filter(|canary| canary.kind == Kind::CardNumber).collect();
        let search = |texts: &[&str]| {
            AhoCorasick::builder().ascii_case_insensitive(true).match_kind(MatchKind::Standard).build(texts)
        };
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let digits = search(&cards.iter().map(|card| card.value).collect::<Vec<_>>())?;
        let cards = cards.iter().map(|card| card.name).collect();
        Ok(Self { needles, forms: search(&texts)?, cards, digits })
    }

    /// All that is found in what stands at `place`.
    #[must_use]
    pub fn scan(&self, place: &str, content: &[u8]) -> Vec<Found> {
        let found = |canary, form, at| Found { canary, form, place: place.to_owned(), at };
        let written = self.forms.find_overlapping_iter(content).filter_map(|hit| {
            let (canary, form) = self.needles.get(hit.pattern().as_usize())?;
            Some(found(canary, form, hit.start()))
        });
        let bare = without_separators(content);
        let in_digits = self.digits.find_overlapping_iter(&bare).filter_map(|hit| {
            Some(found(self.cards.get(hit.pattern().as_usize())?, "digits in any dress", hit.start()))
        });
        // The first of each: one value may be written in forms that are alike.
        let mut all: Vec<_> = written.chain(in_digits).collect();
        all.sort_by_key(|found| (found.canary, found.at));
        all.dedup_by_key(|found| found.canary);
        all
    }
}

impl Canary {
    /// The value itself, and what else gives it away: a card number in groups, the bytes behind a base64 key.
    fn writings(&self) -> Vec<Vec<u8>> {
        let mut writings = vec![self.value.as_bytes().to_vec()];
        match self.kind {
            Kind::CardNumber => writings.extend([" ", "-", "."].map(|between| {
                let groups: Vec<_> = self.value.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
                groups.join(between).into_bytes()
            })),
            Kind::Key => writings.extend(STANDARD.decode(self.value)),
            Kind::Secret | Kind::Personal => {}
        }
        writings
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;
    use crate::planted::CANARIES;

    /// Made once: that takes longer than any search.
    static SCANNER: LazyLock<Scanner> = LazyLock::new(|| Scanner::new(CANARIES).unwrap());

    fn found_in(content: &[u8]) -> Vec<&'static str> {
        let mut names: Vec<_> =
            SCANNER.scan("a log", content).into_iter().map(|found| found.canary).collect();
        names.dedup();
        names
    }

    /// What programs do to a value on its way into a log or an item.
    fn encodings(value: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
        let within = |text: String| format!("{{\"level\":\"INFO\",\"message\":\"{text}\"}}").into_bytes();
        let lossy = String::from_utf8_lossy(value).into_owned();
        let each = |write: &dyn Fn(&u8) -> String| within(value.iter().map(write).collect());
        let mut encodings = vec![
            ("plain", [&b"message: "[..], value, &b" end"[..]].concat()),
            ("debug bytes", within(format!("{value:?}"))),
            ("JSON-escaped", each(&|byte| format!("\\u00{byte:02X}"))),
            ("percent", each(&|byte| format!("%{byte:02X}"))),
            ("hex", each(&|byte| format!("{byte:02x}"))),
            ("upper hex", each(&|byte| format!("{byte:02X}"))),
            ("debug text", within(format!("{lossy:?}"))),
        ];
        // A value may begin anywhere in the text that is encoded, and anything may follow it.
        for (before, after) in [("", ""), ("x", "y"), ("xy", "yz"), ("xyz", "{")] {
            let body = [before.as_bytes(), value, after.as_bytes()].concat();
            encodings.push(("base64", within(STANDARD.encode(&body))));
            encodings.push(("base64 for URLs", within(URL_SAFE_NO_PAD.encode(&body))));
        }
        encodings
    }

    #[test]
    fn every_canary_is_found_in_every_encoding() {
        for canary in CANARIES {
            for (encoding, content) in encodings(canary.value.as_bytes()) {
                assert!(found_in(&content).contains(&canary.name), "{} as {encoding}", canary.name);
            }
        }
    }

    #[test]
    fn a_card_number_is_found_in_any_dress() {
        for canary in CANARIES.iter().filter(|canary| canary.kind == Kind::CardNumber) {
            let groups: Vec<_> = canary.value.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
            for between in ["", " ", "-", ".", " - ", "\t"] {
                let dressed = groups.join(between);
                assert!(
                    found_in(format!("card {dressed}, thanks").as_bytes()).contains(&canary.name),
                    "{dressed}"
                );
            }
            let body = format!("{{\"note\":\"{}\"}}", groups.join("-"));
            assert!(found_in(STANDARD.encode(body).as_bytes()).contains(&canary.name), "{}", canary.name);
        }
    }

    #[test]
    fn the_bytes_behind_a_key_are_found_as_well() {
        for canary in CANARIES.iter().filter(|canary| canary.kind == Kind::Key) {
            let bytes = STANDARD.decode(canary.value).unwrap();
            for (encoding, content) in
                encodings(&bytes).into_iter().filter(|(encoding, _)| *encoding != "debug text")
            {
                assert!(found_in(&content).contains(&canary.name), "{} as {encoding}", canary.name);
            }
        }
    }

    #[test]
    fn an_innocent_log_holds_nothing() {
        let line = r#"{"level":"WARN","message":"a decline was refused","rule":"card_number","path":"customer.email",
            "order":"acme/INV-1001-r1","message_id":"41111111-1111-4111-8111-111111111111","at":"2026-11-21T09:58:12.123456Z"}"#;
        assert_eq!(found_in(line.as_bytes()), [""; 0]);
    }

    #[test]
    fn a_finding_does_not_repeat_what_it_found() {
        for canary in CANARIES {
            let found = SCANNER.scan("a log", canary.value.as_bytes());
            assert!(!found.is_empty() && found.iter().all(|found| !found.to_string().contains(canary.value)));
        }
    }
}
