//! What is sent: the good declines, some of them twice, and everything that must be refused.

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use models::time::to_text;
use rig::{Decline, MANAGED};

use crate::cast::Role;

/// Every so many-th decline is sent twice.
const TWICE_EVERY: usize = 12;
/// How many orders get another decline under their id.
const CONFLICTS: usize = 4;

/// Everything that is sent, and what is expected of it.
pub(crate) struct Mail {
    /// The declines that become orders.
    pub(crate) good: Vec<String>,
    /// What is sent after them: the same again, other declines under the same ids, and bad ones.
    pub(crate) rest: Vec<String>,
    /// How many of the rest are the same again.
    pub(crate) duplicates: usize,
    /// How many are conflicts.
    pub(crate) conflicts: usize,
    /// The rules by which the others are refused, in their order.
    pub(crate) refused_by: Vec<&'static str>,
}

pub(crate) fn write(roles: &[Role], now: Timestamp) -> Result<Mail> {
    let declines: Vec<Decline> = roles
        .iter()
        .map(|role| Decline::new(role.kind.merchant, &role.order_id, now))
        .collect::<Result<_>>()?;
    let good: Vec<_> = declines.iter().map(Decline::body).collect();
    let mut rest: Vec<_> = good.iter().step_by(TWICE_EVERY).cloned().collect();
    let duplicates = rest.len();
    let conflicts = declines
        .iter()
        .take(CONFLICTS)
        .map(|decline| decline.clone().with("/amount/minor", decline.minor() + 1).body());
    rest.extend(conflicts);
    let conflicts = rest.len() - duplicates;
    let bad = bad(now)?;
    let refused_by = bad.iter().map(|(rule, _)| *rule).collect();
    rest.extend(bad.into_iter().map(|(_, body)| body));
    Ok(Mail { good, rest, duplicates, conflicts, refused_by })
}

/// Messages that must be refused, each with its rule.
fn bad(now: Timestamp) -> Result<Vec<(&'static str, String)>> {
    let decline = |number| Decline::new(MANAGED, &rig::order_id("bad", number), now);
    let long_ago = now.checked_sub(SignedDuration::from_hours(49))?;
    Ok(vec![
        ("card_number", decline(1)?.with("/card/token", "4111111111111111").body()),
        ("card_number", decline(2)?.with("/customer/phone", "4000 0027 6000 3184").body()),
        ("card_number", decline(3)?.with("/transaction/id", "txn 5555-5555-5555-4444").body()),
        ("not_json", decline(4)?.body().replacen('}', "", 1)),
        ("not_json", "retry please".to_owned()),
        ("not_json", String::from("{\"merchant\": \"acme\", \"pan\": 4111111111111111")),
        ("stale", decline(5)?.with("/declined_at", to_text(long_ago)).body()),
        ("stale", decline(6)?.with("/declined_at", to_text(long_ago)).body()),
        ("mit_flags", decline(7)?.with("/merchant_initiated", false).body()),
        ("merchant_unknown", decline(8)?.with("/merchant", "initech").body()),
        ("schema", decline(9)?.with("/amount/minor", "19.99").body()),
        ("currency", decline(10)?.with("/amount/currency", "EUR").body()),
    ])
}
