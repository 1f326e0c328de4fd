use jiff::SignedDuration;
use models::intake;
use models::reconcile::CancelledPastExpiry;
use models::status::Status;
use models::submission::Times;
use serde_json::{Value, json};

use super::*;

const NOW: &str = "2026-11-21T10:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn rules() -> Rules {
    Rules {
        limits: Limits {
            decline_age_max: SignedDuration::from_hours(24),
            window_days_min: 14,
            window_days_max: 21,
            window_days_default: 21,
        },
        look: LookRules {
            times: Times {
                lease: SignedDuration::from_secs(90),
                repeat_after: SignedDuration::from_secs(90),
                submission_overdue: SignedDuration::from_mins(15),
                replay_window: SignedDuration::from_hours(24),
                webhook_cycle: SignedDuration::from_hours(24),
                expiry_grace: SignedDuration::from_hours(6),
            },
            cancelled_past_expiry: CancelledPastExpiry::Expired,
        },
    }
}

fn sample() -> Value {
    serde_json::from_str(include_str!("../../../../events/decline.json")).unwrap()
}

fn known() -> Known {
    let merchant = serde_json::from_str(include_str!("../../../../events/merchant.json")).unwrap();
    Known { merchants: BTreeMap::from([("acme".parse().unwrap(), merchant)]), ..Known::default() }
}

/// What is known where the sample is stored and stands there.
fn known_at(status: Status) -> Known {
    let mut known = known();
    let decline = screening::read(&sample()).unwrap();
    let content = decline.content().unwrap();
    let merchant = known.merchants.values().next();
    let screened = screening::screen(decline, merchant, &rules().limits, now()).unwrap();
    let mut order = intake::open(screened, content, SignedDuration::from_mins(15), now());
    order.status = status;
    known.orders.insert(order.key.clone(), order);
    known
}

fn letter(body: impl ToString) -> Letter {
    Letter { id: "m-1".to_owned(), body: body.to_string(), receipt: "r".to_owned() }
}

fn planned(queue: Queue, body: impl ToString, known: &Known) -> (Verdict, String) {
    let planned = plan(queue, &letter(body), known, &rules(), now());
    (planned.verdict, planned.says)
}

#[test]
fn a_decline_is_foreseen_as_intake_would_take_it() {
    let taken = plan(Queue::Declines, &letter(sample()), &known(), &rules(), now());
    assert_eq!((taken.verdict, taken.from, taken.to.as_deref()), (Verdict::Changes, None, Some("received")));
    for (status, verdict) in [(Status::Received, Verdict::Changes), (Status::Pending, Verdict::Repeats)] {
        assert_eq!(planned(Queue::Declines, sample(), &known_at(status)).0, verdict, "{status}");
    }
    let mut other = sample();
    other["amount"]["minor"] = json!(1998);
    let (verdict, says) = planned(Queue::Declines, &other, &known_at(Status::Pending));
    assert!(verdict == Verdict::Rejected && says.contains("conflict"), "{says}");
    let mut stale = sample();
    stale["declined_at"] = json!("2026-11-19T10:00:00Z");
    let (verdict, says) = planned(Queue::Declines, &stale, &known());
    assert!(verdict == Verdict::Rejected && says.contains("stale (declined_at)"), "{says}");
}

#[test]
fn a_stale_decline_that_is_an_order_already_is_a_repeat_and_no_refusal() {
    let known = known_at(Status::Pending);
    let later = "2026-11-25T10:00:00Z".parse().unwrap();
    let planned = plan(Queue::Declines, &letter(sample()), &known, &rules(), later);
    assert_eq!(planned.verdict, Verdict::Repeats);
}

#[test]
fn a_card_number_in_a_letter_is_not_repeated() {
    let mut bad = sample();
    bad["customer"]["email"] = json!("4111111111111111");
    let planned = plan(Queue::Declines, &letter(bad), &known(), &rules(), now());
    assert_eq!(planned.verdict, Verdict::Rejected);
    assert!(!format!("{planned:?}").contains("4111"));
}

#[test]
fn a_submission_is_foreseen_as_its_claim_would_go() {
    let body = json!({ "merchant": "acme", "order_id": "INV-1001-r1" });
    let submit = |known: &Known| planned(Queue::Evaluations, &body, known);
    assert_eq!(
        submit(&known_at(Status::Received)),
        (Verdict::Changes, "would be submitted, attempt 1".to_owned())
    );
    assert_eq!(submit(&known_at(Status::Pending)).0, Verdict::Repeats);
    assert_eq!(submit(&known()), (Verdict::Rejected, "the order is not stored".to_owned()));
    assert_eq!(planned(Queue::Evaluations, "no JSON", &known()).0, Verdict::Rejected);
    let mut held = known_at(Status::Unknown);
    for order in held.orders.values_mut() {
        order.submission.lease_until = Some(now() + SignedDuration::from_secs(60));
    }
    assert!(submit(&held).1.contains("would wait"));
}

#[test]
fn a_look_is_foreseen_as_the_reconciliation_would_make_it() {
    let body =
        |as_of: &str| json!({ "order": { "merchant": "acme", "order_id": "INV-1001-r1" }, "as_of": as_of });
    let look = |as_of: &str, known: &Known| planned(Queue::Reconciliations, body(as_of), known);
    let due = "2026-11-21T11:00:00Z";
    let (verdict, says) = look(due, &known_at(Status::Received));
    assert!(verdict == Verdict::Changes && says.contains("handed on"), "{says}");
    assert_eq!(look(NOW, &known_at(Status::Received)).0, Verdict::Repeats, "it is not due yet");
    assert_eq!(look(due, &known()).0, Verdict::Repeats);
    assert_eq!(planned(Queue::Reconciliations, "{}", &known()).0, Verdict::Rejected);
}
