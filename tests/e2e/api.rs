//! Calls of order-api on a running rig.

use models::view::{OrderPage, OrderView, Problem};
use reqwest::Method;
use rig::{MANAGED, Rig};
use serde_json::{Value, json};

/// What a call was answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    /// The order that it shows.
    pub(crate) fn order(&self, status: u16) -> OrderView {
        assert_eq!(self.status, status, "{self:?}");
        serde_json::from_value(self.body.clone()).unwrap()
    }

    /// The page that it shows.
    pub(crate) fn page(&self) -> OrderPage {
        assert_eq!(self.status, 200, "{self:?}");
        serde_json::from_value(self.body.clone()).unwrap()
    }

    /// The problem that it is.
    pub(crate) fn problem(&self, code: &str) -> Problem {
        let problem: Problem = serde_json::from_value(self.body.clone()).unwrap();
        assert_eq!((problem.code.as_str(), problem.status), (code, self.status), "{self:?}");
        problem
    }
}

/// Somebody who calls for one merchant.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    base: String,
    authorization: String,
}

impl Api {
    pub(crate) fn of(rig: &Rig, merchant: &str) -> Self {
        Self {
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            base: rig.stack().api_url(merchant),
            authorization: rig.stack().api_authorization(),
        }
    }

    pub(crate) fn managed(rig: &Rig) -> Self {
        Self::of(rig, MANAGED)
    }

    async fn call(&self, method: Method, rest: &str, key: Option<&str>, body: Option<&Value>) -> Answer {
        let url = format!("{}/{rest}", self.base);
        let mut request = self.http.request(method, url).header("authorization", &self.authorization);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}"));
        Answer { status, body }
    }

    pub(crate) async fn get(&self, rest: &str) -> Answer {
        self.call(Method::GET, rest, None, None).await
    }

    pub(crate) async fn post(&self, rest: &str, key: &str, body: &Value) -> Answer {
        self.call(Method::POST, rest, Some(key), Some(body)).await
    }

    pub(crate) async fn order(&self, order_id: &str) -> OrderView {
        self.get(&format!("orders/{order_id}")).await.order(200)
    }

    pub(crate) async fn cancel(&self, order_id: &str, key: &str) -> Answer {
        self.call(Method::POST, &format!("orders/{order_id}/cancel"), Some(key), None).await
    }

    pub(crate) async fn capture(&self, order_id: &str, key: &str) -> Answer {
        self.call(Method::POST, &format!("orders/{order_id}/capture"), Some(key), None).await
    }

    pub(crate) async fn refund(&self, order_id: &str, minor: u64, key: &str) -> Answer {
        let body = json!({ "amount": { "minor": minor, "currency": "USD" } });
        self.post(&format!("orders/{order_id}/refunds"), key, &body).await
    }

    /// A call that nobody signed.
    pub(crate) async fn unsigned(&self, rest: &str) -> u16 {
        let request = self.http.get(format!("{}/{rest}", self.base));
        request.send().await.unwrap().status().as_u16()
    }
}
