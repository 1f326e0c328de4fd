//! What is on a bill, and what is not.

use super::*;
use crate::capacity::WriteUnits;

fn invocation(name: &str) -> Invocation {
    Invocation { function: format!("stack-{name}"), key: format!("key of {name}"), micros: 1, cold: false }
}

fn request(by: &str, service: Service, operation: &str, what: What) -> Request {
    let key = (service != Service::Provider).then(|| format!("key of {by}"));
    Request { key, service, operation: operation.to_owned(), is_repeated: false, what }
}

fn write(of: ItemKind, table: u64) -> What {
    What::Write(Write {
        of,
        is_made: true,
        bytes_before: None,
        bytes_after: None,
        status_before: None,
        status_after: None,
        units: WriteUnits { table, ..WriteUnits::default() },
    })
}

fn bill(requests: &[Request], invocations: &[Invocation], sent_in: u64) -> Bill {
    let all: Vec<_> = FUNCTIONS.into_iter().map(invocation).collect();
    Bill::of(requests, invocations, sent_in, &Keys::of(&all).unwrap()).unwrap()
}

#[test]
fn a_message_is_sent_received_and_deleted() {
    let sent = What::Sent { count: 1, charged: 1 };
    let requests = [request("decline-intake", Service::Sqs, "SendMessage", sent)];
    let found = bill(&requests, &[invocation("decline-intake"), invocation("evaluate-submission")], 1);
    assert_eq!(found.charged[&Service::Sqs], 6, "two queues, three requests each");
    // A second delivery of the same message is received once more, and deleted no more often.
    let deliveries = ["decline-intake", "evaluate-submission", "evaluate-submission"].map(invocation);
    let again = bill(&requests, &deliveries, 1);
    assert_eq!(again.charged[&Service::Sqs], 7);
    assert_eq!(found.http_requests, 0);
    assert_eq!(bill(&[], &[invocation("webhook-receiver"), invocation("order-api")], 0).http_requests, 2);
}

#[test]
fn writes_are_told_by_their_items() {
    let requests = [(ItemKind::Order, 2), (ItemKind::Line, 3), (ItemKind::Order, 1)]
        .map(|(of, units)| request("webhook-receiver", Service::DynamoDb, "UpdateItem", write(of, units)));
    let bill = bill(&requests, &[], 0);
    assert_eq!((bill.write_units(ItemKind::Order), bill.writes(ItemKind::Order).len()), (3, 2));
    assert_eq!((bill.write_units(ItemKind::History), bill.all_write_units()), (0, 6));
    assert_eq!(bill.requests_of("webhook-receiver", Service::DynamoDb), 3);
    assert_eq!(bill.requests_of("order-api", Service::DynamoDb), 0);
}

#[test]
fn what_is_no_order_s_is_apart() {
    let read = |of| What::Read { of, half_units: 2 };
    let bill = bill(
        &[
            request("webhook-receiver", Service::DynamoDb, "GetItem", read(ItemKind::Merchant)),
            request("webhook-receiver", Service::SecretsManager, "GetSecretValue", What::Made),
            request("webhook-receiver", Service::DynamoDb, "PutItem", write(ItemKind::WebhookKey, 1)),
            request("", Service::Provider, "POST /v1/oauth2/token", What::Made),
            request("expiry-sweep", Service::DynamoDb, "Query", read(ItemKind::Order)),
            request("", Service::Provider, "POST /v1/evaluate", What::Made),
            request("order-reconcile", Service::DynamoDb, "GetItem", read(ItemKind::Order)),
        ],
        &[invocation("expiry-sweep")],
        0,
    );
    assert_eq!((bill.shared.values().sum::<u64>(), bill.all_write_units()), (4, 0));
    assert_eq!((bill.all_half_read_units(), bill.provider_calls()), (2, 1));
    assert!(bill.invocations.is_empty(), "the sweep runs whether there are orders or not");
}

#[test]
fn a_request_of_nobody_known_is_an_error() {
    let requests = [request("somebody", Service::DynamoDb, "PutItem", write(ItemKind::Order, 1))];
    assert!(Bill::of(&requests, &[], 0, &Keys::default()).is_err());
    assert!(function("stack-somebody").is_err());
}
