//! What a caller is told when it can't have what it asked for (RFC 9457).

use serde::{Deserialize, Serialize};

use crate::money::{MinorUnits, Money};
use crate::refusal::Refusal;

macro_rules! problems {
    ($($(#[doc = $about:literal])+ $name:ident = $code:literal, $status:literal, $title:literal);+ $(;)?) => {
        /// The problems, by their stable codes. A code is a promise: it is never renamed or reused. A decline that breaks a
        /// rule of the screening has that rule's own code besides.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ProblemCode { $($(#[doc = $about])+ $name),+ }

        impl ProblemCode {
            /// All problems, by HTTP status.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// The HTTP status.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status),+ }
            }

            /// What it is called.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),+ }
            }

            /// What it means and what to do, for the documentation.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Self::$name => concat!($($about),+).trim_ascii()),+ }
            }
        }
    };
}

problems! {
    /// The request can't be read; `detail` says what of it. Sending it again changes nothing.
    Malformed = "malformed", 400, "The request can't be read";
    /// Every POST needs the header `Idempotency-Key`: 1 to 255 printable ASCII characters, the same for each try of one call.
    IdempotencyKeyMissing = "idempotency_key_missing", 400, "The Idempotency-Key is missing";
    /// The token's claim does not name this merchant.
    NotYourMerchant = "not_your_merchant", 403, "This merchant is not yours";
    /// Nothing is at this address.
    NotFound = "not_found", 404, "Nothing is here";
    /// The merchant has no order with this id.
    OrderNotFound = "order_not_found", 404, "There is no such order";
    /// The order has no refund with this id.
    RefundNotFound = "refund_not_found", 404, "There is no such refund";
    /// The address knows other methods; the header `Allow` names them.
    MethodNotAllowed = "method_not_allowed", 405, "The address does not know this method";
    /// Another decline is stored under this order id. An id names one order only, for ever; the decline was kept for people.
    DeclineConflict = "decline_conflict", 409, "The order id is taken by another decline";
    /// It was rescued before it could be cancelled: the customer was charged. A refund is the way, `proposed_refund` says of how much.
    OrderApproved = "order_approved", 409, "The order is approved";
    /// Only an order that FlexFactor authorised and not yet captured can be captured.
    NotCapturable = "not_capturable", 409, "The order can't be captured";
    /// Nothing of the order was charged, or FlexFactor does not show it as charged.
    NotRefundable = "not_refundable", 409, "The order can't be refunded";
    /// Another refund of this order is under way or its outcome is not known yet; one at a time.
    RefundInFlight = "refund_in_flight", 409, "A refund of this order is under way";
    /// The cardholder's bank has taken it up: a refund besides might pay it back twice.
    OrderDisputed = "order_disputed", 409, "The order is disputed";
    /// The refund's outcome is known, or still being found out: there is nothing for people to decide.
    NotUnresolved = "not_unresolved", 409, "The refund is not unresolved";
    /// The body is longer than 64 KiB.
    TooLarge = "too_large", 413, "The body is too large";
    /// The body must be JSON, and its `Content-Type` must say so.
    UnsupportedMediaType = "unsupported_media_type", 415, "The body must be application/json";
    /// The decline names another merchant than the address does.
    MerchantMismatch = "merchant_mismatch", 422, "The decline is another merchant's";
    /// Such a refund can't be: `path` names what of it is wrong.
    RefundInvalid = "refund_invalid", 422, "The refund can't be made as asked";
    /// More than what was captured and not yet refunded; `refundable_minor` says how much is left.
    RefundTooLarge = "refund_too_large", 422, "The refund is too large";
    /// FlexFactor refused the refund; `detail` explains what is known of why. Nothing was refunded.
    RefundRefusedByProvider = "refund_refused_by_provider", 422, "FlexFactor refused the refund";
    /// It is certain by now that the refund that was asked for under this key was not made. Ask again with a new key.
    RefundNotMade = "refund_not_made", 422, "The refund was not made";
    /// The key was used for another refund of this order. A new refund needs a new key.
    IdempotencyKeyReused = "idempotency_key_reused", 422, "The Idempotency-Key was used for another call";
    /// An order is stored in a way that this version can't read. People were told.
    Internal = "internal", 500, "The order can't be read";
    /// DynamoDB or SQS did not answer, or the order changed too often meanwhile. The same call may be sent again.
    StoreUnavailable = "store_unavailable", 503, "The store is unavailable";
    /// The merchant's configuration or credentials could not be had, or FlexFactor did not tell in time how the order stands.
    /// Nothing was refunded; the same call may be sent again.
    ProviderUnavailable = "provider_unavailable", 503, "FlexFactor can't be asked";
}

/// What a problem's `type` begins with; its code follows.
pub const PROBLEM_TYPE: &str = "urn:rebill-rescue:problem:";

/// A problem as it is sent, as `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// `urn:rebill-rescue:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is called; the same for each problem of this code.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// What is wrong with this call, in a sentence for people.
    pub detail: String,
    /// The field at fault, where one is: `amount.minor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// With `refund_too_large`: how much can be refunded, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refundable_minor: Option<MinorUnits>,
    /// With `order_approved`: the refund that takes the cancel's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed_refund: Option<Money>,
}

impl Problem {
    /// A problem by its code.
    #[must_use]
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self::with(code.code(), code.status(), code.title(), detail.into())
    }

    /// A decline that broke a rule: the rule's own code.
    #[must_use]
    pub fn refused(refusal: Refusal) -> Self {
        let path = Some(refusal.path).filter(|path| !path.is_empty());
        Self { path, ..Self::with(refusal.rule.code(), 422, "The decline was refused", refusal.sentence) }
    }

    fn with(code: &str, status: u16, title: &str, detail: String) -> Self {
        Self {
            kind: format!("{PROBLEM_TYPE}{code}"),
            title: title.to_owned(),
            status,
            code: code.to_owned(),
            detail,
            path: None,
            refundable_minor: None,
            proposed_refund: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_problems_are_listed_by_status() {
        let codes: std::collections::BTreeSet<_> = ProblemCode::ALL.iter().map(|code| code.code()).collect();
        assert_eq!(codes.len(), ProblemCode::ALL.len());
        assert!(ProblemCode::ALL.iter().map(|code| code.status()).is_sorted());
    }

    #[test]
    fn a_problem_reads_back_and_has_no_member_that_is_not_its_own() {
        let problem = Problem::new(ProblemCode::NotFound, "Nothing is here.");
        let json = serde_json::to_value(&problem).unwrap();
        let expected = serde_json::json!({
            "type": "urn:rebill-rescue:problem:not_found", "title": "Nothing is here", "status": 404, "code": "not_found",
            "detail": "Nothing is here."
        });
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_value::<Problem>(json).unwrap(), problem);
    }
}
