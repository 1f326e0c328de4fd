//! A decline as it comes from the queue: the sample, with its free texts filled up to the wanted size.

use anyhow::{Context, Result, anyhow};
use intake::{IntakeRules, Message};
use jiff::{SignedDuration, Timestamp};
use models::decline::METADATA_ENTRIES_MAX;
use models::merchant::Merchant;
use models::screening::{self, Limits, Screened};
use models::text::TEXT_BYTES_MAX;
use serde_json::Value;

use crate::{fill, merchant};

const SAMPLE: &str = include_str!("../../../events/decline.json");

/// The free texts, in the order in which they are filled: first what a billing system hands on with an order, then what people
/// and processors write.
const TEXTS: [&str; 19] = [
    "/transaction/response_text",
    "/billing_address/line2",
    "/transaction/descriptor",
    "/billing_address/line1",
    "/transaction/processor",
    "/customer/id",
    "/billing_address/city",
    "/billing_address/first_name",
    "/billing_address/last_name",
    "/billing_address/phone",
    "/card/holder",
    "/card/brand",
    "/card/kind",
    "/card/country",
    "/subscription/id",
    "/subscription/interval",
    "/transaction/id",
    "/transaction/status",
    "/transaction/response_code_source",
];

/// How long the names of metadata are, where they are short.
const NAME_BYTES: usize = 16;
/// Up to which size of the body they are.
const ENTRIES_SHORT_BYTES_MAX: usize = 6_000;
/// What an entry takes beside its name and text.
const ENTRY_SYNTAX_BYTES: usize = r#","":"""#.len();

/// A decline and all that it is held against.
#[derive(Debug)]
pub struct Inputs {
    /// The message's body.
    pub body: String,
    /// The merchant.
    pub merchant: Merchant,
    /// The deployment's rules, with the template's own numbers.
    pub rules: IntakeRules,
    /// The moment at which it comes.
    pub now: Timestamp,
}

impl Inputs {
    /// A decline of this many bytes, or of as many as metadata and free texts may have; codes and addresses of mail stay short.
    ///
    /// # Errors
    /// The sample is not as it should be.
    pub fn of_bytes(bytes: usize) -> Result<Self> {
        let limits = Limits {
            decline_age_max: SignedDuration::from_hours(24),
            window_days_min: 14,
            window_days_max: 21,
            window_days_default: 21,
        };
        let rules = IntakeRules {
            limits,
            submission_overdue: SignedDuration::from_mins(15),
            rejected_copy: SignedDuration::from_hours(24 * 30),
        };
        Ok(Self {
            body: filled(bytes)?.to_string(),
            merchant: merchant()?,
            rules,
            now: "2026-11-21T10:00:00Z".parse()?,
        })
    }

    /// The decline, read and screened.
    ///
    /// # Errors
    /// It breaks a rule.
    pub fn screened(&self) -> Result<Screened> {
        let refused = |refusal| anyhow!("{refusal:?}");
        let decline = screening::read(&screening::parse(&self.body).map_err(refused)?).map_err(refused)?;
        screening::screen(decline, Some(&self.merchant), &self.rules.limits, self.now).map_err(refused)
    }

    /// The message of the queue.
    #[must_use]
    pub fn message(&self) -> Message {
        let id = "2e1424d4-f796-459a-8184-9c92662be6da".to_owned();
        Message { id, body: self.body.clone(), sent_at: Some(self.now) }
    }
}

/// The sample with metadata and longer texts, up to `bytes` or to what the limits allow.
fn filled(bytes: usize) -> Result<Value> {
    let mut value: Value = serde_json::from_str(SAMPLE)?;
    value["billing_address"]["line2"] = "Apartment 7".into();
    value["billing_address"]["phone"] = "+15551234567".into();
    let left = |value: &Value| bytes.saturating_sub(value.to_string().len());
    // Names are as long as they may be only where there is no other way to the wanted size.
    let name_bytes = if bytes > ENTRIES_SHORT_BYTES_MAX { TEXT_BYTES_MAX } else { NAME_BYTES };
    for number in 1..METADATA_ENTRIES_MAX {
        let name: String =
            format!("{number} {}", fill::text(TEXT_BYTES_MAX)).chars().take(name_bytes).collect();
        let room = left(&value).saturating_sub(name.len()).saturating_sub(ENTRY_SYNTAX_BYTES);
        if room == 0 {
            break;
        }
        value["metadata"][name] = fill::text(room.min(TEXT_BYTES_MAX)).into();
    }
    for path in TEXTS {
        let more = left(&value);
        let text = value.pointer_mut(path).with_context(|| format!("there is no {path}"))?;
        let known = text.as_str().unwrap_or_default().to_owned();
        *text = format!("{known}{}", fill::text(more.min(TEXT_BYTES_MAX.saturating_sub(known.len())))).into();
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BODY_BYTES;

    #[test]
    fn it_has_the_wanted_size_or_as_much_as_its_free_texts_hold_and_is_taken() {
        let [smaller, larger] = BODY_BYTES.map(|bytes| Inputs::of_bytes(bytes).unwrap());
        assert_eq!(smaller.body.len(), BODY_BYTES[0]);
        assert!((15_000..=BODY_BYTES[1]).contains(&larger.body.len()), "{}", larger.body.len());
        for inputs in [smaller, larger] {
            assert!(inputs.screened().is_ok());
        }
    }
}
