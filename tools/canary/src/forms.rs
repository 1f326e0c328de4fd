//! How a value can be written.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A value as it may stand somewhere, and the name of that form.
pub(crate) type Form = (&'static str, String);

/// The forms of bytes, for a search that takes no heed of case.
pub(crate) fn forms(value: &[u8]) -> Vec<Form> {
    let mut forms = vec![
        ("hex", joined(value, "", |byte| format!("{byte:02x}"))),
        ("percent-encoded", joined(value, "", |byte| format!("%{byte:02x}"))),
        ("JSON-escaped", joined(value, "", |byte| format!("\\u{byte:04x}"))),
        // What a debug print of a byte string shows.
        ("list of bytes", joined(value, ", ", |byte| byte.to_string())),
    ];
    if let Ok(text) = std::str::from_utf8(value) {
        forms.push(("plain", text.to_owned()));
        let url = joined(value, "", |byte| match byte {
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => char::from(byte).to_string(),
            byte => format!("%{byte:02x}"),
        });
        forms.push(("URL-encoded", url));
        // As `serde_json` and debug prints write it inside another text.
        forms.push(("quoted", text.escape_default().to_string()));
    }
    for ahead in 0..3 {
        forms.push(("base64", inner(&STANDARD_NO_PAD.encode([&vec![0; ahead][..], value].concat()), ahead)));
        forms.push((
            "base64 for URLs",
            inner(&URL_SAFE_NO_PAD.encode([&vec![0; ahead][..], value].concat()), ahead),
        ));
    }
    forms
}

fn joined(value: &[u8], between: &str, write: impl Fn(u8) -> String) -> String {
    value.iter().map(|byte| write(*byte)).collect::<Vec<_>>().join(between)
}

/// The part of a base64 text that depends on the value alone, wherever in a longer text it begins: without the characters
/// that share bits with the `ahead` bytes before, or with what may follow.
fn inner(text: &str, ahead: usize) -> String {
    let from = [0, 2, 3].get(ahead).copied().unwrap_or(0);
    // The last character holds bits of the value alone only where the length is a multiple of three.
    let bytes = text.len() * 6 / 8;
    let to = if bytes.is_multiple_of(3) { text.len() } else { text.len().saturating_sub(1) };
    text.get(from..to).unwrap_or_default().to_owned()
}

/// Leaves out what stands between two digits, if that is at most three characters and no letter: a card number in any
/// dress is one run of digits then.
pub(crate) fn without_separators(text: &[u8]) -> Vec<u8> {
    const SEPARATORS_MAX: usize = 3;
    let mut bare: Vec<u8> = Vec::with_capacity(text.len());
    let mut index = 0;
    while let Some(byte) = text.get(index) {
        let rest = text.get(index..).unwrap_or_default();
        let gap = rest.iter().take_while(|byte| !byte.is_ascii_alphanumeric()).count();
        let is_between = bare.last().is_some_and(u8::is_ascii_digit)
            && rest.get(gap).is_some_and(u8::is_ascii_digit)
            && gap <= SEPARATORS_MAX;
        if gap > 0 && is_between {
            index += gap;
        } else {
            bare.push(*byte);
            index += 1;
        }
    }
    bare
}
