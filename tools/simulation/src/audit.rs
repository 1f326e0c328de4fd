//! The audit of a world that has ended: our table against FlexFactor's ledger and against what was sent.

mod asked;

use std::collections::BTreeMap;

use futures_util::FutureExt as _;
use jiff::SignedDuration;
use models::ids::ProviderOrderId;
use models::order::{Facet, Order, ReasonCode, Tag};
use models::parked::{Parked, ParkedKind, Why};
use models::refusal::Rule as RefusalRule;
use models::status::Status;
use sandbox::domain::event::{CHARGEBACK_RECEIVED, ORDER_COMPLETED, ORDER_REFUNDED};
use sandbox::{Forgery, OrderEntry, Phase};
use serde::Serialize;

pub(crate) use self::asked::Asked;
use crate::merchants::{ACCOUNTS, STRANGER_MINOR};
use crate::world::Ended;

/// What kind of damage it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// A good decline, or an acknowledged webhook, that is nowhere.
    Lost,
    /// An order took effect twice at FlexFactor.
    SubmittedTwice,
    /// An order has not come to its end, or a message of one is still on its way.
    NotTerminal,
    /// Table and ledger differ.
    Mismatch,
    /// An event had its effect more than once.
    AppliedTwice,
    /// A forged webhook was accepted.
    ForgedAccepted,
    /// FlexFactor refunded, or was asked to refund, more than was left of what it captured.
    OverRefunded,
    /// What is said of a refund is not what FlexFactor did.
    RefundUntrue,
    /// What became of a cancel or a capture is not what is said of it.
    WishUntrue,
    /// Something that people asked for is left, and nobody looks or is told.
    LeftOpen,
    /// An order holds personal data at the end, or held it longer than it may.
    HeldTooLong,
}

/// One piece of damage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind.
    pub damage: Damage,
    /// Which order, and in which world.
    pub order: String,
    /// What is wrong.
    pub why: String,
}

/// What the audit found.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    pub(crate) findings: Vec<Finding>,
    /// Orders by the status in which they ended.
    pub(crate) statuses: BTreeMap<String, u64>,
    /// Orders handed back to people.
    pub(crate) handed_back: u64,
    /// Good declines that came too late, by our own delay, and are parked as such.
    pub(crate) too_old: u64,
    /// Charges after an order had ended of which no webhook ever arrived: nobody could know.
    pub(crate) untold: u64,
    /// What people asked for.
    pub(crate) asked: Asked,
    /// The longest that an order held personal data.
    pub(crate) held_longest: SignedDuration,
}

/// Audits a world.
pub(crate) fn audit(world: &Ended) -> Audit {
    let table = world.functions.store.table();
    let (orders, parked) = (table.orders(), table.parked());
    let mut audit = Audit::default();
    audit.declines(world, &orders, &parked);
    let entries = entries_by_order(&world.ledger.orders);
    let calls = world.functions.provider.refunds();
    for order in &orders {
        let name = order.key.to_string();
        let ours = entries.get(&name).map(Vec::as_slice).unwrap_or_default();
        audit.order(&name, order, ours);
        let ours: Vec<_> = ours.iter().copied().filter(|entry| is_ours(entry)).collect();
        audit.asked(world, &name, order, &ours, &calls);
    }
    for (name, entries) in &entries {
        let order = orders.iter().find(|order| order.key.to_string() == *name);
        for entry in entries {
            audit.webhooks(name, order, entry, &parked);
        }
    }
    world.functions.store.wrongs().into_iter().for_each(|(damage, key, why)| {
        audit.add(damage, &key.to_string(), why);
    });
    audit.leftovers(world);
    audit.held(world);
    audit
}

fn entries_by_order(entries: &[OrderEntry]) -> BTreeMap<String, Vec<&OrderEntry>> {
    let mut by_order: BTreeMap<String, Vec<&OrderEntry>> = BTreeMap::new();
    for entry in entries {
        let account = ACCOUNTS.iter().find(|account| account.mid == entry.mid);
        let merchant = account.map_or("unknown", |account| account.id);
        by_order.entry(format!("{merchant}/{}", entry.external_order_id)).or_default().push(entry);
    }
    by_order
}

impl Audit {
    fn add(&mut self, damage: Damage, order: &str, why: impl Into<String>) {
        self.findings.push(Finding { damage, order: order.to_owned(), why: why.into() });
    }

    fn held(&mut self, world: &Ended) {
        let (longest, still) = world.functions.store.held();
        self.held_longest = longest;
        for key in still {
            self.add(Damage::HeldTooLong, &key.to_string(), "it holds personal data at the end");
        }
    }

    /// Every good decline is an order, or parked because it came too late; every bad one is parked.
    fn declines(&mut self, world: &Ended, orders: &[Order], parked: &[Parked]) {
        for good in &world.good {
            let is = |merchant: Option<&str>, id: Option<&str>| {
                merchant == Some(good.merchant) && id == Some(good.order_id.as_str())
            };
            if orders
                .iter()
                .any(|order| is(Some(order.key.merchant.as_str()), Some(order.key.order_id.as_str())))
            {
                continue;
            }
            // Refused for its age and for nothing else: a spoilt copy under its id says nothing of the good one.
            let is_stale = parked.iter().any(|parked| {
                let merchant = parked.key.merchant.as_ref().map(|id| id.as_str());
                let is_age =
                    matches!(&parked.why, Why::Refusal(refusal) if refusal.rule == RefusalRule::Stale);
                is_age && is(merchant, parked.order_id.as_ref().map(|id| id.as_str()))
            });
            match is_stale {
                true => self.too_old += 1,
                false => self.add(Damage::Lost, &good.order_id, "a good decline is nowhere"),
            }
        }
        let kept = parked.iter().filter(|parked| is_decline(parked.key.kind)).count();
        if u64::try_from(kept).unwrap_or(0) < world.bad {
            self.add(
                Damage::Lost,
                "-",
                format!("{} bad declines were sent and {kept} are parked", world.bad),
            );
        }
    }

    fn order(&mut self, name: &str, order: &Order, entries: &[&OrderEntry]) {
        if !order.status.is_terminal() || order.due.is_some() {
            let why = format!("it is {} and due {:?}", order.status, order.due.map(|due| due.at));
            self.add(Damage::NotTerminal, name, why);
        }
        *self.statuses.entry(order.status.to_string()).or_default() += 1;
        if order.status == Status::Escalated {
            self.handed_back += 1;
        }
        let ours: Vec<_> = entries.iter().filter(|entry| is_ours(entry)).collect();
        if ours.len() > 1 {
            self.add(Damage::SubmittedTwice, name, format!("FlexFactor took it {} times", ours.len()));
        }
        match ours.first() {
            Some(entry) => self.compare(name, order, entry),
            None if is_rightly_nowhere(order) => {}
            None => self.add(
                Damage::Mismatch,
                name,
                format!("it is {} and FlexFactor has no such order", order.status),
            ),
        }
    }

    fn compare(&mut self, name: &str, order: &Order, entry: &OrderEntry) {
        let is_escalated = order.status == Status::Escalated;
        // Handed back, unless we were told that it was charged.
        let is_handed_back = is_escalated && !was_told(entry, ORDER_COMPLETED);
        if is_untold(order, entry) {
            self.untold += 1;
        } else if !is_handed_back && !agree(order.status, entry.phase) {
            let why = format!("it is {} here and {:?} at FlexFactor", order.status, entry.phase);
            self.add(Damage::Mismatch, name, why);
        }
        let mut mismatch = |why: &str| self.add(Damage::Mismatch, name, why);
        if i64::try_from(order.amount.minor.get()) != Ok(entry.amount_minor) {
            mismatch("the amounts differ");
        }
        if order.provider_order.as_ref().is_some_and(|id| id.as_str() != entry.order_id) && !is_escalated {
            mismatch("FlexFactor knows it under another id");
        }
        if entry.charges.len() > 1 {
            mismatch("it was charged more than once");
        }
        if order.status == Status::Approved && entry.charges.is_empty() {
            mismatch("it is approved and was not charged");
        }
        self.facets(name, order, entry);
    }

    /// A facet follows from what was told, and what it says is so in the ledger.
    fn facets(&mut self, name: &str, order: &Order, entry: &OrderEntry) {
        let sides = [
            ("refund", order.refund, was_told(entry, ORDER_REFUNDED), !entry.refunds.is_empty()),
            (
                "dispute",
                order.dispute,
                was_told(entry, CHARGEBACK_RECEIVED),
                entry.phase == Phase::ChargedBack,
            ),
        ];
        for (what, facet, was_told, is_so) in sides {
            let is_right = match facet {
                Facet::None => !was_told,
                Facet::Signalled => false,
                Facet::Confirmed => is_so,
            };
            if !is_right {
                let why = format!("the {what} is {facet}; told {was_told}, in the ledger {is_so}");
                self.add(Damage::Mismatch, name, why);
            }
        }
    }

    /// What was acknowledged is remembered by its order, or parked.
    fn webhooks(&mut self, name: &str, order: Option<&Order>, entry: &OrderEntry, parked: &[Parked]) {
        for webhook in entry.webhooks.iter().filter(|webhook| webhook.delivered) {
            let is_remembered = order
                .is_some_and(|order| order.seen.contains(&Tag::event(&webhook.event, &webhook.time_stamp)));
            let is_parked = || {
                parked.iter().any(|parked| {
                    parked.copy.contains(&webhook.time_stamp)
                        && parked.copy.contains(&webhook.event)
                        && parked.copy.contains(&entry.order_id)
                })
            };
            if !is_remembered && !is_parked() {
                self.add(Damage::Lost, name, format!("{} was acknowledged and is nowhere", webhook.event));
            }
        }
    }

    fn leftovers(&mut self, world: &Ended) {
        for queue in world.functions.queues() {
            let (waiting, dead) = queue.lengths();
            if waiting + dead > 0 {
                let why = format!("{waiting} messages wait in {} and {dead} are dead", queue.name());
                self.add(Damage::NotTerminal, "-", why);
            }
        }
        for parked in world.functions.store.table().parked() {
            if parked.due.is_some() {
                self.add(Damage::NotTerminal, "-", format!("the parked {} is still due", parked.key.id));
            }
        }
        if !matches!(world.functions.store.index_agrees().now_or_never(), Some(Ok(true))) {
            self.add(Damage::Mismatch, "-", "the observer's index of what is due is not the table's");
        }
        for _ in 0..world.functions.store.applied_twice() {
            self.add(Damage::AppliedTwice, "-", "an event had its effect again");
        }
        let orders = world.functions.store.table().orders();
        for forged in &world.ledger.forged {
            let is_accepted = forged.answer.as_ref().is_some_and(sandbox::domain::delivery::Answer::is_2xx);
            // An exact copy of a genuine event that was parked is parked once: that it is answered 200 does nothing.
            let is_parked_again = forged.forgery == Forgery::ReplayedNonce
                && !orders.iter().any(|order| is_order(order.provider_order.as_ref(), &forged.order_id));
            if is_accepted && !is_parked_again {
                let why = format!("{:?} was accepted", forged.forgery);
                self.add(Damage::ForgedAccepted, &forged.external_order_id, why);
            }
        }
    }
}

/// Orders that strangers placed under our id are theirs.
fn is_ours(entry: &OrderEntry) -> bool {
    entry.amount_minor != STRANGER_MINOR
}

fn is_decline(kind: ParkedKind) -> bool {
    match kind {
        ParkedKind::Unparseable | ParkedKind::Refused | ParkedKind::Conflict => true,
        ParkedKind::OrphanEvent
        | ParkedKind::MismatchedEvent
        | ParkedKind::UnknownEvent
        | ParkedKind::AccountEvent
        | ParkedKind::Check
        | ParkedKind::TransmissionRefused
        | ParkedKind::TransmissionConflict
        | ParkedKind::TransmissionUndelivered => false,
    }
}

fn is_order(known: Option<&ProviderOrderId>, id: &str) -> bool {
    known.is_some_and(|known| known.as_str() == id)
}

fn was_told(entry: &OrderEntry, event: &str) -> bool {
    entry.webhooks.iter().any(|webhook| webhook.event == event && webhook.delivered)
}

/// Charged after its window was over, and no webhook of it ever arrived: only asking for ever could find it.
fn is_untold(order: &Order, entry: &OrderEntry) -> bool {
    order.status == Status::Expired
        && entry.charges.first().is_some_and(|charge| charge.at > order.expires_at)
        && !was_told(entry, ORDER_COMPLETED)
}

/// Whether an order may have ended although FlexFactor has none: it was refused or never sent, or nobody could tell.
fn is_rightly_nowhere(order: &Order) -> bool {
    let code = order.reason.as_ref().map(|reason| reason.code);
    match order.status {
        Status::Rejected => matches!(code, Some(ReasonCode::NeverSubmitted | ReasonCode::ProviderRefused)),
        Status::Escalated => {
            matches!(code, Some(ReasonCode::OutcomeUnknown | ReasonCode::WishNotConfirmed))
        }
        // Before anything of it was sent.
        Status::Cancelled => {
            code == Some(ReasonCode::MerchantCancelled)
                && order.submission.attempts == order.submission.unsent
        }
        Status::Received
        | Status::Submitting
        | Status::Unknown
        | Status::Pending
        | Status::CaptureRequired
        | Status::Expired
        | Status::Declined
        | Status::Approved => false,
    }
}

/// Which of our statuses may stand beside which phase at FlexFactor, once everything has come to its end.
fn agree(status: Status, phase: Phase) -> bool {
    match phase {
        Phase::Completed | Phase::Returned | Phase::ChargedBack => status == Status::Approved,
        // FlexFactor has one word for all that is over when it is asked after the window.
        Phase::Declined => matches!(status, Status::Declined | Status::Cancelled | Status::Expired),
        Phase::Cancelled => matches!(status, Status::Cancelled | Status::Expired),
        Phase::Expired => status == Status::Expired,
        Phase::Challenged => matches!(status, Status::Declined | Status::Expired),
        // Still worked on there after window and grace: over here.
        Phase::Draft | Phase::Processing | Phase::OnHold => status == Status::Expired,
        Phase::Problem | Phase::CaptureRequired => status == Status::Escalated,
    }
}
