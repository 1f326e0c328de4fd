//! One message of the declines queue. It is done with once [`intake`] has kept it for good: as an order, as a repeat of
//! one, or parked with its reason.

use intake::{Intake, Message, TakeError};
use jiff::Timestamp;
use lambda_kit::batch::Record;
use lambda_kit::clock::Clock;
use lambda_kit::queue::HandOn;
use order_store::capability::{FindMerchant, Park, TakeDecline};

/// Takes one message.
///
/// # Errors
/// See [`TakeError`]: nothing is lost, the message must be delivered again.
pub async fn take<S, Q, M, C>(intake: &Intake<S, Q, M, C>, record: Record) -> Result<(), TakeError>
where
    S: TakeDecline + Park,
    Q: HandOn,
    M: FindMerchant,
    C: Clock,
{
    // Whatever became of it, it is kept, and nobody waits for an answer.
    intake.take(message(record)).await.map(|_taken| ())
}

/// Id and time are the same on each delivery, so that what is parked twice is kept once.
fn message(record: Record) -> Message {
    let sent_at = record.sent_at_millis.and_then(|millis| Timestamp::from_millisecond(millis).ok());
    Message { id: record.id, body: record.body, sent_at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_on_each_delivery_names_the_message() {
        let record = |receipt: &str| Record {
            id: "m-1".to_owned(),
            body: "{}".to_owned(),
            receipt: receipt.to_owned(),
            sent_at_millis: Some(1_795_255_200_000),
        };
        let first = message(record("first"));
        assert_eq!(first, message(record("second")));
        assert_eq!(first.sent_at, Some("2026-11-21T10:00:00Z".parse().unwrap()));
    }
}
