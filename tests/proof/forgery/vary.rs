//! Deliveries that say otherwise and are as genuine: whoever refuses one loses a webhook.

use fastrand::Rng;
use jiff::{SignedDuration, ToSpan as _};

use super::letter::{Fields, Letter, date_in, http_date, now};
use super::worlds::WINDOW_SECONDS;

/// What FlexFactor may say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
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
}

impl Said {
    pub(crate) const ALL: [Self; 10] = [
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
    ];

    /// Changes what is signed.
    pub(crate) fn vary(self, letter: &mut Letter, rng: &mut Rng) {
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
