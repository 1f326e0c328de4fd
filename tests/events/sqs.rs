//! The events with which Lambda hands messages of the queues to the functions: one record each, around a sample.

use aws_lambda_events::event::sqs::SqsEvent;
use lambda_kit::batch::Record;
use lambda_kit::queue::OrderMessage;
use models::decline::Decline;
use models::screening;
use models::transmission::{self, Transmission};
use serde_json::{Value, json};

use crate::files;

pub(crate) fn generated() -> Vec<(String, String)> {
    // Through the types, so that the bodies have their fields in the published order and on one line.
    let decline: Decline = serde_json::from_str(&files::repository("events/decline.json")).unwrap();
    let transmission: Transmission =
        serde_json::from_str(&files::repository("events/transmission.json")).unwrap();
    let order: OrderMessage = serde_json::from_str(&files::repository("events/evaluation.json")).unwrap();
    vec![
        event(
            "decline",
            "declines",
            "5b1f0c9e-7d42-4e6a-9c3b-a0d4c8f2e6b1",
            &serde_json::to_string(&decline).unwrap(),
        ),
        event(
            "evaluation",
            "evaluations",
            "c2e8a7d0-41bf-4f93-8d5c-b7e1f0a9d3c6",
            &serde_json::to_string(&order).unwrap(),
        ),
        event(
            "transmission",
            "transmissions",
            "7e0d3b52-98a6-4c1f-b2d7-4f6a8e1c5d90",
            &serde_json::to_string(&transmission).unwrap(),
        ),
    ]
}

fn event(name: &str, queue: &str, id: &str, body: &str) -> (String, String) {
    let record = json!({
        "messageId": id,
        "receiptHandle": "AQEB-sample",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1795255200000",
            "SenderId": "AIDASAMPLE",
            "ApproximateFirstReceiveTimestamp": "1795255200001"
        },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:us-east-1:123456789012:{queue}"),
        "awsRegion": "us-east-1"
    });
    (format!("sqs-{name}.json"), files::pretty(&json!({ "Records": [record] })))
}

/// The function reads its record's body as the sample that it is about.
pub(crate) fn check(path: &str) {
    let event: SqsEvent = serde_json::from_value(files::json(path)).unwrap();
    let mut records: Vec<Record> = event.records.into_iter().map(Record::from).collect();
    let record = records.pop().unwrap();
    assert!(records.is_empty(), "{path} has one record");
    assert!(!record.id.is_empty() && !record.receipt.is_empty() && record.sent_at_millis.is_some(), "{path}");
    let sample = path.strip_prefix("sqs-").unwrap();
    let body: Value = serde_json::from_str(&record.body).unwrap();
    assert_eq!(body, files::json(sample), "{path} holds {sample}");
    match sample {
        "decline.json" => {
            screening::read(&screening::parse(&record.body).unwrap()).unwrap();
        }
        "evaluation.json" => {
            serde_json::from_str::<OrderMessage>(&record.body).unwrap();
        }
        "transmission.json" => {
            transmission::read(&screening::parse(&record.body).unwrap()).unwrap();
        }
        other => panic!("no function takes {other} from a queue"),
    }
}
