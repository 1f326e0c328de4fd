//! The sandbox's documented triggers: test cards and phone numbers that decide an order's fate.

use super::{
    fate::Fate,
    merchant::{Merchant, Mode},
    request::EvaluateRequest,
    vault::TestCard,
};

/// How long the customer of a triggered challenge takes. Unknown; it just must not be at once.
const CHALLENGE_SECONDS: u64 = 600;

/// The fate the request triggers, if it does. Each case is recorded in ActiveMerchant's remote tests, save the last,
/// whose outcome only its name tells.
#[must_use]
pub(super) fn triggered(request: &EvaluateRequest, merchant: &Merchant) -> Option<Fate> {
    let card = request.test_card?;
    let phone = request.details.phone.as_deref();
    let unmanaged = merchant.mode == Mode::Unmanaged;
    match card {
        TestCard::Approving if request.mit && unmanaged && request.expiry.is_none() => {
            Some(Fate::Approve { after_seconds: 0, past_expiry: false })
        }
        TestCard::Approving if !request.mit && request.authorization && phone == Some("998888") => {
            Some(Fate::CaptureRequired { window_seconds: None })
        }
        TestCard::Challenging if !request.mit && matches!(phone, Some("+99.2001a" | "+99.2001b")) => {
            Some(Fate::Challenge { after_seconds: CHALLENGE_SECONDS, passes: true })
        }
        TestCard::Challenging if !request.mit && phone.is_none() && !request.has_cvv => {
            Some(Fate::Decline { after_seconds: 0 })
        }
        TestCard::Declining => Some(Fate::Decline { after_seconds: 0 }),
        TestCard::Approving | TestCard::Challenging => None,
    }
}
