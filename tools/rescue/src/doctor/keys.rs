//! Which webhook keys FlexFactor signs with, and which may be removed.

use jiff::{SignedDuration, Timestamp};
use models::fingerprint::Fingerprint;

/// For how long a key must not have been seen before it may be removed. webhook-receiver notes a key once an hour, and what
/// FlexFactor sends again was perhaps signed when it was first sent: a day is more than both.
pub(super) const KEY_QUIET: SignedDuration = SignedDuration::from_hours(24);

/// A key of the secret, in the secret's order.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyUse {
    pub(super) key: Fingerprint,
    pub(super) seen_at: Option<Timestamp>,
}

/// What is known of a merchant's keys, in words. A key that was never seen may be one that FlexFactor will use tomorrow: it is
/// never called one that may be removed.
pub(super) fn keys_in_use(uses: &[KeyUse], now: Timestamp) -> String {
    let Some(signing) = uses.iter().filter(|used| used.seen_at.is_some()).max_by_key(|used| used.seen_at)
    else {
        return "no webhook of FlexFactor's was seen yet".to_owned();
    };
    let mut told = vec![format!("FlexFactor signs with {}", named(signing, uses, now))];
    for other in uses.iter().filter(|other| other.key != signing.key) {
        let is_quiet = other.seen_at.is_some_and(|at| now.duration_since(at) >= KEY_QUIET);
        let may = if is_quiet { ": it may be removed" } else { "" };
        told.push(format!("{}{may}", named(other, uses, now)));
    }
    told.join("; ")
}

/// A key with its place in the secret, and when it was last seen.
fn named(used: &KeyUse, uses: &[KeyUse], now: Timestamp) -> String {
    let place = match (uses.len(), uses.iter().position(|other| other.key == used.key)) {
        (0 | 1, _) | (_, None) => String::new(),
        (count, Some(index)) => format!(" ({} of {count})", index + 1),
    };
    match used.seen_at {
        Some(at) => format!("{}{place}, last seen {}", used.key, ago(now.duration_since(at))),
        None => format!("{}{place}, not seen yet", used.key),
    }
}

fn ago(passed: SignedDuration) -> String {
    let minutes = passed.as_mins().max(0);
    match minutes {
        0..60 => format!("{minutes} min ago"),
        60..2_880 => format!("{} h ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1_440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-21T14:00:00Z";

    fn told(seen_ago: &[Option<SignedDuration>]) -> String {
        let now: Timestamp = NOW.parse().unwrap();
        let used = |(index, ago): (usize, &Option<SignedDuration>)| KeyUse {
            key: format!("0000000{index}").parse().unwrap(),
            seen_at: ago.map(|ago| now - ago),
        };
        keys_in_use(&seen_ago.iter().enumerate().map(used).collect::<Vec<_>>(), now)
    }

    const fn hours(hours: i64) -> Option<SignedDuration> {
        Some(SignedDuration::from_hours(hours))
    }

    #[test]
    fn the_key_seen_last_is_the_one_that_flexfactor_signs_with() {
        assert_eq!(told(&[None]), "no webhook of FlexFactor's was seen yet");
        assert_eq!(told(&[None, None]), "no webhook of FlexFactor's was seen yet");
        assert_eq!(
            told(&[Some(SignedDuration::from_mins(3))]),
            "FlexFactor signs with 00000000, last seen 3 min ago"
        );
        assert_eq!(
            told(&[None, hours(2)]),
            "FlexFactor signs with 00000001 (2 of 2), last seen 2 h ago; 00000000 (1 of 2), not seen yet"
        );
    }

    #[test]
    fn a_key_may_be_removed_when_it_was_quiet_for_a_day_and_another_is_in_use() {
        let old = |ago| told(&[hours(0), Some(ago)]);
        let day = SignedDuration::from_hours(24);
        assert!(
            old(day).ends_with("00000001 (2 of 2), last seen 24 h ago: it may be removed"),
            "{}",
            old(day)
        );
        let almost = old(day - SignedDuration::from_secs(1));
        assert!(!almost.contains("removed"), "{almost}");
        assert!(old(day * 3).ends_with("last seen 3 days ago: it may be removed"));
        // The only key that was ever seen, however long ago; and one that FlexFactor does not use yet.
        assert!(!told(&[hours(300)]).contains("removed"));
        assert!(!told(&[None, hours(300)]).contains("removed"));
    }
}
