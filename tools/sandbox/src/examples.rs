//! Two accounts to try the simulator with when none are given. Their credentials are published here and open nothing.

use crate::domain::merchant::{Merchant, Mode};

/// One managed account and one unmanaged, without webhooks.
#[must_use]
pub fn merchants() -> Vec<Merchant> {
    vec![
        merchant("3f8a1c42-9b07-4e5d-bc6a-1d2e3f4a5b6c", "managed", Mode::Managed),
        merchant("7c1d5e90-2a4b-4f68-9d3e-5b6c7d8e9f01", "unmanaged", Mode::Unmanaged),
    ]
}

fn merchant(mid: &str, name: &str, mode: Mode) -> Merchant {
    Merchant {
        mid: mid.to_owned(),
        app_key: format!("{name}-key"),
        app_secret: format!("{name}-secret"),
        more_keys: Vec::new(),
        site_id: None,
        tokenization_key: Some(format!("{name}-tokenization")),
        mode,
        auth_capture: mode == Mode::Unmanaged,
        retry_period_seconds: None,
        webhook: None,
        is_test_mode: true,
    }
}
