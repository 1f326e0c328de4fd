//! Webhooks as FlexFactor sends them, and spoilt as a check likes.

use std::time::{Duration, Instant};

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use rig::{MANAGED, WEBHOOK_HOST, account};
use sandbox::webhook::sign;
use serde::Serialize;
use uuid::Uuid;

/// Names and order as recorded.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    event: String,
    time_stamp: String,
    event_data: Option<()>,
    external_order_id: String,
    order_id: String,
    confirmation_id: String,
    is_test_mode: bool,
    is_resent: bool,
}

/// A webhook that is signed when it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    body: Body,
    /// Base64, as the portal shows it.
    pub(crate) key: String,
    /// The host that is signed.
    pub(crate) host: String,
    /// The merchant in its address.
    pub(crate) merchant: String,
    pub(crate) nonce: String,
    /// How long ago it was signed.
    pub(crate) age: SignedDuration,
    /// Whether the headers that sign it are sent.
    pub(crate) is_signed: bool,
}

impl Delivery {
    /// A genuine one of the merchant that is measured.
    ///
    /// # Errors
    /// The merchant is not set up.
    pub(crate) fn new(event: &str, order_id: &str, provider_order: &str) -> Result<Self> {
        Ok(Self {
            body: Body {
                event: event.to_owned(),
                time_stamp: format!("{:.6}", Timestamp::now()),
                event_data: None,
                external_order_id: order_id.to_owned(),
                order_id: provider_order.to_owned(),
                confirmation_id: "22ACD1D9".to_owned(),
                is_test_mode: true,
                is_resent: false,
            },
            key: account(MANAGED)?.webhook_key.to_owned(),
            host: WEBHOOK_HOST.to_owned(),
            merchant: MANAGED.to_owned(),
            nonce: Uuid::new_v4().simple().to_string(),
            age: SignedDuration::ZERO,
            is_signed: true,
        })
    }

    /// The same, changed.
    pub(crate) fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut changed = self.clone();
        change(&mut changed);
        changed
    }

    /// The same for an account of the other environment.
    pub(crate) fn live(&self) -> Self {
        self.with(|delivery| delivery.body.is_test_mode = false)
    }

    /// The same event, sent once more by FlexFactor.
    pub(crate) fn again(&self) -> Self {
        self.with(|delivery| {
            delivery.body.is_resent = true;
            delivery.nonce = Uuid::new_v4().simple().to_string();
        })
    }

    /// Sends it to `url`: the answer's status, and how long it took.
    ///
    /// # Errors
    /// There was no answer.
    pub(crate) async fn send(&self, http: &reqwest::Client, url: &str) -> Result<(u16, Duration)> {
        let body = serde_json::to_string(&self.body)?;
        let (key, hash) = (STANDARD.decode(&self.key)?, sign::content_hash(body.as_bytes()));
        let date = sign::http_date(Timestamp::now().checked_sub(self.age)?);
        let mut request = http
            .post(url)
            .header("content-type", "application/json")
            .header("x-fc-signature", sign::body_signature(&key, body.as_bytes()));
        if self.is_signed {
            let signature = sign::signature(&key, &self.nonce, &date, &self.host, &hash);
            request = request
                .header("x-fc-authorization", sign::authorization(&signature))
                .header("x-fc-content-sha512", hash)
                .header("x-fc-date", date)
                .header("x-fc-nonce", &self.nonce);
        }
        let request = request.body(body).build()?;
        let sent = Instant::now();
        let answer = http.execute(request).await?;
        let status = answer.status().as_u16();
        // The connection is free for the next request only once the body is read.
        answer.bytes().await?;
        Ok((status, sent.elapsed()))
    }
}
