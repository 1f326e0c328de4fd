//! What an order goes through.

use jiff::Timestamp;
use models::time::to_text;
use rig::MANAGED;
use serde_json::{Value, json};

/// A life of an order, from the decline to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    /// The smallest decline: approved after a day, and a webhook says so.
    HappySmall,
    /// The same with everything that a decline may hold.
    Happy,
    /// That webhook comes a second time.
    DuplicateWebhook,
    /// FlexFactor takes the order and does not say so; the next try succeeds. Approved as above.
    UnknownOutcome,
    /// An approved order is refunded whole, by order-api.
    Refund,
    /// Never rescued, and no webhook comes: one look after a day, the last one after the window.
    Expiry,
}

impl Scenario {
    /// All, in the order in which they are run: the last one takes FlexFactor's clock past the others' windows.
    pub const ALL: [Self; 6] = [
        Self::HappySmall,
        Self::Happy,
        Self::DuplicateWebhook,
        Self::UnknownOutcome,
        Self::Refund,
        Self::Expiry,
    ];

    /// Its name, for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::HappySmall => "happy path, smallest decline",
            Self::Happy => "happy path, sample decline",
            Self::DuplicateWebhook => "duplicate webhook",
            Self::UnknownOutcome => "unknown outcome",
            Self::Refund => "refund",
            Self::Expiry => "expiry by sweep, with two looks",
        }
    }

    /// What its order ids begin with.
    const fn prefix(self) -> &'static str {
        match self {
            Self::HappySmall => "meter-small",
            Self::Happy => "meter-happy",
            Self::DuplicateWebhook => "meter-twice",
            Self::UnknownOutcome => "meter-again",
            Self::Refund => "meter-money",
            Self::Expiry => "meter-never",
        }
    }

    /// An order's id: as long in each scenario, so that sizes can be compared.
    #[must_use]
    pub fn order_id(self, number: usize) -> String {
        format!("{}-{number:04}", self.prefix())
    }

    /// The decline of the order, just declined.
    ///
    /// # Errors
    /// The published sample is not JSON.
    pub fn decline(self, order_id: &str, now: Timestamp) -> anyhow::Result<String> {
        let sample = match self {
            Self::HappySmall => include_str!("../../../events/decline-minimal.json"),
            Self::Happy | Self::DuplicateWebhook | Self::UnknownOutcome | Self::Refund | Self::Expiry => {
                include_str!("../../../events/decline.json")
            }
        };
        let mut decline: Value = serde_json::from_str(sample)?;
        decline["merchant"] = MANAGED.into();
        decline["order_id"] = order_id.into();
        decline["declined_at"] = to_text(now).into();
        decline["transaction"]["id"] = format!("txn-{order_id}").into();
        Ok(decline.to_string())
    }

    /// What FlexFactor does.
    #[must_use]
    pub fn rules() -> Value {
        let of = |scenario: Self| json!({ "order_id": format!("{}-*", scenario.prefix()) });
        let approve = json!({ "kind": "approve", "after_seconds": crate::DAY_SECONDS });
        json!([
            { "when": of(Self::DuplicateWebhook), "fate": approve,
              "webhooks": [{ "kind": { "duplicated": { "copies": 1 } }, "events": ["order.completed"] }] },
            // Longer than a second: due dates are in whole ones, and whether two of them differ must not be luck.
            { "when": of(Self::UnknownOutcome), "fate": approve,
              "calls": [{ "kind": "timeout_after", "on": ["evaluate"], "times": 1, "hold_millis": 1_500 }] },
            // Not beside the answer, which would make it a race.
            { "when": of(Self::Refund), "fate": approve,
              "webhooks": [{ "kind": { "delayed": { "seconds": 600 } }, "events": ["order.refunded"] }] },
            { "when": of(Self::Expiry), "fate": { "kind": "expire" }, "webhooks": [{ "kind": "lost" }] },
            { "when": {}, "fate": approve },
        ])
    }
}
