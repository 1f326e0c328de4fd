//! `POST /transmit`: a copy of a transaction for FlexFactor's risk model (documented: ff/transmit-1).

use std::future::Future;

use jiff::Timestamp;
use models::ids::TransmitId;

use crate::account::Account;
use crate::client::Client;
use crate::error::words_of;
use crate::outcome::{Lost, Outcome, Refused};
use crate::wire::transmit::{TransmitRequest, TransmitResponse};

/// What `result` says of what was taken (documented: the launch checklist).
const TAKEN: &str = "success";

/// An answer of `/transmit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransmitAnswer {
    /// FlexFactor's key of the transaction; `None` where it gave none that can be one.
    pub transmit_id: Option<TransmitId>,
}

/// Copying a transaction to FlexFactor.
pub trait Transmit: Send + Sync {
    /// Sends a transaction to `/transmit`. There is no idempotency key: a repeat is another copy for the risk model.
    fn transmit(
        &self,
        account: &Account,
        request: &TransmitRequest<'_>,
        now: Timestamp,
    ) -> impl Future<Output = Outcome<TransmitAnswer>> + Send;
}

impl Transmit for Client {
    async fn transmit(
        &self,
        account: &Account,
        request: &TransmitRequest<'_>,
        now: Timestamp,
    ) -> Outcome<TransmitAnswer> {
        let url = self.url(account.environment, &["transmit"]);
        let call = || self.http().post(url.clone()).json(request);
        match self.call(account, now, call).await {
            Outcome::Done(body) => understand(&body),
            Outcome::Refused(refused) => Outcome::Refused(refused),
            Outcome::Unknown(lost) => Outcome::Unknown(lost),
        }
    }
}

/// `success: false` is a refusal, as in the recorded answer to a refund that is not possible, which is no HTTP error. An
/// answer that says neither is none.
fn understand(body: &[u8]) -> Outcome<TransmitAnswer> {
    let Ok(answer) = serde_json::from_slice::<TransmitResponse>(body) else {
        return Outcome::Unknown(Lost::Malformed);
    };
    let says_taken = answer.result.is_some_and(|result| result.eq_ignore_ascii_case(TAKEN));
    match answer.success {
        Some(false) => Outcome::Refused(Refused { http: 200, words: words_of(body) }),
        None if !says_taken => Outcome::Unknown(Lost::Malformed),
        Some(true) | None => {
            let transmit_id = answer.transmit_id.and_then(|id| id.parse().ok());
            Outcome::Done(TransmitAnswer { transmit_id })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(body: &str) -> Option<String> {
        let outcome = understand(body.as_bytes());
        let Outcome::Done(answer) = outcome else { panic!("{body}: {outcome:?}") };
        answer.transmit_id.map(String::from)
    }

    #[test]
    fn the_key_is_kept_whatever_the_status_is() {
        for status in ["200", "\"OK\"", "null", "{}"] {
            let body =
                format!(r#"{{"success":true,"result":"success","status":{status},"transmitId":"t-1"}}"#);
            assert_eq!(id(&body).as_deref(), Some("t-1"), "{status}");
        }
        assert_eq!(id(r#"{"result":"Success","transmitId":"t-1"}"#).as_deref(), Some("t-1"));
        assert_eq!(id(r#"{"success":true,"result":null,"transmitId":"t-1"}"#).as_deref(), Some("t-1"));
    }

    #[test]
    fn a_key_that_can_be_none_is_not_kept() {
        assert_eq!(id(r#"{"success":true}"#), None);
        for bad in ["", "a b", "4111111111111111", &"x".repeat(65)] {
            assert_eq!(id(&format!(r#"{{"success":true,"transmitId":"{bad}"}}"#)), None, "{bad}");
        }
        assert_eq!(
            id(&format!(r#"{{"success":true,"transmitId":"{}"}}"#, "x".repeat(64))),
            Some("x".repeat(64))
        );
    }

    #[test]
    fn no_success_is_a_refusal_and_no_word_of_it_is_no_answer() {
        let body = r#"{"success":false,"result":null,"errors":[{"item1":"The merchant is not enabled"}]}"#;
        let words = "The merchant is not enabled".to_owned();
        assert_eq!(understand(body.as_bytes()), Outcome::Refused(Refused { http: 200, words }));
        for body in ["{}", r#"{"result":"queued"}"#, "[]", "no JSON", r#"{"success":"yes"}"#] {
            assert_eq!(understand(body.as_bytes()), Outcome::Unknown(Lost::Malformed), "{body}");
        }
    }
}
