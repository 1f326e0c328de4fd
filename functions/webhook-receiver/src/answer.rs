//! What a sender is told: 2xx only after a durable write, 4xx for what will never be taken, 5xx for "send it again".

use flexfactor::webhook::Forged;
use lambda_http::{Body, Error, Response};

/// An answer. Each has a stable code and one sentence, and says nothing of why a signature failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It was applied, or had been before, or is kept: nothing is to be sent again.
    Taken,
    /// No merchant has this address.
    UnknownMerchant,
    /// It is not FlexFactor's. The check that failed goes to the log alone.
    NotVerified(Forged),
    /// This very delivery was taken before.
    Replayed,
    /// The body is longer than any webhook.
    TooLarge,
    /// A store or a secret could not be reached: nothing was written, or it will be found written.
    Unavailable,
}

impl Answer {
    const fn parts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Taken => (200, "", ""),
            Self::UnknownMerchant => {
                (404, "unknown_merchant", "No merchant is configured under this address.")
            }
            Self::NotVerified(_) => {
                (401, "not_verified", "The webhook's signature, date or environment is not right.")
            }
            Self::Replayed => (409, "replayed", "This delivery was taken before."),
            Self::TooLarge => (413, "too_large", "The body is larger than any webhook."),
            Self::Unavailable => (503, "unavailable", "The webhook could not be stored; send it again."),
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.parts().0
    }

    /// The answer on the wire. Success has an empty body, which is all that a webhook's sender needs.
    pub fn into_response(self) -> Result<Response<Body>, Error> {
        let (status, code, message) = self.parts();
        let response = Response::builder().status(status);
        let response = match code {
            "" => response.body(Body::Empty),
            code => response
                .header("content-type", "application/json")
                .body(Body::Text(format!(r#"{{"code":"{code}","message":"{message}"}}"#))),
        };
        Ok(response?)
    }
}
