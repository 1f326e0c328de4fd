//! The number of gaps as a metric: one line in CloudWatch's embedded format. Where the command runs on a schedule and its
//! output goes to CloudWatch Logs, CloudWatch makes a metric of the line, as it does of the functions' lines.

use jiff::Timestamp;
use lambda_kit::telemetry::{Metric, NAMESPACE};
use serde_json::{Value, json};

/// What the metric's dimension `function` says of a stack's balance, which is no function.
fn dimension(stack: &str) -> String {
    format!("{stack}-rescue-balance")
}

/// The line.
pub(super) fn line(stack: &str, gaps: usize, now: Timestamp) -> Value {
    let name = Metric::UnbalancedOrders.name();
    json!({
        "_aws": {
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [["function"]],
                "Metrics": [{ "Name": name, "Unit": "Count" }],
            }],
        },
        "function": dimension(stack),
        name: gaps,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gaps_are_counted_under_the_name_that_the_alarm_has() {
        let line = line("rebill-rescue-prod", 3, "2026-11-21T10:00:00Z".parse().unwrap());
        assert_eq!(
            (&line["UnbalancedOrders"], &line["function"]),
            (&3.into(), &"rebill-rescue-prod-rescue-balance".into())
        );
        let metrics = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(
            (&metrics["Namespace"], &metrics["Dimensions"][0][0]),
            (&"RebillRescue".into(), &"function".into())
        );
        assert_eq!(metrics["Metrics"][0]["Name"], "UnbalancedOrders");
        assert_eq!(line["_aws"]["Timestamp"], 1_795_255_200_000_u64);
        assert!(!line.to_string().contains('\n'), "a line of its own");
    }
}
