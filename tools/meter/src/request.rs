//! What was seen of a request.

use serde::Serialize;

use crate::capacity::WriteUnits;

/// A request that a function made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The id of the key that it was signed with, which tells the function; none on calls of FlexFactor.
    pub key: Option<String>,
    /// Which service.
    pub service: Service,
    /// Which call.
    pub operation: String,
    /// Whether the SDK had tried before: what is counted then says how slow the machine was.
    pub is_repeated: bool,
    /// What else is to be known.
    pub what: What,
}

/// Who is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// The orders table.
    DynamoDb,
    /// The queues.
    Sqs,
    /// The bus.
    EventBridge,
    /// The secrets.
    SecretsManager,
    /// FlexFactor.
    Provider,
}

impl Service {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DynamoDb => "DynamoDB",
            Self::Sqs => "SQS",
            Self::EventBridge => "EventBridge",
            Self::SecretsManager => "Secrets Manager",
            Self::Provider => "FlexFactor",
        }
    }

    /// Whose call this target names, and the call.
    #[must_use]
    pub fn of_target(target: &str) -> Option<(Self, &str)> {
        let (prefix, operation) = target.split_once('.')?;
        let service = match prefix {
            "DynamoDB_20120810" => Self::DynamoDb,
            "AmazonSQS" => Self::Sqs,
            "AWSEvents" => Self::EventBridge,
            "secretsmanager" => Self::SecretsManager,
            _ => return None,
        };
        Some((service, operation))
    }
}

/// What a request is charged by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A write of one item.
    Write(Write),
    /// A read of items.
    Read {
        /// Of what kind they are.
        of: ItemKind,
        /// Half read units.
        half_units: u64,
    },
    /// So many messages or events, which are charged as so many requests.
    Sent {
        /// How many.
        count: u64,
        /// How many requests they are charged as: one for every 64 KB.
        charged: u64,
    },
    /// Only that it was made.
    Made,
}

/// A write to DynamoDB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Write {
    /// Of what.
    pub of: ItemKind,
    /// Whether its condition held.
    pub is_made: bool,
    /// The item's size before, in bytes; none where there was none.
    pub bytes_before: Option<u64>,
    /// Its size after.
    pub bytes_after: Option<u64>,
    /// The order's status before.
    pub status_before: Option<String>,
    /// Its status after.
    pub status_after: Option<String>,
    /// What it consumed.
    pub units: WriteUnits,
}

/// The kinds of items in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// An order.
    Order,
    /// An entry of an order's history.
    History,
    /// The line that lists show of an order.
    Line,
    /// Something parked.
    Parked,
    /// What became of a transmission.
    Transmission,
    /// A merchant's configuration.
    Merchant,
    /// When a webhook key was last seen.
    WebhookKey,
}

impl ItemKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Order,
        Self::History,
        Self::Line,
        Self::Parked,
        Self::Transmission,
        Self::Merchant,
        Self::WebhookKey,
    ];

    /// Its name for tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Order => "the order's item",
            Self::History => "history",
            Self::Line => "line for lists",
            Self::Parked => "parked",
            Self::Transmission => "transmission",
            Self::Merchant => "merchant's configuration",
            Self::WebhookKey => "webhook key",
        }
    }
}
