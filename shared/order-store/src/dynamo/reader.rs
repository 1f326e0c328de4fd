//! Reading attributes back.

use std::collections::BTreeSet;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use models::decline::Decline;
use models::history::State;
use models::money::MinorUnits;
use models::order::{Due, Reason, Submission, Tag};
use models::refund::Totals;
use models::wish::Wish;
use serde::de::DeserializeOwned;

use super::item::{Item, SCHEMA, attr};
use super::packed::unpack;
use crate::table::StoreError;

/// Reads attributes of an item. What fails is named by its attribute, never by its value.
pub(super) struct Reader<'a> {
    item: &'a Item,
    /// The item's name in errors.
    name: String,
}

impl<'a> Reader<'a> {
    /// A reader of an item that this version knows. What a later one wrote may mean something else, even where it can be parsed.
    pub(super) fn of(item: &'a Item, name: String) -> Result<Self, StoreError> {
        let read = Self { item, name };
        match read.parsed::<u64>(attr::SCHEMA)? {
            schema if schema > SCHEMA => {
                let why = format!("its schema is {schema}, and this version reads up to {SCHEMA}");
                Err(read.corrupt(why))
            }
            _ => Ok(read),
        }
    }

    pub(super) fn corrupt(&self, why: impl ToString) -> StoreError {
        StoreError::Corrupt { item: self.name.clone(), why: why.to_string() }
    }

    /// A text or number attribute, parsed.
    pub(super) fn optional<T: FromStr>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let Some(value) = self.item.get(name) else { return Ok(None) };
        let raw = value.as_s().or_else(|_| value.as_n());
        raw.ok()
            .and_then(|raw| raw.parse().ok())
            .map(Some)
            .ok_or_else(|| self.corrupt(format!("{name} is malformed")))
    }

    pub(super) fn parsed<T: FromStr>(&self, name: &str) -> Result<T, StoreError> {
        self.optional(name)?.ok_or_else(|| self.corrupt(format!("{name} is missing")))
    }

    /// Where the order stands; whether it holds its request is told elsewhere in each kind of item.
    pub(super) fn state(&self, holds_request: bool) -> Result<State, StoreError> {
        Ok(State {
            status: self.parsed(attr::STATUS)?,
            reason: match self.optional(attr::REASON)? {
                Some(code) => {
                    Some(Reason { code, detail: self.optional(attr::REASON_DETAIL)?.unwrap_or_default() })
                }
                None => None,
            },
            holds_request,
            submission: Submission {
                attempts: self.parsed(attr::ATTEMPTS)?,
                idempotency_key: self.optional(attr::IDEMPOTENCY_KEY)?,
                lease_until: self.optional(attr::LEASE_UNTIL)?,
                unsent: self.optional(attr::UNSENT)?.unwrap_or_default(),
                first_attempt_at: self.optional(attr::FIRST_ATTEMPT_AT)?,
                account: self.optional(attr::ACCOUNT)?,
            },
            provider_order: self.optional(attr::PROVIDER_ORDER)?,
            confirmation: self.optional(attr::CONFIRMATION)?,
            due: self.due()?,
            refund: self.optional(attr::REFUND)?.unwrap_or_default(),
            dispute: self.optional(attr::DISPUTE)?.unwrap_or_default(),
            wish: self.wish()?,
            refunds: self.json(attr::REFUNDS)?.unwrap_or_default(),
            totals: self.totals()?,
        })
    }

    fn wish(&self) -> Result<Option<Wish>, StoreError> {
        let Some(kind) = self.optional(attr::WISH)? else { return Ok(None) };
        Ok(Some(Wish {
            kind,
            asked_at: self.parsed(attr::WISH_AT)?,
            key: self.parsed(attr::WISH_KEY)?,
            state: self.parsed(attr::WISH_STATE)?,
        }))
    }

    fn totals(&self) -> Result<Option<Totals>, StoreError> {
        let minor = |name: &str| Ok(self.optional(name)?.map(MinorUnits::new));
        Ok(match (minor(attr::CAPTURED)?, minor(attr::REFUNDED)?) {
            (Some(captured), Some(refunded)) => Some(Totals { captured, refunded }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(self.corrupt("its totals are not whole")),
        })
    }

    /// A text attribute that holds JSON.
    pub(super) fn json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let json: Option<String> = self.optional(name)?;
        json.map(|json| serde_json::from_str(&json))
            .transpose()
            .map_err(|_| self.corrupt(format!("{name} is malformed")))
    }

    /// The request, packed or (schema 1) as text.
    pub(super) fn request(&self) -> Result<Option<Box<Decline>>, StoreError> {
        let Some(AttributeValue::B(packed)) = self.item.get(attr::REQUEST) else {
            return self.json(attr::REQUEST);
        };
        let decline = unpack(packed).and_then(|json| serde_json::from_str(&json).ok());
        decline.map(Some).ok_or_else(|| self.corrupt(format!("{} is malformed", attr::REQUEST)))
    }

    pub(super) fn due(&self) -> Result<Option<Due>, StoreError> {
        let Some(second) = self.optional::<i64>(attr::DUE_AT)? else { return Ok(None) };
        let at = Timestamp::from_second(second).map_err(|error| self.corrupt(error))?;
        let looks = self.optional(attr::DUE_LOOKS)?.unwrap_or_default();
        Ok(Some(Due { looks, ..Due::new(at, self.parsed(attr::DUE_REASON)?) }))
    }

    pub(super) fn tags(&self, name: &str) -> Result<BTreeSet<Tag>, StoreError> {
        match self.item.get(name) {
            None => Ok(BTreeSet::new()),
            Some(AttributeValue::Ss(tags)) => Ok(tags.iter().cloned().map(Tag::from_stored).collect()),
            Some(_) => Err(self.corrupt(format!("{name} is malformed"))),
        }
    }
}
