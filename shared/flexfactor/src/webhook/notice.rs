//! What a verified body says. Field names are PascalCase (recorded; confirmed by fc/webhook).

use jiff::Timestamp;
use models::card_guard::{redact_text, redact_word};
use models::event::OrderEvent;
use serde::Deserialize;

use super::sign::CHECK_EVENT;
use super::verify::{Forged, Verified};
use crate::mapping::{EventName, Subject};
use models::merchant::Environment;

/// Longest event name and time kept, in bytes.
const WORD_BYTES_MAX: usize = 64;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    event: String,
    time_stamp: String,
    external_order_id: Option<String>,
    order_id: Option<String>,
    confirmation_id: Option<String>,
    is_test_mode: bool,
}

/// A verified webhook, understood as far as it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Something happened to an order.
    Order(OrderEvent),
    /// Something happened to the merchant's account; the event's name.
    Account(String),
    /// Nothing happened: it is a check of our own ([`CHECK_EVENT`]), made at this moment.
    Check(Timestamp),
    /// An event that is not known; its name, where it has one.
    Unknown(NoticeError),
}

/// Why a verified body is not understood. It is kept and alarmed, and acknowledged: sending it again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    /// It is not JSON of the known shape.
    #[error("The body has not the shape of an event.")]
    Shape,
    /// Its event is not one of the documented ones.
    #[error("The event's name is not known: {0}.")]
    Event(String),
    /// An order's event whose order ids are missing or malformed.
    #[error("The event names no order that could be ours.")]
    OrderId,
}

impl Notice {
    /// Reads a verified body and checks that its test flag fits the merchant's environment.
    ///
    /// # Errors
    /// [`Forged::TestMode`]: a test event never touches live orders, nor the other way round.
    pub fn read(verified: Verified<'_>, environment: Environment) -> Result<Self, Forged> {
        let Ok(body) = serde_json::from_slice::<Body>(verified.body()) else {
            return Ok(Self::Unknown(NoticeError::Shape));
        };
        let is_test = match environment {
            Environment::Sandbox => true,
            Environment::Production => false,
        };
        if body.is_test_mode != is_test {
            return Err(Forged::TestMode);
        }
        Ok(Self::understand(body, verified.nonce()))
    }

    fn understand(body: Body, nonce: &str) -> Self {
        if body.event == CHECK_EVENT {
            return body.time_stamp.parse().map_or(Self::Unknown(NoticeError::Shape), Self::Check);
        }
        match EventName::parse(&body.event).subject() {
            Subject::Order(kind) => {
                let ids = (
                    body.external_order_id.as_deref().and_then(|id| id.parse().ok()),
                    body.order_id.as_deref().and_then(|id| id.parse().ok()),
                );
                let (Some(order_id), Some(provider_order)) = ids else {
                    return Self::Unknown(NoticeError::OrderId);
                };
                Self::Order(OrderEvent {
                    kind,
                    name: bounded(&body.event.to_ascii_lowercase()),
                    occurred_at: moment(&body.time_stamp),
                    order_id,
                    provider_order,
                    confirmation: body
                        .confirmation_id
                        .filter(|id| !id.is_empty())
                        .map(|id| redact_text(&bounded(&id))),
                    nonce: nonce.to_owned(),
                })
            }
            Subject::Account => Self::Account(bounded(&body.event)),
            Subject::Unknown => Self::Unknown(NoticeError::Event(redact_word(&bounded(&body.event)))),
        }
    }
}

/// The event's time as it was written, by which a resent copy is known. What is no time is kept as any text is.
fn moment(text: &str) -> String {
    let text = bounded(text);
    if text.parse::<Timestamp>().is_ok() { text } else { redact_text(&text) }
}

fn bounded(text: &str) -> String {
    let end = text.floor_char_boundary(WORD_BYTES_MAX);
    text.get(..end).unwrap_or_default().chars().filter(|c| !c.is_control()).collect()
}
