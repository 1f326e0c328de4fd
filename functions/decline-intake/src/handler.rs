//! A batch of the declines queue. A message is done with once [`intake`] has kept it for good: as an order, as a repeat of one,
//! or parked with its reason; and once its order, if it has one to submit, is on the evaluations queue.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use intake::{Intake, Kept, Message, TakeError};
use jiff::Timestamp;
use lambda_kit::batch::{self, Record};
use lambda_kit::clock::Clock;
use lambda_kit::queue::HandOn;
use models::ids::OrderKey;
use order_store::capability::{FindMerchant, Park, TakeDecline};

/// Takes a batch: the messages side by side, and the orders that came of them handed on in one call. What failed of it must
/// be delivered again; nothing is lost.
pub async fn take<S, Q, M, C>(intake: &Intake<S, Q, M, C>, event: SqsEvent) -> SqsBatchResponse
where
    S: TakeDecline + Park,
    Q: HandOn,
    M: FindMerchant,
    C: Clock,
{
    let keep = async |record| -> Result<Option<OrderKey>, TakeError> {
        // Whatever became of it, it is kept, and nobody waits for an answer.
        let Kept { taken: _, hand_on } = intake.keep(message(record)).await?;
        Ok(hand_on)
    };
    batch::run_then(event, keep, async |keys| intake.queue.hand_on_all(&keys).await).await
}

/// Id and time are the same on each delivery, so that what is parked twice is kept once.
fn message(record: Record) -> Message {
    let sent_at = record.sent_at_millis.and_then(|millis| Timestamp::from_millisecond(millis).ok());
    Message { id: record.id, body: record.body, sent_at }
}

#[cfg(test)]
#[path = "handler_tests.rs"]
mod tests;
