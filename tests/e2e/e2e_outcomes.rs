//! What became of orders, as the deployed function publishes it and a rule on the bus puts it on a queue.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use models::outcome::OutcomeEvent;
use models::status::Status;
use models::time::to_text;
use rig::{Books, Fault, MANAGED, Rig, RigOptions, UNMANAGED, unpublished};
use serde_json::json;

use crate::support::{DAY_SECONDS, LIMIT, at_provider, decline, find, rig, until_parked, until_status};
use crate::trouble::{all_is_well, kill, of_managed, troubled, until, until_answered};

/// Requests that an outage strikes before it ends: two calls, each with the SDK's own tries.
const OUTAGE_REQUESTS: u64 = 6;

/// What was told of each order, each event once, in the order of its versions.
fn stories(published: &[OutcomeEvent]) -> BTreeMap<String, Vec<String>> {
    let mut told: BTreeMap<String, BTreeMap<(u64, &str), String>> = BTreeMap::new();
    for event in published {
        let (order_id, version) = match event {
            OutcomeEvent::Order(event) => (event.order_id.to_string(), event.order_version),
            OutcomeEvent::Decline(event) => (event.order_id.as_ref().unwrap().to_string(), 0),
        };
        let detail = serde_json::to_value(event).unwrap();
        let word = |name: &str| detail[name].as_str().unwrap_or("-").to_owned();
        let line = format!("{} {} {}", word("type"), word("instruction"), word("reason"));
        told.entry(order_id).or_default().insert((version, event.word()), line);
    }
    told.into_iter().map(|(order_id, lines)| (order_id, lines.into_values().collect())).collect()
}

/// A money event, and the look that it asks for.
async fn signal(rig: &Rig, order_id: &str, event: &str) {
    let provider_order = at_provider(rig, order_id).await.order_id;
    rig.control().emit(&provider_order, event).await.unwrap();
    let signalled = |books: &Books| {
        let order = find(books, order_id).unwrap();
        if order.has_open_signal() { Ok(()) } else { Err(format!("{order_id} has no open signal")) }
    };
    rig.until(LIMIT, signalled).await.unwrap();
    rig.sweep().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn what_becomes_of_every_order_is_published_with_what_to_do() {
    let approve = json!({ "kind": "approve", "after_seconds": DAY_SECONDS });
    let rules = json!([
        { "when": { "order_id": "paid-*" }, "fate": approve },
        { "when": { "order_id": "back-*" }, "fate": approve },
        { "when": { "order_id": "now-*" }, "fate": { "kind": "approve" } },
        { "when": { "order_id": "never-*" }, "fate": { "kind": "decline" } },
        { "when": { "order_id": "later-*" }, "fate": { "kind": "decline", "after_seconds": DAY_SECONDS } },
        { "when": {}, "fate": { "kind": "expire" } },
    ]);
    let mut rig = rig(RigOptions::new("e2e-outcomes").faults(), rules).await;
    let refusal = json!({ "title": "the issuer says no" });
    rig.proxies().unwrap().provider.fail("/evaluate", Fault::Answer { status: 400, body: refusal });
    rig.send(&[decline(MANAGED, "bad-1").body()]).await.unwrap();
    until_status(&rig, "bad-1", Status::Rejected).await;
    rig.proxies().unwrap().provider.heal();
    let managed = ["paid-1", "back-1", "never-1", "later-1", "gone-1"];
    let mut bodies: Vec<_> = managed.iter().map(|id| decline(MANAGED, id).body()).collect();
    bodies.push(decline(UNMANAGED, "now-1").body());
    let stale = to_text(Timestamp::now() - SignedDuration::from_hours(48));
    bodies.push(decline(MANAGED, "stale-1").with("/declined_at", stale).body());
    rig.send(&bodies).await.unwrap();
    until_status(&rig, "never-1", Status::Declined).await;
    for id in ["paid-1", "gone-1"] {
        until_status(&rig, id, Status::Pending).await;
    }
    let other = decline(MANAGED, "paid-1");
    rig.send(&[other.clone().with("/amount/minor", other.minor() + 1).body()]).await.unwrap();
    until_parked(&rig, 2).await;

    rig.pass_seconds(DAY_SECONDS + 1).await.unwrap();
    until_status(&rig, "back-1", Status::Approved).await;
    signal(&rig, "back-1", "order.refunded").await;
    signal(&rig, "back-1", "payment.chargeback.received").await;
    rig.pass_seconds(21 * DAY_SECONDS).await.unwrap();
    until_status(&rig, "gone-1", Status::Expired).await;

    let published = rig.until_all_published(LIMIT).await.unwrap();
    let pending = "order.pending hold_retries evaluate_answer";
    let expected: BTreeMap<_, _> = [
        ("paid-1", vec!["decline.conflict do_not_retry -", pending, "order.approved mark_paid webhook"]),
        (
            "back-1",
            vec![
                pending,
                "order.approved mark_paid webhook",
                "order.refunded mark_paid webhook",
                "order.refunded mark_paid webhook",
                "order.disputed do_not_retry webhook",
                "order.disputed do_not_retry webhook",
            ],
        ),
        ("now-1", vec!["order.approved mark_paid evaluate_answer"]),
        ("never-1", vec!["order.declined resume_retries evaluate_answer"]),
        ("later-1", vec![pending, "order.cancelled do_not_retry webhook"]),
        ("bad-1", vec!["order.rejected resume_retries provider_refused"]),
        ("gone-1", vec![pending, "order.expired resume_retries webhook"]),
        ("stale-1", vec!["decline.refused do_not_retry stale"]),
    ]
    .into_iter()
    .map(|(order_id, lines)| (order_id.to_owned(), lines.into_iter().map(str::to_owned).collect::<Vec<_>>()))
    .collect();
    assert_eq!(stories(&published), expected);
    what_was_charged_is_told(&rig, &published).await;

    the_comparison_sees_what_is_missing(&rig.books().await.unwrap(), &published);
    assert_eq!(rig.messages().await.unwrap(), (0, 0), "no dead letters");
    rig.down().unwrap();
}

fn the_comparison_sees_what_is_missing(books: &Books, published: &[OutcomeEvent]) {
    let why = |keep: &dyn Fn(&OutcomeEvent) -> bool| -> Vec<String> {
        let kept: Vec<_> = published.iter().filter(|event| keep(event)).cloned().collect();
        unpublished(books, &kept).iter().map(ToString::to_string).collect()
    };
    assert_eq!(why(&|_| true), [""; 0]);
    let approvals = ["acme/back-1", "acme/paid-1", "globex/now-1"]
        .map(|order| format!("{order}: order.completed came and no approval was published (Outcome)"));
    assert_eq!(why(&|event| event.word() != "order.approved"), approvals);
    let pending = "acme/gone-1: it is expired, and its last event says pending (Outcome)";
    assert_eq!(why(&|event| event.word() != "order.expired"), [pending]);
    let rejected = "acme/bad-1: it is rejected and no event says so (Outcome)";
    assert_eq!(why(&|event| event.word() != "order.rejected"), [rejected]);
    let conflict = "acme/paid-1: no decline.conflict was published (Outcome)";
    assert_eq!(why(&|event| event.word() != "decline.conflict"), [conflict]);
}

/// The money that an event tells is FlexFactor's own.
async fn what_was_charged_is_told(rig: &Rig, published: &[OutcomeEvent]) {
    for order_id in ["paid-1", "now-1"] {
        let charged = u64::try_from(at_provider(rig, order_id).await.charges[0].money.minor).unwrap();
        let of_order = published.iter().filter_map(|event| match event {
            OutcomeEvent::Order(event) => Some(event).filter(|event| event.order_id.as_str() == order_id),
            OutcomeEvent::Decline(_) => None,
        });
        let last = of_order.max_by_key(|event| event.order_version).unwrap();
        assert_eq!((last.captured_minor.get(), last.amount.minor.get()), (charged, charged));
        assert!(last.provider_order_id.is_some(), "{order_id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn while_the_bus_is_out_of_reach_events_are_late_and_none_is_lost() {
    let mut rig = troubled(RigOptions::new("e2e-outcomes-late"), json!([])).await;
    let mut sent = Vec::new();
    for (name, fault) in [
        ("throttled", Fault::throttled("ThrottlingException")),
        ("failing", Fault::failing()),
        ("cut", Fault::CutBefore),
        ("answer-lost", Fault::CutAfter),
    ] {
        let ids = [1, 2, 3].map(|number| format!("{name}-{number}"));
        let aws = &rig.proxies().unwrap().aws;
        aws.fail("AWSEvents.PutEvents", fault);
        rig.send(&ids.iter().map(|id| decline(MANAGED, id).body()).collect::<Vec<_>>()).await.unwrap();
        until_answered(&rig, &of_managed(&ids)).await;
        until(name, async || aws.struck() >= OUTAGE_REQUESTS).await;
        aws.heal();
        sent.extend(of_managed(&ids));
    }
    rig.until_all_published(LIMIT).await.unwrap();

    // The webhooks of the day after, while the function is killed now and then.
    rig.proxies().unwrap().aws.fail_times("AWSEvents.PutEvents", Fault::HoldAfter, 1);
    rig.pass_seconds(DAY_SECONDS + 1).await.unwrap();
    let killed = async || rig.proxies().unwrap().aws.struck() > 0 && kill(&rig, "outcome-publisher") > 0;
    until("a call is held and its function killed", killed).await;
    rig.proxies().unwrap().aws.heal();
    for (_, id) in &sent {
        until_status(&rig, id, Status::Approved).await;
    }
    let published = rig.until_all_published(LIMIT).await.unwrap();
    let ids: BTreeSet<_> = published.iter().map(OutcomeEvent::id).collect();
    assert_eq!(ids.len(), 2 * sent.len(), "each order's two events");
    assert!(published.len() > ids.len(), "what was put and not answered came again, under the same id");
    all_is_well(&mut rig, &sent).await;
    rig.down().unwrap();
}
