//! `POST /orders/{external-order-id}/external-cancel`: for an order whose `/evaluate` was never answered (documented:
//! ff/cancel).

use std::future::Future;

use jiff::Timestamp;
use models::ids::OrderId;

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

impl CancelExternally for Client {
    async fn cancel_externally(&self, account: &Account, order_id: &OrderId, now: Timestamp) -> Outcome<()> {
        let url = self.url(account.environment, &["orders", order_id.as_str(), "external-cancel"]);
        let call = || self.http().post(url.clone()).json(&serde_json::json!({}));
        // Success is HTTP 200 with an empty body, or `{}` (documented, both): the body says nothing.
        self.call(account, now, call).await.understood(|_| Some(()))
    }
}
