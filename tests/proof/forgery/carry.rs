//! Ways to carry a delivery that leave it the same.

use fastrand::Rng;

use super::wire::{Transport, Wire};

/// What may be carried otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carried {
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

impl Carried {
    pub(crate) const ALL: [Self; 10] = [
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

    /// Changes how it is carried.
    pub(crate) fn vary(self, wire: &mut Wire, rng: &mut Rng) {
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
        }
    }
}
