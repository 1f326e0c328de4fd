//! The two merchants of every world: one that FlexFactor manages, and one that gets its answers at once.

use models::ids::MerchantId;
use models::merchant::Merchant;
use sandbox::{Mode, WebhookTarget};
use serde_json::json;

/// The host that webhooks are signed for.
pub(crate) const WEBHOOK_HOST: &str = "webhooks.rebill-rescue.test";
/// The window of both, in days.
pub(crate) const WINDOW_DAYS: u64 = 21;
/// More than FlexFactor's sandbox takes, and not more than we do: an order of this amount is refused there.
pub(crate) const REFUSED_MINOR: u64 = 25_000;
/// What strangers' orders amount to, and none of ours.
pub(crate) const STRANGER_MINOR: i64 = 19_500;

/// A merchant, as both sides know it.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) id: &'static str,
    pub(crate) mid: &'static str,
    mode: Mode,
    webhook_key: &'static str,
}

pub(crate) const ACCOUNTS: [Account; 2] = [
    Account {
        id: "acme",
        mid: "3f8a1c42-9b07-4e5d-bc6a-1d2e3f4a5b6c",
        mode: Mode::Managed,
        webhook_key: "YWNtZS13ZWJob29rLWtleS1vZi02NC1ieXRlcy0tZm9yLWxvY2FsLXRlc3RzLW9ubHktLS0tLS0tLS0tLS0tLS0tLQ==",
    },
    Account {
        id: "globex",
        mid: "7c1d9e58-2a64-4f3b-8e0d-5b6a7c8d9e0f",
        mode: Mode::Unmanaged,
        webhook_key: "Z2xvYmV4LXdlYmhvb2sta2V5LW9mLTY0LWJ5dGVzLWZvci1sb2NhbC10ZXN0cy1vbmx5LS0tLS0tLS0tLS0tLS0tLQ==",
    },
];

/// The merchant with this id.
pub(crate) fn account(id: &str) -> Option<&'static Account> {
    ACCOUNTS.iter().find(|account| account.id == id)
}

impl Account {
    fn app_key(&self) -> String {
        format!("{}-app-key", self.id)
    }

    fn app_secret(&self) -> String {
        format!("{}-app-secret", self.id)
    }

    /// The secret in Secrets Manager.
    pub(crate) fn secret(&self) -> String {
        json!({
            "app_key": self.app_key(), "app_secret": self.app_secret(), "webhook_keys": [self.webhook_key]
        })
        .to_string()
    }

    /// The configuration in our table.
    pub(crate) fn config(&self) -> anyhow::Result<(MerchantId, Merchant)> {
        let mode = match self.mode {
            Mode::Managed => "managed",
            Mode::Unmanaged => "unmanaged",
        };
        let config = serde_json::from_value(json!({
            "enabled": true, "mode": mode, "environment": "sandbox", "mid": self.mid,
            "sites": { "plans": { "site_id": "a1b2c3d4-e5f6-4789-9abc-def012345678" } },
            "window_days": WINDOW_DAYS, "amount_minor_max": REFUSED_MINOR
        }))?;
        Ok((self.id.parse()?, config))
    }

    /// The account at FlexFactor.
    pub(crate) fn at_flexfactor(&self) -> sandbox::Merchant {
        sandbox::Merchant {
            mid: self.mid.to_owned(),
            app_key: self.app_key(),
            app_secret: self.app_secret(),
            more_keys: Vec::new(),
            site_id: None,
            tokenization_key: None,
            mode: self.mode,
            auth_capture: false,
            retry_period_seconds: Some(WINDOW_DAYS * 86_400),
            webhook: Some(WebhookTarget {
                url: format!("https://{WEBHOOK_HOST}/webhooks/{}", self.id),
                signed_host: Some(WEBHOOK_HOST.to_owned()),
                http_host: None,
                keys: vec![self.webhook_key.to_owned()],
            }),
            is_test_mode: true,
        }
    }
}
