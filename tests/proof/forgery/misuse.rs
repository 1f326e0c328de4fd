//! Forgeries by somebody who can sign: with a key that is not valid here, or something that a genuine key may not say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;

use super::letter::{Fields, Letter, date_in, now};
use super::worlds::{HOST, UMBRELLA, WINDOW_SECONDS, World};

/// What is signed wrongly. Each of these is forged by what it is, whatever else the delivery looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misuse {
    ForeignKey,
    TruncatedKey,
    NoKey,
    MerchantWithoutKeys,
    OtherHost,
    DateOutside,
    DateForm,
    IllegalNonce,
    TestFlag,
    Method,
}

impl Misuse {
    pub(crate) const ALL: [Self; 10] = [
        Self::ForeignKey,
        Self::TruncatedKey,
        Self::NoKey,
        Self::MerchantWithoutKeys,
        Self::OtherHost,
        Self::DateOutside,
        Self::DateForm,
        Self::IllegalNonce,
        Self::TestFlag,
        Self::Method,
    ];

    pub(crate) fn spoil(self, letter: &mut Letter, world: World, rng: &mut Rng) {
        match self {
            // Another merchant's, one that FlexFactor has not shown yet, or one that was removed after the rotation.
            Self::ForeignKey => {
                let keys = world.foreign_keys(letter.to.id);
                letter.key = STANDARD.decode(keys[rng.usize(..keys.len())]).unwrap();
            }
            Self::TruncatedKey => letter.key.truncate(rng.usize(0..letter.key.len())),
            Self::NoKey => letter.key = vec![0; rng.usize(0..200)],
            Self::MerchantWithoutKeys => letter.to = &UMBRELLA,
            Self::OtherHost => letter.host = other_host(rng),
            Self::DateOutside => {
                let beyond = [1, 2, 60, 3_600, 86_400, 40_000_000, rng.i64(1..100_000_000)][rng.usize(..7)];
                let seconds = WINDOW_SECONDS + beyond;
                letter.date = date_in(if rng.bool() { seconds } else { -seconds });
            }
            Self::DateForm => letter.date = unreadable_date(rng),
            Self::IllegalNonce => letter.nonce = illegal_nonce(&letter.nonce, rng),
            Self::TestFlag => {
                let fields = Fields::drawn(rng, letter.to);
                letter.body = Fields { is_test: !fields.is_test, ..fields }.json().into_bytes();
            }
            Self::Method => letter.method = ["GET", "PUT", "post", "", "POST "][rng.usize(..5)],
        }
    }
}

fn other_host(rng: &mut Rng) -> String {
    let hosts = [
        "abc.execute-api.us-east-1.amazonaws.com".to_owned(),
        HOST.to_ascii_uppercase(),
        format!("{HOST}:443"),
        format!("{HOST}."),
        format!("https://{HOST}"),
        format!("sub.{HOST}"),
        String::new(),
        format!(" {HOST}"),
    ];
    hosts[rng.usize(..hosts.len())].clone()
}

/// Times that are no RFC 2822 dates, all of this moment.
fn unreadable_date(rng: &mut Rng) -> String {
    let forms = [
        "%Y-%m-%dT%H:%M:%SZ",
        "%s",
        "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %e %H:%M:%S %Y",
        "%d/%m/%Y %H:%M:%S",
        // The 25th was a Wednesday.
        "Thu, %d %b %Y %H:%M:%S GMT",
        "%a, %d %b %Y",
        "now",
        "",
    ];
    now().strftime(forms[rng.usize(..forms.len())]).to_string()
}

fn illegal_nonce(nonce: &str, rng: &mut Rng) -> String {
    let at = rng.usize(..=nonce.len());
    let (before, after) = nonce.split_at(at);
    match rng.u8(..4) {
        0 => String::new(),
        1 => "a".repeat(rng.usize(129..400)),
        // A delimiter of the signed text among others.
        2 => format!("{before}{}{after}", [';', ' ', '_', '.', ',', '\t', '/', '+', '='][rng.usize(..9)]),
        _ => format!("{before}é{after}"),
    }
}
