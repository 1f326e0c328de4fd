//! No card number and no card secret gets past this door, and copies of what was refused are redacted.
//!
//! A card number is 13 to 19 digits in groups, up to three characters between them, with a card scheme's prefix and length
//! and a right check digit. An order id that looks exactly like one is refused as well: nobody could tell them apart later.
//!
//! Credentials can't be refused, as they are recognised less surely; from copies and from the words of others they are
//! taken out: a long run of characters without a space, with digits among them, that is no GUID.

use serde_json::Value;

/// What stands in a copy where something was taken out.
pub const REDACTED: &str = "[redacted]";

const PAN_DIGITS_MIN: usize = 13;
const PAN_DIGITS_MAX: usize = 19;
/// From this length on a run of characters counts as a credential: FlexFactor's API keys have about 40.
const OPAQUE_CHARS_MIN: usize = 32;
/// Most digits in a word of somebody else's vocabulary.
const WORD_DIGITS_MAX: usize = 3;
/// How many characters that are no letters may stand between two groups of one number.
const SEPARATOR_CHARS_MAX: usize = 3;

/// What was found, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The field's path, such as `transaction.id` or `items[2].name`; never a value.
    pub path: String,
    /// What it looks like.
    pub kind: FindingKind,
}

/// What a field looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingKind {
    /// A card number.
    CardNumber,
    /// A field whose name says card secret: CVV, PIN, track data.
    CardSecret,
}

/// Finds the first field, in the value or in a name, that may not be stored.
#[must_use]
pub fn find(value: &Value) -> Option<Finding> {
    find_at(value, &mut String::new())
}

fn find_at(value: &Value, path: &mut String) -> Option<Finding> {
    let kind = FindingKind::CardNumber;
    match value {
        Value::Null | Value::Bool(_) => None,
        Value::Number(number) => {
            holds_card_number(&number_text(number)).then(|| Finding { path: path.clone(), kind })
        }
        Value::String(text) => holds_card_number(text).then(|| Finding { path: path.clone(), kind }),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| within(path, &format!("[{index}]"), |path| find_at(item, path))),
        Value::Object(fields) => fields.iter().find_map(|(name, field)| {
            if holds_card_number(name) {
                return Some(Finding { path: joined(path, REDACTED), kind });
            }
            if is_secret_name(name) && !field.is_null() {
                return Some(Finding { path: joined(path, name), kind: FindingKind::CardSecret });
            }
            let step = if path.is_empty() { name.clone() } else { format!(".{name}") };
            within(path, &step, |path| find_at(field, path))
        }),
    }
}

fn within<T>(path: &mut String, step: &str, f: impl FnOnce(&mut String) -> T) -> T {
    let length = path.len();
    path.push_str(step);
    let result = f(path);
    path.truncate(length);
    result
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// JSON may write a card number as `4.1e15`; as text without an exponent its digits show again.
fn number_text(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(float) if number.as_u64().is_none() && number.as_i64().is_none() => format!("{float}"),
        _ => number.to_string(),
    }
}

/// Replaces everything that [`find`] would find, and what looks like a credential; the shape of the value stays.
#[must_use]
pub fn redact(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value.clone(),
        Value::Number(number) if holds_card_number(&number_text(number)) => REDACTED.into(),
        Value::Number(_) => value.clone(),
        Value::String(text) => redact_text(text).into(),
        Value::Array(items) => items.iter().map(redact).collect(),
        Value::Object(fields) => {
            let redact_field = |(name, field): (&String, &Value)| {
                let is_secret = is_secret_name(name) || is_credential_name(name);
                let field = if is_secret { REDACTED.into() } else { redact(field) };
                (redact_text(name), field)
            };
            Value::Object(fields.iter().map(redact_field).collect())
        }
    }
}

/// Free text of somebody else's, to be kept: nothing of it where it holds a card number; without its digits where it speaks
/// of a card secret; without what looks like a credential.
#[must_use]
pub fn redact_text(text: &str) -> String {
    if holds_card_number(text) {
        return REDACTED.to_owned();
    }
    let text = without_credentials(text);
    match is_secret_name(&text) {
        true => text.chars().map(|c| if c.is_numeric() { '#' } else { c }).collect(),
        false => text,
    }
}

/// A word of somebody else's vocabulary, to be kept and logged: a status, an event's name. What can't be one is not kept.
#[must_use]
pub fn redact_word(word: &str) -> String {
    let is_of_words = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ' ');
    let digits = word.chars().filter(char::is_ascii_digit).count();
    match word.chars().all(is_of_words) && digits <= WORD_DIGITS_MAX {
        true => word.to_owned(),
        false => REDACTED.to_owned(),
    }
}

fn without_credentials(text: &str) -> String {
    let is_of_run = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_' | '-');
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    while !rest.is_empty() {
        let run = rest.find(|c| !is_of_run(c)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(run);
        let is_opaque =
            run.len() >= OPAQUE_CHARS_MIN && run.bytes().any(|b| b.is_ascii_digit()) && !is_guid(run);
        kept.push_str(if is_opaque { REDACTED } else { run });
        let gap = after.find(is_of_run).unwrap_or(after.len());
        let (gap, after) = after.split_at(gap);
        kept.push_str(gap);
        rest = after;
    }
    kept
}

/// Redacts text that could not be parsed: without structure no digit can be trusted, so all of them go.
#[must_use]
pub fn redact_unparsed(text: &str, bytes_max: usize) -> String {
    let mut copy = String::new();
    for c in without_credentials(text).chars() {
        if copy.len().saturating_add(c.len_utf8()) > bytes_max {
            break;
        }
        copy.push(if c.is_numeric() { '#' } else { c });
    }
    copy
}

/// Field names (lower case, letters and digits only) that no message of ours has and that hold card secrets elsewhere.
fn is_secret_name(name: &str) -> bool {
    let name: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let is_result_code =
        matches!(name.as_str(), "cvvresult" | "cavvresult" | "cvvresultcode" | "cavvresultcode");
    let parts = [
        "cvv",
        "cvc",
        "securitycode",
        "verificationvalue",
        "verificationcode",
        "cardnumber",
        "cardcode",
        "trackdata",
        "pinblock",
    ];
    let whole = ["pan", "pin", "cid", "csc", "cvn", "cvd", "track1", "track2"];
    !is_result_code && (parts.iter().any(|part| name.contains(part)) || whole.contains(&name.as_str()))
}

/// Field names that hold credentials: they are taken out of copies.
fn is_credential_name(name: &str) -> bool {
    let name: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let parts =
        ["secret", "password", "apikey", "appkey", "authorization", "bearer", "webhookkey", "accesstoken"];
    parts.iter().any(|part| name.contains(part))
}

/// Whether the text holds what looks like a card number.
#[must_use]
pub fn holds_card_number(text: &str) -> bool {
    !is_guid(text) && digit_runs(text).iter().any(|groups| run_holds_card_number(groups))
}

/// Tokens and provider ids are GUIDs; their hexadecimal digits sometimes make a run of 13 and are no card number.
fn is_guid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

/// Runs of groups of digits: between the groups of a run stand one to three characters that are no letters.
fn digit_runs(text: &str) -> Vec<Vec<Vec<u8>>> {
    let mut runs: Vec<Vec<Vec<u8>>> = Vec::new();
    let mut gap = usize::MAX;
    for c in text.chars() {
        match (digit_of(c), runs.last_mut()) {
            (Some(digit), Some(groups)) if gap <= SEPARATOR_CHARS_MAX => match groups.last_mut() {
                Some(group) if gap == 0 => group.push(digit),
                Some(_) | None => groups.push(vec![digit]),
            },
            (Some(digit), Some(_) | None) => runs.push(vec![vec![digit]]),
            (None, _) => {
                gap = if c.is_alphanumeric() { usize::MAX } else { gap.saturating_add(1) };
                continue;
            }
        }
        gap = 0;
    }
    runs
}

/// The decimal digits of the scripts that keyboards and converters produce.
fn digit_of(c: char) -> Option<u8> {
    let zero = match c {
        '0'..='9' => '0',
        '\u{ff10}'..='\u{ff19}' => '\u{ff10}',
        '\u{660}'..='\u{669}' => '\u{660}',
        '\u{6f0}'..='\u{6f9}' => '\u{6f0}',
        '\u{966}'..='\u{96f}' => '\u{966}',
        _ => return None,
    };
    u8::try_from(u32::from(c).checked_sub(u32::from(zero))?).ok()
}

/// A card number is made of whole groups, with other numbers beside it (a date, an expiry, a CVV); or it stands at the
/// start of one long group that something was glued to.
fn run_holds_card_number(groups: &[Vec<u8>]) -> bool {
    let of_whole_groups = (0..groups.len()).any(|start| {
        let mut digits = Vec::with_capacity(PAN_DIGITS_MAX);
        within_reach(groups.get(start..).unwrap_or_default()).iter().any(|group| {
            digits.extend_from_slice(group);
            is_card_number(&digits)
        })
    });
    let glued = |group: &Vec<u8>| {
        group.len() > PAN_DIGITS_MAX
            && [15, 16].iter().any(|length| group.get(..*length).is_some_and(is_card_number))
    };
    of_whole_groups || groups.iter().any(glued)
}

/// The groups that a card number which starts at the first of them can reach into. Without this bound, the work would grow with the
/// square of the groups, and a text of single digits as long as a message may be would take seconds.
fn within_reach(groups: &[Vec<u8>]) -> &[Vec<u8>] {
    let mut digits = 0;
    let reached = groups.iter().take_while(|group| {
        digits += group.len();
        digits <= PAN_DIGITS_MAX
    });
    let reached = reached.count();
    groups.get(..reached).unwrap_or_default()
}

fn is_card_number(digits: &[u8]) -> bool {
    (PAN_DIGITS_MIN..=PAN_DIGITS_MAX).contains(&digits.len())
        && has_scheme_prefix(digits)
        && passes_luhn(digits)
}

/// Prefixes and lengths of the schemes in use (ISO/IEC 7812 ranges, as the schemes publish them).
fn has_scheme_prefix(digits: &[u8]) -> bool {
    let prefix = |n: usize| digits.iter().take(n).fold(0_u32, |value, digit| value * 10 + u32::from(*digit));
    match digits.len() {
        13 => prefix(1) == 4 || matches!(prefix(2), 50 | 56..=69),
        14 => matches!(prefix(3), 300..=305) || matches!(prefix(2), 36 | 38 | 39 | 50 | 56..=69),
        15 => matches!(prefix(2), 34 | 37 | 50 | 56..=69) || matches!(prefix(4), 2131 | 1800),
        16 => {
            matches!(prefix(1), 4 | 6)
                || matches!(prefix(2), 50..=58 | 35 | 36 | 38 | 39 | 81)
                || matches!(prefix(4), 2200..=2720)
        }
        17..=19 => matches!(prefix(1), 4 | 6) || matches!(prefix(2), 35 | 50 | 56..=58 | 81),
        _ => false,
    }
}

fn passes_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| match (index % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => digit * 2 - 9,
            (_, digit) => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// A sender may fill a message with single digits; each start looks at what one number can reach, and no further.
    #[test]
    fn work_is_bounded_by_the_length_of_a_card_number() {
        let digits = vec![vec![1]; 32 * 1024];
        assert_eq!(within_reach(&digits).len(), PAN_DIGITS_MAX);
        assert_eq!(within_reach(&digits[..3]).len(), 3);
        assert_eq!(within_reach(&[vec![1; PAN_DIGITS_MAX + 1], vec![1]]).len(), 0);
        assert!(!holds_card_number(&"1 ".repeat(32 * 1024)));
        assert!(holds_card_number(&format!("{}4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "1 ".repeat(1024))));
    }

    #[test]
    fn card_numbers_of_all_schemes_are_found_in_any_dress() {
        for pan in [
            "4111111111111111",
            "4222222222222",
            "5555555555554444",
            "2223003122003222",
            "378282246310005",
            "6011111111111117",
            "30569309025904",
            "3530111333300000",
            "6304000000000000",
            "4000002760003184",
            "4111-1111-1111-1111",
            "4111 1111 1111 1111",
            "card 4111.1111.1111.1111 thanks",
            "x4111111111111111y",
            "4111 1111 1111 1111 12/27",
            "4111111111111111 123",
            "41111111111111111227",
            "txn 7 4111111111111111",
            "txn-99-4000002760003184",
            "2026-11-21 4111111111111111",
            "4111  1111 - 1111\t1111",
            "4111,1111,1111,1111",
            "4111\u{2011}1111\u{2011}1111\u{2011}1111",
            "\u{ff14}111111111111111",
        ] {
            assert!(holds_card_number(pan), "{pan}");
        }
    }

    #[test]
    fn what_is_no_card_number_passes() {
        for text in [
            "4111111111111112",
            "411111111111",
            "20261121100000123456",
            "2026-11-21T09:58:12.123456Z",
            "2026-11-21 09:58:12.123456",
            "4111a1111b1111c1111",
            "1712237948565",
            "INV-1001-r1",
            "+15551234567",
            "d3e10716-6aac-4eb8-a74d-c1a3027f1d96",
            "41111111-1111-1111-8111-111111111111",
            "4111----1111----1111----1111",
        ] {
            assert!(!holds_card_number(text), "{text}");
        }
    }

    #[test]
    fn the_path_is_named_and_the_value_is_not() {
        let found = |value| find(&value).map(|finding| (finding.path, finding.kind));
        assert_eq!(
            found(json!({"a": {"b": [{"c": "4111111111111111"}]}})),
            Some(("a.b[0].c".into(), FindingKind::CardNumber))
        );
        assert_eq!(
            found(json!({"a": 4_111_111_111_111_111_u64})),
            Some(("a".into(), FindingKind::CardNumber))
        );
        assert_eq!(
            found(serde_json::from_str(r#"{"a": 4.111111111111111e15}"#).unwrap()),
            Some(("a".into(), FindingKind::CardNumber))
        );
        assert_eq!(
            found(json!({"meta": {"4111111111111111": 1}})),
            Some(("meta.[redacted]".into(), FindingKind::CardNumber))
        );
        assert_eq!(
            found(json!({"card": {"CVV2": "123"}})),
            Some(("card.CVV2".into(), FindingKind::CardSecret))
        );
        assert_eq!(found(json!({"transaction": {"cvv_result": "M", "cavv_result": "NA"}})), None);
    }

    #[test]
    fn credentials_are_taken_out_of_copies_and_ids_are_not() {
        let key = "UlxWFsBCw660IMWfe7/aMnGcKX549S0yINBH/q3W";
        let copy = redact(&json!({
            "config": { "x": key, "webhook_keys": ["short-1"], "Authorization": "Bearer short-1" },
            "note": format!("our key is {key}, thanks"), key: 1,
        }));
        assert!(!copy.to_string().contains("UlxWFs") && !copy.to_string().contains("short-1"), "{copy}");
        assert_eq!(copy["note"], "our key is [redacted], thanks");
        assert!(!redact_unparsed(&format!("key={key}"), 100).contains("UlxWFs"));
        let ids = json!({ "order_id": "sub_1MowQVLkdIwHu7ixraBm864M", "id": "d3e10716-6aac-4eb8-a74d-c1a3027f1d96",
            "at": "2026-11-21T09:58:12.123456Z", "longest": "a".repeat(40) });
        assert_eq!(redact(&ids), ids);
        assert_eq!(redact_text(&"a1".repeat(15)), "a1".repeat(15));
        assert_eq!(redact_text(&"a1".repeat(16)), REDACTED);
    }

    #[test]
    fn text_that_speaks_of_a_card_secret_keeps_no_digit() {
        assert_eq!(redact_text("The CVV 123 is wrong (2001)"), "The CVV ### is wrong (####)");
        let refund = "Amount to refund (1.00) is greater than 0.00";
        assert_eq!(redact_text(refund), refund);
    }

    #[test]
    fn a_word_that_can_be_none_is_not_kept() {
        for word in
            ["CAPTUREREQUIRED", "order.paused", "On hold", "8", "V2", "", "payment.chargeback.received"]
        {
            assert_eq!(redact_word(word), word);
        }
        for word in ["4111111111111111", "1234", "order.4111-1111", "Bearer eyJh.bGci+", "<b>"] {
            assert_eq!(redact_word(word), REDACTED, "{word}");
        }
    }

    #[test]
    fn unparsed_text_keeps_no_digit_and_respects_its_limit() {
        let copy = redact_unparsed("{\"cvv\": 123, \"pan\": \"4111 1111\" ٤", 20);
        assert!(!copy.chars().any(char::is_numeric), "{copy}");
        assert!(copy.len() <= 20);
        assert!(copy.starts_with("{\"cvv\": ###"));
    }

    /// A card number with a right check digit, of a random scheme and dress.
    fn any_card_number() -> impl Strategy<Value = String> {
        let scheme =
            prop::sample::select(vec![("4", 16), ("51", 16), ("2221", 16), ("34", 15), ("6011", 16)]);
        (scheme, prop::collection::vec(0_u8..10, 19), prop::sample::select(vec!["", " ", "-", "."])).prop_map(
            |((prefix, length), filler, separator)| {
                let mut digits: Vec<u8> =
                    prefix.bytes().map(|b| b - b'0').chain(filler).take(length - 1).collect();
                let check = (0..10).find(|check| passes_luhn(&[&digits[..], &[*check]].concat())).unwrap();
                digits.push(check);
                let text: Vec<String> =
                    digits.chunks(4).map(|chunk| chunk.iter().map(u8::to_string).collect()).collect();
                text.join(separator)
            },
        )
    }

    proptest! {
        #[test]
        fn a_redacted_value_holds_nothing_to_find(pan in any_card_number(), before in "([0-9]{1,6} )?[a-z \"{}]{0,12}", after in "[a-z \"{}]{0,12}( [0-9]{1,6})?") {
            let value = json!({"a": format!("{before}{pan}{after}"), "b": [{"cvv": "987"}, pan.clone()], pan.clone(): 1});
            prop_assert!(find(&value).is_some());
            let redacted = redact(&value);
            prop_assert_eq!(find(&json!({"a": redacted["a"], "b": redacted["b"][1]})), None);
            prop_assert!(!redacted.to_string().contains(&pan));
            prop_assert!(!redacted.to_string().contains("987"));
        }
    }
}
