//! Sends what the world hands out, a bounded number at a time, and tells it what came of each.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HOST};
use tokio::sync::Semaphore;

use super::{resolve::Resolver, sign};
use crate::domain::delivery::{Answer, Send};

/// Sends webhooks.
#[derive(Clone, Debug)]
pub(crate) struct Courier {
    client: reqwest::Client,
    slots: Arc<Semaphore>,
}

impl Courier {
    /// A courier with at most `in_flight_max` requests on the way.
    pub(crate) fn new(in_flight_max: usize) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(Resolver))
            .user_agent(concat!("flexfactor-sandbox/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, slots: Arc::new(Semaphore::new(in_flight_max.max(1))) })
    }

    /// Sends one request, when there is a free slot; gives the answer and the date that was signed.
    pub(crate) async fn send(&self, send: &Send) -> (Answer, String) {
        // The semaphore is never closed; if it were, sending without a slot is the lesser evil.
        let _slot = self.slots.acquire().await.ok();
        // The date is taken only now: a request that waited for its slot is not stale.
        let (date, headers) = sign::headers(&send.signing, &send.body, Timestamp::now());
        let mut request = self
            .client
            .post(&send.url)
            .timeout(Duration::from_millis(send.timeout_millis))
            .header(CONTENT_TYPE, &send.content_type)
            .body(send.body.clone());
        if let Some(host) = &send.http_host {
            request = request.header(HOST, host);
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = match request.send().await {
            Ok(response) => Answer::Status(response.status().as_u16()),
            Err(error) if error.is_timeout() => Answer::Failed("timeout".to_owned()),
            Err(error) if error.is_connect() => Answer::Failed("no connection".to_owned()),
            Err(error) => Answer::Failed(error.without_url().to_string()),
        };
        (answer, date)
    }
}
