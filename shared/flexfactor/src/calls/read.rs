//! Reading an order by FlexFactor's id: `GET /orders/{id}`, and `POST /outcome`, which it replaces.

use std::future::Future;

use jiff::Timestamp;
use models::ids::ProviderOrderId;

use super::bounded;
use crate::account::Account;
use crate::client::Client;
use crate::mapping::{EvaluateStatus, OrderStatus};
use crate::outcome::Outcome;
use crate::wire::order::{OrderResponse, OutcomeRequest, OutcomeResponse};

/// An answer of `GET /orders/{id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderAnswer {
    /// The status.
    pub status: OrderStatus,
    /// The status as it came.
    pub word: String,
}

/// An answer of `POST /outcome`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeAnswer {
    /// The status, in the words of `/evaluate`.
    pub status: EvaluateStatus,
    /// The status as it came.
    pub word: String,
}

/// Asking FlexFactor about an order.
pub trait ReadOrder: Send + Sync {
    /// Reads an order by FlexFactor's id of it.
    fn read_order(
        &self,
        account: &Account,
        id: &ProviderOrderId,
        now: Timestamp,
    ) -> impl Future<Output = Outcome<OrderAnswer>> + Send;
}

/// Asking FlexFactor what became of an order, by the call that it keeps for older clients (documented: ff/outcome-1).
pub trait ReadOutcome: Send + Sync {
    /// Reads an outcome by FlexFactor's id of the order.
    fn read_outcome(
        &self,
        account: &Account,
        id: &ProviderOrderId,
        now: Timestamp,
    ) -> impl Future<Output = Outcome<OutcomeAnswer>> + Send;
}

impl ReadOrder for Client {
    async fn read_order(
        &self,
        account: &Account,
        id: &ProviderOrderId,
        now: Timestamp,
    ) -> Outcome<OrderAnswer> {
        let url = self.url(account.environment, &["orders", id.as_str()]);
        let call = || self.http().get(url.clone());
        self.call_json::<OrderResponse>(account, now, call).await.understood(understand)
    }
}

impl ReadOutcome for Client {
    async fn read_outcome(
        &self,
        account: &Account,
        id: &ProviderOrderId,
        now: Timestamp,
    ) -> Outcome<OutcomeAnswer> {
        let url = self.url(account.environment, &["outcome"]);
        let request = OutcomeRequest { order_session_key: id.as_str() };
        let call = || self.http().post(url.clone()).json(&request);
        self.call_json::<OutcomeResponse>(account, now, call).await.understood(|answer| {
            let word = bounded(answer.status?);
            Some(OutcomeAnswer { status: EvaluateStatus::parse(&word), word })
        })
    }
}

/// The status of an order, by its name, or by its number where it has none.
fn understand(answer: OrderResponse) -> Option<OrderAnswer> {
    match (answer.status_name, answer.status) {
        (Some(word), _) => {
            let word = bounded(word);
            Some(OrderAnswer { status: OrderStatus::parse(&word), word })
        }
        (None, Some(number)) => {
            Some(OrderAnswer { status: OrderStatus::from_number(number), word: bounded(number.to_string()) })
        }
        (None, None) => None,
    }
}
