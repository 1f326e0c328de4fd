//! Lists of orders, and an order with all that happened to it: capabilities that change no order.

use std::collections::BTreeMap;
use std::future::Future;

use models::history::Entry;
use models::ids::{MerchantId, OrderKey};
use models::listing::{Listing, Stretch};
use models::order::Order;
use models::status::Status;

use crate::table::StoreError;

/// Writing the line that lists show of an order. Each table does this itself: there is nothing to decide.
pub trait KeepListing: Send + Sync {
    /// Writes the line unless one of this version or a newer one is there. One conditional write.
    fn list(&self, listing: &Listing) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Listing a merchant's orders. It lags behind the orders by as much as the stream does, and the index behind it.
pub trait ListOrders: Send + Sync {
    /// The first `limit` orders of one status in a stretch, by the time of their arrival. One request.
    fn listed(
        &self,
        merchant: &MerchantId,
        status: Status,
        stretch: &Stretch,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Listing>, StoreError>> + Send;
}

/// Reading an order with all that happened to it.
pub trait ReadHistory: Send + Sync {
    /// The order and its history, first entry first, as of all writes before. One request, but for histories longer than
    /// one answer holds (a megabyte, some thousand entries).
    fn whole(&self, key: &OrderKey) -> impl Future<Output = Result<Option<Whole>, StoreError>> + Send;
}

impl<T: ListOrders> ListOrders for &T {
    fn listed(
        &self,
        merchant: &MerchantId,
        status: Status,
        stretch: &Stretch,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Listing>, StoreError>> + Send {
        (**self).listed(merchant, status, stretch, limit)
    }
}

impl<T: ReadHistory> ReadHistory for &T {
    fn whole(&self, key: &OrderKey) -> impl Future<Output = Result<Option<Whole>, StoreError>> + Send {
        (**self).whole(key)
    }
}

/// An order with its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// The order.
    pub order: Order,
    /// Its history, which is written from the stream: it may end before the order's version.
    pub history: Vec<Entry>,
}

/// The first `limit` orders of several statuses in a stretch, and whether there are more: one request for each status.
///
/// # Errors
/// The store did not do as asked.
pub async fn list<S: ListOrders>(
    store: &S,
    merchant: &MerchantId,
    statuses: &[Status],
    stretch: &Stretch,
    limit: usize,
) -> Result<(Vec<Listing>, bool), StoreError> {
    let mut found: BTreeMap<String, Listing> = BTreeMap::new();
    // One after the other and lowest first: an order that moves up meanwhile is then found where it was or where it went.
    for status in statuses {
        for listing in store.listed(merchant, *status, stretch, limit.saturating_add(1)).await? {
            let place = listing.place().to_string();
            let newer = found.get(&place).is_none_or(|known| known.version < listing.version);
            if newer {
                found.insert(place, listing);
            }
        }
    }
    let has_more = found.len() > limit;
    Ok((found.into_values().take(limit).collect(), has_more))
}
