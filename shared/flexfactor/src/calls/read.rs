//! Reading an order by FlexFactor's id: `GET /orders/{id}`, and `POST /outcome`, which it replaces.

use std::collections::HashMap;
use std::future::Future;

use jiff::Timestamp;
use models::ids::ProviderOrderId;
use models::money::{Currency, MinorUnits, Money};
use models::refund::Totals;
use serde_json::value::RawValue;

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
    /// What was captured and refunded altogether, where the names of these fields are known.
    pub totals: Option<Totals>,
}

/// In what an order's amounts are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmountUnit {
    /// In minor units: 1999 is 19.99 US dollars.
    Minor,
    /// In decimal units of the currency: 19.99.
    Decimal,
}

/// Fields of an order's amounts. The documented list of an order's fields is cut before them (docs/flexfactor.md).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmountNames {
    /// What was charged.
    pub captured: String,
    /// What was refunded altogether.
    pub refunded: String,
    /// Their unit.
    pub unit: AmountUnit,
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
        self.call(account, now, call).await.understood(|body| understand(&body, self.amounts()))
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
fn understand(body: &[u8], names: Option<&AmountNames>) -> Option<OrderAnswer> {
    let answer: OrderResponse = serde_json::from_slice(body).ok()?;
    let totals = names.and_then(|names| totals(body, answer.currency_code.as_deref()?, names));
    let (status, word) = match (answer.status_name, answer.status) {
        (Some(word), _) => {
            let word = bounded(word);
            (OrderStatus::parse(&word), word)
        }
        (None, Some(number)) => (OrderStatus::from_number(number), bounded(number.to_string())),
        (None, None) => return None,
    };
    Some(OrderAnswer { status, word, totals })
}

/// Amounts by their own text: no float comes between. What is missing or no amount is not told.
fn totals(body: &[u8], currency: &str, names: &AmountNames) -> Option<Totals> {
    let fields: HashMap<String, &RawValue> = serde_json::from_slice(body).ok()?;
    let currency: Currency = currency.parse().ok()?;
    let amount = |name: &str| {
        let text = fields.get(name)?.get().trim_matches('"');
        match names.unit {
            AmountUnit::Minor => text.parse().ok().map(MinorUnits::new),
            AmountUnit::Decimal => Money::from_decimal(text, currency).ok().map(|money| money.minor),
        }
    };
    Some(Totals { captured: amount(&names.captured)?, refunded: amount(&names.refunded)? })
}
