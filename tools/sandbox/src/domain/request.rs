//! An /evaluate request: what is required, and what of it matters here.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    doc::{Doc, canonical, is_card_number},
    merchant::{Merchant, Mode},
    money::Money,
    order::Details,
    refusal::Refusal,
    settings::{EvaluateSettings, UnknownTokens},
    vault::{TestCard, Vault},
};

/// A valid /evaluate request.
#[derive(Clone, Debug)]
pub struct EvaluateRequest {
    /// `idempotencyKey`.
    pub idempotency_key: String,
    /// `orderId`, the merchant's.
    pub external_id: String,
    /// `isMIT`.
    pub mit: bool,
    /// `transactionType` is AUTHORIZATION.
    pub authorization: bool,
    /// `expiryDateUtc`.
    pub expiry: Option<Timestamp>,
    /// `transaction.amount` and `.currency`.
    pub amount: Money,
    /// The card, if it is a test card.
    pub test_card: Option<TestCard>,
    /// A CVV came with the request or with the vaulted card.
    pub has_cvv: bool,
    /// Repeated in GET answers.
    pub details: Details,
    /// What the idempotency key stands for.
    pub payload: String,
}

/// The fields a real sandbox proved to require (recorded: ActiveMerchant's remote test), with its words.
const REQUIRED: [(&str, &str, &str); 7] = [
    ("", "orderId", "Merchant's orderId is required"),
    ("transaction", "id", "The Id field is required."),
    ("transaction", "responseCode", "The ResponseCode field is required."),
    ("transaction", "avsResultCode", "The AvsResultCode field is required."),
    ("transaction", "cvvResultCode", "The CvvResultCode field is required."),
    ("transaction", "cavvResultCode", "The CavvResultCode field is required."),
    ("transaction", "responseCodeSource", "The ResponseCodeSource field is required."),
];

/// Fields documented as required that the recordings show to be missing without harm.
const DOCUMENTED: [(&str, &str); 12] = [
    ("transaction", "timestampUtc"),
    ("transaction", "timezoneUtcOffset"),
    ("transaction", "cardNotPresent"),
    ("payer", "email"),
    ("billingInformation", "firstName"),
    ("billingInformation", "lastName"),
    ("billingInformation", "country"),
    ("billingInformation", "countryCode"),
    ("billingInformation", "addressLine1"),
    ("billingInformation", "city"),
    ("billingInformation", "zipcode"),
    ("paymentMethod", "cardNumber"),
];

type Faults = Vec<(String, String)>;

/// Reads and validates a request of `merchant`.
///
/// # Errors
/// A refusal that names every invalid field.
pub fn read(
    body: &Value,
    merchant: &Merchant,
    settings: &EvaluateSettings,
    vault: &Vault,
    now: Timestamp,
) -> Result<EvaluateRequest, Refusal> {
    let doc = Doc::new(body);
    let mut faults = Faults::new();
    check_required(doc, settings, &mut faults);
    let idempotency_key = read_key(doc, &mut faults);
    let amount = read_amount(doc, settings, &mut faults);
    let mit = doc.flag("isMIT").unwrap_or(false);
    let expiry = read_expiry(doc, mit && merchant.mode == Mode::Managed, settings, now, &mut faults);
    let (test_card, has_cvv) = read_card(doc, settings, vault, &mut faults);
    if !faults.is_empty() {
        return Err(Refusal::invalid(faults));
    }
    Ok(EvaluateRequest {
        idempotency_key,
        external_id: doc.text_or_number("orderId").unwrap_or_default(),
        mit,
        authorization: doc
            .text("transactionType")
            .is_some_and(|kind| kind.eq_ignore_ascii_case("authorization")),
        expiry,
        amount,
        test_card,
        has_cvv,
        details: read_details(doc),
        payload: canonical(body, "idempotencyKey"),
    })
}

fn check_required(doc: Doc<'_>, settings: &EvaluateSettings, faults: &mut Faults) {
    match doc.get("isDeclined").map(Value::as_bool) {
        Some(Some(true)) => {}
        Some(Some(false)) => {
            faults.push(("IsDeclined".to_owned(), "The field IsDeclined must be true.".to_owned()))
        }
        Some(None) => faults.push(("IsDeclined".to_owned(), "The field IsDeclined is invalid.".to_owned())),
        None => faults.push(("IsDeclined".to_owned(), "The IsDeclined field is required.".to_owned())),
    }
    let object = |name: &str| if name.is_empty() { doc } else { doc.object(name) };
    for (parent, field, message) in REQUIRED {
        if object(parent).text_or_number(field).is_none() {
            faults.push((path(parent, field), message.to_owned()));
        }
    }
    if settings.require_documented_fields {
        for (parent, field) in DOCUMENTED {
            if object(parent).get(field).is_none() {
                faults.push((path(parent, field), format!("The {} field is required.", pascal(field))));
            }
        }
    }
}

fn read_key(doc: Doc<'_>, faults: &mut Faults) -> String {
    let name = || "IdempotencyKey".to_owned();
    match doc.text("idempotencyKey") {
        None => faults.push((name(), "The IdempotencyKey field is required.".to_owned())),
        Some(key) if uuid::Uuid::parse_str(key).is_ok() => return key.to_ascii_lowercase(),
        Some(_) => faults.push((name(), "The field IdempotencyKey is invalid.".to_owned())),
    }
    String::new()
}

fn read_amount(doc: Doc<'_>, settings: &EvaluateSettings, faults: &mut Faults) -> Money {
    let transaction = doc.object("transaction");
    let mut fault = |field: &str, message: String| faults.push((format!("Transaction.{field}"), message));
    let minor = match transaction.get("amount").map(Value::as_i64) {
        None => {
            fault("Amount", "The Amount field is required.".to_owned());
            0
        }
        Some(None) => {
            fault("Amount", "The JSON value could not be converted to System.Int32.".to_owned());
            0
        }
        Some(Some(minor)) => {
            let (above, below) = (settings.amount_cents_above, settings.amount_cents_below);
            if minor <= above || minor >= below {
                fault(
                    "Amount",
                    format!("The field Amount must be greater than {above} and less than {below}."),
                );
            }
            minor
        }
    };
    let currency = transaction.text("currency").unwrap_or_default();
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        fault("Currency", "The Currency field is required.".to_owned());
    }
    Money { minor, currency: currency.to_ascii_uppercase() }
}

fn read_expiry(
    doc: Doc<'_>,
    required: bool,
    settings: &EvaluateSettings,
    now: Timestamp,
    faults: &mut Faults,
) -> Option<Timestamp> {
    let mut fault = |message: &str| faults.push(("ExpiryDateUtc".to_owned(), message.to_owned()));
    let value = match doc.get("expiryDateUtc") {
        None if required => {
            fault("The ExpiryDateUtc field is required.");
            return None;
        }
        None => return None,
        Some(value) => value,
    };
    let Some(expiry) = value.as_str().and_then(parse_utc) else {
        fault("The field ExpiryDateUtc is invalid.");
        return None;
    };
    let days = |days: u64| super::clock::after(now, days.saturating_mul(86_400));
    if settings.expiry_must_be_future && expiry <= now {
        fault("The field ExpiryDateUtc must be in the future.");
    }
    if settings.expiry_days_min.is_some_and(|min| expiry < days(min)) {
        fault("The field ExpiryDateUtc is too soon.");
    }
    if settings.expiry_days_max.is_some_and(|max| expiry > days(max)) {
        fault("The field ExpiryDateUtc is too late.");
    }
    Some(expiry)
}

/// Reads an ISO date-time; one without an offset is UTC, as its name says.
fn parse_utc(text: &str) -> Option<Timestamp> {
    text.parse().or_else(|_| format!("{text}Z").parse()).ok()
}

fn read_card(
    doc: Doc<'_>,
    settings: &EvaluateSettings,
    vault: &Vault,
    faults: &mut Faults,
) -> (Option<TestCard>, bool) {
    let method = doc.object("paymentMethod");
    let number = method.text_or_number("cardNumber").unwrap_or_default();
    let is_number = is_card_number(&number);
    let has_cvv = method.text("verificationValue").is_some();
    let vaulted = vault.get(&number);
    if vaulted.is_none()
        && !number.is_empty()
        && !is_number
        && settings.unknown_tokens == UnknownTokens::Refuse
    {
        faults.push(("PaymentMethod.CardNumber".to_owned(), "The card token is unknown.".to_owned()));
    }
    let by_ends = || {
        let (bin, last4) =
            (method.text_or_number("cardBinNumber")?, method.text_or_number("cardLast4Digits")?);
        TestCard::by_ends(&bin, &last4)
    };
    let test_card = match vaulted {
        Some(card) => card.test_card,
        None if is_number => TestCard::by_number(&number),
        None => by_ends(),
    };
    (test_card, has_cvv || vaulted.is_some_and(|card| card.had_cvv))
}

fn read_details(doc: Doc<'_>) -> Details {
    let payer = doc.object("payer");
    let text = |value: Option<&str>| value.map(str::to_owned);
    Details {
        billing: doc.value("billingInformation"),
        shipping: doc.value("shippingInformation"),
        email: text(payer.text("email")),
        phone: text(payer.text("phone")),
        correlation_id: text(doc.text("correlationId")),
        sense_key: text(doc.text("senseKey")),
        site_id: text(doc.text("siteId")),
    }
}

fn path(parent: &str, field: &str) -> String {
    if parent.is_empty() { pascal(field) } else { format!("{}.{}", pascal(parent), pascal(field)) }
}

fn pascal(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}
