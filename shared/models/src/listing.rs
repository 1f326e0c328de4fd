//! An order as a list shows it: what is kept beside each order, so that a merchant's orders can be listed by status and time.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::ids::{OrderId, OrderKey};
use crate::money::Money;
use crate::order::{Order, ReasonCode};
use crate::status::{Instruction, Status};
use crate::time::to_text;

/// One line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The order.
    pub key: OrderKey,
    /// Where it stands.
    pub status: Status,
    /// What the billing system is to do.
    pub instruction: Instruction,
    /// Why it stands there.
    pub reason: Option<ReasonCode>,
    /// What is to be charged.
    pub amount: Money,
    /// When it was stored; lists are sorted by this.
    pub received_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The order's version that this line shows.
    pub version: u64,
}

impl Listing {
    /// The line that shows `order` as it is.
    #[must_use]
    pub fn of(order: &Order) -> Self {
        Self {
            key: order.key.clone(),
            status: order.status,
            instruction: order.instruction(),
            reason: order.reason.as_ref().map(|reason| reason.code),
            amount: order.amount,
            received_at: order.received_at,
            updated_at: order.updated_at,
            version: order.version,
        }
    }

    /// Where it stands in a list.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { received_at: self.received_at, order_id: self.key.order_id.clone() }
    }
}

/// A place in a merchant's list, which an order keeps for ever: the time of its arrival, and its id where two came at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// When the order was stored.
    pub received_at: Timestamp,
    /// The order's id.
    pub order_id: OrderId,
}

/// A text that is no place in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no place in a list")]
pub struct PlaceError;

/// Fixed width before the id, so that texts sort as lists do.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", to_text(self.received_at), self.order_id)
    }
}

impl FromStr for Place {
    type Err = PlaceError;
    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let (received_at, order_id) = text.split_once('#').ok_or(PlaceError)?;
        let place = Self {
            received_at: received_at.parse().map_err(|_| PlaceError)?,
            order_id: order_id.parse().map_err(|_| PlaceError)?,
        };
        // A time has many spellings, a place has one.
        if place.to_string() == text { Ok(place) } else { Err(PlaceError) }
    }
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stretch {
    /// Orders stored at this moment or later.
    pub from: Option<Timestamp>,
    /// Orders stored before this moment.
    pub to: Option<Timestamp>,
    /// Orders behind this place.
    pub after: Option<Place>,
}

impl Stretch {
    /// The stretch as two bounds of places' texts, both inclusive; `None` where nothing can lie between them.
    #[must_use]
    pub fn bounds(&self) -> Option<(String, String)> {
        let from = self.from.map_or_else(|| " ".to_owned(), up_to_millis);
        // No bound of a key may be empty; no text of a time begins with a space.
        // A space sorts below whatever an id may go on with: the least text behind the place.
        let behind = self.after.as_ref().map(|place| format!("{place} ")).unwrap_or_default();
        // A place is longer than the text of its time, hence behind the bound; no text of a time begins with a tilde.
        let to = self.to.map_or_else(|| "~".to_owned(), up_to_millis);
        let from = from.max(behind);
        (from <= to).then_some((from, to))
    }

    /// Whether an order at `place` lies in it.
    #[must_use]
    pub fn holds(&self, place: &Place) -> bool {
        let text = place.to_string();
        self.bounds().is_some_and(|(from, to)| (from..=to).contains(&text))
    }
}

/// The text of the first whole millisecond at or after `at`: orders' times have no finer ones.
fn up_to_millis(at: Timestamp) -> String {
    let cut = crate::time::to_millis(at);
    let next = jiff::SignedDuration::from_millis(if cut < at { 1 } else { 0 });
    to_text(crate::time::later(cut, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        text.parse().unwrap()
    }

    fn at(text: &str) -> Option<Timestamp> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn a_place_reads_back_whatever_the_order_id_and_has_one_spelling() {
        for text in ["2026-11-21T10:00:00.000Z#INV-1", "2026-11-21T10:00:00.000Z#a#b/?"] {
            assert_eq!(place(text).to_string(), text);
        }
        for text in [
            "",
            "#",
            "2026-11-21T10:00:00Z#INV-1",
            "2026-11-21T10:00:00.000Z#",
            "2026-11-21T10:00:00.000ZINV-1",
        ] {
            assert_eq!(text.parse::<Place>(), Err(PlaceError), "{text:?}");
        }
    }

    #[test]
    fn a_stretch_takes_its_beginning_and_leaves_its_end() {
        let stretch =
            Stretch { from: at("2026-11-21T10:00:00Z"), to: at("2026-11-21T11:00:00Z"), after: None };
        assert!(stretch.holds(&place("2026-11-21T10:00:00.000Z#A")));
        assert!(stretch.holds(&place("2026-11-21T10:59:59.999Z#~")));
        assert!(!stretch.holds(&place("2026-11-21T09:59:59.999Z#~")));
        assert!(!stretch.holds(&place("2026-11-21T11:00:00.000Z#!")));
        // Finer than a millisecond, as no order is: rounded up on both sides.
        let fine = Stretch {
            from: at("2026-11-21T10:00:00.0001Z"),
            to: at("2026-11-21T10:00:00.0011Z"),
            after: None,
        };
        assert!(!fine.holds(&place("2026-11-21T10:00:00.000Z#A")));
        assert!(fine.holds(&place("2026-11-21T10:00:00.001Z#A")));
        assert!(!fine.holds(&place("2026-11-21T10:00:00.002Z#A")));
    }

    #[test]
    fn what_is_behind_a_place_is_neither_it_nor_what_begins_as_it_does_before_it() {
        let stretch = Stretch { after: Some(place("2026-11-21T10:00:00.000Z#A-1")), ..Stretch::default() };
        assert!(!stretch.holds(&place("2026-11-21T10:00:00.000Z#A-1")));
        assert!(!stretch.holds(&place("2026-11-21T10:00:00.000Z#A")));
        assert!(stretch.holds(&place("2026-11-21T10:00:00.000Z#A-1!")));
        assert!(stretch.holds(&place("2026-11-21T10:00:00.000Z#A-10")));
        assert!(stretch.holds(&place("2026-11-21T10:00:00.001Z#!")));
    }

    #[test]
    fn nothing_lies_in_a_stretch_that_ends_before_it_begins() {
        let to = at("2026-11-21T10:00:00Z");
        assert_eq!(Stretch { from: at("2026-11-21T11:00:00Z"), to, after: None }.bounds(), None);
        let after = Some(place("2026-11-21T10:00:00.000Z#A"));
        assert_eq!(Stretch { from: None, to, after }.bounds(), None);
    }
}
