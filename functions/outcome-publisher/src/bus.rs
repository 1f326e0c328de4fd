//! The bus: events go to it in calls of a few, and what it refused of a call is told one by one.

use std::future::Future;
use std::time::SystemTime;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::operation::put_events::PutEventsOutput;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use models::outcome::OutcomeEvent;
use order_store::sdk::describe;

/// Most events in one call: EventBridge's own limit.
pub const PUBLISH_MAX: usize = 10;
/// The source of all our events, by which rules select them.
pub const SOURCE: &str = "rebill-rescue";

/// The bus is out of reach: which of the events are on it is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the bus is unavailable: {0}")]
pub struct BusError(
    /// What kind of failure it was.
    pub String,
);

/// An event that the bus refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its place among the events of the call.
    pub place: usize,
    /// EventBridge's code of why.
    pub code: String,
}

/// Publishing events.
pub trait Publish: Send + Sync {
    /// Publishes at most [`PUBLISH_MAX`] events in one call. Those that are not among the refused are on the bus.
    fn publish(&self, events: &[OutcomeEvent])
    -> impl Future<Output = Result<Vec<Refused>, BusError>> + Send;
}

/// A bus of EventBridge.
#[derive(Debug, Clone)]
pub struct OutcomesBus {
    client: Client,
    name: String,
}

impl OutcomesBus {
    /// The bus of this name.
    #[must_use]
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }
}

impl Publish for OutcomesBus {
    async fn publish(&self, events: &[OutcomeEvent]) -> Result<Vec<Refused>, BusError> {
        let entries: Result<Vec<_>, _> = events.iter().map(|event| entry(event, &self.name)).collect();
        let put = self.client.put_events().set_entries(Some(entries?)).send().await;
        let answer = put.map_err(|error| BusError(describe(&error)))?;
        refused(&answer, events.len())
    }
}

fn entry(event: &OutcomeEvent, bus: &str) -> Result<PutEventsRequestEntry, BusError> {
    let detail = serde_json::to_string(event).map_err(|error| BusError(error.to_string()))?;
    Ok(PutEventsRequestEntry::builder()
        .event_bus_name(bus)
        .source(SOURCE)
        .detail_type(event.word())
        .time(DateTime::from(SystemTime::from(event.occurred_at())))
        .detail(detail)
        .build())
}

/// The answer has an entry for each event, in their order. One that does not add up proves nothing of any of them.
fn refused(answer: &PutEventsOutput, sent: usize) -> Result<Vec<Refused>, BusError> {
    let code =
        |(place, code): (usize, Option<&str>)| code.map(|code| Refused { place, code: code.to_owned() });
    let codes = answer.entries().iter().map(|entry| entry.error_code());
    let refused: Vec<_> = codes.enumerate().filter_map(code).collect();
    let adds_up = answer.entries().len() == sent
        && usize::try_from(answer.failed_entry_count()).is_ok_and(|failed| failed == refused.len());
    if adds_up { Ok(refused) } else { Err(BusError("its answer does not add up".to_owned())) }
}

#[cfg(test)]
mod tests {
    use aws_sdk_eventbridge::types::PutEventsResultEntry;
    use serde_json::{Value, json};

    use super::*;

    fn answer(failed: i32, codes: &[Option<&str>]) -> PutEventsOutput {
        let entry = |code: &Option<&str>| {
            let entry = PutEventsResultEntry::builder().set_error_code(code.map(str::to_owned));
            entry.set_event_id(code.is_none().then(|| "id".to_owned())).build()
        };
        let entries = codes.iter().map(entry).collect();
        PutEventsOutput::builder().failed_entry_count(failed).set_entries(Some(entries)).build()
    }

    #[test]
    fn what_was_refused_is_told_by_its_place() {
        assert_eq!(refused(&answer(0, &[None, None]), 2), Ok(vec![]));
        let some = answer(2, &[None, Some("ThrottlingException"), None, Some("InternalFailure")]);
        let places: Vec<_> = refused(&some, 4).unwrap().into_iter().map(|it| (it.place, it.code)).collect();
        assert_eq!(places, [(1, "ThrottlingException".to_owned()), (3, "InternalFailure".to_owned())]);
    }

    #[test]
    fn an_answer_that_does_not_add_up_proves_nothing() {
        for (failed, codes, sent) in [
            (1, &[None, None][..], 2),
            (0, &[None, Some("InternalFailure")], 2),
            (0, &[None], 2),
            (0, &[], 1),
            (-1, &[None], 1),
        ] {
            assert!(refused(&answer(failed, codes), sent).is_err(), "{failed} of {codes:?}");
        }
    }

    #[test]
    fn an_entry_is_what_rules_select_by() {
        let event: Value = json!({
            "version": 1, "id": "1", "type": "decline.refused", "occurred_at": "2026-11-21T10:00:00.25Z",
            "merchant": "acme", "order_id": "INV-1", "instruction": "do_not_retry", "reason": "stale"
        });
        let entry = entry(&serde_json::from_value(event.clone()).unwrap(), "outcomes").unwrap();
        assert_eq!(entry.event_bus_name(), Some("outcomes"));
        assert_eq!((entry.source(), entry.detail_type()), (Some("rebill-rescue"), Some("decline.refused")));
        assert_eq!(entry.time().unwrap().to_millis().unwrap(), 1_795_255_200_250);
        assert_eq!(serde_json::from_str::<Value>(entry.detail().unwrap()).unwrap(), event);
    }
}
