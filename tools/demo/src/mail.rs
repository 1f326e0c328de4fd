//! What is sent: the good declines, some of them twice, and everything that must be refused.

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use models::time::to_text;
use rig::{Decline, MANAGED, Transmission, UNMANAGED};

use crate::cast::Role;

/// Every so many-th decline is sent twice.
const TWICE_EVERY: usize = 12;
/// How many approvals and declines are copied to FlexFactor's risk model.
const APPROVALS: usize = 30;
const DECLINES: usize = 6;
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
    /// Copies of transactions for FlexFactor's risk model.
    pub(crate) transmissions: Vec<String>,
    /// Some of them, to be sent again once they are done.
    pub(crate) transmissions_again: Vec<String>,
    /// How many of them are to reach FlexFactor.
    pub(crate) to_transmit: usize,
    /// The rules by which the others are refused.
    pub(crate) not_transmitted_by: Vec<&'static str>,
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
    let good_transmissions = transmissions(now)?;
    let to_transmit = good_transmissions.len();
    let bad = bad_transmissions(now)?;
    let not_transmitted_by = bad.iter().map(|(rule, _)| *rule).collect();
    let transmissions_again = good_transmissions.iter().step_by(TWICE_EVERY).cloned().collect();
    let transmissions = good_transmissions.into_iter().chain(bad.into_iter().map(|(_, body)| body)).collect();
    Ok(Mail {
        good,
        rest,
        duplicates,
        conflicts,
        refused_by,
        transmissions,
        transmissions_again,
        to_transmit,
        not_transmitted_by,
    })
}

/// Approvals of both merchants, and the declines of the one that wants them copied.
fn transmissions(now: Timestamp) -> Result<Vec<String>> {
    let approvals =
        (1..=APPROVALS).map(|number| (if number % 3 == 0 { UNMANAGED } else { MANAGED }, number, true));
    let declines = (APPROVALS + 1..=APPROVALS + DECLINES).map(|number| (MANAGED, number, false));
    let all = approvals.chain(declines).map(|(merchant, number, approved)| {
        Ok(Transmission::new(merchant, &rig::order_id("sale", number), approved, now)?.body())
    });
    all.collect()
}

/// Transmissions that must be refused, each with its rule.
fn bad_transmissions(now: Timestamp) -> Result<Vec<(&'static str, String)>> {
    let transmission =
        |merchant, number| Transmission::new(merchant, &rig::order_id("bad-sale", number), false, now);
    Ok(vec![
        ("card_number", transmission(MANAGED, 1)?.with("/customer/email", "4111111111111111").body()),
        ("declines_not_wanted", transmission(UNMANAGED, 2)?.body()),
    ])
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
