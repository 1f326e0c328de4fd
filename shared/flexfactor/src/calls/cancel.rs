//! Cancels: `POST /orders/{id}/cancel`, and `POST /orders/{external-order-id}/external-cancel` for an order whose `/evaluate`
//! was never answered (documented, both: ff/cancel). Cancels of one order collapse to one operation, so repeating them is
//! safe. The optional idempotency key is left out: for 24 hours it would replay a first answer, also a refusal of an order
//! that was suspended for a moment.

use std::future::Future;

use jiff::Timestamp;
use models::ids::{OrderId, ProviderOrderId};

use crate::account::Account;
use crate::client::Client;
use crate::outcome::Outcome;

/// Cancelling by the merchant's own order id.
pub trait CancelExternally: Send + Sync {
    /// Cancels the order that FlexFactor may have under this id. Repeating it is safe: cancels of one order collapse to
    /// one operation (documented).
    fn cancel_externally(
        &self,
        account: &Account,
        order_id: &OrderId,
        now: Timestamp,
    ) -> impl Future<Output = Outcome<()>> + Send;
}

/// Cancelling by FlexFactor's id of the order.
pub trait CancelOrder: Send + Sync {
    /// Cancels. FlexFactor allows it for a merchant-initiated order that is `Draft`, `Processing` or `CAPTUREREQUIRED`
    /// (documented).
    fn cancel_order(
        &self,
        account: &Account,
        id: &ProviderOrderId,
        now: Timestamp,
    ) -> impl Future<Output = Outcome<()>> + Send;
}

impl CancelOrder for Client {
    async fn cancel_order(&self, account: &Account, id: &ProviderOrderId, now: Timestamp) -> Outcome<()> {
        cancel(self, account, &["orders", id.as_str(), "cancel"], now).await
    }
}

impl CancelExternally for Client {
    async fn cancel_externally(&self, account: &Account, order_id: &OrderId, now: Timestamp) -> Outcome<()> {
        cancel(self, account, &["orders", order_id.as_str(), "external-cancel"], now).await
    }
}

async fn cancel(client: &Client, account: &Account, path: &[&str], now: Timestamp) -> Outcome<()> {
    let url = client.url(account.environment, path);
    let call = || client.http().post(url.clone()).json(&serde_json::json!({}));
    // Success is HTTP 200 with an empty body, or `{}` (documented, both): the body says nothing.
    client.call(account, now, call).await.understood(|_| Some(()))
}
