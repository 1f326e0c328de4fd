//! Forgeries by somebody who cannot sign, but can change anything of a genuine delivery on its way.
//!
//! Whether a change was one is decided by what the delivery then says ([`super::wire::Meaning`]), never by the verifier: a
//! change that leaves it the same delivery (other letters in a nonce without letters) must not have it refused.

use fastrand::Rng;

use super::body::BodyChange;
use super::header::HeaderChange;
use super::letter::{Letter, SCHEME, date_in};
use super::wire::{SIGNED, Transport, Wire};
use super::worlds::PARTIES;

/// What is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tamper {
    Body(BodyChange),
    Header(HeaderChange),
    HeaderMissing,
    HeaderTwice,
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
    /// All changes, each as often as any other.
    pub(crate) fn all() -> Vec<Self> {
        let others = [
            Self::HeaderMissing,
            Self::HeaderTwice,
            Self::HeaderRenamed,
            Self::HeadersExchanged,
            Self::HeaderOfAnother,
            Self::DateMoved,
            Self::Scheme,
            Self::Splice,
            Self::Base64Flag,
            Self::Path,
        ];
        let bodies = BodyChange::ALL.into_iter().map(Self::Body);
        bodies.chain(HeaderChange::ALL.into_iter().map(Self::Header)).chain(others).collect()
    }

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
            Self::Body(change) => change.spoil(&mut wire.body, rng),
            Self::Header(change) => change.spoil(&mut wire.header(name)[0], rng),
        }
    }
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
