//! Which operation a request asks for.
//!
//! An HTTP API hands the path on with its escapes undone, all but `%25` (docs/order-api.md): an order id that holds a slash is
//! no single segment any more. So the path is read from both ends, what lies between is the order's id, and no two readings
//! are possible: each method has its own words at the end, or none.

use lambda_http::http::Method;
use models::ids::{MerchantId, OrderId};
use models::refund::RefundId;

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A page of a merchant's orders.
    ListOrders,
    /// Submitting a decline.
    SubmitDecline,
    /// An order with its history.
    ReadOrder,
    /// Cancelling an order.
    CancelOrder,
    /// Capturing an order.
    CaptureOrder,
    /// Refunding an order.
    RefundOrder,
    /// Saying what became of a refund.
    ResolveRefund,
}

impl Operation {
    /// All operations.
    pub const ALL: &'static [Self] = &[
        Self::ListOrders,
        Self::SubmitDecline,
        Self::ReadOrder,
        Self::CancelOrder,
        Self::CaptureOrder,
        Self::RefundOrder,
        Self::ResolveRefund,
    ];

    /// The method, and the path with its parameters in braces.
    #[must_use]
    pub const fn address(self) -> (&'static str, &'static str) {
        match self {
            Self::ListOrders => ("GET", "/merchants/{merchant}/orders"),
            Self::SubmitDecline => ("POST", "/merchants/{merchant}/orders"),
            Self::ReadOrder => ("GET", "/merchants/{merchant}/orders/{order_id}"),
            Self::CancelOrder => ("POST", "/merchants/{merchant}/orders/{order_id}/cancel"),
            Self::CaptureOrder => ("POST", "/merchants/{merchant}/orders/{order_id}/capture"),
            Self::RefundOrder => ("POST", "/merchants/{merchant}/orders/{order_id}/refunds"),
            Self::ResolveRefund => {
                ("POST", "/merchants/{merchant}/orders/{order_id}/refunds/{refund_id}/resolution")
            }
        }
    }
}

/// What is asked for, of whose orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The merchant.
    pub merchant: MerchantId,
    /// What of its orders.
    pub target: Target,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A page of the merchant's orders.
    List,
    /// A decline is submitted.
    Submit,
    /// An order.
    Read {
        /// The order; `None` where no order can have such an id.
        order_id: Option<OrderId>,
        /// The methods that the address knows if there is no such order, because it reads as another operation's.
        otherwise: Option<&'static str>,
    },
    /// Something is to be done with an order.
    Do(Act, Option<OrderId>),
}

/// What is to be done with an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Cancel it.
    Cancel,
    /// Capture it.
    Capture,
    /// Refund it.
    Refund,
    /// Say what became of this refund.
    Resolve(RefundId),
}

/// Why a request asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misrouted {
    /// Nothing is at the path.
    NotFound,
    /// The path knows these methods only. The merchant is told, as whose it is is asked first.
    Method(MerchantId, &'static str),
}

/// Reads method and path.
///
/// # Errors
/// They name nothing.
pub fn route(method: &Method, path: &str) -> Result<Route, Misrouted> {
    let path = decode(path).ok_or(Misrouted::NotFound)?;
    let rest = path.strip_prefix("/merchants/").ok_or(Misrouted::NotFound)?;
    let (merchant, rest) = rest.split_once('/').ok_or(Misrouted::NotFound)?;
    let merchant: MerchantId = merchant.parse().map_err(|_| Misrouted::NotFound)?;
    let target = match rest.strip_prefix("orders") {
        Some("") => orders(method),
        Some(rest) => match rest.strip_prefix('/') {
            Some(rest) if !rest.is_empty() => order(method, rest),
            Some(_) | None => return Err(Misrouted::NotFound),
        },
        None => return Err(Misrouted::NotFound),
    };
    match target {
        Ok(target) => Ok(Route { merchant, target }),
        Err(allowed) => Err(Misrouted::Method(merchant, allowed)),
    }
}

fn orders(method: &Method) -> Result<Target, &'static str> {
    match method.as_str() {
        "GET" => Ok(Target::List),
        "POST" => Ok(Target::Submit),
        _ => Err("GET, POST"),
    }
}

/// `rest` is what comes after `orders/`.
fn order(method: &Method, rest: &str) -> Result<Target, &'static str> {
    let act = act(rest);
    match (method.as_str(), act) {
        ("GET", act) => Ok(Target::Read { order_id: rest.parse().ok(), otherwise: act.map(|_| "POST") }),
        ("POST", Some((act, order_id))) => Ok(Target::Do(act, order_id.parse().ok())),
        (_, Some(_)) => Err("POST"),
        (_, None) => Err("GET"),
    }
}

/// What the end of the path says is to be done, and what comes before it.
fn act(rest: &str) -> Option<(Act, &str)> {
    let (before, last) = rest.rsplit_once('/')?;
    match last {
        "cancel" => Some((Act::Cancel, before)),
        "capture" => Some((Act::Capture, before)),
        "refunds" => Some((Act::Refund, before)),
        "resolution" => {
            let (before, refund) = before.rsplit_once('/')?;
            let order_id = before.strip_suffix("/refunds")?;
            Some((Act::Resolve(RefundId::from_stored(refund.to_owned())), order_id))
        }
        _ => None,
    }
}

/// Whether two tellings of a path are of the same one, of which each may have its escapes undone or not.
#[must_use]
pub fn is_same_path(one: &str, other: &str) -> bool {
    let forms = |path: &str| [Some(path.to_owned()), decode(path)];
    let others = forms(other);
    forms(one).iter().any(|form| form.is_some() && others.contains(form))
}

/// Undoes the escapes of a path, all of them at once: what is decoded is not decoded again. `None` for what is no text then.
fn decode(path: &str) -> Option<String> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => digit(high).zip(digit(low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routed(method: &str, path: &str) -> Result<Route, Misrouted> {
        route(&method.parse().unwrap(), path)
    }

    fn target(method: &str, rest: &str) -> Target {
        let route = routed(method, &format!("/merchants/acme/{rest}")).unwrap();
        assert_eq!(route.merchant.as_str(), "acme");
        route.target
    }

    fn id(text: &str) -> Option<OrderId> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn each_address_leads_to_its_operation() {
        assert_eq!(target("GET", "orders"), Target::List);
        assert_eq!(target("POST", "orders"), Target::Submit);
        assert_eq!(target("GET", "orders/INV-1"), Target::Read { order_id: id("INV-1"), otherwise: None });
        assert_eq!(target("POST", "orders/INV-1/cancel"), Target::Do(Act::Cancel, id("INV-1")));
        assert_eq!(target("POST", "orders/INV-1/capture"), Target::Do(Act::Capture, id("INV-1")));
        assert_eq!(target("POST", "orders/INV-1/refunds"), Target::Do(Act::Refund, id("INV-1")));
        let resolve = Act::Resolve(RefundId::from_stored("ab12".to_owned()));
        assert_eq!(target("POST", "orders/INV-1/refunds/ab12/resolution"), Target::Do(resolve, id("INV-1")));
    }

    #[test]
    fn an_order_id_may_hold_what_separates_paths_whether_its_escapes_were_undone_or_not() {
        for (sent, order_id) in [
            ("a%2Fb", "a/b"),
            ("a/b", "a/b"),
            ("a%23b", "a#b"),
            ("a#b", "a#b"),
            ("a%3Fb", "a?b"),
            ("50%25", "50%"),
            ("a%252Fb", "a%2Fb"),
            ("x/cancel", "x/cancel"),
            ("a+b", "a+b"),
            ("%", "%"),
            ("%zz", "%zz"),
        ] {
            assert_eq!(
                target("POST", &format!("orders/{sent}/cancel")),
                Target::Do(Act::Cancel, id(order_id))
            );
            let Target::Read { order_id: read, .. } = target("GET", &format!("orders/{sent}")) else {
                panic!("{sent} is not read")
            };
            assert_eq!(read, id(order_id), "{sent}");
        }
        // An id that ends as an operation does is read; only where there is no such order the address is the operation's.
        let expected = Target::Read { order_id: id("INV-1/cancel"), otherwise: Some("POST") };
        assert_eq!(target("GET", "orders/INV-1/cancel"), expected);
        assert_eq!(target("POST", "orders/no%20id/cancel"), Target::Do(Act::Cancel, None));
    }

    #[test]
    fn what_is_nothing_is_told_apart_from_the_wrong_method() {
        for path in [
            "",
            "/",
            "/merchants",
            "/merchants/acme",
            "/merchants/acme/",
            "/merchants/acme/ordersx",
            "/merchants/acme/orders/",
            "/merchants/Acme/orders",
            "/merchants//orders",
            "//merchants/acme/orders",
            "/merchants/acme%2Forders%ff",
            "/v1/merchants/acme/orders",
        ] {
            assert_eq!(routed("GET", path), Err(Misrouted::NotFound), "{path}");
        }
        let wrong = |method: &str, rest: &str| match routed(method, &format!("/merchants/acme/{rest}")) {
            Err(Misrouted::Method(_, allowed)) => allowed,
            other => panic!("{other:?}"),
        };
        assert_eq!(wrong("DELETE", "orders"), "GET, POST");
        assert_eq!(wrong("POST", "orders/INV-1"), "GET");
        assert_eq!(wrong("PUT", "orders/INV-1/cancel"), "POST");
        assert_eq!(wrong("POST", "orders/INV-1/refunds/ab12"), "GET");
    }

    #[test]
    fn a_path_is_the_same_whether_its_escapes_were_undone_and_not_where_it_was_cut() {
        let is_same = |one: &str, other: &str| {
            assert_eq!(is_same_path(one, other), is_same_path(other, one));
            is_same_path(one, other)
        };
        for (one, other) in [
            ("/a/b", "/a/b"),
            ("/a%2Fb", "/a/b"),
            ("/a%252Fb", "/a%2Fb"),
            ("/50%25", "/50%"),
            ("/a%3Fb", "/a?b"),
            ("/%ff", "/%ff"),
        ] {
            assert!(is_same(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("/INV-1/refunds", "/INV-1/refunds?/cancel"),
            ("/INV-1/refunds", "/INV-1/refunds%3F/cancel"),
            ("/INV-1/refunds", "/INV-1/refunds%23/cancel"),
            ("/a/b", "/a"),
            ("/a", "/a/"),
            ("/%ff", "/%fe"),
        ] {
            assert!(!is_same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn an_escaped_slash_never_moves_the_merchant() {
        // Whoever may call /merchants/acme/* stays there, whichever form of the path was compared.
        let route = routed("GET", "/merchants/acme/orders/..%2F..%2Fglobex%2Forders").unwrap();
        assert_eq!(route.merchant.as_str(), "acme");
        assert_eq!(routed("GET", "/merchants/acme%2F..%2Fglobex/orders"), Err(Misrouted::NotFound));
    }
}
