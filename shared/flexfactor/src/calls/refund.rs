//! `POST /orders/{id}/refund` (documented: ff/refund). The call has no idempotency key, so it is made once for each refund and
//! never repeated: what an answer that did not come means is found out by reading the order.

use std::future::Future;

use jiff::Timestamp;
use models::ids::ProviderOrderId;
use models::money::Money;
use serde_json::value::RawValue;

use super::said;
use crate::account::Account;
use crate::client::Client;
use crate::outcome::{Lost, Outcome};
use crate::wire::order::RefundRequest;

/// A refund to be made.
#[derive(Debug, Clone, Copy)]
pub struct Refunding<'a> {
    /// FlexFactor's id of the order.
    pub order: &'a ProviderOrderId,
    /// How much; FlexFactor is told in decimal dollars, where `/evaluate` has cents (documented, both).
    pub amount: Money,
    /// What FlexFactor is to keep with it. It must hold no card data.
    pub message: Option<&'a str>,
}

/// Refunding an order, in part or in full.
pub trait RefundOrder: Send + Sync {
    /// Refunds once. FlexFactor refuses more than is left with its code 2001, and what the account's own limits forbid.
    fn refund_order(
        &self,
        account: &Account,
        refund: Refunding<'_>,
        now: Timestamp,
    ) -> impl Future<Output = Outcome<()>> + Send;
}

impl RefundOrder for Client {
    async fn refund_order(&self, account: &Account, refund: Refunding<'_>, now: Timestamp) -> Outcome<()> {
        let decimal = refund.amount.to_decimal().ok().and_then(|text| RawValue::from_string(text).ok());
        // Nothing was sent, but no currency that orders have leads here.
        let Some(amount_to_refund) = decimal else { return Outcome::Unknown(Lost::Malformed) };
        let request = RefundRequest { amount_to_refund: &amount_to_refund, refund_message: refund.message };
        let url = self.url(account.environment, &["orders", refund.order.as_str(), "refund"]);
        let call = || self.http().post(url.clone()).json(&request);
        said(self.call(account, now, call).await)
    }
}
