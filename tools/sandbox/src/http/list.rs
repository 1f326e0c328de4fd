//! `GET /v1/orders`: for reconciliation, in pages.

use std::{cmp::Ordering, sync::Arc};

use axum::{
    extract::{RawQuery, State},
    http::HeaderMap,
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    call::{Answered, Call, Reply},
    orders::view,
};
use crate::{
    app::App,
    domain::{
        Endpoint,
        order::{Order, status_name},
        refusal::Refusal,
        settings::{NameCase, Settings},
        world::World,
    },
};

/// Pages are no larger than this, whatever is asked for. Unknown for the real service.
const PAGE_ORDERS_MAX: usize = 1_000;

pub(super) async fn list(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answered {
    let call = Call::open(&app, Endpoint::OrderList, &headers)?;
    let size = app.with(|world, _| world.settings().orders.page_size_default);
    let filter = match Filter::read(&pairs(query.as_deref().unwrap_or_default()), size) {
        Ok(filter) => filter,
        Err(field) => {
            let message = format!("The field {field} is invalid.");
            return Err(call.refuse(&Refusal::invalid(vec![(field, message)])));
        }
    };
    if filter.mid.as_ref().is_some_and(|mid| !mid.eq_ignore_ascii_case(&call.mid)) {
        return Err(call.refuse(&Refusal::new(403, "The merchant id doesn't belong to the access token.")));
    }
    let mid = call.mid.clone();
    call.perform(move |world, _| Ok(Reply::ok(page(world, &mid, &filter))).into()).await
}

/// The pairs of a query string, decoded.
pub(super) fn pairs(query: &str) -> Vec<(String, String)> {
    let Ok(url) = reqwest::Url::parse(&format!("http://localhost/?{query}")) else { return vec![] };
    url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
}

/// What is asked for.
#[derive(Debug)]
struct Filter {
    text: Option<String>,
    statuses: Vec<u8>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    mid: Option<String>,
    by_amount: bool,
    descending: bool,
    page_size: usize,
    page_number: usize,
}

impl Filter {
    /// Reads the documented query; the error names the field that is invalid. What is not documented is ignored.
    fn read(pairs: &[(String, String)], default_size: usize) -> Result<Self, String> {
        let mut filter = Self {
            text: None,
            statuses: vec![],
            from: None,
            to: None,
            mid: None,
            by_amount: false,
            descending: true,
            page_size: default_size,
            page_number: 1,
        };
        for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
            filter.set(name, value).ok_or_else(|| name.clone())?;
        }
        Ok(filter)
    }

    fn set(&mut self, name: &str, value: &str) -> Option<()> {
        match name.to_ascii_lowercase().trim_end_matches("[]") {
            "query" => self.text = Some(value.to_ascii_lowercase()),
            "status" => self.statuses.push(value.parse().ok()?),
            "from" => self.from = Some(value.parse().ok()?),
            "to" => self.to = Some(value.parse().ok()?),
            "mid" => self.mid = Some(value.to_owned()),
            "orderby" => self.by_amount = value.eq_ignore_ascii_case("amount"),
            "sort" => self.descending = !value.eq_ignore_ascii_case("asc"),
            "pagesize" => {
                self.page_size = value
                    .parse()
                    .ok()
                    .filter(|size| *size > 0)
                    .map(|size: usize| size.min(PAGE_ORDERS_MAX))?;
            }
            "pagenumber" => self.page_number = value.parse().ok().filter(|number| *number > 0)?,
            _ => {}
        }
        Some(())
    }

    fn admits(&self, order: &Order, settings: &Settings) -> bool {
        let text = self.text.as_ref().is_none_or(|text| {
            let email = order.details.email.as_deref().unwrap_or_default();
            [order.id.as_str(), &order.external_id, email]
                .iter()
                .any(|field| field.to_ascii_lowercase().contains(text))
        });
        text && (self.statuses.is_empty() || self.statuses.contains(&order.code(settings)))
            && self.from.is_none_or(|from| order.placed_at >= from)
            && self.to.is_none_or(|to| order.placed_at <= to)
    }

    fn compare(&self, a: &Order, b: &Order) -> Ordering {
        let by_time = (a.placed_at, &a.id).cmp(&(b.placed_at, &b.id));
        let ordering =
            if self.by_amount { a.amount.minor.cmp(&b.amount.minor).then(by_time) } else { by_time };
        if self.descending { ordering.reverse() } else { ordering }
    }
}

fn page(world: &World, mid: &str, filter: &Filter) -> Value {
    let settings = world.settings();
    let mut orders: Vec<&Order> =
        world.orders_of(mid).filter(|order| filter.admits(order, settings)).collect();
    orders.sort_by(|a, b| filter.compare(a, b));
    let (total, size, number) = (orders.len(), filter.page_size.max(1), filter.page_number);
    let pages = total.div_ceil(size);
    let skipped = (number - 1).saturating_mul(size);
    let shown: Vec<Value> =
        orders.iter().skip(skipped).take(size).map(|order| view(order, settings)).collect();
    let first = if shown.is_empty() { 0 } else { skipped + 1 };
    let last = if shown.is_empty() { 0 } else { skipped + shown.len() };
    let names: Map<String, Value> =
        (0..=7).map(|code| (code.to_string(), status_name(code, NameCase::Documented).into())).collect();
    let mut page = json!({
        "firstItemOnPage": first, "hasNextPage": number < pages, "hasPreviousPage": number > 1 && pages > 0,
        "isFirstPage": number == 1, "isLastPage": number >= pages, "lastItemOnPage": last, "pageCount": pages,
        "pageNumber": number, "pageSize": size, "totalItemCount": total, "statuses": names,
    });
    if let Some(page) = page.as_object_mut() {
        page.insert(settings.orders.list_array_name.clone(), shown.into());
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_documented_query() {
        let query =
            pairs("status=2&status=7&from=2030-01-01T00%3A00%3A00Z&sort=asc&pageSize=25&pageNumber=2");
        let filter = Filter::read(&query, 10).unwrap();
        assert_eq!((filter.statuses, filter.page_size, filter.page_number), (vec![2, 7], 25, 2));
        assert!(!filter.descending && filter.from.is_some());
        assert_eq!(Filter::read(&pairs("pageNumber=0"), 10).unwrap_err(), "pageNumber");
        assert_eq!(Filter::read(&pairs("from=yesterday"), 10).unwrap_err(), "from");
    }
}
