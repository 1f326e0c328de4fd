//! Telling an order something, through the store's capabilities.

use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use models::change::{Change, Effect, Guard};
use models::ids::{ContentHash, IdempotencyKey};
use models::intake;
use models::money::{MinorUnits, Money};
use models::order::{DueReason, Facet, Order, Reason, ReasonCode};
use models::reconcile::{Heard, ProviderView, Sighting, Step, after_find};
use models::refund::{self, RefundId, RefundOutcome, RefundRequest, Reserve};
use models::screening::Screened;
use models::status::Transition;
use models::submission::{Claim, Times};
use models::wish::{self, Asked};
use order_store::Table;
use order_store::capability::{ApplyEvent, Claimed, Look, Submit};
use order_store::memory::MemoryTable;

use super::alphabet::{Ask, Expected, PROVIDER_ORDER, Read, Told};
use super::asked::{Granted, REFUND, rules};

const AT_ONCE: &str = "a table in memory does not wait";

pub(crate) fn start() -> Timestamp {
    "2026-11-25T10:00:00Z".parse().unwrap()
}

pub(crate) fn times() -> Times {
    Times {
        lease: SignedDuration::from_secs(90),
        repeat_after: SignedDuration::from_secs(90),
        submission_overdue: SignedDuration::from_mins(15),
        replay_window: SignedDuration::from_hours(24),
        webhook_cycle: SignedDuration::from_hours(24),
        expiry_grace: SignedDuration::from_hours(6),
    }
}

/// An order whose first attempt is under way.
pub(crate) fn claimed() -> Order {
    let decline: models::decline::Decline =
        serde_json::from_str(include_str!("../../../events/decline.json")).unwrap();
    let content = ContentHash::of(&serde_json::Value::Null);
    let order = intake::open(
        Screened { decline, window_days: 21 },
        content,
        times().submission_overdue,
        start() - SignedDuration::from_mins(1),
    );
    let table = MemoryTable::default();
    table.insert(&order).now_or_never().expect(AT_ONCE).unwrap();
    let claim =
        Claim { key: IdempotencyKey::from_random([7; 16]), account: "sandbox/m".to_owned(), now: start() };
    match table.claim(&order.key, &claim, &times()).now_or_never().expect(AT_ONCE).unwrap() {
        Claimed::Granted(order) => *order,
        Claimed::Refused(why) => panic!("{why:?}"),
    }
}

/// The order after it was told this, `step` seconds after the claim.
pub(crate) fn after(
    claimed: &Order,
    order: &Order,
    told: Told,
    delivery: u8,
    step: u32,
    granted: Granted,
) -> Order {
    let table = MemoryTable::default();
    let now = start() + SignedDuration::from_secs(i64::from(step));
    table.insert(order).now_or_never().expect(AT_ONCE).unwrap();
    match told {
        Told::Answer(answer) => {
            let (outcome, times) = (answer.outcome(), times());
            let recorded = table.record(claimed, &outcome, &times, now);
            recorded.now_or_never().expect(AT_ONCE).unwrap();
        }
        Told::Hook(hook, number) => {
            let event = hook.event(number, delivery);
            ApplyEvent::apply(&table, &order.key, &event, now).now_or_never().expect(AT_ONCE).unwrap();
        }
        Told::Ask(_) | Told::Read(_) => {
            if let Some(change) = decided(order, told, granted, now) {
                assert!(table.settle(&order.key, &change).now_or_never().expect(AT_ONCE).unwrap());
            }
        }
    }
    Table::read(&table, &order.key).now_or_never().expect(AT_ONCE).unwrap().unwrap()
}

/// What is decided on the order as it is read; `None` where it is refused, or known already.
fn decided(order: &Order, told: Told, granted: Granted, now: Timestamp) -> Option<Change> {
    let key = IdempotencyKey::from_random([8; 16]);
    let id = RefundId::of(&order.key, "key");
    let wished = |asked| match asked {
        Ok(Asked::Change(change)) => Some(change),
        Ok(Asked::Already) | Err(_) => None,
    };
    let read = |view| {
        let heard = Heard { view, word: "said".to_owned(), totals: Some(granted.totals(order)) };
        let sighting = Sighting::One(PROVIDER_ORDER.parse().unwrap(), heard);
        match after_find(order, &sighting, &rules(), now) {
            Step::Settle(change) => Some(change),
            Step::Resubmit(_) | Step::CallOff(_) => panic!("it was found"),
        }
    };
    match told {
        Told::Ask(Ask::Cancel) => wished(wish::cancel(order, key, now)),
        Told::Ask(Ask::Capture) => wished(wish::capture(order, key, now)),
        Told::Ask(Ask::Refund) => {
            let amount = Money { minor: MinorUnits::new(REFUND), currency: order.amount.currency };
            match refund::reserve(order, &RefundRequest { id, amount, asking: key }, None, now) {
                Ok(Reserve::Change(change)) => Some(change),
                Ok(Reserve::Known(_)) | Err(_) => None,
            }
        }
        Told::Ask(Ask::RefundMade) => refund::settle(order, &id, &RefundOutcome::Made, now),
        Told::Ask(Ask::RefundLost) => {
            refund::settle(order, &id, &RefundOutcome::Lost("no answer".to_owned()), now)
        }
        Told::Read(Read::Working) => read(ProviderView::Working),
        Told::Read(Read::Rescued) => read(ProviderView::Rescued),
        Told::Answer(_) | Told::Hook(..) => None,
    }
}

/// The order as the sweep leaves it when its window is over and nobody can say more.
pub(crate) fn expired_here(order: &Order) -> Order {
    let table = MemoryTable::default();
    table.insert(order).now_or_never().expect(AT_ONCE).unwrap();
    let change = Change::new(Transition::Expire, start() + SignedDuration::from_secs(5))
        .guard(Guard::Version(order.version))
        .effect(Effect::Reason(Reason::new(ReasonCode::WindowOver, "")))
        .effect(Effect::Due(None));
    assert!(table.settle(&order.key, &change).now_or_never().expect(AT_ONCE).unwrap());
    Table::read(&table, &order.key).now_or_never().expect(AT_ONCE).unwrap().unwrap()
}

/// In what the order is not as expected.
pub(crate) fn differences(order: &Order, expected: &Expected) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, is: String, should: String| {
        if is != should {
            found.push(format!("{what} is {is}, expected {should}"));
        }
    };
    let facet = |is_signalled: bool| if is_signalled { Facet::Signalled } else { Facet::None };
    compare("status", order.status.to_string(), expected.status.to_string());
    compare("refund", order.refund.to_string(), facet(expected.is_refunded).to_string());
    compare("dispute", order.dispute.to_string(), facet(expected.is_disputed).to_string());
    let flags = [
        ("due", order.due.is_some(), expected.has_due),
        (
            "due for money",
            order.due.is_some_and(|due| due.reason == DueReason::MoneySignal),
            expected.is_money_due,
        ),
        ("request", order.request.is_some(), expected.has_request),
        ("provider's id", order.provider_order.is_some(), expected.has_provider_order),
        ("confirmation", order.confirmation.is_some(), expected.is_confirmed),
        ("lease", order.submission.lease_until.is_some(), expected.has_lease),
    ];
    for (what, is, should) in flags {
        compare(what, is.to_string(), should.to_string());
    }
    compare("attempts", order.submission.attempts.to_string(), "1".to_owned());
    match &order.reason {
        None => compare(
            "reason",
            "none".to_owned(),
            if expected.reasons.is_empty() { "none" } else { "one" }.to_owned(),
        ),
        Some(reason) => {
            let is_one = expected.reasons.contains(&(reason.code, reason.detail.clone()));
            compare(
                "reason",
                format!("{reason:?} one of them: {is_one}"),
                format!("{reason:?} one of them: true"),
            );
        }
    }
    found
}
