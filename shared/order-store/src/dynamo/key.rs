//! Keys of items: an order, a parked thing, a transmission, a merchant's configuration, a webhook key in use.

use models::fingerprint::Fingerprint;
use models::ids::{MerchantId, OrderKey};
use models::parked::{ParkedKey, ParkedKind};
use models::status::Status;
use models::time::to_text;
use models::transmission::TransmissionKey;

/// How many shards the index of due orders has: each takes a thousand changes a second.
pub const DUE_SHARDS: u8 = 8;

/// An item's key: partition and sort.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemKey {
    /// The partition key.
    pub pk: String,
    /// The sort key.
    pub sk: String,
}

/// The sort key of an order's own item.
pub const ORDER: &str = "ORDER";
/// What the sort keys of an order's history begin with.
pub const HISTORY: &str = "HISTORY#";
/// What the partitions of parked things begin with.
pub const PARKED: &str = "PARKED#";

/// The sort key of the line that lists show of an order.
pub const LISTING: &str = "LISTING";

/// The key of an order. A merchant id holds no `#`, so that the two parts can't run into one another.
#[must_use]
pub fn order(key: &OrderKey) -> ItemKey {
    ItemKey { pk: format!("ORDER#{}#{}", key.merchant, key.order_id), sk: ORDER.to_owned() }
}

/// The key of an entry of an order's history: sorted as its versions are.
#[must_use]
pub fn history(key: &OrderKey, version: u64) -> ItemKey {
    ItemKey { sk: format!("{HISTORY}{version:010}"), ..order(key) }
}

/// The key of the line that lists show of an order.
#[must_use]
pub fn listing(key: &OrderKey) -> ItemKey {
    ItemKey { sk: LISTING.to_owned(), ..order(key) }
}

/// The partition of a merchant's orders of one status in the index of listed orders.
#[must_use]
pub fn list_partition(merchant: &MerchantId, status: Status) -> String {
    format!("{merchant}#{status}")
}

/// Reads an order's key back from its partition key.
#[must_use]
pub fn parse_order(pk: &str) -> Option<OrderKey> {
    let (merchant, order_id) = pk.strip_prefix("ORDER#")?.split_once('#')?;
    Some(OrderKey { merchant: merchant.parse().ok()?, order_id: order_id.parse().ok()? })
}

/// The partition of what is parked for a merchant, or for nobody we know.
#[must_use]
pub fn parked_partition(merchant: Option<&MerchantId>) -> String {
    format!("{PARKED}{}", merchant.map_or("-", MerchantId::as_str))
}

/// The key of a parked thing: by time of arrival, the same on each delivery.
#[must_use]
pub fn parked(parked: &ParkedKey) -> ItemKey {
    ItemKey {
        pk: parked_partition(parked.merchant.as_ref()),
        sk: format!("{}#{}#{}", to_text(parked.arrived_at), parked.kind.word(), parked.id),
    }
}

/// Reads a parked thing's key back.
#[must_use]
pub fn parse_parked(key: &ItemKey) -> Option<ParkedKey> {
    let merchant = match key.pk.strip_prefix(PARKED)? {
        "-" => None,
        merchant => Some(merchant.parse().ok()?),
    };
    let mut parts = key.sk.splitn(3, '#');
    let (arrived_at, kind, id) = (parts.next()?, parts.next()?, parts.next()?);
    let kind = ParkedKind::ALL.iter().copied().find(|known| known.word() == kind)?;
    Some(ParkedKey { merchant, arrived_at: arrived_at.parse().ok()?, kind, id: id.to_owned() })
}

/// What the partition keys of transmissions begin with.
const TRANSMIT: &str = "TRANSMIT#";

/// The key of a transmission. A merchant id holds no `#`, so that the two parts can't run into one another.
#[must_use]
pub fn transmission(key: &TransmissionKey) -> ItemKey {
    ItemKey {
        pk: format!("{TRANSMIT}{}#{}", key.merchant, key.transaction.as_str()),
        sk: "TRANSMISSION".to_owned(),
    }
}

/// Reads a transmission's key back from its partition key.
#[must_use]
pub fn parse_transmission(pk: &str) -> Option<TransmissionKey> {
    let (merchant, transaction) = pk.strip_prefix(TRANSMIT)?.split_once('#')?;
    let transaction = transaction.to_owned().try_into().ok()?;
    Some(TransmissionKey { merchant: merchant.parse().ok()?, transaction })
}

/// The key of a merchant's configuration.
#[must_use]
pub fn merchant(id: &MerchantId) -> ItemKey {
    ItemKey { pk: format!("MERCHANT#{id}"), sk: "CONFIG".to_owned() }
}

/// The key of what is noted of a merchant's webhook key. A partition apart from its configuration: who may write one may not
/// write the other.
#[must_use]
pub fn webhook_key(merchant: &MerchantId, key: Fingerprint) -> ItemKey {
    ItemKey { pk: format!("KEYS#{merchant}"), sk: format!("WEBHOOK#{key}") }
}

/// The key of no item: a merchant's id is never empty.
pub(super) fn nobody() -> ItemKey {
    ItemKey { pk: "MERCHANT#".to_owned(), sk: "CONFIG".to_owned() }
}

/// The shard of the due index that an item belongs to, the same on every machine (FNV-1a of its key).
#[must_use]
pub fn due_shard(key: &ItemKey) -> u8 {
    let hash = key.pk.bytes().chain(key.sk.bytes()).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    u8::try_from(hash % u64::from(DUE_SHARDS)).unwrap_or(0)
}

/// The partition key of a shard in the due index.
#[must_use]
pub fn shard_name(shard: u8) -> String {
    format!("DUE#{shard}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(merchant: &str, order_id: &str) -> OrderKey {
        OrderKey { merchant: merchant.parse().unwrap(), order_id: order_id.parse().unwrap() }
    }

    #[test]
    fn order_keys_read_back_whatever_the_order_id() {
        for order_id in ["INV-1", "a#b", "#", "ORDER#x#y"] {
            let key = key("acme", order_id);
            assert_eq!(parse_order(&order(&key).pk), Some(key));
        }
        assert_eq!(parse_order("MERCHANT#acme"), None);
    }

    #[test]
    fn a_history_sorts_as_its_versions_do() {
        let sk = |version| history(&key("acme", "INV-1"), version).sk;
        assert_eq!(sk(7), "HISTORY#0000000007");
        assert!(sk(9) < sk(10) && sk(99_999) < sk(100_000));
    }

    #[test]
    fn keys_of_parked_things_read_back_whatever_their_id() {
        for (merchant, id) in [(Some("acme"), "m-1"), (None, "a#b#c"), (Some("-a"), "#")] {
            let key = ParkedKey {
                merchant: merchant.map(|id| id.parse().unwrap()),
                arrived_at: "2026-11-21T10:00:00.123Z".parse().unwrap(),
                kind: ParkedKind::OrphanEvent,
                id: id.to_owned(),
            };
            assert_eq!(parse_parked(&parked(&key)), Some(key));
        }
        assert_eq!(parse_parked(&order(&key("acme", "INV-1"))), None);
    }

    #[test]
    fn keys_of_transmissions_read_back_whatever_the_transaction_s_id() {
        for transaction in ["txn-1", "a#b", "#", "two words", "é"] {
            let transaction = transaction.to_owned().try_into().unwrap();
            let key = TransmissionKey { merchant: "acme".parse().unwrap(), transaction };
            assert_eq!(parse_transmission(&transmission(&key).pk), Some(key));
        }
        assert_eq!(parse_transmission("ORDER#acme#txn-1"), None);
        assert_eq!(parse_order("TRANSMIT#acme#txn-1"), None);
    }

    #[test]
    fn every_shard_gets_its_part() {
        let mut counts = [0_u32; DUE_SHARDS as usize];
        for number in 0..8_000 {
            counts[usize::from(due_shard(&order(&key("acme", &format!("INV-{number}")))))] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }
}
