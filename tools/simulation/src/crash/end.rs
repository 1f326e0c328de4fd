//! How a story ended, in one line that holds all that must not differ: neither attempts nor versions nor times.

use std::collections::BTreeSet;

use models::order::Order;
use models::parked::Parked;
use models::refund::RefundState;
use sandbox::OrderEntry;

use crate::world::Ended;

/// The end of a world with a few orders.
pub(super) fn end_of(ended: &Ended) -> String {
    let table = ended.functions.store.table();
    let orders: Vec<_> = table.orders().iter().map(order).collect();
    let ledger: Vec<_> = ended.ledger.orders.iter().map(entry).collect();
    let mut parked: Vec<_> = table.parked().iter().map(kept).collect();
    parked.sort();
    let queues: Vec<_> = ended.functions.queues().iter().map(|queue| queue.lengths()).collect();
    format!(
        "{} | FlexFactor: {} | parked: {} | queues: {queues:?} | applied twice: {}",
        orders.join(", "),
        ledger.join(", "),
        parked.join(", "),
        ended.functions.store.applied_twice(),
    )
}

fn order(order: &Order) -> String {
    // By name: an event that comes later, because the order did, has another time.
    let events: BTreeSet<_> =
        order.seen.iter().filter_map(|tag| tag.as_str().strip_prefix("e:")?.split('@').next()).collect();
    // What was not made may have been asked for more than once, and is asked for anew.
    let mut made: Vec<_> = order.refunds.iter().filter(|refund| refund.state == RefundState::Made).collect();
    made.sort_by_key(|refund| refund.amount);
    let made: Vec<_> = made.iter().map(|refund| refund.amount.get()).collect();
    format!(
        "{} cancel {:?} capture {:?} made {made:?} reserved {} left {} refund {} dispute {} known {} due {} request {} \
         events {events:?}",
        order.status,
        order.cancel_state(),
        order.capture_state(),
        order.reserved().get(),
        order.refundable().get(),
        order.refund,
        order.dispute,
        order.provider_order.is_some(),
        order.due.is_some(),
        order.request.is_some(),
    )
}

fn entry(entry: &OrderEntry) -> String {
    let (phase, charges, refunds) = (entry.phase, entry.charges.len(), entry.refunds.len());
    format!(
        "{phase:?} submissions {} keys {} charges {charges} refunds {refunds}",
        entry.effective_submissions,
        entry.idempotency_keys.len()
    )
}

fn kept(parked: &Parked) -> String {
    format!("{} {}", parked.key.kind.word(), parked.fate.word())
}
