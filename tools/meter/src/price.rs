//! What a bill comes to, in whole picodollars.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::bill::Bill;
use crate::request::{ItemKind, Service};

/// The price list, with its date.
const PRICES: &str = include_str!("../../../bench/prices/us-east-1-2026-11.json");
/// What every function is given, in MB: `MemorySize` in the template.
pub const MEMORY_MB: u64 = 256;
const MB_OF_GB: u64 = 1024;
const MILLIS_OF_SECOND: u64 = 1000;
/// A GB as CloudWatch counts it.
const LOG_GB_BYTES: u64 = 1024 * 1024 * 1024;

/// Writes to the order's own item.
const ORDER_WRITES: &str = "writes of the order";
/// Writes beside it.
const OTHER_WRITES: &str = "writes of history and lists";

/// Money in picodollars. A million orders, each at so many picodollars, cost as many microdollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Picodollars(pub u64);

impl std::iter::Sum for Picodollars {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self(amounts.map(|Self(amount)| amount).sum())
    }
}

impl Picodollars {
    /// What a million cost, in dollars and whole cents, rounded up.
    #[must_use]
    pub fn per_million(self) -> String {
        let cents = self.0.div_ceil(10_000);
        format!("{}.{:02}", cents / 100, cents % 100)
    }
}

#[derive(Debug, Deserialize)]
struct Price {
    picodollars: u64,
}

/// AWS's prices of one region and month.
#[derive(Debug, Deserialize)]
pub struct Prices {
    /// The region.
    pub region: String,
    /// The month.
    pub as_of: String,
    prices: BTreeMap<String, Price>,
}

/// What is charged of time and logs: measured, not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Measured {
    /// Billed milliseconds of all invocations together.
    pub billed_millis: u64,
    /// Bytes that were logged.
    pub log_bytes: u64,
}

impl Prices {
    /// The list in bench/prices.
    ///
    /// # Errors
    /// It is not as it should be.
    pub fn read() -> Result<Self> {
        serde_json::from_str(PRICES).context("the price list")
    }

    fn of(&self, name: &str, count: u64) -> Result<Picodollars> {
        let price = self.prices.get(name).with_context(|| format!("no price of {name}"))?;
        Ok(Picodollars(price.picodollars * count))
    }

    /// A part of a unit's price, rounded up.
    fn part(&self, name: &str, count: u64, of: u64) -> Result<Picodollars> {
        Ok(Picodollars(self.of(name, count)?.0.div_ceil(of)))
    }

    /// What a bill and what was measured with it come to, by what is charged for.
    ///
    /// # Errors
    /// The list lacks a price.
    pub fn charge(&self, bill: &Bill, measured: Measured) -> Result<Vec<(&'static str, Picodollars)>> {
        let charged = |service| bill.charged.get(&service).copied().unwrap_or_default();
        let invocations = bill.invocations.values().sum();
        let order = bill.write_units(ItemKind::Order);
        Ok(vec![
            (ORDER_WRITES, self.of("dynamodb_write_unit", order)?),
            (OTHER_WRITES, self.of("dynamodb_write_unit", bill.all_write_units().saturating_sub(order))?),
            ("reads", self.part("dynamodb_read_unit", bill.all_half_read_units(), 2)?),
            ("SQS", self.of("sqs_request", charged(Service::Sqs))?),
            ("EventBridge", self.of("eventbridge_event", charged(Service::EventBridge))?),
            ("HTTP API", self.of("http_api_request", bill.http_requests)?),
            ("Lambda requests", self.of("lambda_request", invocations)?),
            ("Lambda time", self.lambda_time(measured.billed_millis)?),
            ("logs", self.part("log_gb", measured.log_bytes, LOG_GB_BYTES)?),
        ])
    }

    /// What so many billed milliseconds of a function cost.
    ///
    /// # Errors
    /// The list lacks the price.
    pub fn lambda_time(&self, millis: u64) -> Result<Picodollars> {
        self.part("lambda_gb_second", millis * MEMORY_MB, MB_OF_GB * MILLIS_OF_SECOND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_charged_as_they_are_listed() {
        let prices = Prices::read().unwrap();
        assert_eq!((prices.region.as_str(), prices.as_of.as_str()), ("us-east-1", "2026-11"));
        // 0.625 USD per million units.
        assert_eq!(prices.of("dynamodb_write_unit", 11).unwrap().per_million(), "6.88");
        // A quarter of a GB for a second: 3.33 USD per million, as in AWS's own examples.
        assert_eq!(prices.lambda_time(1000).unwrap().per_million(), "3.34");
        assert_eq!(prices.lambda_time(1).unwrap(), Picodollars(3_334));
        assert!(prices.of("moonlight", 1).is_err());
        let listed: Vec<_> = prices.prices.values().map(|price| price.picodollars).collect();
        assert!(listed.iter().all(|price| *price > 0));
    }

    #[test]
    fn a_bill_is_charged_by_service() {
        let bill = Bill {
            charged: BTreeMap::from([(Service::Sqs, 6), (Service::EventBridge, 2)]),
            half_read_units: BTreeMap::from([("order-history".to_owned(), 3)]),
            http_requests: 1,
            invocations: BTreeMap::from([("decline-intake".to_owned(), 2)]),
            ..Bill::default()
        };
        let measured = Measured { billed_millis: 0, log_bytes: 1 };
        let charges = Prices::read().unwrap().charge(&bill, measured).unwrap();
        let wanted = [0, 0, 187_500, 2_400_000, 2_000_000, 1_000_000, 400_000, 0, 466].map(Picodollars);
        assert_eq!(charges.iter().map(|(_, amount)| *amount).collect::<Vec<_>>(), wanted);
        assert_eq!(charges.iter().map(|(_, amount)| *amount).sum::<Picodollars>().per_million(), "5.99");
    }

    #[test]
    fn every_function_has_the_memory_that_is_charged() {
        let template = include_str!("../../../infra/template.yaml");
        let sizes: Vec<_> =
            template.lines().filter_map(|line| line.trim().strip_prefix("MemorySize: ")).collect();
        assert_eq!(sizes, [MEMORY_MB.to_string()]);
    }
}
