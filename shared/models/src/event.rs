//! Events that the provider reports about an order, and what each does to it.
//!
//! The common way is one conditional write that assumes the common case. Where it is refused, the order that refused it
//! says why, and what to do instead.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::change::{Change, Effect, Guard};
use crate::ids::{OrderId, ProviderOrderId};
use crate::order::{Due, DueReason, Facet, Order, Reason, ReasonCode, SEEN_MAX, Tag};
use crate::status::{Status, Transition};
use crate::submission::close;
use crate::wish::{Wish, WishKind, WishState};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Rescued and charged.
    Completed,
    /// The window ended without a rescue.
    Expired,
    /// Cancelled, by the merchant or by the provider.
    Cancelled,
    /// Authorised; to be captured.
    CaptureRequired,
    /// Refunded, in part or in full: read the order again, the event carries no dependable amount.
    Refunded,
    /// Disputed by the cardholder's bank.
    Chargeback,
    /// Something that is only worth remembering.
    Progress,
}

/// An event, verified, in our own terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderEvent {
    /// What happened.
    pub kind: EventKind,
    /// The provider's name of the event.
    pub name: String,
    /// When it happened, as the provider wrote it; a resent copy repeats it.
    pub occurred_at: String,
    /// Our id of the order.
    pub order_id: OrderId,
    /// The provider's id of the order.
    pub provider_order: ProviderOrderId,
    /// The confirmation of an approval, where there is one.
    pub confirmation: Option<String>,
    /// The delivery's nonce.
    pub nonce: String,
}

/// What to do about an event whose common-case change was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// There is no such order: park the event.
    Orphan,
    /// The order belongs to another order of the provider's: park the event, and look.
    OtherProviderOrder,
    /// This very delivery was seen before: refuse it.
    Replayed,
    /// The event was seen before, in another delivery: acknowledge it. The change, if any, remembers the delivery.
    Duplicate(Option<Change>),
    /// The event is new but the order is not in the common case: make this change instead.
    Instead(Change),
}

impl OrderEvent {
    fn event_tag(&self) -> Tag {
        Tag::event(&self.name, &self.occurred_at)
    }

    fn nonce_tag(&self) -> Tag {
        Tag::nonce(&self.nonce)
    }

    const fn transition(&self) -> Transition {
        match self.kind {
            EventKind::Completed => Transition::Approve,
            EventKind::Expired => Transition::Expire,
            EventKind::Cancelled => Transition::Cancel,
            EventKind::CaptureRequired => Transition::RequireCapture,
            EventKind::Refunded | EventKind::Chargeback | EventKind::Progress => Transition::Note,
        }
    }

    /// The change that applies the event in the common case, and remembers it, in one write.
    #[must_use]
    pub fn change(&self, now: Timestamp) -> Change {
        let change = match self.transition() {
            Transition::Note => self.note(now),
            // Authorised, and due at once: its window for a capture may be short.
            Transition::RequireCapture => Change::new(Transition::RequireCapture, now)
                .guard(Guard::NoErrand)
                .effect(Effect::Due(Some(Due::new(now, DueReason::WebhookOverdue))))
                .effect(Effect::EndLease),
            ends @ (Transition::Approve
            | Transition::Expire
            | Transition::Cancel
            | Transition::Decline
            | Transition::Reject
            | Transition::Escalate
            | Transition::Accept
            | Transition::Claim
            | Transition::Release
            | Transition::LoseTrack) => close(ends, now),
        };
        let change = if change.transition == Transition::Note {
            change
        } else {
            change.effect(Effect::Reason(Reason::new(ReasonCode::Webhook, self.name.clone())))
        };
        self.remembered(change)
            // A replayed delivery repeats its event, so this refuses both; which of the two it was, the order tells.
            .guard(Guard::Unseen(self.event_tag()))
            .guard(Guard::ProviderOrder(self.provider_order.clone()))
    }

    /// Money events are a signal to read the order again, never a delta.
    fn note(&self, now: Timestamp) -> Change {
        let change = Change::new(Transition::Note, now);
        let look = Effect::Due(Some(Due::new(now, DueReason::MoneySignal)));
        match self.kind {
            EventKind::Refunded => change.effect(Effect::Refund(Facet::Signalled)).effect(look),
            EventKind::Chargeback => change.effect(Effect::Dispute(Facet::Signalled)).effect(look),
            EventKind::Completed
            | EventKind::Expired
            | EventKind::Cancelled
            | EventKind::CaptureRequired
            | EventKind::Progress => change,
        }
    }

    fn remembered(&self, change: Change) -> Change {
        let change = change
            .effect(Effect::Remember(vec![self.event_tag(), self.nonce_tag()]))
            .effect(Effect::ProviderOrder(self.provider_order.clone()));
        match &self.confirmation {
            Some(confirmation) => change.effect(Effect::Confirmation(confirmation.clone())),
            None => change,
        }
    }

    /// Decides from the order that refused [`OrderEvent::change`].
    #[must_use]
    pub fn resolve(&self, order: Option<&Order>, now: Timestamp) -> Resolution {
        let Some(order) = order else { return Resolution::Orphan };
        if order.seen.contains(&self.event_tag()) {
            return match order.seen.contains(&self.nonce_tag()) {
                true => Resolution::Replayed,
                false => Resolution::Duplicate(self.remember_delivery(order, now)),
            };
        }
        if order.provider_order.as_ref().is_some_and(|known| *known != self.provider_order) {
            return Resolution::OtherProviderOrder;
        }
        Resolution::Instead(self.informed(order, now))
    }

    fn remember_delivery(&self, order: &Order, now: Timestamp) -> Option<Change> {
        (order.seen.len() < SEEN_MAX).then(|| {
            Change::new(Transition::Note, now)
                .guard(Guard::Version(order.version))
                .effect(Effect::Remember(vec![self.nonce_tag()]))
        })
    }

    /// The change with the order in hand: a step that the order is past is only remembered, and an errand keeps
    /// its look.
    fn informed(&self, order: &Order, now: Timestamp) -> Change {
        if self.transition().from().contains(&order.status) {
            return self.change(now).knowing(order);
        }
        self.remembered(self.note(now)).guard(Guard::Version(order.version))
    }
}

impl Change {
    /// The same change for an order in hand: it holds for just this version. Where the order has an errand, the look that is
    /// due for it stays; and where it was to be cancelled and turns out to be under way at the provider, it is again.
    #[must_use]
    pub fn knowing(mut self, order: &Order) -> Self {
        self.guards.retain(|guard| *guard != Guard::NoErrand);
        if let Some(wish) = self.revived(order) {
            let due = Due::new(self.at, DueReason::Wish);
            self = self.without_due().effect(Effect::Due(Some(due))).effect(Effect::Wish(wish));
        } else if order.has_errand() && order.due.is_some() {
            // An errand whose looks are used up has no due date that could be kept.
            self = self.without_due();
        }
        self.guard(Guard::Version(order.version))
    }

    /// Leaves as it is when somebody must look.
    pub(crate) fn without_due(mut self) -> Self {
        self.effects.retain(|effect| !matches!(effect, Effect::Due(_)));
        self
    }

    /// The cancel that was thought to be done and is to be done again, as the order is under way after all, or may be.
    pub(crate) fn revived(&self, order: &Order) -> Option<Wish> {
        let wish = order.wish.as_ref().filter(|wish| wish.kind == WishKind::Cancel)?;
        let to = self.transition.to();
        let is_under_way = to.is_some_and(|status| !status.is_terminal() || status == Status::Escalated);
        (is_under_way && wish.state == WishState::Done).then(|| wish.now(WishState::Open))
    }
}
