//! Refunds by what FlexFactor tells besides: how the order stands, what a repeat moved; and by the time that is left.

use std::collections::HashMap;

use lambda_http::lambda_runtime::Context;
use lambda_http::request::RequestContext;

use models::ids::OrderKey;
use models::listing::Stretch;
use models::refund::RefundState;
use models::status::Status;
use order_store::StoreError;
use order_store::capability::{Taken, Whole};

use super::*;

fn refund(minor: u64, key: &str) -> Request {
    let body = json!({ "amount": { "minor": minor, "currency": "USD" } });
    keyed(request("POST", "orders/INV-1/refunds", body), key)
}

async fn approved() -> Tested {
    let api = tested();
    stored(&api, "INV-1", start(), &[Transition::Approve]).await;
    api
}

fn sent(api: &Tested) -> (u64, usize) {
    (*api.provider.refunded.lock().unwrap(), api.provider.refunds.load(Ordering::SeqCst))
}

#[tokio::test]
async fn only_what_flexfactor_shows_as_charged_is_refunded_whether_or_not_it_tells_totals() {
    for reads_totals in [true, false] {
        for (word, expected) in [
            ("CHARGEBACK", (409, "order_disputed")),
            ("PROCESSING", (409, "not_refundable")),
            ("CAPTUREREQUIRED", (409, "not_refundable")),
            ("CANCELLED", (409, "not_refundable")),
            ("PROBLEM", (409, "not_refundable")),
            ("NEWWORD", (409, "not_refundable")),
        ] {
            let mut api = approved().await;
            api.refunds.reads_totals = reads_totals;
            *api.provider.word.lock().unwrap() = word;
            assert_eq!(api.problem(&refund(500, "a")).await, (expected.0, expected.1.to_owned()), "{word}");
            assert_eq!(sent(&api), (0, 0), "{word}");
            assert_eq!(api.order("INV-1").refunds, [], "nothing was stored: {word}");
            *api.provider.word.lock().unwrap() = "RETURNED";
            assert_eq!(api.call(&refund(500, "a")).await.0, 201, "the key is not burnt: {word}");
        }
    }
}

#[tokio::test]
async fn without_an_answer_nothing_is_stored_and_the_key_may_be_used_again() {
    for lost in [Lost::TimedOut, Lost::Unauthorized, Lost::ServerFailed(500)] {
        let mut api = approved().await;
        api.refunds.reads_totals = false;
        *api.provider.reads_fail.lock().unwrap() = Some(lost);
        let unavailable = (503, "provider_unavailable".to_owned());
        assert_eq!(api.problem(&refund(500, "a")).await, unavailable, "{lost}");
        assert_eq!((sent(&api), api.order("INV-1").refunds), ((0, 0), Vec::new()));
        *api.provider.reads_fail.lock().unwrap() = None;
        assert_eq!(api.call(&refund(500, "a")).await.0, 201, "{lost}");
    }
}

#[tokio::test]
async fn a_yes_to_the_same_amount_again_is_believed_once_the_totals_hold_it() {
    let api = approved().await;
    assert_eq!(api.call(&refund(500, "a")).await.0, 201);
    assert_eq!(api.provider.reads.load(Ordering::SeqCst), 1, "nothing is to be confirmed of the first");
    let (status, order) = api.call(&refund(500, "b")).await;
    assert_eq!((status, &order["money"]["refunded_minor"]), (201, &json!(1000)));
    assert_eq!((sent(&api), api.provider.reads.load(Ordering::SeqCst)), ((1000, 2), 3));

    // FlexFactor takes the third for a repeat.
    api.provider.repeats.store(true, Ordering::SeqCst);
    let (status, order) = api.call(&refund(500, "c")).await;
    assert_eq!((status, &order["refunds"][2]["state"]), (202, &json!("reserved")));
    assert!(order["refunds"][2]["detail"].as_str().unwrap().contains("repeat"), "{order}");
    assert_eq!(order["money"]["refunded_minor"], 1000);
    assert_eq!(order["due"]["reason"], "refund_unknown");
    assert_eq!(sent(&api), (1000, 3));
}

#[tokio::test]
async fn without_totals_a_yes_to_the_same_amount_again_is_left_to_be_found_out_unless_it_is_trusted() {
    for (repeated, expected) in [(RepeatedRefund::Confirm, 202), (RepeatedRefund::Trust, 201)] {
        let mut api = approved().await;
        api.refunds.reads_totals = false;
        api.refunds.repeated = repeated;
        assert_eq!(api.call(&refund(500, "a")).await.0, 201);
        let reads = api.provider.reads.load(Ordering::SeqCst);
        assert_eq!(api.call(&refund(500, "b")).await.0, expected, "{repeated:?}");
        assert_eq!(
            api.provider.reads.load(Ordering::SeqCst),
            reads + 1,
            "what tells no totals is not asked again"
        );
    }
}

#[tokio::test]
async fn totals_settle_what_nobody_could_find_out_before_the_next_refund() {
    let api = approved().await;
    *api.provider.ends.lock().unwrap() = Some(Outcome::Unknown(Lost::TimedOut));
    api.provider.is_made_all_the_same.store(true, Ordering::SeqCst);
    assert_eq!(api.call(&refund(500, "a")).await.0, 202);
    *api.provider.ends.lock().unwrap() = None;
    let order = api.order("INV-1");
    let mut refunds = order.refunds.clone();
    refunds[0].state = RefundState::Unresolved;
    let left =
        Change::new(Transition::Note, start()).effect(Effect::Refunds(refunds)).effect(Effect::Due(None));
    api.store.change(&order.key, &left).await.unwrap();
    let (status, order) = api.call(&refund(300, "b")).await;
    assert_eq!((status, &order["refunds"][0]["state"]), (201, &json!("made")));
    assert_eq!((&order["money"]["refunded_minor"], sent(&api)), (&json!(800), (800, 2)));
}

#[tokio::test]
async fn without_the_time_to_settle_it_a_refund_is_not_even_reserved() {
    let api = approved().await;
    // To reserve takes 3 s, to call 9 s, to settle 4 s.
    let ends_in = |seconds: i64, key: &str| {
        let mut context = Context::default();
        let ends = NOW.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds);
        context.deadline = u64::try_from(ends.as_millisecond()).unwrap();
        refund(500, key).with_lambda_context(context)
    };
    let (status, told) = api.call(&ends_in(15, "a")).await;
    assert_eq!((status, &told["code"]), (503, &json!("provider_unavailable")));
    assert!(told["detail"].as_str().unwrap().contains("Nothing was sent"), "{told}");
    assert_eq!((sent(&api), api.order("INV-1").refunds), ((0, 0), Vec::new()));
    assert_eq!(api.call(&ends_in(16, "a")).await.0, 201, "the key is not burnt");
    // What is to be confirmed takes one more call. The clock stands still, so there is the time.
    assert_eq!(api.call(&ends_in(16, "b")).await.0, 201);
}

/// A table whose first answer to a change is lost, after the change was made.
#[derive(Clone, Copy)]
struct LosesFirst(&'static MemoryTable, &'static AtomicBool);

impl AskOf for LosesFirst {
    async fn order(&self, key: &OrderKey) -> Result<Option<Order>, StoreError> {
        AskOf::order(self.0, key).await
    }
    async fn act(&self, key: &OrderKey, change: &Change) -> Result<Option<Order>, StoreError> {
        let answer = self.0.act(key, change).await?;
        // The client repeats it, and the repeat finds the order changed.
        Ok(if self.1.swap(false, Ordering::SeqCst) { None } else { answer })
    }
}

impl ReadHistory for LosesFirst {
    async fn whole(&self, key: &OrderKey) -> Result<Option<Whole>, StoreError> {
        self.0.whole(key).await
    }
}

impl ListOrders for LosesFirst {
    async fn listed(
        &self,
        merchant: &MerchantId,
        status: Status,
        stretch: &Stretch,
        limit: usize,
    ) -> Result<Vec<Listing>, StoreError> {
        self.0.listed(merchant, status, stretch, limit).await
    }
}

impl TakeDecline for LosesFirst {
    async fn take(&self, order: &Order) -> Result<Taken, StoreError> {
        TakeDecline::take(self.0, order).await
    }
    async fn known(
        &self,
        key: &OrderKey,
        content: &ContentHash,
    ) -> Result<Option<models::intake::Repeat>, StoreError> {
        TakeDecline::known(self.0, key, content).await
    }
}

impl Park for LosesFirst {
    async fn park(&self, parked: &models::parked::Parked) -> Result<(), StoreError> {
        Park::park(self.0, parked).await
    }
}

#[tokio::test]
async fn a_reservation_whose_answer_is_lost_is_this_call_s_own_and_is_sent() {
    let Tested { store, intake, reconciliations, secrets, provider, refunds, authorization } =
        approved().await;
    let is_to_be_lost = leaked(AtomicBool::new(true));
    let api: Tested<LosesFirst> = Api {
        store: LosesFirst(store, is_to_be_lost),
        intake: Intake {
            store: LosesFirst(store, is_to_be_lost),
            queue: intake.queue,
            merchants: intake.merchants,
            clock: intake.clock,
            rules: intake.rules,
        },
        reconciliations,
        secrets,
        provider,
        refunds,
        authorization,
    };
    assert_eq!(api.answer(&refund(500, "a")).await.status, 201);
    assert!(!is_to_be_lost.load(Ordering::SeqCst), "an answer was lost");
    assert_eq!(api.answer(&refund(500, "a")).await.status, 201);
    assert_eq!(*provider.refunded.lock().unwrap(), 500);
    assert_eq!(provider.refunds.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_path_that_the_gateway_tells_in_two_ways_is_nowhere() {
    let api = approved().await;
    let told = |raw: &str, in_context: Option<&str>, proxy: Option<&str>| {
        let mut context = json!({ "http": { "method": "POST" } });
        if let Some(path) = in_context {
            context["http"]["path"] = path.into();
        }
        let context = RequestContext::ApiGatewayV2(serde_json::from_value(context).unwrap());
        let parameters = proxy.map(|proxy| [("merchant", "acme"), ("proxy", proxy)]);
        refund(100, &format!("{raw}{in_context:?}{proxy:?}"))
            .with_raw_http_path(raw)
            .with_request_context(context)
            .with_path_parameters(
                parameters
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| (name.to_owned(), vec![value.to_owned()]))
                    .collect::<HashMap<_, _>>(),
            )
    };
    let refunds = "/merchants/acme/orders/INV-1/refunds";
    let nowhere = (404, "not_found".to_owned());
    for (in_context, proxy) in [
        (Some("/merchants/acme/orders/INV-1/refunds%3F/cancel"), None),
        (Some("/merchants/acme/orders/INV-1/refunds?/cancel"), None),
        (None, Some("orders/INV-1/refunds?/cancel")),
        (Some(refunds), Some("orders/INV-1/refunds%23/cancel")),
    ] {
        assert_eq!(api.problem(&told(refunds, in_context, proxy)).await, nowhere, "{in_context:?} {proxy:?}");
    }
    assert_eq!(sent(&api), (0, 0));
    assert_eq!(api.call(&told(refunds, Some(refunds), Some("orders/INV-1/refunds"))).await.0, 201);
    assert_eq!(api.call(&told(refunds, None, None)).await.0, 201);
}
