//! A started simulator, a client for it, and a receiver of webhooks.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, http::StatusCode, routing::post};
use reqwest::Method;
use sandbox::{
    Config, Fate, Ledger, Merchant, Mode, Rule, Running, Sandbox, Scenario, Settings, WebhookTarget,
    examples, webhook::sign::vector,
};
use serde_json::{Value, json};

pub(crate) const DAY: u64 = 86_400;
pub(crate) const SIGNED_HOST: &str = "hooks.example.com";

/// What a receiver got.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Takes webhooks, and answers as told, then with 200.
#[derive(Clone, Debug, Default)]
pub(crate) struct Receiver {
    received: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Receiver {
    pub(crate) async fn start() -> (Self, String) {
        let receiver = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhooks/acme", listener.local_addr().unwrap());
        let router = Router::new().route("/webhooks/acme", post(Self::take)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, url)
    }

    async fn take(State(receiver): State<Self>, headers: HeaderMap, body: Bytes) -> StatusCode {
        let body = String::from_utf8(body.to_vec()).unwrap();
        receiver.received.lock().unwrap().push(Received { headers, body });
        let answer = receiver.answers.lock().unwrap().pop_front().unwrap_or(200);
        StatusCode::from_u16(answer).unwrap()
    }

    pub(crate) fn will_answer(&self, answers: &[u16]) {
        self.answers.lock().unwrap().extend(answers);
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub(crate) fn events(&self) -> Vec<String> {
        self.received().iter().map(|received| received.json()["Event"].as_str().unwrap().to_owned()).collect()
    }
}

/// A simulator, with a client that speaks for one merchant.
pub(crate) struct Stage {
    pub(crate) running: Running,
    pub(crate) receiver: Receiver,
    pub(crate) mid: String,
    client: reqwest::Client,
    token: String,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// FlexFactor's order id in an answer to /evaluate.
    pub(crate) fn order_id(&self) -> String {
        self.json()["orderId"].as_str().unwrap().to_owned()
    }
}

impl Stage {
    /// A managed account under these rules. The virtual clock stands at the start of 2030 until it is advanced.
    pub(crate) async fn managed(rules: Vec<Rule>) -> Self {
        Self::start(Mode::Managed, rules, Settings::default()).await
    }

    pub(crate) async fn unmanaged(rules: Vec<Rule>) -> Self {
        Self::start(Mode::Unmanaged, rules, Settings::default()).await
    }

    pub(crate) async fn start(mode: Mode, rules: Vec<Rule>, settings: Settings) -> Self {
        Self::start_at_scale(mode, rules, settings, 0).await
    }

    pub(crate) async fn start_at_scale(
        mode: Mode,
        rules: Vec<Rule>,
        settings: Settings,
        time_scale: u32,
    ) -> Self {
        let (receiver, url) = Receiver::start().await;
        let merchants: Vec<Merchant> = examples::merchants()
            .into_iter()
            .map(|merchant| Merchant { webhook: Some(target(&url)), ..merchant })
            .collect();
        let merchant = merchants.iter().find(|merchant| merchant.mode == mode).unwrap().clone();
        let config = Config {
            seed: 7,
            merchants,
            scenario: Scenario { rules: Some(rules), settings: Some(settings) },
            start_at: Some("2030-01-01T00:00:00Z".parse().unwrap()),
            time_scale,
            ..Config::default()
        };
        let running = Sandbox::start(config).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut stage = Self { running, receiver, mid: merchant.mid.clone(), client, token: String::new() };
        stage.log_in(&merchant.app_key, &merchant.app_secret).await;
        stage
    }

    async fn log_in(&mut self, key: &str, secret: &str) {
        let answer = self.post("oauth2/token", &json!({"AppKey": key, "AppSecret": secret})).await;
        self.token = answer.json()["accessToken"].as_str().unwrap().to_owned();
    }

    /// A new token, after the old one ended.
    pub(crate) async fn log_in_again(&mut self) {
        let name = if self.mid == examples::merchants()[0].mid { "managed" } else { "unmanaged" };
        self.log_in(&format!("{name}-key"), &format!("{name}-secret")).await;
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<Answer> {
        let url = format!("{}/{path}", self.running.base_url);
        let request =
            self.client.request(method, url).bearer_auth(&self.token).timeout(Duration::from_millis(400));
        let request = match body {
            Some(body) => request.body(body.to_string()),
            None => request,
        };
        let response = request.send().await?;
        Ok(Answer { status: response.status().as_u16(), text: response.text().await? })
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await.unwrap()
    }

    /// A call of the control API.
    pub(crate) async fn control(&self, method: Method, path: &str, body: &Value) -> Answer {
        let url = format!("{}/{path}", self.running.control_url);
        let request = self.client.request(method, url).header("content-type", "application/json");
        let response = request.body(body.to_string()).send().await.unwrap();
        Answer { status: response.status().as_u16(), text: response.text().await.unwrap() }
    }

    /// Submits an order that must be taken.
    pub(crate) async fn submit(&self, order_id: &str) -> Answer {
        let answer = self.post("evaluate", &evaluate(order_id, order_id)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer
    }

    pub(crate) async fn status(&self, order_id: &str) -> u64 {
        self.get(&format!("orders/{order_id}")).await.json()["status"].as_u64().unwrap()
    }

    /// Advances, and waits until the webhooks are through.
    pub(crate) async fn advance(&self, seconds: u64) {
        self.running.advance(seconds);
        self.rest().await;
    }

    pub(crate) async fn rest(&self) {
        assert!(self.running.idle(Duration::from_secs(5)).await.idle);
    }

    pub(crate) fn ledger(&self) -> Ledger {
        self.running.ledger()
    }
}

pub(crate) fn target(url: &str) -> WebhookTarget {
    WebhookTarget {
        url: url.to_owned(),
        signed_host: Some(SIGNED_HOST.to_owned()),
        http_host: None,
        keys: vec![vector::KEY.to_owned()],
    }
}

/// A rule for all orders.
pub(crate) fn always(fate: Fate) -> Rule {
    Rule { fate: Some(fate), ..Rule::default() }
}

pub(crate) fn approve(after_seconds: u64) -> Fate {
    Fate::Approve { after_seconds, past_expiry: false }
}

/// A managed merchant-initiated order of 19.99, expiring on 2030-01-22, whose idempotency key follows from `key`.
pub(crate) fn evaluate(order_id: &str, key: &str) -> Value {
    let digits: u128 = key.bytes().fold(7, |sum, byte| sum * 31 + u128::from(byte)) % (1 << 100);
    json!({
        "isDeclined": true, "idempotencyKey": uuid::Uuid::from_u128(digits).to_string(), "orderId": order_id,
        "isMIT": true, "isRecurring": true, "expiryDateUtc": "2030-01-22T00:00:00Z", "transactionType": "PURCHASE",
        "transaction": {
            "id": "txn-1001", "timestampUtc": "2030-01-01T00:00:00Z", "timezoneUtcOffset": 0, "amount": 1999,
            "currency": "USD", "responseCode": "51", "responseCodeSource": "NMI", "avsResultCode": "M",
            "cvvResultCode": "NA", "cavvResultCode": "NA", "cardNotPresent": true,
        },
        "payer": {"email": "p@example.com"},
        "billingInformation": {"firstName": "Pat", "lastName": "Doe", "countryCode": "US", "city": "Austin"},
        "paymentMethod": {"cardNumber": "d3e10716-6aac-4eb8-a74d-c1a3027f1d96", "Token": true},
    })
}

/// The same, for an unmanaged account.
pub(crate) fn evaluate_unmanaged(order_id: &str, key: &str) -> Value {
    let mut body = evaluate(order_id, key);
    body.as_object_mut().unwrap().remove("expiryDateUtc");
    body
}
