//! How many messages lie on the queues.

use aws_sdk_sqs::types::QueueAttributeName;
use serde::Serialize;

use crate::deployment::{Deployment, aws_failure};
use crate::outcome::Failure;

/// The queues, by name, with the stack's outputs that hold their addresses. A stack of another version may not have all.
pub const QUEUES: [(&str, &str); 4] = [
    ("declines", "DeclinesQueueUrl"),
    ("evaluations", "EvaluationsQueueUrl"),
    ("reconciliations", "ReconciliationsQueueUrl"),
    ("transmissions", "TransmissionsQueueUrl"),
];

/// The dead-letter queues.
pub const DEAD_LETTERS: [(&str, &str); 7] = [
    ("declines-dlq", "DeclinesDlqUrl"),
    ("evaluations-dlq", "EvaluationsDlqUrl"),
    ("reconciliations-dlq", "ReconciliationsDlqUrl"),
    ("transmissions-dlq", "TransmissionsDlqUrl"),
    ("history-dlq", "HistoryDlqUrl"),
    ("publisher-dlq", "PublisherDlqUrl"),
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
    let all = QUEUES.into_iter().chain(DEAD_LETTERS);
    for (queue, output) in all.filter(|(_, output)| deployment.output(output).is_ok()) {
        depths.push(depth(deployment, queue, output).await?);
    }
    Ok(depths)
}
