//! Logs as JSON lines and metrics in CloudWatch's embedded format, both on standard output.
//!
//! What is never logged: bodies of messages, webhooks and answers, personal data, secrets and tokens. The text of a panic may
//! quote any of these, so our hook logs its place alone; `lambda_runtime` logs the text of one that reaches it, which those
//! of a batch's records don't.

use std::future::Future;
use std::time::Duration;

use jiff::SignedDuration;
use lambda_runtime::Context;
use metrics_cloudwatch_embedded::Collector;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::trace;

/// The namespace of all metrics.
pub const NAMESPACE: &str = "RebillRescue";

/// Our metrics. Each has the one dimension `function`, the deployed function's name, so that there are as many time series
/// as alarms and charts can use. infra/template.yaml names them as [`Metric::name`] does, which a test compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Something was parked.
    ParkedEvents,
    /// The provider used a word or a shape that is not known.
    UnknownProviderValues,
    /// A call to the provider ended without an answer that can be read, and not for our credentials: no connection, no
    /// answer in time, HTTP 5xx, asked to come back later, unreadable.
    ProviderErrors,
    /// The provider did not take a merchant's credentials, or refused two tokens in a row.
    TokenFailures,
    /// A webhook that is not the provider's.
    ForgedWebhooks,
    /// An order was handed back to people.
    EscalatedOrders,
    /// A due order could not be looked at.
    FailedLooks,
    /// Since when the longest due thing that a sweep found was due, in seconds before the sweep's time.
    SweepLag,
    /// A change of an order could not be entered into its history, or an order was deleted.
    BrokenHistories,
    /// An event was put on the bus.
    PublishedOutcomes,
    /// An event could not be published by this attempt; it is tried again.
    FailedOutcomes,
    /// A decline was refused.
    RejectedDeclines,
    /// Another decline came under an id that is taken.
    DeclineConflicts,
    /// A transmission broke a rule, or the provider refused it.
    RefusedTransmissions,
    /// Another transmission came under an id that is taken.
    TransmissionConflicts,
    /// A transmission could not be delivered in time.
    UndeliveredTransmissions,
    /// Gaps between our books and the provider's, as the scheduled `rescue balance --metric` finds them. No function writes it.
    UnbalancedOrders,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::ParkedEvents,
        Self::UnknownProviderValues,
        Self::ProviderErrors,
        Self::TokenFailures,
        Self::ForgedWebhooks,
        Self::EscalatedOrders,
        Self::FailedLooks,
        Self::SweepLag,
        Self::BrokenHistories,
        Self::PublishedOutcomes,
        Self::FailedOutcomes,
        Self::RejectedDeclines,
        Self::DeclineConflicts,
        Self::RefusedTransmissions,
        Self::TransmissionConflicts,
        Self::UndeliveredTransmissions,
        Self::UnbalancedOrders,
    ];

    /// Its name in CloudWatch.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ParkedEvents => "ParkedEvents",
            Self::UnknownProviderValues => "UnknownProviderValues",
            Self::ProviderErrors => "ProviderErrors",
            Self::TokenFailures => "TokenFailures",
            Self::ForgedWebhooks => "ForgedWebhooks",
            Self::EscalatedOrders => "EscalatedOrders",
            Self::FailedLooks => "FailedLooks",
            Self::SweepLag => "SweepLag",
            Self::BrokenHistories => "BrokenHistories",
            Self::PublishedOutcomes => "PublishedOutcomes",
            Self::FailedOutcomes => "FailedOutcomes",
            Self::RejectedDeclines => "RejectedDeclines",
            Self::DeclineConflicts => "DeclineConflicts",
            Self::RefusedTransmissions => "RefusedTransmissions",
            Self::TransmissionConflicts => "TransmissionConflicts",
            Self::UndeliveredTransmissions => "UndeliveredTransmissions",
            Self::UnbalancedOrders => "UnbalancedOrders",
        }
    }
}

/// Counts one.
pub fn count(metric: Metric) {
    metrics::counter!(metric.name()).increment(1);
}

/// Counts several.
pub fn count_many(metric: Metric, times: usize) {
    metrics::counter!(metric.name()).increment(u64::try_from(times).unwrap_or(u64::MAX));
}

/// Notes a length of time. One that is less than nothing is none.
pub fn note_seconds(metric: Metric, time: SignedDuration) {
    metrics::histogram!(metric.name()).record(Duration::try_from(time).unwrap_or(Duration::ZERO));
}

/// Where metrics are collected until the end of an invocation.
#[derive(Clone, Copy)]
pub struct Telemetry {
    collector: &'static Collector,
}

impl std::fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Telemetry")
    }
}

/// Sets up logs and metrics, once a process.
///
/// # Errors
/// It was called twice, or LOG_LEVEL is no list of levels and `target=level`.
pub fn init(function: &'static str) -> Result<Telemetry, lambda_runtime::Error> {
    let level = std::env::var("LOG_LEVEL").unwrap_or_else(|_| "info".to_owned());
    let lines = fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        // CloudWatch stamps every line.
        .without_time();
    // Targets and levels (`info,hyper=debug`) without the regex engine that `EnvFilter` links.
    tracing_subscriber::registry().with(lines).with(level.parse::<Targets>()?).try_init()?;
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(location, "panicked");
    }));
    // The deployed name tells two stages in one account apart; `function` serves where there is none.
    let deployed = std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|_| function.to_owned());
    let collector = metrics_cloudwatch_embedded::Builder::new()
        .cloudwatch_namespace(NAMESPACE)
        .with_dimension("function", deployed)
        .init()?;
    metrics::describe_histogram!(Metric::SweepLag.name(), metrics::Unit::Seconds, "");
    Ok(Telemetry { collector })
}

impl Telemetry {
    /// Does an invocation's work: its lines tell whose they are, and its metrics are written at its end.
    pub fn invocation<F: Future>(
        self,
        context: Option<&Context>,
        work: F,
    ) -> impl Future<Output = F::Output> {
        let work = trace::invocation(context, work);
        async move {
            let output = work.await;
            self.flush();
            output
        }
    }

    /// Writes the invocation's metrics. Metrics that can't be written are told in the log; the event's work stands.
    fn flush(self) {
        if let Err(error) = self.collector.flush(std::io::stdout()) {
            tracing::error!(%error, "metrics could not be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_metrics_are_listed_once_and_named_differently() {
        let names: std::collections::BTreeSet<_> = Metric::ALL.iter().map(|metric| metric.name()).collect();
        assert_eq!(names.len(), Metric::ALL.len());
        for metric in Metric::ALL {
            assert_eq!(metric.name(), format!("{metric:?}"));
        }
    }
}
