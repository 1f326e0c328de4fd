//! Forgeries by somebody who cannot sign, but can change anything of a genuine delivery on its way.
//!
//! Whether a change was one is decided by what the delivery then says ([`super::wire::Meaning`]), never by the verifier: a
//! change that leaves it the same delivery (other letters in a nonce without letters) must not have it refused.

use fastrand::Rng;
use serde_json::Value;

use super::letter::{Letter, SCHEME, date_in};
use super::wire::{SIGNED, Transport, Wire};
use super::worlds::PARTIES;

/// What is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tamper {
    BodyBit,
    BodyInsert,
    BodyDelete,
    BodyTruncate,
    BodyAppend,
    BodyField,
    BodySerialisedAnew,
    BodyCase,
    BodyEmpty,
    BodyTooLong,
    HeaderMissing,
    HeaderTwice,
    HeaderJoined,
    HeaderEmpty,
    HeaderBit,
    HeaderInsert,
    HeaderDelete,
    HeaderSwap,
    HeaderSpace,
    HeaderPercent,
    HeaderAlphabet,
    HeaderPadding,
    HeaderAppend,
    HeaderCase,
    HeaderRenamed,
    HeadersExchanged,
    HeaderOfAnother,
    DateMoved,
    Scheme,
    Splice,
    Base64Flag,
    Path,
}

impl Tamper {
    pub(crate) const ALL: [Self; 32] = [
        Self::BodyBit,
        Self::BodyInsert,
        Self::BodyDelete,
        Self::BodyTruncate,
        Self::BodyAppend,
        Self::BodyField,
        Self::BodySerialisedAnew,
        Self::BodyCase,
        Self::BodyEmpty,
        Self::BodyTooLong,
        Self::HeaderMissing,
        Self::HeaderTwice,
        Self::HeaderJoined,
        Self::HeaderEmpty,
        Self::HeaderBit,
        Self::HeaderInsert,
        Self::HeaderDelete,
        Self::HeaderSwap,
        Self::HeaderSpace,
        Self::HeaderPercent,
        Self::HeaderAlphabet,
        Self::HeaderPadding,
        Self::HeaderAppend,
        Self::HeaderCase,
        Self::HeaderRenamed,
        Self::HeadersExchanged,
        Self::HeaderOfAnother,
        Self::DateMoved,
        Self::Scheme,
        Self::Splice,
        Self::Base64Flag,
        Self::Path,
    ];

    /// Changes the delivery; `another` is a second genuine one to the same merchant.
    pub(crate) fn spoil(self, wire: &mut Wire, another: &Letter, rng: &mut Rng) {
        let name = SIGNED[rng.usize(..4)];
        match self {
            Self::HeaderMissing => wire.remove(name),
            Self::HeaderTwice => {
                let second = match rng.bool() {
                    true => wire.header(name)[0].clone(),
                    false => another.sent().header(name)[0].clone(),
                };
                let at = rng.usize(..2);
                wire.header(name).insert(at, second);
            }
            Self::HeaderRenamed => {
                let at = wire.headers.iter().position(|(known, _)| known.eq_ignore_ascii_case(name)).unwrap();
                let others =
                    [name.replace('-', "_"), name.replace("x-", ""), format!("{name}s"), format!("x-{name}")];
                wire.headers[at].0 = others[rng.usize(..4)].clone();
            }
            Self::HeadersExchanged => {
                let other = SIGNED[rng.usize(..4)];
                let (one, two) = (wire.header(name).clone(), wire.header(other).clone());
                (*wire.header(name), *wire.header(other)) = (two, one);
            }
            Self::HeaderOfAnother => *wire.header(name) = another.sent().header(name).clone(),
            Self::DateMoved => {
                let seconds = [0, 1, -1, 60, -300, 300, rng.i64(-400..400)][rng.usize(..7)];
                *wire.header("x-fc-date") = vec![date_in(seconds)];
            }
            Self::Scheme => scheme(&mut wire.header("x-fc-authorization")[0], another, rng),
            Self::Splice => splice(wire, rng),
            Self::Base64Flag => {
                wire.transport = [Transport::SaidBase64, Transport::UnsaidBase64][rng.usize(..2)];
            }
            Self::Path => path(&mut wire.path, rng),
            Self::BodyBit
            | Self::BodyInsert
            | Self::BodyDelete
            | Self::BodyTruncate
            | Self::BodyAppend
            | Self::BodyField
            | Self::BodySerialisedAnew
            | Self::BodyCase
            | Self::BodyEmpty
            | Self::BodyTooLong => self.body(&mut wire.body, rng),
            Self::HeaderJoined
            | Self::HeaderEmpty
            | Self::HeaderBit
            | Self::HeaderInsert
            | Self::HeaderDelete
            | Self::HeaderSwap
            | Self::HeaderSpace
            | Self::HeaderPercent
            | Self::HeaderAlphabet
            | Self::HeaderPadding
            | Self::HeaderAppend
            | Self::HeaderCase => self.value(&mut wire.header(name)[0], rng),
        }
    }

    fn body(self, body: &mut Vec<u8>, rng: &mut Rng) {
        let at = rng.usize(..body.len().max(1));
        match self {
            Self::BodyInsert => body.insert(at.min(body.len()), rng.u8(..)),
            Self::BodyAppend => body.extend(["\n", " ", "\0", "{}", "x"][rng.usize(..5)].bytes()),
            Self::BodyField => change_field(body, rng),
            Self::BodySerialisedAnew => {
                if let Ok(value) = serde_json::from_slice::<Value>(body) {
                    *body = if rng.bool() { value.to_string() } else { format!("{value:#}") }.into_bytes();
                }
            }
            Self::BodyEmpty => body.clear(),
            Self::BodyTooLong => {
                let limit = if rng.u8(..20) == 0 { 64 * 1024 } else { body.len() };
                body.resize(limit.max(body.len()) + rng.usize(1..100), b' ');
            }
            _ if body.is_empty() => {}
            Self::BodyBit => body[at] ^= 1 << rng.u8(..8),
            Self::BodyDelete => drop(body.remove(at)),
            Self::BodyTruncate => body.truncate(at),
            Self::BodyCase => {
                let letters: Vec<usize> =
                    (0..body.len()).filter(|at| body[*at].is_ascii_alphabetic()).collect();
                if let Some(at) = rng.choice(letters) {
                    body[at] ^= 0x20;
                }
            }
            _ => {}
        }
    }

    fn value(self, value: &mut String, rng: &mut Rng) {
        let at = rng.usize(..value.len().max(1));
        let (before, after) = value.split_at_checked(at).unwrap_or((value, ""));
        *value = match self {
            Self::HeaderJoined => [format!("{value},{value}"), format!("{value}, x"), format!(",{value}")]
                [rng.usize(..3)]
            .clone(),
            Self::HeaderEmpty => String::new(),
            Self::HeaderBit => {
                let flip = 1 << rng.u8(..7);
                value
                    .char_indices()
                    .map(|(index, c)| if index == at { flipped(c, flip) } else { c })
                    .collect()
            }
            Self::HeaderInsert => format!("{before}{}{after}", char::from(rng.u8(32..127))),
            Self::HeaderDelete => format!("{before}{}", after.chars().skip(1).collect::<String>()),
            Self::HeaderSwap => {
                let mut chars: Vec<char> = value.chars().collect();
                if !chars.is_empty() {
                    let (one, two) = (rng.usize(..chars.len()), rng.usize(..chars.len()));
                    chars.swap(one, two);
                }
                chars.into_iter().collect()
            }
            Self::HeaderSpace => {
                [format!(" {value}"), format!("{value} "), format!("\t{value}"), format!("\"{value}\"")]
                    [rng.usize(..4)]
                .clone()
            }
            Self::HeaderPercent => {
                value.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D").replace(' ', "%20")
            }
            Self::HeaderAlphabet => value.replace('+', "-").replace('/', "_"),
            Self::HeaderPadding => match rng.bool() {
                true => value.trim_end_matches('=').to_owned(),
                false => format!("{value}="),
            },
            Self::HeaderAppend => format!("{value}{}", [";", "&a=b", "A", "0", " GMT", "\n"][rng.usize(..6)]),
            Self::HeaderCase => match rng.u8(..3) {
                0 => value.to_ascii_lowercase(),
                1 => value.to_ascii_uppercase(),
                _ => value
                    .char_indices()
                    .map(|(i, c)| if i == at && c.is_ascii_alphabetic() { flipped(c, 0x20) } else { c })
                    .collect(),
            },
            _ => value.clone(),
        };
    }
}

fn flipped(c: char, bits: u8) -> char {
    u8::try_from(c).map_or(c, |byte| char::from(byte ^ bits))
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

/// Another scheme, other signed headers, another signature.
fn scheme(authorization: &mut String, another: &Letter, rng: &mut Rng) {
    let signature = authorization.strip_prefix(SCHEME).unwrap_or_default().to_owned();
    *authorization = match rng.u8(..9) {
        0 => authorization.replace("SHA512", "SHA256"),
        1 => authorization.replace("HMAC-SHA512", "hmac-sha512"),
        2 => authorization.replace("x-fc-nonce;x-fc-date;host;", "host;"),
        3 => authorization.replace("&Signature=", "& Signature="),
        4 => format!("Bearer {signature}"),
        5 => signature,
        6 => SCHEME.to_owned(),
        7 => format!("{SCHEME}{}", signature.get(..rng.usize(0..80)).unwrap_or_default()),
        // The undocumented signature over the body alone.
        _ => format!("{SCHEME}{}", super::letter::mac(&another.key, &another.body)),
    };
}

/// Moves the border between two signed parts: the text that is signed stays the same.
fn splice(wire: &mut Wire, rng: &mut Rng) {
    let (nonce, date) = (wire.header("x-fc-nonce")[0].clone(), wire.header("x-fc-date")[0].clone());
    let joined = format!("{nonce};{date}");
    let cut = rng.usize(..=joined.len());
    let (before, after) = joined.split_at_checked(cut).unwrap_or((&joined, ""));
    *wire.header("x-fc-nonce") = vec![before.to_owned()];
    *wire.header("x-fc-date") = vec![after.trim_start_matches(';').to_owned()];
}

fn path(path: &mut String, rng: &mut Rng) {
    let other = PARTIES[rng.usize(..PARTIES.len())].id;
    *path = match rng.u8(..8) {
        0 | 1 => format!("/webhooks/{other}"),
        2 => format!("{path}/webhooks/{other}"),
        3 => path.to_ascii_uppercase(),
        4 => path.replace("acme", "%61cme"),
        5 => format!("{path}//"),
        6 => path.replace("webhooks", "webhook"),
        _ => "/webhooks/nobody".to_owned(),
    };
}
