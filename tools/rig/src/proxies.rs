//! The two proxies of a rig whose surroundings can be made to fail.

use anyhow::Result;

use crate::proxy::Proxy;

/// What stands between the functions and everything they call.
pub struct Proxies {
    /// Before AWS, as the functions reach it. Tests, webhooks and the event source mappings go straight to MiniStack.
    pub aws: Proxy,
    /// Before FlexFactor. The sandbox's control interface is reached straight.
    pub provider: Proxy,
}

/// What stands behind FlexFactor's address.
const PROVIDER_PATH: &str = "/v1";

impl Proxies {
    /// Both, the second leading to FlexFactor at `base_url`.
    pub(crate) fn start(base_url: &str) -> Result<Self> {
        let proxies = Self { aws: Proxy::start()?, provider: Proxy::start()? };
        proxies.provider.lead_to(base_url.strip_suffix(PROVIDER_PATH).unwrap_or(base_url));
        Ok(proxies)
    }

    /// FlexFactor's address for the functions.
    pub(crate) fn provider_url(&self) -> String {
        format!("{}{PROVIDER_PATH}", self.provider.url())
    }
}
