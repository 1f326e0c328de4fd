//! Reading a history with suspicion.

use super::{Entry, Hash, State, form};
use crate::order::{Order, Tag};
use crate::status::{Status, Transition};

/// A history that can't be what happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {version}: {flaw}")]
pub struct Broken {
    /// The version whose entry is at fault: where the history stops being whole.
    pub version: u64,
    /// What is wrong with it.
    pub flaw: Flaw,
}

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It is not there.
    #[error("it is missing")]
    Missing,
    /// It is not there; another one is in its place.
    #[error("it is missing, and the entry of version {0} is in its place")]
    OutOfPlace(u64),
    /// It is there although the order has not got that far.
    #[error("the order has no such version")]
    Beyond,
    /// It is another order's.
    #[error("it belongs to another order")]
    OtherOrder,
    /// It does not continue the entry before it.
    #[error("its link is not the hash of the entry before")]
    Link,
    /// It was changed.
    #[error("its content is not what its hash says")]
    Content,
    /// It starts from a status at which the order did not stand.
    #[error("it starts from a status at which the order did not stand")]
    From,
    /// The order may not have gone this way.
    #[error("no transition leads from {} to {to}", .from.map_or("nothing", Status::word))]
    Step {
        /// The status before.
        from: Option<Status>,
        /// The status after.
        to: Status,
    },
    /// Something changed that never changes.
    #[error("amount, times or content of the order are not those it began with")]
    Facts,
    /// The order is not as its last entry says.
    #[error("it is the last one, and the order differs from it")]
    Order,
}

/// Checks an order's whole history, first entry first.
///
/// Versions run from 1 without a gap; each entry's hash is that of its content and of the entry before; each step of the
/// status is one that [`Transition`] allows; what never changes did not. With the order in hand, the history must also
/// end where the order stands: without it, entries that were cut off at the end are not missed.
///
/// # Errors
/// The first entry at fault, and why.
pub fn verify(entries: &[Entry], order: Option<&Order>) -> Result<(), Broken> {
    let mut before: Option<&Entry> = None;
    for entry in entries {
        let version = before.map_or(1, |before| before.version.saturating_add(1));
        follows(before, version, entry, order).map_err(|flaw| Broken { version, flaw })?;
        before = Some(entry);
    }
    order.map_or(Ok(()), |order| ends(entries, order))
}

fn follows(before: Option<&Entry>, version: u64, entry: &Entry, order: Option<&Order>) -> Result<(), Flaw> {
    let key = order.map(|order| &order.key).or(before.map(|before| &before.key)).unwrap_or(&entry.key);
    let previous = before.map_or_else(|| Entry::start(key), |before| before.hash);
    let holds = |holds: bool, flaw: Flaw| if holds { Ok(()) } else { Err(flaw) };
    holds(entry.version == version, Flaw::OutOfPlace(entry.version))?;
    holds(entry.key == *key, Flaw::OtherOrder)?;
    holds(entry.previous == previous, Flaw::Link)?;
    holds(entry.hash == entry.computed(), Flaw::Content)?;
    holds(entry.from == before.map(|before| before.state.status), Flaw::From)?;
    holds(is_step(entry.from, entry.state.status), Flaw::Step { from: entry.from, to: entry.state.status })?;
    holds(before.is_none_or(|before| before.facts == entry.facts), Flaw::Facts)
}

/// Whether the transition table has such an edge.
fn is_step(from: Option<Status>, to: Status) -> bool {
    let Some(from) = from else { return to == Status::Received };
    Transition::ALL.iter().any(|step| step.from().contains(&from) && step.to().unwrap_or(from) == to)
}

fn ends(entries: &[Entry], order: &Order) -> Result<(), Broken> {
    let last = entries.last().map_or(0, |last| last.version);
    if last < order.version {
        return Err(Broken { version: last.saturating_add(1), flaw: Flaw::Missing });
    }
    if last > order.version {
        return Err(Broken { version: order.version.saturating_add(1), flaw: Flaw::Beyond });
    }
    // Sorted as the order's set is; something that was remembered twice is there twice.
    let mut remembered: Vec<&Tag> = entries.iter().flat_map(|entry| &entry.remembered).collect();
    remembered.sort();
    let facts: Hash = form::facts(order);
    let agrees = entries.last().is_none_or(|last| {
        last.at == order.updated_at && last.facts == facts && last.state == State::of(order)
    }) && remembered.into_iter().eq(&order.seen);
    if agrees { Ok(()) } else { Err(Broken { version: last, flaw: Flaw::Order }) }
}
