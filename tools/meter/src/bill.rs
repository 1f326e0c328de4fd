//! One order's bill: what was called, by whom, and what it consumed.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use local_stack::{FUNCTIONS, Invocation};
use serde::Serialize;

use crate::request::{ItemKind, Request, Service, What, Write};

/// Functions that SQS invokes: each invocation is a message received.
const FED_BY_SQS: [&str; 4] = ["decline-intake", "evaluate-submission", "order-reconcile", "transmit-relay"];
/// Functions behind an HTTP API: each invocation is a request to it.
const BEHIND_HTTP: [&str; 2] = ["webhook-receiver", "order-api"];
/// It runs by the clock, whatever there is: its own invocation and queries are no order's, only what it sends.
const BY_THE_CLOCK: &str = "expiry-sweep";

/// A write, with who made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The function.
    pub function: String,
    /// The call.
    pub operation: String,
    /// The rest.
    #[serde(flatten)]
    pub write: Write,
}

/// What one order took.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Bill {
    /// Writes by kind of item, in their order. Between kinds there is none: histories are written beside the way.
    pub steps: BTreeMap<ItemKind, Vec<Step>>,
    /// Half read units by function.
    pub half_read_units: BTreeMap<String, u64>,
    /// Requests by service, call and function.
    pub requests: BTreeMap<(Service, String, String), u64>,
    /// Requests to SQS and EventBridge, as they are charged, with those that AWS makes itself.
    pub charged: BTreeMap<Service, u64>,
    /// Messages that functions put on queues.
    pub messages: u64,
    /// Messages that AWS received for functions.
    pub received: u64,
    /// Requests to HTTP APIs.
    pub http_requests: u64,
    /// Invocations by function.
    pub invocations: BTreeMap<String, u64>,
    /// What instances read for many orders: configuration, secrets and tokens, by call and function; and that they note which
    /// webhook key is in use.
    pub shared: BTreeMap<(Service, String, String), u64>,
}

impl Bill {
    /// The bill of what was recorded. `sent_in` is how many messages the billing system put on a queue.
    ///
    /// # Errors
    /// A key belongs to no function.
    pub fn of(requests: &[Request], invocations: &[Invocation], sent_in: u64, keys: &Keys) -> Result<Self> {
        let mut bill = Self::default();
        for request in requests {
            bill.add(request, keys.function(request)?)?;
        }
        for invocation in invocations {
            bill.invoked(function(&invocation.function)?);
        }
        // Each message is sent once, and deleted once; each delivery is received once.
        let deleted = bill.messages + sent_in;
        *bill.charged.entry(Service::Sqs).or_default() += sent_in + bill.received + deleted;
        Ok(bill)
    }

    fn add(&mut self, request: &Request, function: &str) -> Result<()> {
        let named = (request.service, request.operation.clone(), function.to_owned());
        if is_shared(request) {
            *self.shared.entry(named).or_default() += 1;
            return Ok(());
        }
        if function == BY_THE_CLOCK && request.service == Service::DynamoDb {
            return Ok(());
        }
        *self.requests.entry(named).or_default() += 1;
        match &request.what {
            What::Write(write) => {
                let (function, operation) = (function.to_owned(), request.operation.clone());
                self.steps.entry(write.of).or_default().push(Step {
                    function,
                    operation,
                    write: write.clone(),
                });
            }
            What::Read { half_units, .. } => {
                *self.half_read_units.entry(function.to_owned()).or_default() += half_units;
            }
            What::Sent { count, charged } => {
                *self.charged.entry(request.service).or_default() += charged;
                if request.operation.starts_with("SendMessage") {
                    self.messages += count;
                }
            }
            What::Made => {}
        }
        Ok(())
    }

    fn invoked(&mut self, function: &str) {
        if function == BY_THE_CLOCK {
            return;
        }
        *self.invocations.entry(function.to_owned()).or_default() += 1;
        self.received += u64::from(FED_BY_SQS.contains(&function));
        self.http_requests += u64::from(BEHIND_HTTP.contains(&function));
    }

    /// Writes of one kind of item.
    #[must_use]
    pub fn writes(&self, of: ItemKind) -> &[Step] {
        self.steps.get(&of).map_or(&[], Vec::as_slice)
    }

    /// Write units of one kind of item, with those of its indexes.
    #[must_use]
    pub fn write_units(&self, of: ItemKind) -> u64 {
        self.writes(of).iter().map(|step| step.write.units.total()).sum()
    }

    /// All write units.
    #[must_use]
    pub fn all_write_units(&self) -> u64 {
        ItemKind::ALL.iter().map(|kind| self.write_units(*kind)).sum()
    }

    /// All half read units.
    #[must_use]
    pub fn all_half_read_units(&self) -> u64 {
        self.half_read_units.values().sum()
    }

    /// Calls of FlexFactor, without those for tokens.
    #[must_use]
    pub fn provider_calls(&self) -> u64 {
        self.requests
            .iter()
            .filter(|((service, ..), _)| *service == Service::Provider)
            .map(|(_, count)| count)
            .sum()
    }

    /// Requests of a function to a service.
    #[must_use]
    pub fn requests_of(&self, function: &str, service: Service) -> u64 {
        let is_it = |(of, _, by): &&(Service, String, String)| *of == service && by == function;
        self.requests.iter().filter(|(named, _)| is_it(named)).map(|(_, count)| count).sum()
    }
}

/// Read for many orders, by each instance, once a minute, five minutes or the life of a token; and the one thing that an
/// instance writes for many, once an hour.
fn is_shared(request: &Request) -> bool {
    match (&request.what, request.service) {
        (What::Read { of: ItemKind::Merchant, .. }, _) | (_, Service::SecretsManager) => true,
        (What::Write(Write { of: ItemKind::WebhookKey, .. }), _) => true,
        (_, Service::Provider) => request.operation.ends_with("/token"),
        (_, Service::DynamoDb | Service::Sqs | Service::EventBridge) => false,
    }
}

/// Whose keys are whose.
#[derive(Debug, Clone, Default)]
pub struct Keys(BTreeMap<String, String>);

impl Keys {
    /// The keys of the functions that were invoked.
    ///
    /// # Errors
    /// A function is none of ours.
    pub fn of(invocations: &[Invocation]) -> Result<Self> {
        let named = invocations.iter().map(|one| Ok((one.key.clone(), function(&one.function)?.to_owned())));
        Ok(Self(named.collect::<Result<_>>()?))
    }

    fn function(&self, request: &Request) -> Result<&str> {
        match &request.key {
            // FlexFactor is told by our merchant's credentials, not by a function's: the calls tell enough.
            None => Ok(""),
            Some(key) => {
                self.0.get(key).map(String::as_str).context("a request of no function that was invoked")
            }
        }
    }
}

/// A function's name, of its deployed one.
///
/// # Errors
/// It is none of ours.
pub fn function(deployed: &str) -> Result<&'static str> {
    let found = FUNCTIONS.into_iter().find(|function| deployed.ends_with(&format!("-{function}")));
    found.with_context(|| format!("{deployed} is none of ours"))
}

#[cfg(test)]
#[path = "bill_tests.rs"]
mod tests;
