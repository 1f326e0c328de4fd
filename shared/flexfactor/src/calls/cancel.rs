//! Cancels: `POST /orders/{id}/cancel`, and `POST /orders/{external-order-id}/external-cancel` for an order whose `/evaluate`
//! was never answered (documented, both: ff/cancel). Cancels of one order collapse to one operation, so repeating them is
//! safe. The optional idempotency key is left out: for 24 hours it would replay a first answer, also a refusal of an order
//! that was suspended for a moment.

use std::future::Future;

use jiff::Timestamp;
use models::ids::{OrderId, ProviderOrderId};

use crate::account::Account;
use crate::client::Client;
use crate::error::words_of;
use crate::outcome::{Lost, Outcome, Refused};
use crate::wire::order::CallResponse;

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
    cancelled(client.call(account, now, call).await)
}

/// Success is HTTP 200 with an empty body, or `{}` (documented, both). What a refusal looks like is not known; that of a refund
/// is a normal answer (recorded), so a body that tells of one is believed, and one that can't be read confirms nothing.
fn cancelled(answer: Outcome<Vec<u8>>) -> Outcome<()> {
    let body = match answer {
        Outcome::Done(body) => body,
        Outcome::Refused(refused) => return Outcome::Refused(refused),
        Outcome::Unknown(lost) => return Outcome::Unknown(lost),
    };
    if body.trim_ascii().is_empty() {
        return Outcome::Done(());
    }
    match serde_json::from_slice::<CallResponse>(&body) {
        Ok(answer) if answer.tells_of_a_refusal() => {
            Outcome::Refused(Refused { http: 200, words: words_of(&body) })
        }
        Ok(_) => Outcome::Done(()),
        Err(_) => Outcome::Unknown(Lost::Malformed),
    }
}
