//! The samples of messages and configuration: each is valid by its schema, and the code that reads such a thing takes it.

use jiff::{SignedDuration, Timestamp};
use lambda_kit::queue::OrderMessage;
use lambda_kit::secrets::MerchantSecret;
use models::decline::Decline;
use models::merchant::{Merchant, Mode, Transmit};
use models::refusal::Refusal;
use models::screening::{self, Limits};
use models::transmission::{self, Transmission};
use serde_json::Value;

use crate::{files, schemas};
use expiry_sweep::sweep::Scheduled;

/// A sample, its schema, and what reads it.
pub(crate) struct Sample {
    pub(crate) path: &'static str,
    pub(crate) schema: &'static str,
    /// Whether fields that are not known are refused.
    pub(crate) is_closed: bool,
    pub(crate) read: fn(&Value) -> Result<(), String>,
}

pub(crate) const ALL: [Sample; 9] = [
    Sample { path: "decline.json", schema: "decline", is_closed: true, read: read_decline },
    Sample { path: "decline-minimal.json", schema: "decline", is_closed: true, read: read_decline },
    Sample { path: "merchant.json", schema: "merchant", is_closed: true, read: read_as::<Merchant> },
    Sample {
        path: "merchant-unmanaged.json",
        schema: "merchant",
        is_closed: true,
        read: read_as::<Merchant>,
    },
    Sample { path: "merchant-secret.json", schema: "merchant-secret", is_closed: false, read: read_secret },
    Sample { path: "evaluation.json", schema: "evaluation", is_closed: false, read: read_as::<OrderMessage> },
    Sample { path: "schedule.json", schema: "schedule", is_closed: true, read: read_as::<Scheduled> },
    Sample { path: "transmission.json", schema: "transmission", is_closed: true, read: read_transmission },
    Sample {
        path: "transmission-minimal.json",
        schema: "transmission",
        is_closed: true,
        read: read_transmission,
    },
];

fn read_as<T: serde::de::DeserializeOwned>(value: &Value) -> Result<(), String> {
    serde_json::from_value::<T>(value.clone()).map(|_| ()).map_err(|error| error.to_string())
}

fn read_decline(value: &Value) -> Result<(), String> {
    screened(value).map(|_| ()).map_err(|refusal| format!("{refusal:?}"))
}

fn read_transmission(value: &Value) -> Result<(), String> {
    relayed(value).map(|_| ()).map_err(|refusal| format!("{refusal:?}"))
}

fn read_secret(value: &Value) -> Result<(), String> {
    MerchantSecret::parse(&value.to_string()).map(|_| ()).map_err(|error| error.to_string())
}

/// What decline-intake does with a decline: read it, then screen it. The merchant is the sample's, without limits to
/// its amounts, and a minute has passed.
pub(crate) fn screened(value: &Value) -> Result<Decline, Refusal> {
    let decline = screening::read(value)?;
    let mut merchant = merchant("merchant.json");
    merchant.environment = models::merchant::Environment::Production;
    (merchant.amount_minor_min, merchant.amount_minor_max) = (None, None);
    let now = decline.declined_at + SignedDuration::from_mins(1);
    screening::screen(decline, Some(&merchant), &template_limits(), now).map(|screened| screened.decline)
}

/// What transmit-relay does with a transmission: read it, then screen it, a minute later, for a merchant that wants all.
pub(crate) fn relayed(value: &Value) -> Result<Transmission, Refusal> {
    let transmission = transmission::read(value)?;
    let mut merchant = merchant("merchant.json");
    merchant.transmit = Transmit::All;
    let age_max = template_default("TransmissionAgeMaxSeconds").parse().unwrap();
    let (age_max, now) =
        (SignedDuration::from_secs(age_max), transmission.occurred_at + SignedDuration::from_mins(1));
    transmission::screen(&transmission, Some(&merchant), age_max, now)?;
    Ok(transmission)
}

pub(crate) fn merchant(path: &str) -> Merchant {
    serde_json::from_value(files::json(path)).unwrap()
}

/// The limits that the template sets unless told otherwise.
pub(crate) fn template_limits() -> Limits {
    let days = |parameter| template_default(parameter).parse().unwrap();
    Limits {
        decline_age_max: SignedDuration::from_secs(template_default("DeclineAgeMaxSeconds").parse().unwrap()),
        window_days_min: days("WindowDaysMin"),
        window_days_max: days("WindowDaysMax"),
        window_days_default: days("WindowDaysDefault"),
    }
}

/// The default of a parameter of the template.
pub(crate) fn template_default(parameter: &str) -> String {
    let template = files::repository("infra/template.yaml");
    let from_it = template.split_once(&format!("\n  {parameter}:\n")).expect(parameter).1;
    let default = from_it.lines().find_map(|line| line.trim().strip_prefix("Default: "));
    default.expect(parameter).trim_matches('"').to_owned()
}

pub(crate) fn check(path: &str) {
    let sample = ALL.iter().find(|sample| sample.path == path);
    let sample = sample.unwrap_or_else(|| panic!("no check knows events/{path}"));
    let value = files::json(path);
    schemas::validator(sample.schema).validate(&value).unwrap_or_else(|error| panic!("{path}: {error}"));
    (sample.read)(&value).unwrap_or_else(|error| panic!("{path}: {error}"));
}

#[test]
fn the_declines_become_orders_of_the_sample_merchants() {
    for path in ["decline.json", "decline-minimal.json"] {
        let decline = screening::read(&files::json(path)).unwrap();
        let now = decline.declined_at + SignedDuration::from_mins(1);
        let merchant = merchant("merchant.json");
        let taken = screening::screen(decline, Some(&merchant), &template_limits(), now).unwrap();
        assert_eq!(taken.window_days, 21, "{path}");
    }
    let decline = screening::read(&files::json("decline-minimal.json")).unwrap();
    let now: Timestamp = decline.declined_at;
    let merchant = merchant("merchant-unmanaged.json");
    assert_eq!(merchant.mode, Mode::Unmanaged);
    let taken = screening::screen(decline, Some(&merchant), &template_limits(), now).unwrap();
    assert_eq!(taken.window_days, 14, "the period agreed with FlexFactor");
}

#[test]
fn the_evaluation_names_the_decline_s_order() {
    let message: OrderMessage = serde_json::from_value(files::json("evaluation.json")).unwrap();
    assert_eq!(message.key(), screening::read(&files::json("decline.json")).unwrap().key());
}

/// They open nothing: the credentials are the sandbox's published ones, the key is the official sample's.
#[test]
fn the_secret_holds_published_values_only() {
    let secret = files::json("merchant-secret.json");
    let merchant = merchant("merchant.json");
    let accounts = sandbox::examples::merchants();
    let account = accounts.iter().find(|account| account.mid == merchant.mid).unwrap();
    assert_eq!(secret["app_key"], account.app_key);
    assert_eq!(secret["app_secret"], account.app_secret);
    assert_eq!(secret["webhook_keys"], serde_json::json!([sandbox::webhook::sign::vector::KEY]));
}

#[test]
fn the_transmissions_are_wanted_by_the_sample_merchant() {
    let merchant = merchant("merchant.json");
    assert_eq!(merchant.transmit, Transmit::Approvals);
    for path in ["transmission.json", "transmission-minimal.json"] {
        let transmission = transmission::read(&files::json(path)).unwrap();
        let (age_max, now) = (SignedDuration::from_hours(24), transmission.occurred_at);
        assert!(transmission::screen(&transmission, Some(&merchant), age_max, now).is_ok(), "{path}");
    }
}
