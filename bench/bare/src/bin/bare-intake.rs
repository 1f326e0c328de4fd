//! Declines without anything but their writes: each is put into the table under a condition, all of a batch side by side, and
//! those that are stored are handed on in one call. No configuration, no rules, and the decline is stored as it came.
//!
//! The hand-on is in it, as a decline that nobody submits is not taken: both are calls that any intake has to make.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use futures_util::future::join_all;
use lambda_kit::aws;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::Deserialize;
use serde_json::json;

struct Intake {
    dynamodb: aws_sdk_dynamodb::Client,
    sqs: aws_sdk_sqs::Client,
    table: String,
    queue: String,
}

#[derive(Deserialize)]
struct Decline {
    merchant: String,
    order_id: String,
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

impl Intake {
    /// Stores a decline; the message that hands it on.
    async fn store(&self, id: &str, body: String) -> Result<SendMessageBatchRequestEntry, Error> {
        let Decline { merchant, order_id } = serde_json::from_str(&body)?;
        let put = self
            .dynamodb
            .put_item()
            .table_name(&self.table)
            .item("pk", text(format!("ORDER#{merchant}#{order_id}")))
            .item("sk", text("ORDER"))
            .item("status", text("received"))
            .item("due_shard", text("DUE#0"))
            .item("due_at", AttributeValue::N("1795256100".to_owned()))
            .item("request", text(body))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await;
        match put.map_err(SdkError::into_service_error) {
            // It is there because this message came before, or because an answer was lost: only the hand-on is left.
            Ok(_) | Err(PutItemError::ConditionalCheckFailedException(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let message = json!({ "merchant": merchant, "order_id": order_id }).to_string();
        Ok(SendMessageBatchRequestEntry::builder().id(id).message_body(message).build()?)
    }

    async fn take_all(&self, event: SqsEvent) -> Result<SqsBatchResponse, Error> {
        let stores = event.records.into_iter().map(|record| async {
            let id = record.message_id.unwrap_or_default();
            self.store(&id, record.body.unwrap_or_default()).await.map_err(|_| id)
        });
        let (mut messages, mut response) = (Vec::new(), SqsBatchResponse::default());
        for stored in join_all(stores).await {
            match stored {
                Ok(message) => messages.push(message),
                Err(failed) => response.add_failure(failed),
            }
        }
        if !messages.is_empty() {
            let send = self.sqs.send_message_batch().queue_url(&self.queue);
            let sent = send.set_entries(Some(messages)).send().await?;
            sent.failed.into_iter().for_each(|failed| response.add_failure(failed.id));
        }
        // The local stack waits for a line of each invocation; without one it would take the bare function for the slowest.
        println!("taken");
        Ok(response)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let aws = aws::config();
    let intake = &Intake {
        dynamodb: aws_sdk_dynamodb::Client::new(&aws),
        sqs: aws_sdk_sqs::Client::new(&aws),
        table: std::env::var("ORDERS_TABLE")?,
        queue: std::env::var("EVALUATIONS_QUEUE_URL")?,
    };
    let take = async move |event: LambdaEvent<SqsEvent>| intake.take_all(event.payload).await;
    run(service_fn(take)).await
}
