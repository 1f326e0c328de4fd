//! The two merchants: one that FlexFactor manages, and one that gets its answers at once.

use canary::planted;
use serde_json::{Value, json};

/// The managed merchant's id.
pub const MANAGED: &str = "acme";
/// The unmanaged merchant's id.
pub const UNMANAGED: &str = "globex";
/// The host that webhooks are signed for.
pub const WEBHOOK_HOST: &str = "webhooks.rebill-rescue.test";
/// The window of both, in days.
const WINDOW_DAYS: u64 = 21;

/// A merchant, as both sides know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Our id of it.
    pub id: &'static str,
    /// How FlexFactor handles it.
    pub mode: &'static str,
    /// Its account at FlexFactor.
    pub mid: &'static str,
    /// Its API key.
    app_key: &'static str,
    /// Its API secret.
    app_secret: &'static str,
    /// The key of its webhooks: base64 of 64 bytes.
    pub webhook_key: &'static str,
    /// Which transactions it wants copied to FlexFactor.
    transmit: &'static str,
}

/// Their credentials are canaries: `cargo xtask test` looks for them in every log.
const ACCOUNTS: [Account; 2] = [
    Account {
        id: MANAGED,
        mode: "managed",
        mid: "3f8a1c42-9b07-4e5d-bc6a-1d2e3f4a5b6c",
        app_key: planted("acme app key"),
        app_secret: planted("acme app secret"),
        webhook_key: planted("acme webhook key"),
        transmit: "all",
    },
    Account {
        id: UNMANAGED,
        mode: "unmanaged",
        mid: "7c1d9e58-2a64-4f3b-8e0d-5b6a7c8d9e0f",
        app_key: planted("globex app key"),
        app_secret: planted("globex app secret"),
        webhook_key: planted("globex webhook key"),
        transmit: "approvals",
    },
];

/// Both merchants.
pub(crate) const fn accounts() -> [Account; 2] {
    ACCOUNTS
}

/// The merchant with this id.
///
/// # Errors
/// There is none.
pub fn account(id: &str) -> anyhow::Result<Account> {
    let found = ACCOUNTS.into_iter().find(|account| account.id == id);
    found.ok_or_else(|| anyhow::anyhow!("no merchant {id} is set up"))
}

/// The managed merchant after its API key was rotated: everything else of it stays.
#[must_use]
pub const fn rotated(account: Account) -> Account {
    Account { app_key: planted("acme next app key"), app_secret: planted("acme next app secret"), ..account }
}

impl Account {
    /// The configuration in our table.
    #[must_use]
    pub fn config(&self) -> Value {
        json!({
            "enabled": true, "mode": self.mode, "environment": "sandbox", "mid": self.mid,
            "sites": { "plans": { "site_id": "a1b2c3d4-e5f6-4789-9abc-def012345678" } }, "window_days": WINDOW_DAYS,
            "transmit": self.transmit
        })
    }

    /// The secret, with these webhook keys.
    #[must_use]
    pub fn secret(&self, webhook_keys: &[&str]) -> Value {
        json!({ "app_key": self.app_key, "app_secret": self.app_secret, "webhook_keys": webhook_keys })
    }

    /// The account at the sandbox, whose webhooks go to `url` and are signed with `key`.
    #[must_use]
    pub fn at_sandbox(&self, url: &str, key: &str) -> Value {
        json!({
            "mid": self.mid, "app_key": self.app_key, "app_secret": self.app_secret, "mode": self.mode,
            "retry_period_seconds": WINDOW_DAYS * 86_400, "is_test_mode": true,
            "webhook": { "url": url, "signed_host": WEBHOOK_HOST, "keys": [key] }
        })
    }
}
