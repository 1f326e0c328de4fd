//! Variants that are as genuine as the plain delivery: whoever refuses one loses a webhook.

use fastrand::Rng;
use jiff::{SignedDuration, ToSpan as _};

use super::letter::{Fields, Letter, date_in, http_date, now};
use super::wire::{Transport, Wire};
use super::worlds::WINDOW_SECONDS;

/// What FlexFactor may send otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    ExtraFields,
    Whitespace,
    FieldOrder,
    AnotherEvent,
    AnotherOrder,
    NoEvent,
    LargestBody,
    DateInside,
    DateForm,
    Nonce,
    HeaderNameCase,
    HeaderOrder,
    ExtraHeaders,
    ContentType,
    BodySignature,
    HostHeader,
    Base64,
    TrailingSlash,
    Prefix,
    Query,
}

impl Kind {
    pub(crate) const ALL: [Self; 20] = [
        Self::ExtraFields,
        Self::Whitespace,
        Self::FieldOrder,
        Self::AnotherEvent,
        Self::AnotherOrder,
        Self::NoEvent,
        Self::LargestBody,
        Self::DateInside,
        Self::DateForm,
        Self::Nonce,
        Self::HeaderNameCase,
        Self::HeaderOrder,
        Self::ExtraHeaders,
        Self::ContentType,
        Self::BodySignature,
        Self::HostHeader,
        Self::Base64,
        Self::TrailingSlash,
        Self::Prefix,
        Self::Query,
    ];

    /// Changes what is signed.
    pub(crate) fn letter(self, letter: &mut Letter, rng: &mut Rng) {
        let fields = Fields::drawn(rng, letter.to);
        match self {
            Self::ExtraFields => {
                let extra = format!(r#"{{"Added":{{"a":[1,2.5,null,"é\u0000"]}},"{}":true,"#, rng.u32(..));
                letter.body = fields.json().replacen('{', &extra, 1).into_bytes();
            }
            Self::Whitespace => {
                let gap = ["  ", "\n", "\t", "\r\n "][rng.usize(..4)];
                letter.body = fields.json().replace(',', &format!("{gap},{gap}")).into_bytes();
            }
            Self::FieldOrder => letter.body = shuffled(&fields, rng).into_bytes(),
            Self::AnotherEvent => letter.body = another_event(fields, rng).json().into_bytes(),
            Self::AnotherOrder => {
                letter.body =
                    Fields { order_id: format!("INV-{}", rng.u16(..)), ..fields }.json().into_bytes();
            }
            Self::NoEvent => letter.body = no_event(&fields, rng),
            Self::LargestBody => {
                // The edge itself, once in a while: hashing it is what takes the time.
                let bytes = if rng.u8(..20) == 0 { 64 * 1024 } else { rng.usize(400..4_000) };
                letter.body = fields.json().into_bytes();
                letter.body.resize(bytes, b' ');
            }
            Self::DateInside => {
                let edges = [-WINDOW_SECONDS, WINDOW_SECONDS, rng.i64(-WINDOW_SECONDS..=WINDOW_SECONDS)];
                letter.date = date_in(edges[rng.usize(..3)]);
            }
            Self::DateForm => letter.date = readable_date(rng),
            Self::Nonce => letter.nonce = another_nonce(rng),
            _ => {}
        }
    }

    /// Changes how it is carried.
    pub(crate) fn wire(self, wire: &mut Wire, rng: &mut Rng) {
        match self {
            Self::HeaderNameCase => {
                for (name, _) in &mut wire.headers {
                    *name =
                        name.chars().map(|c| if rng.bool() { c.to_ascii_uppercase() } else { c }).collect();
                }
            }
            Self::HeaderOrder => rng.shuffle(&mut wire.headers),
            Self::ExtraHeaders => {
                for name in ["x-forwarded-for", "traceparent", "x-fc-other", "authorization", "x-fc-date-2"] {
                    let at = rng.usize(..=wire.headers.len());
                    wire.headers.insert(at, (name.to_owned(), vec![format!("{}", rng.u64(..))]));
                }
            }
            Self::ContentType => {
                let types =
                    ["text/plain", "application/octet-stream", "", "application/json; charset=latin1"];
                *wire.header("content-type") = vec![types[rng.usize(..4)].to_owned()];
            }
            Self::BodySignature => {
                wire.remove("x-fc-signature");
                if rng.bool() {
                    wire.headers.push(("x-fc-signature".to_owned(), vec!["AAAA".to_owned()]));
                }
            }
            Self::HostHeader => {
                *wire.header("host") = vec!["abc.execute-api.us-east-1.amazonaws.com".to_owned()]
            }
            Self::Base64 => wire.transport = Transport::Base64,
            Self::TrailingSlash => wire.path.push('/'),
            Self::Prefix => wire.path.insert_str(0, "/stage"),
            Self::Query => wire.query = format!("a={}&merchant=initech", rng.u16(..)),
            _ => {}
        }
    }
}

fn shuffled(fields: &Fields, rng: &mut Rng) -> String {
    let parsed: serde_json::Value = serde_json::from_str(&fields.json()).unwrap();
    let mut parts: Vec<String> =
        parsed.as_object().unwrap().iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    rng.shuffle(&mut parts);
    format!("{{{}}}", parts.join(","))
}

/// Any event there is, one that is not documented, or one in other letters.
fn another_event(fields: Fields, rng: &mut Rng) -> Fields {
    let known = flexfactor::mapping::EventName::KNOWN;
    let event = match rng.u8(..4) {
        0 => "order.paused".to_owned(),
        1 => known[rng.usize(..known.len())].to_ascii_uppercase(),
        _ => known[rng.usize(..known.len())].to_owned(),
    };
    Fields { event, ..fields }
}

/// Signed, but not an event at all: it is kept, not refused.
fn no_event(fields: &Fields, rng: &mut Rng) -> Vec<u8> {
    match rng.u8(..5) {
        0 => Vec::new(),
        1 => b"null".to_vec(),
        2 => (0..rng.usize(1..200)).map(|_| rng.u8(..)).filter(|byte| *byte != b'{').collect(),
        // Cut before its test flag, so that it is JSON no longer and says nothing of the environment.
        3 => fields.json().into_bytes()[..rng.usize(1..100)].to_vec(),
        _ => "naïve ✓".as_bytes().to_vec(),
    }
}

/// RFC 2822 dates, of which the recorded form is one.
fn readable_date(rng: &mut Rng) -> String {
    let at = now() + SignedDuration::from_secs(rng.i64(-100..100));
    let east = at.checked_add(1.hour()).unwrap();
    match rng.u8(..4) {
        0 => at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string(),
        1 => at.strftime("%d %b %Y %H:%M:%S GMT").to_string(),
        2 => east.strftime("%a, %d %b %Y %H:%M:%S +0100").to_string(),
        _ => http_date(at),
    }
}

fn another_nonce(rng: &mut Rng) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
    let length = [1, 32, 36, 128, rng.usize(1..=128)][rng.usize(..5)];
    (0..length).map(|_| char::from(alphabet[rng.usize(..alphabet.len())])).collect()
}

/// Whether the body names a documented event.
pub(crate) fn is_known_event(body: &[u8]) -> bool {
    let parsed = serde_json::from_slice::<serde_json::Value>(body).ok();
    let event = parsed.as_ref().and_then(|body| body.get("Event")?.as_str());
    event.is_some_and(|event| flexfactor::mapping::EventName::KNOWN.contains(&event))
}
