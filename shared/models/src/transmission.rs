//! A copy of a transaction for the provider's risk model: the message, its screening, and what is kept of it.
//!
//! A copy rescues nothing and costs nothing twice. So it is sent at least once, and of the message itself nothing is kept
//! but its hash and its ids: no personal data.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::decline::{Address, Customer, Subscription, Transaction, message};
use crate::ids::{ContentHash, MerchantId, OrderId, TransmitId};
use crate::merchant::{Merchant, Site, Transmit};
use crate::money::Money;
use crate::refusal::{Refusal, Rule};
use crate::screening::{self, CLOCK_SKEW_SECONDS_MAX, CardFacts};
use crate::text::Text;
use crate::time::to_millis;

/// The version of the transmission message that this code reads.
pub const TRANSMISSION_VERSION: u32 = 1;

message! {
    /// A transaction that a processor approved or declined.
    Transmission {
        /// The message's version: 1.
        version: u32,
        /// Our id of the merchant, as configured.
        merchant: MerchantId,
        /// The merchant's id of the order that the transaction was for. An order may have several transactions.
        order_id: OrderId,
        /// Whether the processor approved it.
        approved: bool,
        /// When the processor answered, in UTC (RFC 3339).
        occurred_at: Timestamp,
        /// Whether the merchant initiated the transaction.
        merchant_initiated: bool,
        /// Whether it belongs to a subscription.
        recurring: bool,
        /// What was to be charged.
        amount: Money,
        /// Which of the merchant's sites (brands, descriptors) it belongs to; the merchant's default when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        site: Option<Text>,
        /// The transaction. Its id names the transmission: one transaction, one id.
        transaction: Transaction,
        /// The subscription it was for. FlexFactor asks for it for merchant-initiated transactions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subscription: Option<Subscription>,
        /// The customer.
        customer: Customer,
        /// The cardholder's billing address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        billing_address: Option<Address>,
        /// What may be shown of the card.
        card: ShownCard,
    }

    /// What may be shown of a card. There is no field for its number, and none for a token.
    ShownCard {
        /// The first six to eight digits.
        bin: Text,
        /// The last four digits.
        last4: Text,
        /// The name on the card.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        holder: Option<Text>,
        /// The brand, such as `VISA`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        brand: Option<Text>,
        /// The kind, such as `CREDIT`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<Text>,
        /// The issuing country.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        country: Option<Text>,
        /// The month of expiry, 1 to 12.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expiry_month: Option<u8>,
        /// The year of expiry, four digits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expiry_year: Option<u16>,
    }
}

/// What names a transmission: the merchant and the transaction's id. The id is free text, so that one which a decline may
/// have is taken here as well; its `Debug` is silent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TransmissionKey {
    /// The merchant.
    pub merchant: MerchantId,
    /// The transaction's id.
    pub transaction: Text,
}

impl Transmission {
    /// The hash of what it says. White space, the order of fields and absent fields written as null don't matter.
    ///
    /// # Errors
    /// It can't be written as JSON, which its types rule out.
    pub fn content(&self) -> Result<ContentHash, serde_json::Error> {
        Ok(ContentHash::of(&serde_json::to_value(self)?))
    }

    /// What names it.
    #[must_use]
    pub fn key(&self) -> TransmissionKey {
        TransmissionKey { merchant: self.merchant.clone(), transaction: self.transaction.id.clone() }
    }
}

/// Refuses card numbers and card secrets in any field, then reads the value as a transmission.
///
/// # Errors
/// Card data was found, or the value has not the shape of a transmission.
pub fn read(value: &Value) -> Result<Transmission, Refusal> {
    screening::read_as(value, TRANSMISSION_VERSION, "a transmission")
}

/// Whose a transmission is that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Screened<'a> {
    /// Its merchant.
    pub merchant: &'a Merchant,
    /// The merchant's site that it belongs to.
    pub site: Site,
}

/// Checks a transmission against its merchant's configuration at the time `now`. FlexFactor wants
/// it within 24 hours (documented: ff/transmit-1), which is what `age_max` is unless it is set shorter.
///
/// # Errors
/// The first rule that it breaks.
pub fn screen<'a>(
    transmission: &Transmission,
    merchant: Option<&'a Merchant>,
    age_max: SignedDuration,
    now: Timestamp,
) -> Result<Screened<'a>, Refusal> {
    let merchant = screening::enabled(merchant)?;
    check_wanted(transmission, merchant)?;
    check_age(transmission, age_max, now)?;
    check_currency(transmission, merchant)?;
    let site = screening::site(merchant, transmission.site.as_ref())?;
    let card = &transmission.card;
    screening::check_card(&CardFacts {
        bin: Some(&card.bin),
        last4: Some(&card.last4),
        expiry_month: card.expiry_month,
        expiry_year: card.expiry_year,
    })?;
    transmission.billing_address.as_ref().map_or(Ok(()), screening::check_country)?;
    Ok(Screened { merchant, site })
}

fn check_wanted(transmission: &Transmission, merchant: &Merchant) -> Result<(), Refusal> {
    match (merchant.transmit, transmission.approved) {
        (Transmit::None, _) => {
            let sentence = "The merchant's configuration does not ask for transmissions.";
            Err(Refusal::new(Rule::TransmitOff, "merchant", sentence))
        }
        (Transmit::Approvals, false) => {
            let sentence = "The merchant's configuration asks for approvals only; this must be true.";
            Err(Refusal::new(Rule::DeclinesNotWanted, "approved", sentence))
        }
        (Transmit::Approvals, true) | (Transmit::All, _) => Ok(()),
    }
}

fn check_age(transmission: &Transmission, age_max: SignedDuration, now: Timestamp) -> Result<(), Refusal> {
    let age = now.duration_since(transmission.occurred_at);
    if age < SignedDuration::from_secs(-CLOCK_SKEW_SECONDS_MAX) {
        let sentence = format!("The transaction lies {} seconds in the future.", age.abs().as_secs());
        return Err(Refusal::new(Rule::OccurredInFuture, "occurred_at", sentence));
    }
    if age > age_max {
        let sentence = format!(
            "The transaction is {} hours old; only those of the last {} hours are transmitted.",
            age.as_hours(),
            age_max.as_hours()
        );
        return Err(Refusal::new(Rule::TooOld, "occurred_at", sentence));
    }
    Ok(())
}

fn check_currency(transmission: &Transmission, merchant: &Merchant) -> Result<(), Refusal> {
    let currency = transmission.amount.currency;
    screening::check_currency(currency, merchant)?;
    let price = transmission.subscription.as_ref().map(|subscription| subscription.price);
    price.map_or(Ok(()), |price| screening::check_price(price, currency))
}

/// How far a transmission has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// It was taken. Whether the provider has it is not known.
    Taken,
    /// The provider has it.
    Transmitted {
        /// The provider's key of it, by which its outcome could be told later; `None` where it gave none.
        id: Option<TransmitId>,
        /// The account that it went to: the key means nothing to another.
        account: String,
        /// When its answer was recorded.
        at: Timestamp,
    },
    /// It was refused and parked.
    Refused {
        /// When.
        at: Timestamp,
    },
    /// It could not be delivered in time and was parked.
    Undelivered {
        /// When.
        at: Timestamp,
    },
}

impl Stage {
    /// The word of [`Stage::Taken`].
    pub const TAKEN: &'static str = "taken";
    /// The word of [`Stage::Transmitted`].
    pub const TRANSMITTED: &'static str = "transmitted";
    /// The word of [`Stage::Refused`].
    pub const REFUSED: &'static str = "refused";
    /// The word of [`Stage::Undelivered`].
    pub const UNDELIVERED: &'static str = "undelivered";

    /// The word that is stored.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Taken => Self::TAKEN,
            Self::Transmitted { .. } => Self::TRANSMITTED,
            Self::Refused { .. } => Self::REFUSED,
            Self::Undelivered { .. } => Self::UNDELIVERED,
        }
    }

    /// Whether the transaction's id may be used again: what was parked may be corrected and sent anew.
    #[must_use]
    pub const fn leaves_id_free(&self) -> bool {
        match self {
            Self::Taken | Self::Transmitted { .. } => false,
            Self::Refused { .. } | Self::Undelivered { .. } => true,
        }
    }
}

/// What is kept of a transmission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relayed {
    /// What names it.
    pub key: TransmissionKey,
    /// The merchant's order id.
    pub order_id: OrderId,
    /// Whether the processor approved the transaction.
    pub approved: bool,
    /// What it says.
    pub content: ContentHash,
    /// When it was taken, to the millisecond.
    pub taken_at: Timestamp,
    /// How far it has come.
    pub stage: Stage,
    /// When this may be deleted, to the second.
    pub keep_until: Timestamp,
}

/// What is kept of a transmission that is taken at `now`, until `keep_until`.
#[must_use]
pub fn take(
    transmission: &Transmission,
    content: ContentHash,
    keep_until: Timestamp,
    now: Timestamp,
) -> Relayed {
    Relayed {
        key: transmission.key(),
        order_id: transmission.order_id.clone(),
        approved: transmission.approved,
        content,
        taken_at: to_millis(now),
        stage: Stage::Taken,
        keep_until: Timestamp::from_second(keep_until.as_second()).unwrap_or(keep_until),
    }
}

/// What a transmission is, seen beside what is kept under its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// The same again, and whether the provider has it is not known.
    Open,
    /// The same again, and it was transmitted or parked: nothing to do.
    Settled,
    /// Another one under its id.
    Other,
}

/// Compares a transmission's content with what is kept.
#[must_use]
pub fn compare(kept: &Relayed, content: &ContentHash) -> Known {
    match (kept.content == *content, &kept.stage) {
        (true, Stage::Taken) => Known::Open,
        (true, Stage::Transmitted { .. } | Stage::Refused { .. } | Stage::Undelivered { .. }) => {
            Known::Settled
        }
        (false, _) => Known::Other,
    }
}

/// How long before its time is over a transmission is tried for the last time: longer than a call takes.
pub const LAST_TRY_BEFORE_END: SignedDuration = SignedDuration::from_secs(60);

/// How long to wait at `now` before a transmission that was taken at `taken_at` is tried again; `None` where the next try
/// would come after `end`. `waits` are the waits after the first, second and further tries, the last one repeats; which one it
/// is follows from the time since then, so that no try costs a write. The last try comes shortly before the end.
#[must_use]
pub fn next_try(
    waits: &[SignedDuration],
    taken_at: Timestamp,
    end: Timestamp,
    now: Timestamp,
) -> Option<SignedDuration> {
    let waited = now.duration_since(taken_at);
    let mut sum = SignedDuration::ZERO;
    let due = waits.iter().find(|wait| {
        sum = sum.saturating_add(**wait);
        waited < sum
    });
    let wait = due.or(waits.last()).copied()?;
    let left = end.duration_since(now).saturating_sub(LAST_TRY_BEFORE_END);
    left.is_positive().then(|| wait.min(left))
}

#[cfg(test)]
#[path = "transmission_tests.rs"]
mod tests;
