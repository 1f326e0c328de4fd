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
    /// One of each kind, by status; a test fails where one is missing.
    pub const KINDS: [Self; 6] = [
        Self::Taken,
        Self::NotVerified(Forged::Signature),
        Self::UnknownMerchant,
        Self::Replayed,
        Self::TooLarge,
        Self::Unavailable,
    ];

    /// When it is given, and why with this status; for the documentation.
    #[must_use]
    pub const fn why(self) -> &'static str {
        match self {
            Self::Taken => {
                "The event was written to its order or, where it can't be applied (no such order, another order's id, an \
                 event that is not known), parked; or either had been done before. Nothing is to be sent again."
            }
            Self::UnknownMerchant => {
                "The address names no merchant that is configured. Sending it again changes nothing until one is."
            }
            Self::NotVerified(_) => {
                "One of the checks below failed. Nothing was written. The sender is not told which check, so that nobody \
                 learns from it; log and metric are."
            }
            Self::Replayed => {
                "This very delivery (the same event under the same nonce) was taken before. Nothing was written. \
                 The same event under another nonce is answered 200."
            }
            Self::TooLarge => "No webhook is that long, so it is refused before it is verified.",
            Self::Unavailable => {
                "DynamoDB or Secrets Manager did not answer. Nothing was acknowledged, so FlexFactor has to send it again; \
                 if the write did happen, the repetition finds it."
            }
        }
    }

    /// The stable code in the body; empty for success, whose body is.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.parts().1
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    /// Without a wildcard: another answer breaks the build here, and then belongs among the kinds.
    const fn place(answer: Answer) -> usize {
        match answer {
            Answer::Taken => 0,
            Answer::NotVerified(_) => 1,
            Answer::UnknownMerchant => 2,
            Answer::Replayed => 3,
            Answer::TooLarge => 4,
            Answer::Unavailable => 5,
        }
    }

    #[test]
    fn each_kind_is_listed_once_and_by_status() {
        let places: Vec<usize> = Answer::KINDS.into_iter().map(place).collect();
        assert_eq!(places, [0, 1, 2, 3, 4, 5]);
        let statuses: Vec<u16> = Answer::KINDS.into_iter().map(Answer::status).collect();
        assert!(statuses.is_sorted(), "{statuses:?}");
    }

    /// 5xx asks for the webhook again, so it is for what a repetition may mend, and nothing else.
    #[test]
    fn only_an_outage_asks_for_the_webhook_again() {
        for answer in Answer::KINDS {
            assert_eq!(answer.status() >= 500, answer == Answer::Unavailable, "{answer:?}");
        }
    }
}
