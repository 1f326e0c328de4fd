//! Logs as JSON lines and metrics in CloudWatch's embedded format, both on standard output.
//!
//! What is never logged: bodies of messages, webhooks and answers, personal data, secrets and tokens. The text of a panic may
//! quote any of these, so our hook logs its place alone; `lambda_runtime` logs the text of one that reaches it, which those
//! of a batch's records don't.

use metrics_cloudwatch_embedded::Collector;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The namespace of all metrics.
pub const NAMESPACE: &str = "RebillRescue";

/// Metrics by name. Each is a count with the one dimension `function`, the deployed function's name; the alarms in
/// infra/template.yaml use the same names.
pub mod metric {
    /// Something was parked.
    pub const PARKED_EVENTS: &str = "ParkedEvents";
    /// The provider used a word or a shape that is not known.
    pub const UNKNOWN_PROVIDER_VALUES: &str = "UnknownProviderValues";
    /// A webhook that is not the provider's.
    pub const FORGED_WEBHOOKS: &str = "ForgedWebhooks";
    /// An order was handed back to people.
    pub const ESCALATED_ORDERS: &str = "EscalatedOrders";
    /// A due order could not be looked at.
    pub const FAILED_LOOKS: &str = "FailedLooks";
    /// A change of an order could not be entered into its history, or an order was deleted.
    pub const BROKEN_HISTORIES: &str = "BrokenHistories";
    /// An event was put on the bus.
    pub const PUBLISHED_OUTCOMES: &str = "PublishedOutcomes";
    /// An event could not be published by this attempt; it is tried again.
    pub const FAILED_OUTCOMES: &str = "FailedOutcomes";
    /// A decline was refused.
    pub const REJECTED_DECLINES: &str = "RejectedDeclines";
    /// Another decline came under an id that is taken.
    pub const DECLINE_CONFLICTS: &str = "DeclineConflicts";
    /// A transmission broke a rule, or the provider refused it.
    pub const REFUSED_TRANSMISSIONS: &str = "RefusedTransmissions";
    /// Another transmission came under an id that is taken.
    pub const TRANSMISSION_CONFLICTS: &str = "TransmissionConflicts";
    /// A transmission could not be delivered in time.
    pub const UNDELIVERED_TRANSMISSIONS: &str = "UndeliveredTransmissions";
}

/// Counts one.
pub fn count(name: &'static str) {
    metrics::counter!(name).increment(1);
}

/// Counts several.
pub fn count_many(name: &'static str, times: usize) {
    metrics::counter!(name).increment(u64::try_from(times).unwrap_or(u64::MAX));
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
    Ok(Telemetry { collector })
}

impl Telemetry {
    /// Writes the invocation's metrics. Metrics that can't be written are told in the log; the event's work stands.
    pub fn flush(self) {
        if let Err(error) = self.collector.flush(std::io::stdout()) {
            tracing::error!(%error, "metrics could not be written");
        }
    }
}
