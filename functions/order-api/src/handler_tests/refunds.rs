//! Refunds: never more than was captured, and never called twice.

use super::*;

const REFUNDS: &str = "orders/INV-1/refunds";

fn refund(minor: u64, key: &str) -> Request {
    let body = json!({ "amount": { "minor": minor, "currency": "USD" } });
    keyed(request("POST", REFUNDS, body), key)
}

async fn approved() -> Tested {
    let api = tested();
    stored(&api, "INV-1", start(), &[Transition::Approve]).await;
    api
}

impl Tested {
    fn calls(&self) -> usize {
        self.provider.refunds.load(Ordering::SeqCst)
    }

    fn refunded(&self) -> u64 {
        *self.provider.refunded.lock().unwrap()
    }

    fn refunds_end(&self, outcome: Outcome<()>) {
        *self.provider.ends.lock().unwrap() = Some(outcome);
    }
}

#[tokio::test]
async fn refunds_in_part_and_in_full_are_made_and_too_much_is_not() {
    let api = approved().await;
    let (status, order) = api.call(&refund(500, "a")).await;
    assert_eq!((status, &order["refunds"][0]["state"]), (201, &json!("made")));
    assert_eq!(
        order["money"],
        json!({ "captured_minor": 1999, "refunded_minor": 500, "reserved_minor": 0, "refundable_minor": 1499 })
    );
    let (status, told) = api.call(&refund(1500, "b")).await;
    assert_eq!((status, &told["code"]), (422, &json!("refund_too_large")));
    assert_eq!(told["refundable_minor"], 1499);
    assert_eq!(api.call(&refund(1499, "c")).await.0, 201);
    assert_eq!((api.refunded(), api.calls()), (1999, 2));
    assert_eq!(api.problem(&refund(1, "d")).await, (422, "refund_too_large".to_owned()));
}

#[tokio::test]
async fn the_same_key_is_the_same_refund_and_another_amount_under_it_is_refused() {
    let api = approved().await;
    let first = api.call(&refund(500, "a")).await;
    assert_eq!(api.call(&refund(500, "a")).await, first);
    assert_eq!(api.problem(&refund(501, "a")).await, (422, "idempotency_key_reused".to_owned()));
    assert_eq!((api.refunded(), api.calls()), (500, 1));
}

#[tokio::test]
async fn a_refund_in_flexfactor_s_portal_counts() {
    let api = approved().await;
    *api.provider.refunded.lock().unwrap() = 1500;
    let (status, told) = api.call(&refund(500, "a")).await;
    assert_eq!((status, &told["refundable_minor"]), (422, &json!(499)));
    let (_, order) = api.call(&refund(499, "b")).await;
    assert_eq!(order["money"]["refunded_minor"], 1999);
    assert_eq!(api.calls(), 1);
}

#[tokio::test]
async fn a_refund_whose_answer_is_lost_stays_reserved_and_is_never_sent_again() {
    let api = approved().await;
    api.refunds_end(Outcome::Unknown(Lost::TimedOut));
    api.provider.is_made_all_the_same.store(true, Ordering::SeqCst);
    let (status, order) = api.call(&refund(1500, "a")).await;
    assert_eq!((status, &order["refunds"][0]["state"]), (202, &json!("reserved")));
    assert_eq!(order["money"]["reserved_minor"], 1500);
    assert_eq!(order["due"]["reason"], "refund_unknown");
    assert_eq!(api.call(&refund(1500, "a")).await.0, 202);
    // FlexFactor's totals show it by now: what is left is told by them.
    let (status, told) = api.call(&refund(1500, "b")).await;
    assert_eq!((status, &told["code"]), (422, &json!("refund_too_large")));
    assert_eq!(told["refundable_minor"], 499);
    assert_eq!((api.refunded(), api.calls()), (1500, 1));
}

#[tokio::test]
async fn one_refund_at_a_time() {
    let api = approved().await;
    api.refunds_end(Outcome::Unknown(Lost::ServerFailed(503)));
    assert_eq!(api.call(&refund(500, "a")).await.0, 202);
    assert_eq!(api.problem(&refund(500, "b")).await, (409, "refund_in_flight".to_owned()));
    assert_eq!(api.calls(), 1);
}

#[tokio::test]
async fn fifty_refunds_at_once_never_exceed_what_was_captured() {
    for amount in [40, 500, 1000, 1999] {
        let api: &'static Tested = leaked(approved().await);
        let asked = (0..50).map(|number| {
            tokio::spawn(async move {
                let call = refund(amount, &format!("key-{}", number % 40));
                (api.call(&call).await.0, number % 40)
            })
        });
        let mut made = std::collections::BTreeSet::new();
        for asked in asked.collect::<Vec<_>>() {
            let (status, key) = asked.await.unwrap();
            if status == 201 {
                made.insert(key);
            }
        }
        let made = u64::try_from(made.len()).unwrap();
        assert!(made >= 1);
        assert_eq!((api.refunded(), api.order("INV-1").refunded().get()), (made * amount, made * amount));
        assert_eq!(
            u64::try_from(api.calls()).unwrap(),
            made,
            "each that was sent was told to its caller as made"
        );
        assert!(api.refunded() <= 1999);
    }
}

#[tokio::test]
async fn a_refusal_of_flexfactor_s_is_explained_and_frees_the_amount() {
    let api = approved().await;
    let words = "2001: The amount exceeds what is refundable".to_owned();
    api.refunds_end(Outcome::Refused(Refused { http: 200, words }));
    let (status, told) = api.call(&refund(500, "a")).await;
    assert_eq!((status, &told["code"]), (422, &json!("refund_refused_by_provider")));
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.contains("Nothing was refunded") && detail.contains("portal"), "{detail}");
    assert_eq!(api.call(&refund(500, "a")).await, (status, told), "the same key tells the same");
    api.refunds_end(Outcome::Refused(Refused { http: 400, words: "limit: Daily refund limit".to_owned() }));
    let (_, told) = api.call(&refund(500, "b")).await;
    assert!(told["detail"].as_str().unwrap().contains("60 %"), "{told}");
    *api.provider.ends.lock().unwrap() = None;
    assert_eq!(api.call(&refund(1999, "c")).await.0, 201);
    assert_eq!(api.calls(), 3);
}

#[tokio::test]
async fn nothing_is_reserved_while_flexfactor_can_t_tell_what_is_left() {
    let api = approved().await;
    *api.provider.reads_fail.lock().unwrap() = Some(Lost::TimedOut);
    assert_eq!(api.problem(&refund(500, "a")).await, (503, "provider_unavailable".to_owned()));
    assert_eq!((api.order("INV-1").refunds.len(), api.calls()), (0, 0));
    *api.provider.reads_fail.lock().unwrap() = None;
    assert_eq!(api.call(&refund(500, "a")).await.0, 201, "the same call again");
}

#[tokio::test]
async fn credentials_that_flexfactor_does_not_take_sent_nothing() {
    let api = approved().await;
    api.refunds_end(Outcome::Unknown(Lost::Unauthorized));
    let (status, told) = api.call(&refund(500, "a")).await;
    assert_eq!(status, 422);
    assert!(told["detail"].as_str().unwrap().contains("nothing was sent"), "{told}");
    assert_eq!(api.order("INV-1").reserved().get(), 0);
}

#[tokio::test]
async fn what_was_not_charged_or_is_disputed_is_not_refunded() {
    let api = tested();
    stored(&api, "INV-1", start(), &[Transition::Accept]).await;
    assert_eq!(api.problem(&refund(500, "a")).await, (409, "not_refundable".to_owned()));
    let api = approved().await;
    let dispute = Change::new(Transition::Note, start()).effect(Effect::Dispute(Facet::Signalled));
    api.store.change(&api.order("INV-1").key, &dispute).await.unwrap();
    assert_eq!(api.problem(&refund(500, "a")).await, (409, "order_disputed".to_owned()));
    assert_eq!(api.calls(), 0);
}

#[tokio::test]
async fn a_refund_that_can_t_be_is_told_by_its_field() {
    let api = approved().await;
    for (body, path) in [
        (json!({ "amount": { "minor": 0, "currency": "USD" } }), "amount.minor"),
        (json!({ "amount": { "minor": 1, "currency": "EUR" } }), "amount.currency"),
        (
            json!({ "amount": { "minor": 1, "currency": "USD" }, "reason": "card 4111 1111 1111 1111" }),
            "reason",
        ),
        (json!({ "amount": { "minor": 1, "currency": "USD" }, "reason": "x".repeat(201) }), "reason"),
    ] {
        let (status, told) = api.post(REFUNDS, &body).await;
        assert_eq!(
            (status, &told["code"], &told["path"]),
            (422, &json!("refund_invalid"), &json!(path)),
            "{body}"
        );
        assert!(!told.to_string().contains("4111"));
    }
    let body = json!({ "amount": { "minor": 1, "currency": "USD" }, "reason": "x".repeat(200) });
    assert_eq!(api.post(REFUNDS, &body).await.0, 201);
    assert_eq!(*api.provider.messages.lock().unwrap(), ["x".repeat(200)]);
}

#[tokio::test]
async fn people_settle_what_nobody_could_find_out_and_nothing_else() {
    use models::refund::RefundState;
    let api = approved().await;
    api.refunds_end(Outcome::Unknown(Lost::TimedOut));
    let (_, order) = api.call(&refund(500, "a")).await;
    let id = order["refunds"][0]["id"].as_str().unwrap().to_owned();
    let resolution = |id: &str, made: bool| {
        request("POST", &format!("{REFUNDS}/{id}/resolution"), json!({ "made": made }))
    };
    assert_eq!(api.problem(&resolution(&id, true)).await, (409, "not_unresolved".to_owned()));
    assert_eq!(api.problem(&resolution("ab", true)).await, (404, "refund_not_found".to_owned()));
    let stored = api.order("INV-1");
    let mut refunds = stored.refunds.clone();
    refunds[0].state = RefundState::Unresolved;
    let left = Change::new(Transition::Note, start()).effect(Effect::Refunds(refunds));
    api.store.change(&stored.key, &left).await.unwrap();
    assert_eq!(api.call(&refund(500, "a")).await.0, 202, "its outcome is not known");
    let (status, order) = api.call(&resolution(&id, true)).await;
    assert_eq!((status, &order["money"]["refunded_minor"]), (200, &json!(500)));
    assert_eq!(api.call(&resolution(&id, true)).await.0, 200, "the same again");
    assert_eq!(api.problem(&resolution(&id, false)).await, (409, "not_unresolved".to_owned()));
    assert_eq!(api.call(&refund(500, "a")).await.0, 201);
}
