//! Who plays: the kinds of orders, what FlexFactor does with each, and how each must end.

use models::status::Status;
use rig::{MANAGED, UNMANAGED, order_id};
use serde_json::{Value, json};

const DAY: u64 = 86_400;

/// A kind of order.
pub(crate) struct Kind {
    /// The first part of its order ids.
    pub(crate) name: &'static str,
    /// Whose orders they are.
    pub(crate) merchant: &'static str,
    /// How many of [`ORDERS_DEFAULT`] orders are of this kind.
    share: usize,
    /// How each must end.
    pub(crate) ends: Status,
    /// What is shown of it.
    pub(crate) story: &'static str,
    /// The sandbox's rule for it, but for whom it concerns.
    rule: fn() -> Value,
}

/// How many orders the shares add up to.
pub(crate) const ORDERS_DEFAULT: usize = 350;

macro_rules! kinds {
    ($($merchant:ident $name:literal x $share:literal ends $ends:ident: $story:literal => $rule:expr;)+) => {
        /// All kinds.
        pub(crate) static KINDS: &[Kind] = &[$(Kind {
            name: $name, merchant: $merchant, share: $share, ends: Status::$ends, story: $story, rule: || $rule,
        }),+];
    };
}

fn approve(days: u64) -> Value {
    json!({ "kind": "approve", "after_seconds": days * DAY })
}

fn spread_approvals() -> Value {
    let of: Vec<_> = (1..=19).step_by(3).map(|days| json!({ "weight": 1, "fate": approve(days) })).collect();
    json!({ "kind": "mix", "of": of })
}

fn call(kind: &str) -> Value {
    json!([{ "kind": kind, "on": ["evaluate"], "times": 1, "hold_millis": 10_000 }])
}

kinds! {
    MANAGED "ok" x 60 ends Approved: "approved in the course of the window" => json!({ "fate": spread_approvals() });
    MANAGED "expire" x 40 ends Expired: "expired, told by webhook" => json!({ "fate": { "kind": "expire" } });
    MANAGED "lost-expiry" x 16 ends Expired: "expired, the webhook is lost: found by the sweep" => json!({
        "fate": { "kind": "expire" }, "webhooks": [{ "kind": "lost" }] });
    MANAGED "lost-approval" x 12 ends Approved: "approved, the webhook is lost: found by the sweep" => json!({
        "fate": approve(5), "webhooks": [{ "kind": "lost" }] });
    MANAGED "duplicate" x 14 ends Approved: "approved, each webhook comes three times" => json!({
        "fate": approve(3), "webhooks": [{ "kind": { "duplicated": { "copies": 2, "after_seconds": 0 } } }] });
    MANAGED "reorder" x 10 ends Approved: "refunded after the approval, the webhooks come in the wrong order" => json!({
        "fate": approve(4),
        "steps": [{ "after_seconds": 4 * DAY + 600, "do": { "refund": { "amount_minor": 500 } } }],
        "webhooks": [{ "kind": { "reordered": { "hold_seconds": 3_600 } }, "events": ["order.completed"] }] });
    MANAGED "early" x 10 ends Approved: "the webhook comes before the answer to /evaluate" => json!({
        "fate": { "kind": "approve", "after_seconds": 1 }, "webhooks": [{ "kind": "before_answer" }] });
    MANAGED "timeout-after" x 14 ends Approved: "/evaluate times out after it took effect" => json!({
        "fate": approve(6), "calls": call("timeout_after") });
    MANAGED "timeout-before" x 6 ends Approved: "/evaluate times out before it took effect" => json!({
        "fate": approve(6), "calls": call("timeout_before") });
    MANAGED "error-after" x 6 ends Approved: "/evaluate answers 500 after it took effect" => json!({
        "fate": approve(7), "calls": call("error_after") });
    MANAGED "busy" x 4 ends Approved: "/evaluate answers 429 at first" => json!({
        "fate": approve(8), "calls": call("too_many_requests") });
    MANAGED "malformed" x 4 ends Approved: "/evaluate answers what can't be read" => json!({
        "fate": approve(8), "calls": call("malformed_body") });
    MANAGED "token" x 6 ends Approved: "the token expires under way" => json!({
        "fate": approve(9), "calls": call("token_revoked") });
    MANAGED "declined" x 16 ends Declined: "declined at once" => json!({
        "fate": { "kind": "decline", "after_seconds": 0 } });
    MANAGED "cancelled" x 10 ends Cancelled: "declined by FlexFactor after days (order.cancelled)" => json!({
        "fate": { "kind": "decline", "after_seconds": 4 * DAY } });
    MANAGED "forged" x 12 ends Expired: "expired, beside ten kinds of forged webhooks" => json!({
        "fate": { "kind": "expire" }, "webhooks": [{ "kind": { "forged": { "forgeries": [] } } }] });
    UNMANAGED "now" x 40 ends Approved: "approved in the answer" => json!({ "fate": approve(0) });
    UNMANAGED "later" x 24 ends Approved: "declined in the answer, approved in the background" => json!({ "fate": approve(5) });
    UNMANAGED "never" x 30 ends Expired: "declined in the answer, then expired" => json!({ "fate": { "kind": "expire" } });
    UNMANAGED "never-lost" x 8 ends Expired: "the same, the webhook is lost: found by the sweep" => json!({
        "fate": { "kind": "expire" }, "webhooks": [{ "kind": "lost" }] });
    UNMANAGED "now-timeout" x 8 ends Approved: "approved, but the answer times out" => json!({
        "fate": approve(0), "calls": call("timeout_after") });
}

impl Kind {
    /// Whether something goes wrong with each order of this kind, so that the ledger must tell of a fault.
    pub(crate) fn has_fault(&self) -> bool {
        let rule = (self.rule)();
        rule.get("calls").is_some() || rule.get("webhooks").is_some()
    }
}

/// An order of the demo.
pub(crate) struct Role {
    pub(crate) kind: &'static Kind,
    pub(crate) order_id: String,
}

/// About `orders` orders: of each kind its share, at least one.
pub(crate) fn roles(orders: usize) -> Vec<Role> {
    KINDS
        .iter()
        .flat_map(|kind| {
            let count = (orders * kind.share).div_ceil(ORDERS_DEFAULT).max(1);
            (1..=count).map(|number| Role { kind, order_id: order_id(kind.name, number) })
        })
        .collect()
}

/// The kind of an order, by its id.
pub(crate) fn kind_of(order_id: &str) -> Option<&'static Kind> {
    let name = order_id.rsplit_once('-')?.0;
    KINDS.iter().find(|kind| kind.name == name)
}

/// The sandbox's scenario.
pub(crate) fn scenario() -> Value {
    let rules: Vec<_> = KINDS
        .iter()
        .map(|kind| {
            let mut rule = (kind.rule)();
            rule["name"] = kind.name.into();
            rule["when"] = json!({ "order_id": format!("{}-????", kind.name) });
            rule
        })
        .collect();
    // The harmful reading for both modes, so that a double submission would be seen of either.
    json!({ "rules": rules, "settings": { "evaluate": { "repeated_order_unmanaged": "new_order" }, "orders": { "amount_fields": true } } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_every_order_finds_its_kind() {
        assert_eq!(KINDS.iter().map(|kind| kind.share).sum::<usize>(), ORDERS_DEFAULT);
        let all = roles(ORDERS_DEFAULT);
        assert_eq!(all.len(), ORDERS_DEFAULT);
        for role in all {
            assert_eq!(kind_of(&role.order_id).map(|kind| kind.name), Some(role.kind.name));
        }
        assert_eq!(roles(1).len(), KINDS.len());
    }
}
