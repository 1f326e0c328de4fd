//! The names of FlexFactor's webhook events (documented: ff/webhook, ff/webhooks-1, fc/webhook).

/// Approved and charged.
pub const ORDER_COMPLETED: &str = "order.completed";
/// Refunded.
pub const ORDER_REFUNDED: &str = "order.refunded";
/// Cancelled by FlexFactor or by the merchant.
pub const ORDER_CANCELLED: &str = "order.cancelled";
/// Not rescued by the end of the period.
pub const ORDER_EXPIRED: &str = "order.expired";
/// Authorized, needs a capture.
pub const ORDER_CAPTURE_REQUIRED: &str = "order.capturerequired";
/// Disputed by the customer.
pub const CHARGEBACK_RECEIVED: &str = "payment.chargeback.received";
/// The customer sees the challenge.
pub const CHALLENGE_PRESENTED: &str = "challenge.presented";
/// The customer tried it.
pub const CHALLENGE_ATTEMPTED: &str = "challenge.attempted";
/// The customer passed it.
pub const CHALLENGE_PASSED: &str = "challenge.passed";
/// The customer failed it.
pub const CHALLENGE_FAILED: &str = "challenge.failed";
/// A payout was made.
pub const PAYOUT_CREATED: &str = "payout.created";
/// A payout changed.
pub const PAYOUT_UPDATED: &str = "payout.updated";

/// Every documented event.
pub const ALL: [&str; 12] = [
    ORDER_COMPLETED,
    ORDER_REFUNDED,
    ORDER_CANCELLED,
    ORDER_EXPIRED,
    ORDER_CAPTURE_REQUIRED,
    CHARGEBACK_RECEIVED,
    CHALLENGE_PRESENTED,
    CHALLENGE_ATTEMPTED,
    CHALLENGE_PASSED,
    CHALLENGE_FAILED,
    PAYOUT_CREATED,
    PAYOUT_UPDATED,
];
