//! What people ask for among what an order is told: what is granted of it depends on when it is asked, as it should; what
//! becomes of it does not.
//!
//! A cancel is granted unless the order is approved, a capture where it waits for one and no cancel was asked for, a refund
//! where it is approved and not disputed. Beyond that nothing may depend on the order of things. To compare the ends, the
//! looks that are due are made until nothing that was asked for is open, with a FlexFactor that tells one and the same.

use jiff::SignedDuration;
use models::money::MinorUnits;
use models::order::{Facet, Order};
use models::reconcile::{
    CalledOff, CancelledPastExpiry, Heard, Look, LookRules, ProviderView, Sighting, Step, after_cancel,
    after_find, after_read, after_wished_call_off, look,
};
use models::refund::{RefundState, Totals};
use models::status::{Instruction, Status};
use models::wish::{CancelState, CaptureState, WishState};

use super::alphabet::{Ask, Hook, PROVIDER_ORDER, Told, status_of};
use super::delivery::times;

/// How much is refunded, in minor units.
pub(crate) const REFUND: u64 = 500;

/// What was granted of what was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Granted {
    pub(crate) cancel: bool,
    pub(crate) capture: bool,
    /// A refund is reserved.
    pub(crate) refund: bool,
    /// And FlexFactor made it.
    pub(crate) is_paid: bool,
}

impl Granted {
    /// What is granted once `told` is told after `before`.
    pub(crate) fn then(mut self, before: &[Told], told: Told) -> Self {
        let status = status_of(before);
        let is_disputed = before.contains(&Told::Hook(Hook::Chargeback, 1));
        match told {
            Told::Ask(Ask::Cancel) => self.cancel |= status != Status::Approved,
            Told::Ask(Ask::Capture) => self.capture |= status == Status::CaptureRequired && !self.cancel,
            Told::Ask(Ask::Refund) => self.refund |= status == Status::Approved && !is_disputed,
            Told::Ask(Ask::RefundMade | Ask::RefundLost) => self.is_paid |= self.refund,
            Told::Answer(_) | Told::Hook(..) | Told::Read(_) => {}
        }
        self
    }

    /// What FlexFactor has refunded.
    pub(crate) fn totals(self, order: &Order) -> Totals {
        let refunded = MinorUnits::new(if self.is_paid { REFUND } else { 0 });
        Totals { captured: order.amount.minor, refunded }
    }
}

pub(crate) fn rules() -> LookRules {
    LookRules { times: times(), cancelled_past_expiry: CancelledPastExpiry::Expired }
}

/// What must hold of the order at any moment.
fn at_once(order: &Order, granted: Granted) -> Vec<&'static str> {
    let is_open = !order.status.is_terminal() || order.has_errand();
    [
        (is_open != order.due.is_some(), "it is due where nothing is open, or not due where something is"),
        (
            order.has_errand() && order.due.is_some_and(|due| !due.reason.is_errand()),
            "what is open beside its way is not what it is due for",
        ),
        (order.cancel_state().is_some() != granted.cancel, "a cancel is kept that was refused, or not kept"),
        (
            granted.cancel && order.instruction() == Instruction::ResumeRetries,
            "it is to be cancelled and the merchant is told to retry",
        ),
        ((order.refunds.len() == 1) != granted.refund, "a refund is kept that was refused, or not kept"),
    ]
    .into_iter()
    .filter_map(|(is_wrong, what)| is_wrong.then_some(what))
    .collect()
}

/// In what the order is not as it must be, at once and once nothing that was asked for is open.
pub(crate) fn differences(order: &Order, set: &[Told], granted: Granted) -> Vec<String> {
    let mut found: Vec<String> = at_once(order, granted).into_iter().map(str::to_owned).collect();
    if order.status != status_of(set) {
        found.push(format!("it is {}, and was told to be {}", order.status, status_of(set)));
    }
    let Some(closed) = closed(order, status_of(set), granted) else {
        found.push("something stays open, whatever the looks".to_owned());
        return found;
    };
    let wanted = end(set, granted);
    let facet = |hook| if set.contains(&Told::Hook(hook, 1)) { Facet::Confirmed } else { Facet::None };
    let refund = closed.refunds.first().map(|refund| refund.state);
    let made = if granted.is_paid { RefundState::Made } else { RefundState::NotMade };
    let compared = [
        ("status", format!("{}", closed.status), format!("{wanted}")),
        ("cancel", format!("{:?}", closed.cancel_state()), format!("{:?}", cancel(wanted, granted))),
        ("capture", format!("{:?}", closed.capture_state()), format!("{:?}", capture(wanted, granted))),
        (
            "wish",
            format!("{:?}", closed.wish.as_ref().map(|wish| wish.state)),
            format!("{:?}", (granted.cancel || granted.capture).then_some(WishState::Done)),
        ),
        ("refund", format!("{refund:?}"), format!("{:?}", granted.refund.then_some(made))),
        ("refunded", closed.refunded().get().to_string(), granted.totals(order).refunded.get().to_string()),
        ("reserved", closed.reserved().get().to_string(), "0".to_owned()),
        ("signal of a refund", closed.refund.to_string(), facet(Hook::Refunded).to_string()),
        ("signal of a dispute", closed.dispute.to_string(), facet(Hook::Chargeback).to_string()),
        ("due", closed.due.is_some().to_string(), (!wanted.is_terminal()).to_string()),
    ];
    for (what, is, should) in compared {
        if is != should {
            found.push(format!("once all is looked at, {what} is {is}, expected {should}"));
        }
    }
    found
}

/// Where the order ends once nothing that was asked for is open.
fn end(set: &[Told], granted: Granted) -> Status {
    let status = status_of(set);
    let is_signalled =
        [Hook::Refunded, Hook::Chargeback].iter().any(|hook| set.contains(&Told::Hook(*hook, 1)));
    let is_one_of = |status: Status, of: &[Status]| of.contains(&status);
    // Looked at for a signal, it turns out to be worked on.
    let unknown = [Status::Submitting, Status::Unknown, Status::Rejected];
    let status = if is_signalled && is_one_of(status, &unknown) { Status::Pending } else { status };
    let open = [Status::Submitting, Status::Unknown, Status::Pending, Status::CaptureRequired];
    if granted.cancel && is_one_of(status, &open) {
        return Status::Cancelled;
    }
    if granted.capture && status == Status::CaptureRequired { Status::Approved } else { status }
}

fn cancel(status: Status, granted: Granted) -> Option<CancelState> {
    let over =
        if status == Status::Cancelled { CancelState::Confirmed } else { CancelState::NothingToCancel };
    granted.cancel.then_some(if status == Status::Approved { CancelState::TooLate } else { over })
}

fn capture(status: Status, granted: Granted) -> Option<CaptureState> {
    let is_taken = status == Status::Approved;
    let state = if is_taken { CaptureState::Captured } else { CaptureState::TooLate };
    (granted.capture && !granted.cancel).then_some(state)
}

/// More looks than any schedule has.
const LOOKS_MAX: usize = 20;

/// The order once the looks that are due have led to an end of all that is open; `None` where they do not.
fn closed(order: &Order, mut truth: Status, granted: Granted) -> Option<Order> {
    let mut order = order.clone();
    for _ in 0..LOOKS_MAX {
        if !order.has_errand() {
            return Some(order);
        }
        look_at(&mut order, &mut truth, granted)?;
    }
    None
}

/// One look when it is due. `truth` is where FlexFactor has the order.
fn look_at(order: &mut Order, truth: &mut Status, granted: Granted) -> Option<()> {
    let now = order.due?.at + SignedDuration::from_secs(1);
    let rules = rules();
    let id = PROVIDER_ORDER.parse().ok()?;
    let change = match look(order, &rules, now) {
        Look::Do(Step::Settle(change)) => change,
        Look::Do(Step::Resubmit(_)) => return None,
        // Whatever it has under our id is cancelled.
        Look::Do(Step::CallOff(hold)) => {
            hold.holds(order).then_some(())?;
            hold.apply(order);
            *truth = Status::Cancelled;
            after_wished_call_off(order, &CalledOff::Done, &Sighting::NotFound, &rules, now)
        }
        // What was refused once, and tells of itself all the same, is worked on.
        Look::Cancel(_) if truth.is_terminal() && *truth != Status::Rejected => {
            let refused = CalledOff::Refused("it is over".to_owned());
            assert_eq!(after_cancel(order, &refused, now), None);
            after_read(order, &heard(order, *truth, granted), &rules, now)
        }
        Look::Cancel(_) => {
            *truth = Status::Cancelled;
            after_cancel(order, &CalledOff::Done, now)?
        }
        Look::Capture(..) => {
            *truth = if *truth == Status::CaptureRequired { Status::Approved } else { *truth };
            after_read(order, &heard(order, *truth, granted), &rules, now)
        }
        Look::Ask(_) => after_read(order, &heard(order, *truth, granted), &rules, now),
        Look::Find => match after_find(order, &Sighting::One(id, heard(order, *truth, granted)), &rules, now)
        {
            Step::Settle(change) => change,
            Step::Resubmit(_) | Step::CallOff(_) => return None,
        },
    };
    change.holds(order).then(|| change.apply(order))
}

/// What FlexFactor says of an order that it has as `truth`; it works on what nobody told us of.
fn heard(order: &Order, truth: Status, granted: Granted) -> Heard {
    let view = match truth {
        Status::Received | Status::Submitting | Status::Unknown | Status::Rejected | Status::Pending => {
            ProviderView::Working
        }
        Status::CaptureRequired => ProviderView::CaptureRequired,
        Status::Escalated => ProviderView::Problem,
        Status::Expired => ProviderView::Expired,
        Status::Cancelled => ProviderView::CalledOff,
        Status::Declined => ProviderView::Declined,
        Status::Approved => ProviderView::Rescued,
    };
    Heard { view, word: "said".to_owned(), totals: Some(granted.totals(order)) }
}
