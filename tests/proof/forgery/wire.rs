//! A webhook on its way: what anybody between FlexFactor and us may change, and what of it counts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The four headers that are signed or sign.
pub(crate) const SIGNED: [&str; 4] = ["x-fc-authorization", "x-fc-content-sha512", "x-fc-date", "x-fc-nonce"];

/// How API Gateway hands the body over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Text as text, anything else as base64.
    Honest,
    /// Text as base64, too: a content type that is not one of text.
    Base64,
    /// Said to be base64, but not so.
    SaidBase64,
    /// In base64, but not said so.
    UnsaidBase64,
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    pub(crate) path: String,
    pub(crate) query: String,
    /// Names as they are written; a header with two values came twice.
    pub(crate) headers: Vec<(String, Vec<String>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) transport: Transport,
}

/// What of a request says who sends what: two requests that agree in this are the same delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(crate) merchant: Option<String>,
    /// Each of [`SIGNED`], where it is there once.
    pub(crate) headers: [Option<String>; 4],
    /// `None`: there is no telling which bytes were meant.
    pub(crate) body: Option<Vec<u8>>,
}

impl Wire {
    fn body_text(&self) -> (String, bool) {
        let encoded = || STANDARD.encode(&self.body);
        match (self.transport, std::str::from_utf8(&self.body)) {
            (Transport::Honest, Ok(text)) => (text.to_owned(), false),
            (Transport::Honest, Err(_)) | (Transport::Base64, _) => (encoded(), true),
            (Transport::SaidBase64, _) => (String::from_utf8_lossy(&self.body).into_owned(), true),
            (Transport::UnsaidBase64, _) => (encoded(), false),
        }
    }

    pub(crate) fn meaning(&self) -> Meaning {
        let (text, is_base64) = self.body_text();
        let merchant = self.path.strip_suffix('/').unwrap_or(&self.path).rsplit_once("/webhooks/");
        Meaning {
            merchant: merchant.map(|(_, merchant)| merchant.to_owned()),
            headers: SIGNED.map(|name| self.only(name)),
            body: match is_base64 {
                true => STANDARD.decode(text).ok(),
                false => Some(text.into_bytes()),
            },
        }
    }

    fn only(&self, name: &str) -> Option<String> {
        match self.values(name)?.as_slice() {
            [value] => Some(value.clone()),
            _ => None,
        }
    }

    fn values(&self, name: &str) -> Option<&Vec<String>> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, values)| values)
    }

    /// The values of a header that every genuine delivery has.
    pub(crate) fn header(&mut self, name: &str) -> &mut Vec<String> {
        let found = self.headers.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name));
        &mut found.expect("a genuine delivery has it").1
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// The event of an HTTP API, payload format 2.0, written by hand so that the headers keep their order.
    pub(crate) fn event(&self) -> String {
        let headers: Vec<String> = self
            .headers
            .iter()
            .map(|(name, values)| {
                let value = match values.as_slice() {
                    [one] => json!(one),
                    several => json!(several),
                };
                format!("{}:{value}", Value::from(name.as_str()))
            })
            .collect();
        let (body, is_base64) = self.body_text();
        let [path, query, body] = [&self.path, &self.query, &body].map(|text| Value::from(text.as_str()));
        format!(
            r#"{{"version":"2.0","routeKey":"POST /webhooks/{{merchant}}","rawPath":{path},"rawQueryString":{query},"headers":{{{}}},"requestContext":{{"accountId":"1","apiId":"a","domainName":"a","domainPrefix":"a","requestId":"r","routeKey":"POST /webhooks/{{merchant}}","stage":"$default","time":"t","timeEpoch":1,"http":{{"method":"POST","path":{path},"protocol":"HTTP/1.1","sourceIp":"127.0.0.1","userAgent":"x"}}}},"body":{body},"isBase64Encoded":{is_base64}}}"#,
            headers.join(",")
        )
    }
}
