use serde_json::json;

use super::*;

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn sample() -> Value {
    serde_json::from_str(include_str!("../../../events/transmission.json")).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn merchant(transmit: &str) -> Merchant {
    let merchant = json!({"enabled": true, "mode": "managed", "environment": "sandbox", "mid": "m",
        "sites": {"plans": {}}, "transmit": transmit});
    serde_json::from_value(merchant).unwrap()
}

/// What becomes of the sample with one field changed, a minute after the transaction.
fn screened(transmit: &str, pointer: &str, value: Value) -> Result<(), Refusal> {
    let mut changed = sample();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    changed.pointer_mut(parent).unwrap()[name] = value;
    screen(&read(&changed)?, Some(&merchant(transmit)), DAY, at("2026-11-21T09:59:12Z")).map(|_| ())
}

fn broken(transmit: &str, pointer: &str, value: Value) -> (Rule, String) {
    let refusal = screened(transmit, pointer, value).unwrap_err();
    assert!(refusal.sentence.ends_with('.'), "{}", refusal.sentence);
    (refusal.rule, refusal.path)
}

#[test]
fn every_rule_is_named_with_its_field() {
    let cases = [
        ("/version", json!(2), Rule::Version, "version"),
        ("/customer/email", json!("4111 1111 1111 1111"), Rule::CardNumber, "customer.email"),
        ("/card/number", json!("4000002760003184"), Rule::CardNumber, "card.number"),
        ("/card/cvv", json!("123"), Rule::CardSecret, "card.cvv"),
        ("/card/token", json!("d3e10716-6aac-4eb8-a74d-c1a3027f1d96"), Rule::Schema, "card.token"),
        ("/card/bin", Value::Null, Rule::Schema, "card.bin"),
        ("/approved", json!("yes"), Rule::Schema, "approved"),
        ("/occurred_at", json!("2026-11-20T09:59:11Z"), Rule::TooOld, "occurred_at"),
        ("/occurred_at", json!("2026-11-21T10:04:13Z"), Rule::OccurredInFuture, "occurred_at"),
        ("/amount/currency", json!("EUR"), Rule::Currency, "amount.currency"),
        ("/subscription/price/currency", json!("EUR"), Rule::Currency, "subscription.price.currency"),
        ("/site", json!("elsewhere"), Rule::SiteUnknown, "site"),
        ("/card/bin", json!("4000"), Rule::Card, "card.bin"),
        ("/card/last4", json!("31844"), Rule::Card, "card.last4"),
        ("/card/expiry_month", json!(13), Rule::Card, "card.expiry_month"),
        ("/billing_address/country_code", json!("usa"), Rule::Country, "billing_address.country_code"),
    ];
    for (pointer, value, rule, path) in cases {
        assert_eq!(broken("all", pointer, value), (rule, path.to_owned()), "{pointer}");
    }
}

#[test]
fn the_edges_of_the_age_are_inside() {
    for value in ["2026-11-20T09:59:12Z", "2026-11-21T10:04:12Z"] {
        assert!(screened("all", "/occurred_at", json!(value)).is_ok(), "{value}");
    }
}

#[test]
fn a_merchant_gets_what_it_asks_for() {
    for (transmit, approved, expected) in [
        ("none", true, Some((Rule::TransmitOff, "merchant"))),
        ("none", false, Some((Rule::TransmitOff, "merchant"))),
        ("approvals", true, None),
        ("approvals", false, Some((Rule::DeclinesNotWanted, "approved"))),
        ("all", true, None),
        ("all", false, None),
    ] {
        let refusal = screened(transmit, "/approved", json!(approved)).err();
        let told = refusal.as_ref().map(|refusal| (refusal.rule, refusal.path.as_str()));
        assert_eq!(told, expected, "{transmit}, approved: {approved}");
    }
    let transmission = read(&sample()).unwrap();
    let now = at("2026-11-21T10:00:00Z");
    let refused = |merchant: Option<&Merchant>| screen(&transmission, merchant, DAY, now).unwrap_err().rule;
    assert_eq!(refused(None), Rule::MerchantUnknown);
    assert_eq!(refused(Some(&Merchant { enabled: false, ..merchant("all") })), Rule::MerchantDisabled);
}

/// What was configured before there were transmissions is read as asking for none.
#[test]
fn a_stored_configuration_without_the_field_asks_for_none() {
    let stored = json!({"enabled": true, "mode": "managed", "environment": "sandbox", "mid": "m"});
    let merchant: Merchant = serde_json::from_value(stored).unwrap();
    assert_eq!(merchant.transmit, Transmit::None);
}

#[test]
fn layout_does_not_matter_to_the_content_and_a_value_does() {
    let content = |value: &Value| read(value).unwrap().content().unwrap();
    let mut same = sample();
    same["card"]["holder"] = Value::Null;
    let mut absent = sample();
    absent["card"].as_object_mut().unwrap().remove("holder");
    assert_eq!(content(&same), content(&absent));
    let mut other = sample();
    other["approved"] = false.into();
    assert_ne!(content(&sample()), content(&other));
}

fn relayed(stage: Stage) -> Relayed {
    let transmission = read(&sample()).unwrap();
    let content = transmission.content().unwrap();
    let now = at("2026-11-21T10:00:00Z");
    Relayed { stage, ..take(&transmission, content, now, now) }
}

#[test]
fn what_comes_again_is_told_from_another_and_a_parked_one_leaves_its_id_free() {
    let now = at("2026-11-21T10:00:00Z");
    let other = ContentHash::of(&Value::Null);
    let transmitted = Stage::Transmitted { id: None, account: "sandbox/m".to_owned(), at: now };
    for (stage, same, is_free) in [
        (Stage::Taken, Known::Open, false),
        (transmitted, Known::Settled, false),
        (Stage::Refused { at: now }, Known::Settled, true),
        (Stage::Undelivered { at: now }, Known::Settled, true),
    ] {
        let kept = relayed(stage);
        assert_eq!(compare(&kept, &kept.content), same, "{kept:?}");
        assert_eq!(compare(&kept, &other), Known::Other, "{kept:?}");
        assert_eq!(kept.stage.leaves_id_free(), is_free, "{kept:?}");
    }
}

#[test]
fn waits_grow_and_the_last_try_comes_before_the_end() {
    let waits = [60, 300, 3600].map(SignedDuration::from_secs);
    let taken = at("2026-11-21T10:00:00Z");
    let end = taken + DAY;
    let next = |seconds: i64| {
        let now = taken + SignedDuration::from_secs(seconds);
        next_try(&waits, taken, end, now).map(|wait| wait.as_secs())
    };
    for (waited, wait) in
        [(0, 60), (59, 60), (60, 300), (359, 300), (360, 3600), (3960, 3600), (40_000, 3600)]
    {
        assert_eq!(next(waited), Some(wait), "after {waited} s");
    }
    // 86,400 less the minute that is kept for the last try.
    assert_eq!(
        (next(86_340 - 1000), next(86_339), next(86_340), next(90_000)),
        (Some(1000), Some(1), None, None)
    );

    let mut now = taken;
    let mut tries = 0;
    while let Some(wait) = next_try(&waits, taken, end, now) {
        assert!(wait.is_positive());
        now += wait;
        tries += 1;
    }
    assert_eq!(now, end - LAST_TRY_BEFORE_END, "the last try");
    assert!(tries < 30, "{tries}");
}
