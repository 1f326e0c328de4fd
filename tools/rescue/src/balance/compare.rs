//! The three books held against one another. Pure: what was read comes in, what does not fit comes out.

use std::collections::{BTreeMap, BTreeSet};

use flexfactor::Listed;
use models::ids::{OrderKey, ProviderOrderId};
use models::order::Order;
use models::reconcile::ProviderView;
use models::refund::Totals;
use models::status::Status;
use serde::Serialize;

/// What does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GapKind {
    /// Its history is here, and the order is not.
    LostHere,
    /// FlexFactor has it, and we do not.
    UnknownHere,
    /// FlexFactor has it more than once.
    TakenTwice,
    /// FlexFactor gave us its id of it once, and does not know it now.
    MissingThere,
    /// FlexFactor charged the customer, and the order here does not say so.
    ChargedThere,
    /// The order here says that the customer was charged, and FlexFactor does not.
    ApprovedHere,
    /// Both have it, and they differ in where it stands.
    StatusDiffers,
    /// Both say that the customer was charged, and they differ in how much was captured or refunded.
    MoneyDiffers,
    /// FlexFactor has it under another id than ours.
    OtherId,
    /// FlexFactor says a word that we don't know.
    NotUnderstood,
}

/// A gap.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Gap {
    /// What kind.
    pub(crate) kind: GapKind,
    /// The order, by merchant and order id.
    pub(crate) order: String,
    /// What is wrong.
    pub(crate) why: String,
}

/// What FlexFactor said of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reading {
    /// It has it, and says this of it.
    Has(Said),
    /// It says that it has no such order.
    HasNot,
    /// It did not say. Never a gap: nobody knows.
    NoAnswer(String),
}

/// What FlexFactor says of an order that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// What its word means.
    pub(crate) view: ProviderView,
    /// Its word.
    pub(crate) word: String,
    /// What it captured and refunded, where it tells.
    pub(crate) totals: Option<Totals>,
}

/// What FlexFactor has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Theirs {
    /// Its list, by our order ids; only merchants whose list could be read are in it.
    pub(crate) listed: BTreeMap<OrderKey, Vec<ProviderOrderId>>,
    /// Listed orders whose reference can't be an order id of ours, by merchant and FlexFactor's id.
    pub(crate) nameless: BTreeSet<String>,
    /// What it said of each order that we have its id of.
    pub(crate) read: BTreeMap<OrderKey, Reading>,
}

impl Theirs {
    /// Takes in a merchant's list.
    pub(crate) fn list(&mut self, merchant: &models::ids::MerchantId, listed: Vec<Listed>) {
        for Listed { id, reference } in listed {
            match reference.and_then(|reference| reference.parse().ok()) {
                Some(order_id) => {
                    let key = OrderKey { merchant: merchant.clone(), order_id };
                    let ids = self.listed.entry(key).or_default();
                    // The pages of a list move while it is read, and may tell one order twice.
                    if !ids.contains(&id) {
                        ids.push(id);
                    }
                }
                None => {
                    self.nameless.insert(format!("{merchant}/?{id}"));
                }
            }
        }
    }

    /// Whether FlexFactor has the order, as far as it said.
    #[must_use]
    pub(crate) fn has(&self, key: &OrderKey) -> bool {
        self.listed.contains_key(key) || matches!(self.read.get(key), Some(Reading::Has(_)))
    }
}

/// Everything that does not fit, and the orders of which FlexFactor said nothing.
#[must_use]
pub(crate) fn gaps(
    orders: &BTreeMap<OrderKey, Order>,
    remembered: &BTreeSet<OrderKey>,
    theirs: &Theirs,
) -> (Vec<Gap>, Vec<String>) {
    let (mut gaps, mut silent) = (Vec::new(), Vec::new());
    let mut gap = |kind, order: &dyn std::fmt::Display, why: String| {
        gaps.push(Gap { kind, order: order.to_string(), why });
    };
    for key in remembered.iter().filter(|key| !orders.contains_key(key)) {
        gap(GapKind::LostHere, key, "its history is in the table, and the order is not".to_owned());
    }
    for (key, ids) in &theirs.listed {
        if ids.len() > 1 {
            gap(GapKind::TakenTwice, key, format!("FlexFactor has {} orders under this id", ids.len()));
        }
        match orders.get(key) {
            None => gap(GapKind::UnknownHere, key, "FlexFactor has it and the table does not".to_owned()),
            Some(order) => {
                if let Some(ours) = order.provider_order.as_ref().filter(|ours| !ids.contains(ours)) {
                    gap(
                        GapKind::OtherId,
                        key,
                        format!("we know it as {ours}, which FlexFactor does not list"),
                    );
                }
            }
        }
    }
    for name in &theirs.nameless {
        let why = "FlexFactor has it under a reference that is no order id of ours".to_owned();
        gap(GapKind::UnknownHere, name, why);
    }
    for (key, order) in orders {
        match theirs.read.get(key) {
            Some(Reading::Has(said)) => {
                let found =
                    differ(order.status, said.view, &said.word).or_else(|| unequal(order, said.totals?));
                if let Some((kind, why)) = found {
                    gap(kind, key, why);
                }
            }
            Some(Reading::HasNot) => {
                let why = format!("it is {} here, and FlexFactor does not know its id", order.status);
                gap(GapKind::MissingThere, key, why);
            }
            Some(Reading::NoAnswer(why)) => silent.push(format!("{key}: {why}")),
            // It never told us an id: it may have none, which its list would show.
            None if order.status == Status::Rejected && theirs.listed.contains_key(key) => {
                gap(GapKind::StatusDiffers, key, "it is rejected here, and FlexFactor has it".to_owned());
            }
            None => {}
        }
    }
    gaps.sort();
    gaps.dedup();
    (gaps, silent)
}

/// How a status of ours and FlexFactor's view of the order differ, if they do.
fn differ(status: Status, view: ProviderView, word: &str) -> Option<(GapKind, String)> {
    let is_charged = match view {
        ProviderView::Rescued | ProviderView::Returned | ProviderView::Disputed => true,
        ProviderView::NotUnderstood => {
            return Some((GapKind::NotUnderstood, format!("FlexFactor says {word}, which is not known")));
        }
        // That is not said of an order that was read.
        ProviderView::NoAnswer => return None,
        ProviderView::Working
        | ProviderView::CaptureRequired
        | ProviderView::Over
        | ProviderView::Declined
        | ProviderView::CalledOff
        | ProviderView::Expired
        | ProviderView::Problem => false,
    };
    let told = format!("it is {status} here and {word} at FlexFactor");
    match (status == Status::Approved, is_charged) {
        (true, true) => return None,
        (true, false) => return Some((GapKind::ApprovedHere, told)),
        (false, true) => return Some((GapKind::ChargedThere, told)),
        (false, false) => {}
    }
    let agrees = match status {
        // Dealt with above.
        Status::Approved => true,
        Status::Received | Status::Submitting | Status::Unknown | Status::Pending => {
            view == ProviderView::Working
        }
        Status::CaptureRequired => view == ProviderView::CaptureRequired,
        // Handed back to people, whatever FlexFactor does with it: told by the status itself.
        Status::Escalated => true,
        // Still worked on there after window and grace: over here (docs/architecture.md).
        Status::Expired => matches!(view, ProviderView::Working | ProviderView::Over | ProviderView::Expired),
        Status::Cancelled => matches!(view, ProviderView::Over | ProviderView::CalledOff),
        Status::Declined => matches!(view, ProviderView::Over | ProviderView::Declined),
        Status::Rejected => false,
    };
    (!agrees).then_some((GapKind::StatusDiffers, told))
}

/// How the money of an order differs from what FlexFactor tells, if it does.
fn unequal(order: &Order, totals: Totals) -> Option<(GapKind, String)> {
    let is_charged = order.status == Status::Approved;
    let (captured, refunded) = (order.captured(), order.refunded());
    let differs = is_charged && (captured, refunded) != (totals.captured, totals.refunded);
    differs.then(|| {
        let why = format!(
            "captured {} and refunded {} here, {} and {} at FlexFactor (minor units)",
            captured.get(),
            refunded.get(),
            totals.captured.get(),
            totals.refunded.get()
        );
        (GapKind::MoneyDiffers, why)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use models::screening::Screened;
    use models::{intake, screening};

    fn key(order_id: &str) -> OrderKey {
        OrderKey { merchant: "acme".parse().unwrap(), order_id: order_id.parse().unwrap() }
    }

    fn orders(wanted: &[(&str, Status)]) -> BTreeMap<OrderKey, Order> {
        let order = |(order_id, status): &(&str, Status)| {
            let mut value: serde_json::Value =
                serde_json::from_str(include_str!("../../../../events/decline.json")).unwrap();
            value["order_id"] = (*order_id).into();
            let decline = screening::read(&value).unwrap();
            let content = decline.content().unwrap();
            let screened = Screened { decline, window_days: 21 };
            let now = "2026-11-21T10:00:00Z".parse().unwrap();
            let mut order = intake::open(screened, content, SignedDuration::from_mins(15), now);
            order.status = *status;
            order.provider_order = Some(format!("ff-{order_id}").parse().unwrap());
            (order.key.clone(), order)
        };
        wanted.iter().map(order).collect()
    }

    fn theirs(read: &[(&str, ProviderView)]) -> Theirs {
        let mut theirs = Theirs::default();
        let listed = read.iter().map(|(order_id, _)| Listed {
            id: format!("ff-{order_id}").parse().unwrap(),
            reference: Some((*order_id).to_owned()),
        });
        theirs.list(&"acme".parse().unwrap(), listed.collect());
        theirs.read = read.iter().map(|(id, view)| (key(id), Reading::Has(said(*view)))).collect();
        theirs
    }

    fn said(view: ProviderView) -> Said {
        Said { view, word: "Word".to_owned(), totals: None }
    }

    #[test]
    fn money_that_differs_is_a_gap_with_its_order() {
        let orders = orders(&[("paid", Status::Approved)]);
        let mut theirs = theirs(&[("paid", ProviderView::Returned)]);
        let totals = |captured, refunded| Totals {
            captured: models::money::MinorUnits::new(captured),
            refunded: models::money::MinorUnits::new(refunded),
        };
        let tell = |totals| Reading::Has(Said { totals: Some(totals), ..said(ProviderView::Returned) });
        theirs.read.insert(key("paid"), tell(totals(1_999, 0)));
        assert_eq!(kinds(&orders, &theirs), []);
        theirs.read.insert(key("paid"), tell(totals(1_999, 500)));
        assert_eq!(kinds(&orders, &theirs), [GapKind::MoneyDiffers]);
    }

    fn kinds(orders: &BTreeMap<OrderKey, Order>, theirs: &Theirs) -> Vec<GapKind> {
        let remembered = orders.keys().cloned().collect();
        gaps(orders, &remembered, theirs).0.into_iter().map(|gap| gap.kind).collect()
    }

    #[test]
    fn where_all_books_agree_there_is_no_gap() {
        let orders = orders(&[
            ("paid", Status::Approved),
            ("back", Status::Approved),
            ("open", Status::Pending),
            ("late", Status::Expired),
            ("off", Status::Cancelled),
        ]);
        let theirs = theirs(&[
            ("paid", ProviderView::Rescued),
            ("back", ProviderView::Returned),
            ("open", ProviderView::Working),
            ("late", ProviderView::Over),
            ("off", ProviderView::Over),
        ]);
        assert_eq!(kinds(&orders, &theirs), []);
    }

    #[test]
    fn every_gap_is_told_with_its_order() {
        let mut here =
            orders(&[("charged", Status::Pending), ("paid", Status::Approved), ("gone", Status::Pending)]);
        let mut theirs = theirs(&[
            ("charged", ProviderView::Rescued),
            ("paid", ProviderView::Working),
            ("gone", ProviderView::Working),
            ("theirs", ProviderView::Working),
        ]);
        theirs.read.insert(key("gone"), Reading::HasNot);
        theirs.listed.remove(&key("gone"));
        theirs.listed.insert(key("paid"), vec!["ff-paid".parse().unwrap(), "ff-2".parse().unwrap()]);
        let remembered = here.keys().cloned().chain([key("deleted")]).collect();
        let (gaps, _) = gaps(&here, &remembered, &theirs);
        let told: Vec<_> = gaps.iter().map(|gap| (gap.kind, gap.order.as_str())).collect();
        assert_eq!(
            told,
            [
                (GapKind::LostHere, "acme/deleted"),
                (GapKind::UnknownHere, "acme/theirs"),
                (GapKind::TakenTwice, "acme/paid"),
                (GapKind::MissingThere, "acme/gone"),
                (GapKind::ChargedThere, "acme/charged"),
                (GapKind::ApprovedHere, "acme/paid"),
            ]
        );
        here.clear();
        assert!(kinds(&here, &theirs).contains(&GapKind::UnknownHere));
    }

    #[test]
    fn silence_is_no_gap_and_is_told() {
        let orders = orders(&[("open", Status::Pending)]);
        let mut theirs = Theirs::default();
        theirs.read.insert(key("open"), Reading::NoAnswer("no answer within the time limit".to_owned()));
        let (gaps, silent) = gaps(&orders, &BTreeSet::new(), &theirs);
        assert_eq!((gaps.len(), silent.len()), (0, 1));
    }

    #[test]
    fn a_word_that_is_not_known_is_a_gap_and_an_escalated_order_that_was_charged_is_one() {
        assert_eq!(
            differ(Status::Pending, ProviderView::NotUnderstood, "X").unwrap().0,
            GapKind::NotUnderstood
        );
        assert_eq!(differ(Status::Escalated, ProviderView::Rescued, "X").unwrap().0, GapKind::ChargedThere);
        assert_eq!(differ(Status::Escalated, ProviderView::Working, "X"), None);
    }
}
