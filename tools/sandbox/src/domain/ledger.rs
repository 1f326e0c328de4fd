//! The truth: what was really received, charged, sent and answered. Tests compare their own books with it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Endpoint,
    delivery::{Answer, DeliveryState},
    fault::Forgery,
    order::{FaultNote, Movement, Phase},
};

/// What is kept beside orders and webhooks.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) submissions: BTreeMap<(String, String), Submission>,
    pub(super) faults: BTreeMap<(String, String), Vec<FaultNote>>,
    pub(super) refused: Vec<Refused>,
    pub(super) forged: Vec<Forged>,
    pub(super) requests: BTreeMap<Endpoint, RequestCount>,
    pub(super) transmitted: Vec<TransmittedEntry>,
    pub(super) card_numbers_seen: u64,
}

/// How often an order was submitted.
#[derive(Clone, Debug, Default)]
pub(super) struct Submission {
    pub(super) evaluate_requests: u64,
    pub(super) idempotency_keys: Vec<String>,
    pub(super) effective_submissions: u64,
}

/// Everything.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Ledger {
    /// The virtual clock.
    pub now: Timestamp,
    /// The figures.
    pub summary: Summary,
    /// Every order, in the order of merchant and order id.
    pub orders: Vec<OrderEntry>,
    /// Merchant and order id of what was received by /evaluate and never took effect.
    pub without_effect: Vec<PairEntry>,
    /// Refused calls.
    pub refused: Vec<Refused>,
    /// Forged webhooks.
    pub forged: Vec<Forged>,
    /// Faults of calls that concern no order.
    pub other_faults: Vec<FaultNote>,
    /// What /transmit took, in the order of its arrival.
    pub transmitted: Vec<TransmittedEntry>,
    /// Calls by name.
    pub requests: BTreeMap<Endpoint, RequestCount>,
}

/// The figures.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Summary {
    /// Orders that exist at FlexFactor.
    pub orders: u64,
    /// Them by where they are.
    pub by_phase: BTreeMap<Phase, u64>,
    /// Orders whose rescue has not ended.
    pub pending: u64,
    /// Merchant and order id with more than one effective submission.
    pub submitted_twice: u64,
    /// Valid /evaluate requests received.
    pub evaluate_requests: u64,
    /// Cents charged, by currency.
    pub charged_minor: BTreeMap<String, i64>,
    /// Cents given back, by currency.
    pub refunded_minor: BTreeMap<String, i64>,
    /// Orders charged more than once.
    pub charged_twice: u64,
    /// Refused calls.
    pub refused: u64,
    /// Bearer tokens issued.
    pub tokens_issued: u64,
    /// Cards tokenized.
    pub cards_tokenized: u64,
    /// /transmit calls.
    pub transmitted: u64,
    /// Card numbers seen where a token is expected.
    pub card_numbers_seen: u64,
    /// Events.
    pub webhooks: WebhookSummary,
    /// Forged webhooks sent.
    pub forged_sent: u64,
    /// Forged webhooks answered 2xx.
    pub forged_accepted: u64,
}

/// Figures of webhooks.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct WebhookSummary {
    /// Events.
    pub events: u64,
    /// Accepted.
    pub delivered: u64,
    /// Waiting, or to be tried again.
    pub pending: u64,
    /// Refused at every try.
    pub given_up: u64,
    /// Lost by a fault.
    pub lost: u64,
    /// Without an address.
    pub no_address: u64,
    /// Tries.
    pub attempts: u64,
    /// Duplicates answered.
    pub copies: u64,
}

/// One order.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct OrderEntry {
    /// The merchant.
    pub mid: String,
    /// The merchant's order id.
    pub external_order_id: String,
    /// FlexFactor's.
    pub order_id: String,
    /// `siteId` of the request.
    pub site_id: Option<String>,
    /// Valid /evaluate requests received under the merchant's order id.
    pub evaluate_requests: u64,
    /// The different idempotency keys among them.
    pub idempotency_keys: Vec<String>,
    /// How many of them became an order: more than one is a double submission.
    pub effective_submissions: u64,
    /// Where it is.
    pub phase: Phase,
    /// The number in GET answers.
    pub status: u8,
    /// The name in GET answers.
    pub status_name: String,
    /// Whether its rescue has ended.
    pub terminal: bool,
    /// Cents to be rescued.
    pub amount_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// When /evaluate took effect.
    pub placed_at: Timestamp,
    /// End of its period.
    pub expiry: Option<Timestamp>,
    /// What was charged.
    pub charges: Vec<Movement>,
    /// What was given back.
    pub refunds: Vec<Movement>,
    /// Its webhooks.
    pub webhooks: Vec<WebhookEntry>,
    /// Faults that hit its calls and webhooks.
    pub faults: Vec<FaultNote>,
}

/// One webhook.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct WebhookEntry {
    /// Its name.
    pub event: String,
    /// When it happened.
    pub time_stamp: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Accepted.
    pub delivered: bool,
    /// Lost by a fault.
    pub lost: bool,
    /// Tries.
    pub attempts: u32,
    /// Answers to them: an HTTP status, or why there was none.
    pub answers: Vec<Answer>,
    /// Answers to duplicates.
    pub copy_answers: Vec<Answer>,
}

/// A merchant and one of its order ids.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PairEntry {
    /// The merchant.
    pub mid: String,
    /// The merchant's order id.
    pub external_order_id: String,
    /// Valid /evaluate requests received.
    pub evaluate_requests: u64,
    /// Faults that hit its calls.
    pub faults: Vec<FaultNote>,
}

/// A copy of a transaction.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TransmittedEntry {
    /// When.
    pub at: Timestamp,
    /// The merchant.
    pub mid: String,
    /// The merchant's order id.
    pub external_order_id: String,
    /// `transaction.id`.
    pub transaction_id: Option<String>,
    /// `isDeclined`.
    pub declined: bool,
    /// `transaction.amount`.
    pub amount_minor: Option<i64>,
    /// `transaction.currency`.
    pub currency: Option<String>,
    /// Whether there was a `paymentMethod.cardNumber`, whatever was in it.
    pub has_card_number: bool,
    /// The key that was answered.
    pub transmit_id: String,
}

/// A refused call.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Refused {
    /// When.
    pub at: Timestamp,
    /// Which call.
    pub endpoint: Endpoint,
    /// Whose; empty if not known.
    pub mid: String,
    /// The merchant's order id, or the id in the path.
    pub external_order_id: Option<String>,
    /// HTTP status.
    pub http_status: u16,
    /// Why.
    pub reason: String,
}

/// A forged webhook.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Forged {
    /// When it was made.
    pub at: Timestamp,
    /// How.
    pub forgery: Forgery,
    /// To whom.
    pub mid: String,
    /// About which order.
    pub order_id: String,
    /// The same, by the merchant's id.
    pub external_order_id: String,
    /// What was answered; nothing while it is on its way.
    pub answer: Option<Answer>,
}

/// Calls of one name.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct RequestCount {
    /// How many arrived.
    pub received: u64,
    /// HTTP statuses answered, and what took the place of an answer ("timeout", "cut", "malformed").
    pub answers: BTreeMap<String, u64>,
}
