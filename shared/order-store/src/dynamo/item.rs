//! Orders as items: the one place that knows attribute names.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use models::history::State;
use models::ids::{ContentHash, MerchantId, OrderKey};
use models::merchant::Merchant;
use models::money::Money;
use models::order::{Due, Facet, Order, Tag};
use models::refund::{Refund, RefundState, Totals};
use models::time::to_text;
use models::wish::Wish;

use super::facts;
use super::key::{self, ItemKey};
use super::packed::pack;
use super::reader::Reader;
use crate::table::StoreError;

/// An item.
pub(super) type Item = HashMap<String, AttributeValue>;

/// The version of the items that this code writes; it reads all up to it. 2: an order's request is packed.
pub(super) const SCHEMA: u64 = 2;

/// Attribute names.
pub(super) mod attr {
    pub(in crate::dynamo) const PK: &str = "pk";
    pub(in crate::dynamo) const SK: &str = "sk";
    pub(in crate::dynamo) const SCHEMA: &str = "schema";
    pub(in crate::dynamo) const TTL: &str = "ttl";
    pub(in crate::dynamo) const STATUS: &str = "status";
    pub(in crate::dynamo) const REASON: &str = "reason";
    pub(in crate::dynamo) const REASON_DETAIL: &str = "reason_detail";
    pub(in crate::dynamo) const AMOUNT: &str = "amount_minor";
    pub(in crate::dynamo) const CURRENCY: &str = "currency";
    pub(in crate::dynamo) const DECLINED_AT: &str = "declined_at";
    pub(in crate::dynamo) const RECEIVED_AT: &str = "received_at";
    pub(in crate::dynamo) const EXPIRES_AT: &str = "expires_at";
    pub(in crate::dynamo) const UPDATED_AT: &str = "updated_at";
    pub(in crate::dynamo) const CONTENT: &str = "content";
    pub(in crate::dynamo) const REQUEST: &str = "request";
    pub(in crate::dynamo) const ATTEMPTS: &str = "attempts";
    pub(in crate::dynamo) const IDEMPOTENCY_KEY: &str = "idempotency_key";
    pub(in crate::dynamo) const LEASE_UNTIL: &str = "lease_until";
    pub(in crate::dynamo) const UNSENT: &str = "unsent";
    pub(in crate::dynamo) const FIRST_ATTEMPT_AT: &str = "first_attempt_at";
    pub(in crate::dynamo) const ACCOUNT: &str = "account";
    pub(in crate::dynamo) const PROVIDER_ORDER: &str = "provider_order";
    pub(in crate::dynamo) const CONFIRMATION: &str = "confirmation";
    pub(in crate::dynamo) const DUE_SHARD: &str = "due_shard";
    pub(in crate::dynamo) const DUE_AT: &str = "due_at";
    pub(in crate::dynamo) const DUE_REASON: &str = "due_reason";
    pub(in crate::dynamo) const DUE_LOOKS: &str = "due_looks";
    /// All that says when somebody must look.
    pub(in crate::dynamo) const DUE: [&str; 4] = [DUE_AT, DUE_REASON, DUE_LOOKS, DUE_SHARD];
    pub(in crate::dynamo) const SEEN: &str = "seen";
    pub(in crate::dynamo) const REFUND: &str = "refund";
    pub(in crate::dynamo) const DISPUTE: &str = "dispute";
    pub(in crate::dynamo) const WISH: &str = "wish";
    pub(in crate::dynamo) const WISH_AT: &str = "wish_at";
    pub(in crate::dynamo) const WISH_KEY: &str = "wish_key";
    pub(in crate::dynamo) const WISH_STATE: &str = "wish_state";
    pub(in crate::dynamo) const REFUNDS: &str = "refunds";
    /// The amount of the refund under way; conditions ask for it, as they can't look into the list of refunds.
    pub(in crate::dynamo) const REFUND_UNDER_WAY: &str = "refund_under_way_minor";
    pub(in crate::dynamo) const CAPTURED: &str = "captured_minor";
    pub(in crate::dynamo) const REFUNDED: &str = "refunded_minor";
    pub(in crate::dynamo) const VERSION: &str = "version";
    // Of an entry of the history, beside some of the above.
    pub(in crate::dynamo) const AT: &str = "at";
    pub(in crate::dynamo) const FROM: &str = "from_status";
    pub(in crate::dynamo) const HOLDS_REQUEST: &str = "holds_request";
    pub(in crate::dynamo) const REMEMBERED: &str = "remembered";
    pub(in crate::dynamo) const FACTS: &str = "facts";
    pub(in crate::dynamo) const PREVIOUS: &str = "previous";
    pub(in crate::dynamo) const HASH: &str = "hash";
    // Of the line that lists show of an order, beside some of the above.
    pub(in crate::dynamo) const LIST_KEY: &str = "list_key";
    pub(in crate::dynamo) const LIST_AT: &str = "list_at";
    pub(in crate::dynamo) const INSTRUCTION: &str = "instruction";
    pub(in crate::dynamo) const CONFIG: &str = "config";
}

/// A text attribute.
pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number attribute.
pub(super) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A time as text.
pub(super) fn time(at: Timestamp) -> AttributeValue {
    text(to_text(at))
}

/// Key attributes of an item.
pub(super) fn key_item(key: ItemKey) -> Item {
    HashMap::from([(attr::PK.to_owned(), text(key.pk)), (attr::SK.to_owned(), text(key.sk))])
}

/// An order as an item. Absent means none: no attribute is written for what an order does not have.
pub(super) fn from_order(order: &Order) -> Result<Item, StoreError> {
    let mut item = key_item(key::order(&order.key));
    let mut set = |name: &str, value: AttributeValue| item.insert(name.to_owned(), value);
    set(attr::SCHEMA, number(SCHEMA));
    set(attr::AMOUNT, number(order.amount.minor.get()));
    set(attr::CURRENCY, text(order.amount.currency.code()));
    set(attr::DECLINED_AT, time(order.declined_at));
    set(attr::RECEIVED_AT, time(order.received_at));
    set(attr::EXPIRES_AT, time(order.expires_at));
    set(attr::UPDATED_AT, time(order.updated_at));
    set(attr::CONTENT, text(order.content.as_str()));
    set(attr::VERSION, number(order.version));
    if let Some(request) = &order.request {
        let json = serde_json::to_string(request).map_err(|error| corrupt(&order.key, error))?;
        // A text that can't be packed is stored as it is, which every version reads.
        set(attr::REQUEST, pack(&json).map_or_else(|| text(json), AttributeValue::B));
        item.extend(facts::of(request));
    }
    let mut set = |name: &str, value: AttributeValue| item.insert(name.to_owned(), value);
    if order.due.is_some() {
        set(attr::DUE_SHARD, text(key::shard_name(key::due_shard(&key::order(&order.key)))));
    }
    if !order.seen.is_empty() {
        set(attr::SEEN, tags(&order.seen));
    }
    set_state(&mut item, &State::of(order));
    Ok(item)
}

/// Sets what an order's item and an entry of its history have in common.
pub(super) fn set_state(item: &mut Item, state: &State) {
    let mut set = |name: &str, value: AttributeValue| item.insert(name.to_owned(), value);
    set(attr::STATUS, text(state.status.word()));
    set(attr::ATTEMPTS, number(state.submission.attempts));
    if let Some(reason) = &state.reason {
        set(attr::REASON, text(reason.code.word()));
        set(attr::REASON_DETAIL, text(&reason.detail));
    }
    if let Some(key) = state.submission.idempotency_key {
        set(attr::IDEMPOTENCY_KEY, text(key.to_string()));
    }
    if let Some(at) = state.submission.lease_until {
        set(attr::LEASE_UNTIL, time(at));
    }
    if state.submission.unsent > 0 {
        set(attr::UNSENT, number(state.submission.unsent));
    }
    if let Some(at) = state.submission.first_attempt_at {
        set(attr::FIRST_ATTEMPT_AT, time(at));
    }
    if let Some(account) = &state.submission.account {
        set(attr::ACCOUNT, text(account));
    }
    if let Some(id) = &state.provider_order {
        set(attr::PROVIDER_ORDER, text(id.as_str()));
    }
    if let Some(confirmation) = &state.confirmation {
        set(attr::CONFIRMATION, text(confirmation));
    }
    item.extend(state.due.map(due_attributes).into_iter().flatten());
    let mut set = |name: &str, value: AttributeValue| item.insert(name.to_owned(), value);
    for (name, facet) in [(attr::REFUND, state.refund), (attr::DISPUTE, state.dispute)] {
        if facet != Facet::None {
            set(name, text(facet.word()));
        }
    }
    if let Some(wish) = &state.wish {
        item.extend(wish_attributes(wish));
    }
    if let Some(totals) = state.totals {
        item.extend(totals_attributes(totals));
    }
    item.extend(refunds_attributes(&state.refunds));
}

/// A wish as attributes.
pub(super) fn wish_attributes(wish: &Wish) -> [(String, AttributeValue); 4] {
    [
        (attr::WISH.to_owned(), text(wish.kind.word())),
        (attr::WISH_AT.to_owned(), time(wish.asked_at)),
        (attr::WISH_KEY.to_owned(), text(wish.key.to_string())),
        (attr::WISH_STATE.to_owned(), text(wish.state.word())),
    ]
}

/// Totals as attributes.
pub(super) fn totals_attributes(totals: Totals) -> [(String, AttributeValue); 2] {
    [
        (attr::CAPTURED.to_owned(), number(totals.captured.get())),
        (attr::REFUNDED.to_owned(), number(totals.refunded.get())),
    ]
}

/// Refunds as attributes: all of them in one, and beside it what is under way; nothing for none.
pub(super) fn refunds_attributes(refunds: &[Refund]) -> Vec<(String, AttributeValue)> {
    if refunds.is_empty() {
        return Vec::new();
    }
    // A list of numbers and texts can be written as JSON; an empty text would be told when it is read.
    let json = serde_json::to_string(refunds).unwrap_or_default();
    let under_way = refunds.iter().find(|refund| refund.state == RefundState::Reserved);
    let under_way = under_way.map(|refund| (attr::REFUND_UNDER_WAY.to_owned(), number(refund.amount.get())));
    [(attr::REFUNDS.to_owned(), text(json))].into_iter().chain(under_way).collect()
}

/// Tags as a set; DynamoDB knows no empty one.
pub(super) fn tags(tags: &BTreeSet<Tag>) -> AttributeValue {
    AttributeValue::Ss(tags.iter().map(|tag| tag.as_str().to_owned()).collect())
}

/// When somebody must look, as attributes.
pub(super) fn due_attributes(due: Due) -> [(String, AttributeValue); 3] {
    [
        (attr::DUE_AT.to_owned(), number(due.at.as_second())),
        (attr::DUE_REASON.to_owned(), text(due.reason.word())),
        (attr::DUE_LOOKS.to_owned(), number(due.looks)),
    ]
}

/// The same with the shard of the index, which then lists the item.
pub(super) fn indexed_due_attributes(shard: u8, due: Due) -> [(String, AttributeValue); 4] {
    let [at, reason, looks] = due_attributes(due);
    [(attr::DUE_SHARD.to_owned(), text(key::shard_name(shard))), at, reason, looks]
}

fn corrupt(key: &OrderKey, error: impl ToString) -> StoreError {
    StoreError::Corrupt { item: key.to_string(), why: error.to_string() }
}

/// Reads the key of an order from its item's, or from that of an entry of its history.
pub(super) fn to_key(item: &Item) -> Result<OrderKey, StoreError> {
    let pk = item.get(attr::PK).and_then(|value| value.as_s().ok()).map_or("", String::as_str);
    key::parse_order(pk)
        .ok_or_else(|| StoreError::Corrupt { item: pk.to_owned(), why: "its key is no order's".to_owned() })
}

/// Reads an order from its item.
pub(super) fn to_order(item: &Item) -> Result<Order, StoreError> {
    let key = to_key(item)?;
    let read = Reader::of(item, key.to_string())?;
    let request = read.request()?;
    let State {
        status,
        reason,
        holds_request: _,
        submission,
        provider_order,
        confirmation,
        due,
        refund,
        dispute,
        wish,
        refunds,
        totals,
    } = read.state(request.is_some())?;
    Ok(Order {
        status,
        reason,
        amount: Money::new(read.parsed(attr::AMOUNT)?, read.parsed(attr::CURRENCY)?),
        declined_at: read.parsed(attr::DECLINED_AT)?,
        received_at: read.parsed(attr::RECEIVED_AT)?,
        expires_at: read.parsed(attr::EXPIRES_AT)?,
        updated_at: read.parsed(attr::UPDATED_AT)?,
        content: ContentHash::from_stored(read.parsed(attr::CONTENT)?),
        request,
        submission,
        provider_order,
        confirmation,
        due,
        seen: read.tags(attr::SEEN)?,
        refund,
        dispute,
        wish,
        refunds,
        totals,
        version: read.parsed(attr::VERSION)?,
        key: key.clone(),
    })
}

/// Reads a merchant's configuration from its item.
pub(super) fn to_merchant(id: &MerchantId, item: &Item) -> Result<Merchant, StoreError> {
    let corrupt = |why: String| StoreError::Corrupt { item: format!("merchant {id}"), why };
    let json = item
        .get(attr::CONFIG)
        .and_then(|value| value.as_s().ok())
        .ok_or_else(|| corrupt("config is missing".to_owned()))?;
    serde_json::from_str(json).map_err(|error| corrupt(error.to_string()))
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::primitives::Blob;
    use jiff::SignedDuration;
    use models::decline::Decline;
    use models::intake;
    use models::screening::Screened;

    use super::*;

    fn order() -> Order {
        let decline: Decline = serde_json::from_str(include_str!("../../../../events/decline.json")).unwrap();
        let content = decline.content().unwrap();
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        intake::open(Screened { decline, window_days: 21 }, content, SignedDuration::from_mins(15), now)
    }

    #[test]
    fn an_order_s_request_is_packed_and_read_back() {
        let item = from_order(&order()).unwrap();
        assert!(item[attr::REQUEST].is_b());
        assert_eq!(to_order(&item).unwrap(), order());
    }

    /// An upgrade finds orders that wait to be submitted, stored by the version before it.
    #[test]
    fn an_order_of_the_schema_before_is_read() {
        let mut item = from_order(&order()).unwrap();
        item.insert(attr::SCHEMA.to_owned(), number(1));
        item.insert(attr::REQUEST.to_owned(), text(serde_json::to_string(&order().request).unwrap()));
        assert_eq!(to_order(&item).unwrap(), order());
    }

    #[test]
    fn a_request_that_can_t_be_unpacked_is_named_and_not_quoted() {
        let mut item = from_order(&order()).unwrap();
        item.insert(attr::REQUEST.to_owned(), AttributeValue::B(Blob::new("Pat Doe")));
        let told = to_order(&item).unwrap_err().to_string();
        assert!(told.contains("request") && !told.contains("Pat"), "{told}");
    }
}
