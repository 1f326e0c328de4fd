//! The sandbox's control interface, by which a run is directed.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use sandbox::Ledger;
use serde_json::{Value, json};

/// A sandbox that listens somewhere.
#[derive(Debug, Clone)]
pub struct Control {
    http: reqwest::Client,
    url: String,
}

impl Control {
    /// The sandbox whose control interface is at `url`.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub fn new(url: &str) -> Result<Self> {
        Ok(Self { http: reqwest::Client::builder().no_proxy().build()?, url: url.to_owned() })
    }

    async fn call(&self, request: reqwest::RequestBuilder) -> Result<Value> {
        let response = request.send().await.context("the sandbox does not answer")?;
        let status = response.status();
        let body = response.text().await?;
        if !status.is_success() {
            bail!("the sandbox answered {status}: {body}");
        }
        Ok(serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    /// Creates a merchant, or replaces it.
    ///
    /// # Errors
    /// The sandbox refused it.
    pub async fn put_merchant(&self, merchant: &Value) -> Result<()> {
        self.call(self.http.post(format!("{}/merchants", self.url)).json(merchant)).await.map(|_| ())
    }

    /// Revokes the bearer tokens of the account `mid`.
    ///
    /// # Errors
    /// The sandbox refused it.
    pub async fn revoke_tokens(&self, mid: &str) -> Result<()> {
        let request = self.http.post(format!("{}/tokens/revoke", self.url)).json(&json!({ "mid": mid }));
        self.call(request).await.map(|_| ())
    }

    /// Sets what becomes of orders.
    ///
    /// # Errors
    /// The sandbox refused it.
    pub async fn put_scenario(&self, scenario: &Value) -> Result<()> {
        self.call(self.http.put(format!("{}/scenario", self.url)).json(scenario)).await.map(|_| ())
    }

    /// Moves FlexFactor's clock on.
    ///
    /// # Errors
    /// The sandbox refused it.
    pub async fn advance(&self, seconds: u64) -> Result<()> {
        let request =
            self.http.post(format!("{}/clock/advance", self.url)).json(&json!({ "seconds": seconds }));
        self.call(request).await.map(|_| ())
    }

    /// Waits until no webhook is on its way; an error after `limit`.
    ///
    /// # Errors
    /// Webhooks were still on their way.
    pub async fn idle(&self, limit: Duration) -> Result<()> {
        let url = format!("{}/webhooks/idle?timeout_ms={}", self.url, limit.as_millis());
        let view = self.call(self.http.get(url)).await?;
        if view["idle"] != true {
            bail!("webhooks are still on their way after {limit:?}: {view}");
        }
        Ok(())
    }

    /// Sends an event of an order, by FlexFactor's id of it, whatever its state.
    ///
    /// # Errors
    /// The sandbox refused it.
    pub async fn emit(&self, order: &str, event: &str) -> Result<()> {
        let request =
            self.http.post(format!("{}/orders/{order}/emit", self.url)).json(&json!({ "event": event }));
        self.call(request).await.map(|_| ())
    }

    /// What FlexFactor truly received, charged and sent.
    ///
    /// # Errors
    /// The sandbox does not answer.
    pub async fn ledger(&self) -> Result<Ledger> {
        let ledger = self.call(self.http.get(format!("{}/ledger", self.url))).await?;
        serde_json::from_value(ledger).context("the ledger is not as expected")
    }
}
