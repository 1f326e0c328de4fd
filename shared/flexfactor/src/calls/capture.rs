//! `POST /capture` (documented: ff/capture): taking an authorised amount, the whole of it, within FlexFactor's window.

use std::future::Future;

use jiff::Timestamp;
use models::ids::{IdempotencyKey, ProviderOrderId};
use models::money::Money;

use super::said;
use crate::account::Account;
use crate::client::Client;
use crate::outcome::Outcome;
use crate::wire::order::CaptureRequest;

/// A capture to be made.
#[derive(Debug, Clone, Copy)]
pub struct Capturing<'a> {
    /// The key; the same for every repeat.
    pub key: IdempotencyKey,
    /// FlexFactor's id of the order.
    pub order: &'a ProviderOrderId,
    /// The whole authorised amount, in minor units: neither less nor more can be captured (integrator).
    pub amount: Money,
}

/// Capturing an authorised order.
pub trait CaptureOrder: Send + Sync {
    /// Captures. Afterwards the order is to be read (documented).
    fn capture_order(
        &self,
        account: &Account,
        capture: Capturing<'_>,
        now: Timestamp,
    ) -> impl Future<Output = Outcome<()>> + Send;
}

impl CaptureOrder for Client {
    async fn capture_order(&self, account: &Account, capture: Capturing<'_>, now: Timestamp) -> Outcome<()> {
        let request = CaptureRequest {
            idempotency_key: capture.key,
            order_id: capture.order.as_str(),
            amount: capture.amount.minor,
            currency: capture.amount.currency,
        };
        let url = self.url(account.environment, &["capture"]);
        let call = || self.http().post(url.clone()).json(&request);
        said(self.call(account, now, call).await)
    }
}
