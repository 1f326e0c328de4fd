//! What instances read for many orders: configuration, secrets, tokens; and that they note which webhook key is in use. How often depends on the time that a run takes, so it is
//! in no order's bill; but it is bounded.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use local_stack::Invocation;

use crate::bill::{Bill, function};
use crate::request::Service;

/// What an instance reads when it starts: nothing, so that it is connected, and then what it needs.
const READS_AT_START: u64 = 2;
/// The shortest time that anything is kept for: a merchant's configuration.
const KEPT_SECONDS: u64 = 60;

/// What was read so far, by call and function.
#[derive(Debug, Default)]
pub(crate) struct Shared(BTreeMap<(Service, String, String), u64>);

impl Shared {
    /// Adds what was read during an order's life.
    pub(crate) fn add(&mut self, bill: &Bill) {
        for (named, count) in &bill.shared {
            *self.0.entry(named.clone()).or_default() += count;
        }
    }

    /// Each instance may have read when it started, and again whenever what it had was too old. A function that reads it for every
    /// order reads it more often than that.
    ///
    /// # Errors
    /// It was read more often.
    pub(crate) fn check(&self, invocations: &[Invocation], seconds: u64) -> Result<()> {
        for ((service, operation, name), count) in &self.0 {
            // FlexFactor's tokens are no single function's.
            let is_it = |one: &&Invocation| {
                one.cold && (name.is_empty() || function(&one.function).is_ok_and(|it| it == name))
            };
            let instances = u64::try_from(invocations.iter().filter(is_it).count())?;
            let most = instances * (READS_AT_START + seconds / KEPT_SECONDS);
            let what = format!("{} {operation} {name}", service.name());
            ensure!(
                *count <= most,
                "{what}: {count} times in {seconds} s by {instances} instances, and it is cached"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_for_every_order_is_more_than_a_cache_reads() {
        let named = (Service::DynamoDb, "GetItem".to_owned(), "webhook-receiver".to_owned());
        let bill = Bill { shared: BTreeMap::from([(named, 1)]), ..Bill::default() };
        let invocation = |cold| Invocation {
            function: "stack-webhook-receiver".to_owned(),
            key: "k".to_owned(),
            micros: 1,
            cold,
        };
        let invocations = [invocation(true), invocation(false), invocation(false)];
        let mut shared = Shared::default();
        shared.add(&bill);
        shared.add(&bill);
        shared.check(&invocations, 0).unwrap();
        shared.add(&bill);
        assert!(shared.check(&invocations, 59).is_err(), "a third time by one instance within a minute");
        shared.check(&invocations, 60).unwrap();
        assert!(shared.check(&[], 60).is_err());
    }
}
