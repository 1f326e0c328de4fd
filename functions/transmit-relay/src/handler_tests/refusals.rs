//! What may not be transmitted.

use super::*;

/// What breaks a rule is parked with it, and FlexFactor is not called.
async fn refusal(body: impl ToString) -> (Refusal, Parked) {
    let tally = Tally::default();
    let _counting = tally.start();
    let relay = relay([]);
    relay.deliver("m-1", body).await.unwrap();
    assert_eq!(relay.store.table.transmissions(), [], "it was not taken");
    let parked = relay.the_parked();
    assert_eq!(parked.key.kind, ParkedKind::TransmissionRefused);
    assert_eq!(tally.of(Metric::RefusedTransmissions), 1);
    let Why::Refusal(refusal) = parked.why.clone() else { panic!("{parked:?}") };
    (refusal, parked)
}

#[tokio::test]
async fn what_breaks_a_rule_is_parked_with_it_and_a_redacted_copy() {
    let set = |pointer: &str, value: Value| {
        let mut message = message();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        message.pointer_mut(parent).unwrap()[name] = value;
        message
    };
    let mut unwanted = set("/merchant", json!("globex"));
    unwanted["approved"] = false.into();
    for (message, rule, path) in [
        (set("/customer/email", json!("4111 1111 1111 1111")), Rule::CardNumber, "customer.email"),
        (set("/card/number", json!("4000002760003184")), Rule::CardNumber, "card.number"),
        (set("/card/cvv", json!("123")), Rule::CardSecret, "card.cvv"),
        (set("/card/token", json!("d3e10716-6aac-4eb8-a74d-c1a3027f1d96")), Rule::Schema, "card.token"),
        (set("/occurred_at", json!("2026-11-20T09:59:59Z")), Rule::TooOld, "occurred_at"),
        (set("/merchant", json!("nobody")), Rule::MerchantUnknown, "merchant"),
        (set("/merchant", json!("closed")), Rule::TransmitOff, "merchant"),
        (unwanted, Rule::DeclinesNotWanted, "approved"),
    ] {
        let (refusal, parked) = refusal(&message).await;
        assert_eq!((refusal.rule, refusal.path.as_str()), (rule, path));
        assert_eq!(parked.key.merchant.is_some(), rule != Rule::MerchantUnknown);
        for secret in ["4111", "4000002760003184", "\"123\""] {
            let shown = format!("{} {} {}", refusal.sentence, refusal.path, parked.copy);
            assert!(!shown.contains(secret), "{rule:?} shows {secret}: {shown}");
        }
    }
    let (refusal, parked) = refusal("{\"pan\": 4111111111111111, \"cvv\": 123").await;
    assert_eq!((refusal.rule, parked.key.merchant), (Rule::NotJson, None));
    assert!(parked.copy.contains("################") && !parked.copy.contains("123"), "{}", parked.copy);
}

#[tokio::test]
async fn what_was_taken_and_is_no_longer_wanted_is_refused_and_not_left_open() {
    let relay = relay([Outcome::Unknown(Lost::TimedOut)]);
    assert!(relay.deliver("m-1", message()).await.is_err());
    let mut merchant = relay.store.table.find_merchant(&"acme".parse().unwrap()).await.unwrap().unwrap();
    merchant.transmit = models::merchant::Transmit::None;
    relay.store.table.put_merchant("acme".parse().unwrap(), merchant);
    relay.deliver("m-1", message()).await.unwrap();
    assert_eq!(relay.the_parked().key.kind, ParkedKind::TransmissionRefused);
    assert!(matches!(relay.stage(), Stage::Refused { .. }));
    assert_eq!(relay.sent(), 1);
}
