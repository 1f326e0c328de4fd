//! What a request carries: its key, its body, its query. Each is checked before anything is done.

use jiff::Timestamp;
use lambda_http::http::header::CONTENT_TYPE;
use lambda_http::{Request, RequestExt as _};
use models::listing::{Place, Stretch};
use models::status::Status;
use models::view::ProblemCode;
use serde::de::DeserializeOwned;

use crate::answer::Failure;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Longest body taken, in bytes: as long as a decline may be.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;
/// Longest idempotency key, in bytes.
pub(crate) const KEY_BYTES_MAX: usize = 255;
/// Most orders of one page.
pub(crate) const PAGE_ORDERS_MAX: usize = 100;
/// Orders of a page, where the call does not say.
pub(crate) const PAGE_ORDERS_DEFAULT: usize = 50;
/// What a cursor begins with, so that its meaning may change.
const CURSOR_VERSION: u8 = 1;

fn malformed(detail: impl Into<String>) -> Failure {
    Failure::new(ProblemCode::Malformed, detail)
}

/// The key under which the same call may be sent again.
pub(crate) fn idempotency_key(request: &Request) -> Result<String, Failure> {
    let missing = |detail: &str| Failure::new(ProblemCode::IdempotencyKeyMissing, detail);
    let mut keys = request.headers().get_all("idempotency-key").iter();
    let key = match (keys.next(), keys.next()) {
        (Some(key), None) => key.as_bytes(),
        (None, _) => return Err(missing("The header Idempotency-Key is missing.")),
        (Some(_), Some(_)) => return Err(missing("There is more than one header Idempotency-Key.")),
    };
    let is_printable = key.iter().all(|byte| (0x20..0x7f).contains(byte));
    match std::str::from_utf8(key).map(str::trim) {
        Ok(key) if is_printable && (1..=KEY_BYTES_MAX).contains(&key.len()) => Ok(key.to_owned()),
        Ok(_) | Err(_) => {
            Err(missing("The header Idempotency-Key must be 1 to 255 printable ASCII characters."))
        }
    }
}

/// The body as text. It must be said to be JSON, and not be too long.
pub(crate) fn json_text(request: &Request) -> Result<&str, Failure> {
    let body: &[u8] = request.body();
    if body.len() > BODY_BYTES_MAX {
        let detail = format!("The body has {} bytes; the limit is {BODY_BYTES_MAX}.", body.len());
        return Err(Failure::new(ProblemCode::TooLarge, detail));
    }
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.map(|value| value.split(';').next().unwrap_or_default().trim());
    if !essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        return Err(Failure::new(
            ProblemCode::UnsupportedMediaType,
            "The header Content-Type must say application/json.",
        ));
    }
    std::str::from_utf8(body).map_err(|_| malformed("The body is not UTF-8."))
}

/// The body as what it must be. What is wrong is told by its place, never by its value.
pub(crate) fn json<T: DeserializeOwned>(request: &Request, expected: &str) -> Result<T, Failure> {
    let text = json_text(request)?;
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        malformed(format!("The body is not {expected}: line {line}, column {column}."))
    })
}

/// For operations that take no body: one that says something would be passed over silently.
pub(crate) fn no_body(request: &Request) -> Result<(), Failure> {
    let body: &[u8] = request.body();
    match body.trim_ascii() {
        b"" | b"{}" => Ok(()),
        _ if body.len() > BODY_BYTES_MAX => {
            Err(Failure::new(ProblemCode::TooLarge, "The body is too long, and none is taken here."))
        }
        _ => Err(malformed("This operation takes no body.")),
    }
}

/// Which page is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PageQuery {
    pub(crate) status: Option<Status>,
    pub(crate) stretch: Stretch,
    pub(crate) limit: usize,
}

/// Reads the query of a list. A parameter that is not known is refused: passed over, it would seem to have been obeyed.
pub(crate) fn page_query(request: &Request) -> Result<PageQuery, Failure> {
    let mut page = PageQuery { status: None, stretch: Stretch::default(), limit: PAGE_ORDERS_DEFAULT };
    let query = request.query_string_parameters();
    let mut seen = Vec::new();
    for (name, value) in query.iter() {
        if seen.contains(&name) {
            return Err(malformed(format!("The parameter {} is there twice.", shown(name))));
        }
        seen.push(name);
        match name {
            "status" => page.status = Some(status(value)?),
            "from" => page.stretch.from = Some(time("from", value)?),
            "to" => page.stretch.to = Some(time("to", value)?),
            "limit" => page.limit = limit(value)?,
            "cursor" => page.stretch.after = Some(place(value)?),
            _ => return Err(malformed(format!("The parameter {} is not known.", shown(name)))),
        }
    }
    Ok(page)
}

/// A name for a sentence, whatever was sent.
fn shown(name: &str) -> String {
    name.chars().take(32).map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '.' }).collect()
}

fn status(value: &str) -> Result<Status, Failure> {
    let words = || Status::ALL.iter().map(|status| status.word()).collect::<Vec<_>>().join(", ");
    value.parse().map_err(|_| malformed(format!("The parameter status must be one of: {}.", words())))
}

fn time(name: &str, value: &str) -> Result<Timestamp, Failure> {
    let why =
        "must be a time as RFC 3339 writes it, such as 2026-11-21T10:00:00Z; a plus sign is written %2B";
    value.parse().map_err(|_| malformed(format!("The parameter {name} {why}.")))
}

fn limit(value: &str) -> Result<usize, Failure> {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let limit = value.parse().ok().filter(|limit| is_number && (1..=PAGE_ORDERS_MAX).contains(limit));
    limit.ok_or_else(|| malformed(format!("The parameter limit must be 1 to {PAGE_ORDERS_MAX}.")))
}

/// The cursor that stands behind a place.
pub(crate) fn cursor(place: &Place) -> String {
    let mut bytes = vec![CURSOR_VERSION];
    bytes.extend(place.to_string().into_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn place(cursor: &str) -> Result<Place, Failure> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let text = bytes.as_deref().and_then(|bytes| match bytes.split_first() {
        Some((&CURSOR_VERSION, text)) => std::str::from_utf8(text).ok(),
        Some(_) | None => None,
    });
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| malformed("The parameter cursor is not one that a page was answered with."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_another_text_is_none() {
        let there: Place = "2026-11-21T10:00:00.000Z#a#b/?".parse().unwrap();
        assert_eq!(place(&cursor(&there)).unwrap(), there);
        let mut newer = vec![2];
        newer.extend(there.to_string().into_bytes());
        for text in ["", "x", "=", "AQ", &URL_SAFE_NO_PAD.encode(newer), &format!("{}=", cursor(&there))] {
            assert!(place(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_page_has_one_to_a_hundred_orders() {
        assert_eq!((limit("1").ok(), limit("100").ok()), (Some(1), Some(100)));
        for text in ["0", "101", "", "+5", "-1", "1.0", "99999999999999999999"] {
            assert!(limit(text).is_err(), "{text}");
        }
    }
}
