//! A webhook as API Gateway hands it on: the sample of an order that was rescued, with event data up to the wanted size.

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flexfactor::webhook::{Delivery, Policy, WebhookKey};
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use models::ids::{MerchantId, OrderKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha512};

use crate::fill;

const SAMPLE: &str = include_str!("../../../events/webhooks/order.completed.json");
pub(crate) const SECRET: &str = include_str!("../../../events/merchant-secret.json");
/// Where the merchant gets its webhooks.
pub const HOST: &str = "hooks.example.com";
/// The name of the header that holds the signature.
const AUTHORIZATION: &str = "x-fc-authorization";

/// A signed webhook and all that it is held against.
#[derive(Debug)]
pub struct Inputs {
    /// API Gateway's event, as Lambda gives it to the function.
    pub event: String,
    /// The webhook's body.
    pub body: String,
    /// The text that its signature is made of.
    pub signed: String,
    /// The key that it is made with.
    pub key_bytes: Vec<u8>,
    /// The merchant's keys, of which there is one.
    pub keys: Vec<WebhookKey>,
    /// Whose webhook it is.
    pub merchant: MerchantId,
    /// The moment at which it comes.
    pub now: Timestamp,
    authorization: String,
    hash: String,
    date: String,
    nonce: String,
}

impl Inputs {
    /// A webhook whose body has this many bytes.
    ///
    /// # Errors
    /// The sample is not as it should be, or longer than that by itself.
    pub fn of_bytes(bytes: usize) -> Result<Self> {
        let mut event: Value = serde_json::from_str(SAMPLE)?;
        let header = |name: &str| {
            event["headers"][name].as_str().map(str::to_owned).with_context(|| format!("no {name}"))
        };
        let (date, nonce) = (header("x-fc-date")?, header("x-fc-nonce")?);
        let body = filled(event["body"].as_str().context("no body")?, bytes)?;
        let hash = STANDARD.encode(Sha512::digest(&body));
        let signed = format!("POST\n{nonce};{date};{HOST};{hash}");
        let secret: Value = serde_json::from_str(SECRET)?;
        let key = secret["webhook_keys"][0].as_str().context("no key")?;
        let key_bytes = STANDARD.decode(key)?;
        let mac = Hmac::<Sha512>::new_from_slice(&key_bytes)?.chain_update(&signed);
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        let (before, _) = header(AUTHORIZATION)?
            .split_once("Signature=")
            .map(|(before, after)| (before.to_owned(), after.to_owned()))
            .context("no signature")?;
        let authorization = format!("{before}Signature={signature}");
        event["headers"][AUTHORIZATION] = authorization.clone().into();
        event["headers"]["x-fc-content-sha512"] = hash.clone().into();
        event["headers"]["content-length"] = body.len().to_string().into();
        event["body"] = body.clone().into();
        Ok(Self {
            event: event.to_string(),
            keys: vec![WebhookKey::from_base64(key)?],
            merchant: "acme".parse()?,
            now: "2026-11-24T08:30:00Z".parse()?,
            body,
            signed,
            key_bytes,
            authorization,
            hash,
            date,
            nonce,
        })
    }

    /// The delivery as the function reads it from the request.
    #[must_use]
    pub fn delivery(&self) -> Delivery<'_> {
        Delivery {
            authorization: Some(&self.authorization),
            content_sha512: Some(&self.hash),
            date: Some(&self.date),
            nonce: Some(&self.nonce),
            body: self.body.as_bytes(),
        }
    }

    /// What deliveries are held against.
    #[must_use]
    pub const fn policy() -> Policy<'static> {
        Policy { host: HOST, date_window: SignedDuration::from_secs(300) }
    }

    /// The order that it is about.
    ///
    /// # Errors
    /// The sample is not as it should be.
    pub fn order_key(&self) -> Result<OrderKey> {
        let body: Value = serde_json::from_str(&self.body)?;
        let order_id = body["ExternalOrderId"].as_str().context("no order id")?;
        Ok(OrderKey { merchant: self.merchant.clone(), order_id: order_id.parse()? })
    }

    /// What no webhook can do without: the hash of its body, and the signature of the text that names it.
    #[must_use]
    pub fn floor(&self) -> Option<[u8; 64]> {
        let hash = Sha512::digest(self.body.as_bytes());
        let mac = Hmac::<Sha512>::new_from_slice(&self.key_bytes).ok()?.chain_update(self.signed.as_bytes());
        let signature: [u8; 64] = mac.finalize().into_bytes().into();
        // Of both, so that neither can be left out.
        Some(std::array::from_fn(|index| hash[index] ^ signature[index]))
    }
}

/// The body with event data, whose fields we do not know and do not read, up to `bytes`.
fn filled(body: &str, bytes: usize) -> Result<String> {
    let mut body: Value = serde_json::from_str(body)?;
    let attempt = |number: usize| {
        json!({
            "Attempt": number,
            "AttemptedAt": "2026-11-23T08:29:58.417203Z",
            "Processor": "Acme Payments",
            "ResponseCode": "51",
            "ResponseText": "Insufficient funds; do not retry before the next billing day",
            "Descriptor": "ACME*PLAN 555-123-4567",
        })
    };
    let attempts = |count: usize| (1..=count).map(attempt).collect::<Vec<_>>();
    let mut count = 0;
    let mut remark = 0;
    let mut with = |count: usize, remark: usize| {
        body["EventData"] = json!({ "Attempts": attempts(count), "Remark": fill::text(remark) });
        body.to_string()
    };
    while with(count + 1, 0).len() <= bytes {
        count += 1;
    }
    remark += bytes.checked_sub(with(count, 0).len()).context("the sample is longer than that")?;
    Ok(with(count, remark))
}

#[cfg(test)]
mod tests {
    use flexfactor::webhook::{Notice, verify};
    use models::merchant::Environment;

    use super::*;
    use crate::BODY_BYTES;

    #[test]
    fn it_has_the_wanted_size_is_genuine_and_about_its_order() {
        for bytes in BODY_BYTES {
            let inputs = Inputs::of_bytes(bytes).unwrap();
            assert_eq!(inputs.body.len(), bytes);
            let verified = verify(&inputs.delivery(), &inputs.keys, &Inputs::policy(), inputs.now).unwrap();
            let Ok(Notice::Order(event)) = Notice::read(verified, Environment::Sandbox) else { panic!() };
            assert_eq!(event.order_id, inputs.order_key().unwrap().order_id);
            assert!(inputs.floor().is_some());
            let request = lambda_http::request::from_str(&inputs.event).unwrap();
            let body: &[u8] = request.body();
            assert_eq!(body, inputs.body.as_bytes());
        }
    }
}
