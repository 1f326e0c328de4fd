//! How many messages lie on the queues.

use aws_sdk_sqs::types::QueueAttributeName;
use serde::Serialize;

use crate::deployment::{Deployment, aws_failure};
use crate::outcome::Failure;

/// The queues and dead-letter queues, by name, with the stack's outputs that hold their addresses.
pub const QUEUES: [(&str, &str); 3] = [
    ("declines", "DeclinesQueueUrl"),
    ("evaluations", "EvaluationsQueueUrl"),
    ("reconciliations", "ReconciliationsQueueUrl"),
];

/// The dead-letter queues.
pub const DEAD_LETTERS: [(&str, &str); 5] = [
    ("declines-dlq", "DeclinesDlqUrl"),
    ("evaluations-dlq", "EvaluationsDlqUrl"),
    ("reconciliations-dlq", "ReconciliationsDlqUrl"),
    ("history-dlq", "HistoryDlqUrl"),
    ("sweep-dlq", "SweepDlqUrl"),
];

/// How many messages a queue has. SQS counts approximately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Depth {
    /// The queue.
    pub queue: &'static str,
    /// Messages that wait.
    pub waiting: u64,
    /// Messages that are being handled, or are hidden until they are tried again.
    pub in_flight: u64,
}

/// The depth of a queue.
///
/// # Errors
/// SQS does not tell.
pub async fn depth(deployment: &Deployment, queue: &'static str, output: &str) -> Result<Depth, Failure> {
    let (waiting, in_flight) = (
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
    );
    let request = deployment.sqs().get_queue_attributes().queue_url(deployment.output(output)?);
    let names = vec![waiting.clone(), in_flight.clone()];
    let answer = request.set_attribute_names(Some(names)).send().await;
    let answer = answer.map_err(|error| aws_failure(&format!("asking about the queue {queue}"), &error))?;
    let count = |name: &QueueAttributeName| {
        answer
            .attributes()
            .and_then(|counts| counts.get(name))
            .and_then(|count| count.parse().ok())
            .unwrap_or(0)
    };
    Ok(Depth { queue, waiting: count(&waiting), in_flight: count(&in_flight) })
}

/// The depths of all queues.
///
/// # Errors
/// SQS does not tell.
pub async fn depths(deployment: &Deployment) -> Result<Vec<Depth>, Failure> {
    let mut depths = Vec::new();
    for (queue, output) in QUEUES.into_iter().chain(DEAD_LETTERS) {
        depths.push(depth(deployment, queue, output).await?);
    }
    Ok(depths)
}
