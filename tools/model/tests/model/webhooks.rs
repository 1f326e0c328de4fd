//! webhook-receiver: one change that applies the event and remembers it, or what the refusing order says instead.

use std::sync::Arc;

use models::event::{EventKind, OrderEvent, Resolution};
use models::order::{Order, Tag};
use models::status::Status;
use models::time::to_millis;

use crate::provider;
use crate::rules::Rules;
use crate::steps::Step;
use crate::world::{EVENTS, World};

const OCCURRED_AT: &str = "2026-11-21T10:00:00Z";

pub(crate) fn possible(world: &World, steps: &mut Vec<Step>) {
    for (event, delivery) in &world.hooks {
        let (event, delivery) = (*event, *delivery);
        steps.extend([
            Step::Deliver(event, delivery),
            Step::SendAgain(event, delivery),
            Step::Repeat(event, delivery),
            Step::LoseHook(event, delivery),
        ]);
    }
}

/// What an order remembers an event by.
pub(crate) fn tag(event: u8) -> Tag {
    Tag::event(EVENTS[usize::from(event)].1, OCCURRED_AT)
}

/// The status that an event speaks for.
pub(crate) fn target(event: u8) -> Option<Status> {
    match EVENTS[usize::from(event)].0 {
        EventKind::Completed => Some(Status::Approved),
        EventKind::Expired => Some(Status::Expired),
        EventKind::Cancelled => Some(Status::Cancelled),
        EventKind::CaptureRequired => Some(Status::CaptureRequired),
        EventKind::Refunded | EventKind::Chargeback | EventKind::Progress => None,
    }
}

/// What the delivery was answered with.
enum Taken {
    Applied,
    Known,
    Refused,
}

pub(crate) fn deliver(rules: &Rules, world: &mut World, event: u8, delivery: u8, next: Option<u8>) {
    world.hooks.remove(&(event, delivery));
    world.hooks.extend(next.map(|next| (event, next)));
    let (kind, name) = EVENTS[usize::from(event)];
    let now = world.now;
    let stored = Arc::make_mut(world.order.as_mut().expect("the provider knows it from us"));
    let notice = OrderEvent {
        kind,
        name: name.to_owned(),
        occurred_at: OCCURRED_AT.to_owned(),
        order_id: stored.key.order_id.clone(),
        provider_order: provider::id(world.theirs.len() - 1),
        confirmation: (kind == EventKind::Completed).then(|| "22ACD1D9".to_owned()),
        nonce: format!("{name}-{delivery}"),
    };
    let was_seen = stored.seen.contains(&tag(event));
    match apply(rules, stored, &notice, now) {
        Taken::Applied => {
            world.history.had_effect_twice |= was_seen;
            if matches!(kind, EventKind::Refunded | EventKind::Chargeback) {
                world.history.gave_up = false;
            }
            world.history.acknowledged.insert(event);
        }
        Taken::Known => {
            world.history.acknowledged.insert(event);
        }
        Taken::Refused => {}
    }
}

/// As the store applies an event.
fn apply(rules: &Rules, order: &mut Order, event: &OrderEvent, now: jiff::Timestamp) -> Taken {
    let changed_at = order.updated_at;
    if rules.change(order, event.change(now)) {
        return Taken::Applied;
    }
    let (change, taken) = match event.resolve(Some(order), now) {
        Resolution::Replayed if changed_at == to_millis(now) => return Taken::Known,
        Resolution::Replayed => return Taken::Refused,
        Resolution::Duplicate(None) => return Taken::Known,
        Resolution::Duplicate(Some(change)) => (change, Taken::Known),
        Resolution::Instead(change) => (change, Taken::Applied),
        // Parked: acknowledged and kept, but of no effect on this order.
        Resolution::OtherProviderOrder | Resolution::Orphan => return Taken::Refused,
    };
    assert!(rules.change(order, change), "what is resolved with the order in hand holds for it");
    taken
}
