//! Which change is told as what, and what no event holds.

use jiff::SignedDuration;

use super::*;
use crate::change::{Change, Effect};
use crate::decline::Decline;
use crate::ids::IdempotencyKey;
use crate::intake;
use crate::order::Reason;
use crate::parked::ParkedKey;
use crate::refund::{Refund, RefundId, RefundState, Totals};
use crate::screening::Screened;
use crate::status::Transition;
use crate::wish::{Wish, WishKind, WishState};

fn start() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

fn order() -> Order {
    let decline: Decline = serde_json::from_str(include_str!("../../../../events/decline.json")).unwrap();
    let content = decline.content().unwrap();
    intake::open(Screened { decline, window_days: 21 }, content, SignedDuration::from_mins(15), start())
}

fn at(status: Status) -> Order {
    Order { status, ..order() }
}

fn next(before: &Order, change: impl Fn(&mut Order)) -> Order {
    let mut after = before.clone();
    after.version += 1;
    change(&mut after);
    after
}

fn words(before: Option<&Order>, after: &Order) -> Vec<&'static str> {
    of_order(before, after).iter().map(OutcomeEvent::word).collect()
}

fn told(order: &Order) -> OrderOutcome {
    let OutcomeEvent::Order(event) = of_order(None, order).remove(0) else { panic!("it is about an order") };
    *event
}

/// Nothing is known yet that the billing system could act on.
const OUR_OWN: [Status; 3] = [Status::Received, Status::Submitting, Status::Unknown];

/// The status's event where there is one; nothing until the provider's answer is known.
#[test]
fn each_change_of_status_is_told_once_and_our_own_steps_are_not() {
    for from in Status::ALL {
        for to in Status::ALL {
            let (before, after) = (at(*from), next(&at(*to), |_| ()));
            let is_told = from != to && !OUR_OWN.contains(to);
            let expected = if is_told { vec![format!("order.{to}")] } else { vec![] };
            assert_eq!(words(Some(&before), &after), expected, "{from} to {to}");
        }
    }
    assert_eq!(words(None, &order()), [""; 0], "an arrival is no outcome");
}

#[test]
fn what_is_only_noted_is_not_told() {
    for status in Status::ALL {
        let before = at(*status);
        let mut after = before.clone();
        let note = Change::new(Transition::Note, start()).effect(Effect::Due(None));
        note.apply(&mut after);
        assert_eq!(words(Some(&before), &after), [""; 0], "{status}");
    }
}

#[test]
fn facets_are_told_when_they_are_signalled_and_when_they_are_confirmed() {
    use Facet::{Confirmed, None as Nothing, Signalled};
    let moves = [
        (Nothing, Nothing, false),
        (Nothing, Signalled, true),
        (Nothing, Confirmed, true),
        (Signalled, Signalled, false),
        (Signalled, Confirmed, true),
        (Confirmed, Confirmed, false),
        // Another one.
        (Confirmed, Signalled, true),
        (Confirmed, Nothing, false),
        (Signalled, Nothing, false),
    ];
    for (from, to, is_told) in moves {
        let before = Order { refund: from, ..at(Status::Approved) };
        let expected = if is_told { vec!["order.refunded"] } else { vec![] };
        assert_eq!(words(Some(&before), &next(&before, |after| after.refund = to)), expected, "{from} {to}");
        let before = Order { dispute: from, ..at(Status::Approved) };
        let expected = if is_told { vec!["order.disputed"] } else { vec![] };
        assert_eq!(words(Some(&before), &next(&before, |after| after.dispute = to)), expected, "{from} {to}");
    }
}

#[test]
fn one_change_of_several_things_is_told_as_several_events_with_ids_of_their_own() {
    let before = at(Status::Pending);
    let after = next(&before, |after| {
        after.status = Status::Approved;
        after.refund = Facet::Signalled;
        after.dispute = Facet::Signalled;
    });
    assert_eq!(words(Some(&before), &after), ["order.approved", "order.refunded", "order.disputed"]);
    let ids: std::collections::BTreeSet<_> =
        of_order(Some(&before), &after).iter().map(|event| event.id().clone()).collect();
    assert_eq!(ids.len(), 3);
}

fn wish(kind: WishKind, state: WishState) -> Wish {
    Wish { kind, asked_at: start(), key: IdempotencyKey::from_random([7; 16]), state }
}

fn refund(detail: &str) -> Refund {
    Refund {
        id: RefundId::from_stored("r-1".to_owned()),
        amount: MinorUnits::new(500),
        asked_at: start(),
        before: MinorUnits::new(0),
        asking: IdempotencyKey::from_random([7; 16]),
        state: RefundState::Refused,
        detail: detail.to_owned(),
    }
}

fn totals(captured: u64, refunded: u64) -> Option<Totals> {
    Some(Totals { captured: MinorUnits::new(captured), refunded: MinorUnits::new(refunded) })
}

/// Whoever made it: the provider's totals alone tell, a reservation does not.
#[test]
fn a_refund_is_told_when_the_provider_s_total_is_another_one() {
    let before = Order { totals: totals(1_999, 0), ..at(Status::Approved) };
    let reserved = next(&before, |after| after.refunds = vec![refund("")]);
    assert_eq!(words(Some(&before), &reserved), [""; 0]);
    let made = next(&reserved, |after| after.totals = totals(1_999, 500));
    assert_eq!(words(Some(&reserved), &made), ["order.refunded"]);
    assert_eq!((told(&made).captured_minor.get(), told(&made).refunded_minor.get()), (1_999, 500));
    // Told by its own total, and confirmed: once.
    let both = next(&made, |after| {
        after.totals = totals(1_999, 900);
        after.refund = Facet::Confirmed;
    });
    assert_eq!(words(Some(&made), &both), ["order.refunded"]);
}

#[test]
fn a_status_is_told_again_when_more_or_less_was_captured_than_was_told() {
    let before = at(Status::Approved);
    let same = next(&before, |after| after.totals = totals(before.amount.minor.get(), 0));
    assert_eq!(words(Some(&before), &same), [""; 0], "it was told so");
    let less = next(&before, |after| after.totals = totals(500, 0));
    assert_eq!(words(Some(&before), &less), ["order.approved"]);
    assert_eq!(told(&less).captured_minor.get(), 500);
}

#[test]
fn a_status_is_told_again_when_a_cancel_changes_what_to_do_or_how_it_stands() {
    let cancel = |state| move |after: &mut Order| after.wish = Some(wish(WishKind::Cancel, state));
    let expired = at(Status::Expired);
    let cancelled = next(&expired, cancel(WishState::Done));
    assert_eq!(words(Some(&expired), &cancelled), ["order.expired"]);
    let told_then = told(&cancelled);
    assert_eq!(told_then.instruction, Instruction::DoNotRetry);
    assert_eq!(told_then.cancel, Some(CancelState::NothingToCancel));

    let pending = at(Status::Pending);
    let wanted = next(&pending, cancel(WishState::Open));
    assert_eq!(words(Some(&pending), &wanted), ["order.pending"]);
    assert_eq!(told(&wanted).cancel, Some(CancelState::Wanted));
    let late = next(&wanted, |after| after.status = Status::Approved);
    assert_eq!(words(Some(&wanted), &late), ["order.approved"]);
    assert_eq!(told(&late).cancel, Some(CancelState::TooLate));
    let given_up = next(&wanted, cancel(WishState::GivenUp));
    assert_eq!(words(Some(&wanted), &given_up), ["order.pending"]);

    // A capture asks nothing of the billing system, and its outcome is a status.
    let required = at(Status::CaptureRequired);
    let asked = next(&required, |after| after.wish = Some(wish(WishKind::Capture, WishState::Open)));
    assert_eq!(words(Some(&required), &asked), [""; 0]);
    // Before the answer to the submission nothing is told, not even this.
    let unknown = at(Status::Unknown);
    assert_eq!(words(Some(&unknown), &next(&unknown, cancel(WishState::Open))), [""; 0]);
}

/// What a redelivered record makes is the same, and nothing else has its id.
#[test]
fn an_id_names_one_event_of_one_version_of_one_order() {
    let order = at(Status::Approved);
    let id = |order: &Order| told(order).id;
    assert_eq!(id(&order), id(&order.clone()));
    assert_eq!(id(&order).as_str().len(), 64);
    let mut others = vec![next(&order, |_| ()), at(Status::Expired)];
    for (merchant, order_id) in [("acme", "INV-2"), ("globex", order.key.order_id.as_str())] {
        let mut other = order.clone();
        other.key.merchant = merchant.parse().unwrap();
        other.key.order_id = order_id.parse().unwrap();
        others.push(other);
    }
    for other in &others {
        assert_ne!(id(&order), id(other));
    }
    // A promise to those who have stored it.
    let mut known = order;
    known.key.merchant = "acme".parse().unwrap();
    known.key.order_id = "INV-1".parse().unwrap();
    known.version = 7;
    let digest = ContentHash::of(&json!(["acme", "INV-1", 7, "order.approved"]));
    assert_eq!(told(&known).id.as_str(), digest.as_str());
}

#[test]
fn an_event_says_where_the_order_stands_and_what_to_do() {
    let mut order = at(Status::Approved);
    order.version = 4;
    order.updated_at = "2026-11-22T08:00:00.250Z".parse().unwrap();
    order.provider_order = Some("ac9674ed-cbfe-49aa-bc8b-eb1d2b74c429".parse().unwrap());
    order.confirmation = Some("22ACD1D9".to_owned());
    order.reason = Some(Reason::new(ReasonCode::Webhook, "order.completed"));
    let event = serde_json::to_value(&of_order(None, &order)[0]).unwrap();
    let expected = json!({
        "version": 1,
        "id": told(&order).id,
        "type": "order.approved",
        "occurred_at": "2026-11-22T08:00:00.25Z",
        "merchant": "acme",
        "order_id": order.key.order_id,
        "order_version": 4,
        "provider_order_id": "ac9674ed-cbfe-49aa-bc8b-eb1d2b74c429",
        "confirmation": "22ACD1D9",
        "status": "approved",
        "instruction": "mark_paid",
        "reason": "webhook",
        "amount": { "minor": order.amount.minor, "currency": "USD" },
        "captured_minor": order.amount.minor,
        "refunded_minor": 0,
        "cancel": null,
    });
    assert_eq!(event, expected);
    let back: OutcomeEvent = serde_json::from_value(event).unwrap();
    assert_eq!(back, of_order(None, &order)[0]);
    for status in Status::ALL.iter().filter(|status| **status >= Status::Rejected) {
        let event = told(&at(*status));
        assert_eq!((event.status, event.instruction), (*status, status.instruction()));
        let is_charged = *status == Status::Approved;
        assert_eq!(event.captured_minor.get() > 0, is_charged, "{status}");
    }
}

/// Every text of the decline but the ids that an event is for.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| texts(field, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn no_event_holds_personal_data_or_a_sentence_of_the_provider_s() {
    let mut order = order();
    let mut private = vec!["the issuer said no to Jane".to_owned(), "key-of-the-account".to_owned()];
    let mut request = serde_json::to_value(order.request.as_ref().unwrap()).unwrap();
    for told in ["merchant", "order_id", "amount"] {
        request.as_object_mut().unwrap().remove(told).unwrap();
    }
    texts(&request, &mut private);
    // Words that are too short or too common to be searched for would be found in a field's name.
    private.retain(|text| text.len() > 4);
    assert!(private.len() > 15, "the sample has personal data: {private:?}");
    order.reason = Some(Reason::new(ReasonCode::ProviderRefused, private[0].clone()));
    order.submission.account = Some(private[1].clone());
    order.refund = Facet::Signalled;
    order.dispute = Facet::Signalled;
    order.refunds = vec![refund(&private[0])];
    order.wish = Some(wish(WishKind::Cancel, WishState::Open));
    for status in Status::ALL {
        let order = Order { status: *status, ..order.clone() };
        let events = of_order(None, &order);
        assert!(events.len() >= 2, "{status}");
        let published = serde_json::to_string(&events).unwrap();
        for text in &private {
            assert!(!published.contains(text.as_str()), "{status}: {text}");
        }
    }
}

fn parked(kind: ParkedKind, rule: Option<Rule>) -> ParkedDecline {
    let key = ParkedKey {
        merchant: Some("acme".parse().unwrap()),
        arrived_at: start(),
        kind,
        id: "m-1".to_owned(),
    };
    ParkedDecline { key, order_id: Some("INV-1".parse().unwrap()), rule }
}

#[test]
fn declines_that_are_no_orders_are_told_and_nothing_else_that_is_parked() {
    for kind in ParkedKind::ALL {
        let told = of_parked(&parked(*kind, None)).map(|event| event.word());
        let expected = match kind {
            ParkedKind::Conflict => Some("decline.conflict"),
            ParkedKind::Refused => Some("decline.refused"),
            ParkedKind::Unparseable
            | ParkedKind::OrphanEvent
            | ParkedKind::MismatchedEvent
            | ParkedKind::UnknownEvent
            | ParkedKind::AccountEvent
            | ParkedKind::Check
            | ParkedKind::TransmissionRefused
            | ParkedKind::TransmissionConflict
            | ParkedKind::TransmissionUndelivered => None,
        };
        assert_eq!(told, expected, "{kind:?}");
    }
    let mut of_nobody = parked(ParkedKind::Refused, Some(Rule::MerchantUnknown));
    of_nobody.key.merchant = None;
    assert_eq!(of_parked(&of_nobody), None);
}

#[test]
fn a_refused_decline_is_told_with_its_rule() {
    let decline = parked(ParkedKind::Refused, Some(Rule::Stale));
    let event = of_parked(&decline).unwrap();
    let expected = json!({
        "version": 1,
        "id": event.id(),
        "type": "decline.refused",
        "occurred_at": "2026-11-21T10:00:00Z",
        "merchant": "acme",
        "order_id": "INV-1",
        "instruction": "do_not_retry",
        "reason": "stale",
    });
    assert_eq!(serde_json::to_value(&event).unwrap(), expected);
    assert_eq!(serde_json::from_value::<OutcomeEvent>(expected).unwrap(), event);
    let mut other = decline.clone();
    other.key.id = "m-2".to_owned();
    assert_eq!(of_parked(&decline).unwrap().id(), event.id());
    assert_ne!(of_parked(&other).unwrap().id(), event.id());
}
