//! The client against a server that answers as told: what each answer becomes, and how tokens are used.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use flexfactor::mapping::{EvaluateStatus, OrderStatus};
use flexfactor::{
    Account, AmountNames, AmountUnit, CancelExternally, CancelOrder, CaptureOrder, Capturing, Client,
    ClientConfig, Credentials, Evaluate, EvaluateAnswer, FindOrder, ListNames, ListOrders, Listed, Listing,
    Lookup, Lost, Outcome, ReadOrder, ReadOutcome, RefundOrder, Refunding, Refused, Transmit, TransmitAnswer,
};
use jiff::Timestamp;
use models::ids::{IdempotencyKey, ProviderOrderId};
use models::merchant::{Environment, Merchant};
use models::money::{Currency, Money};

/// An answer: its status and body, or none that ever comes.
type Next<'a> = Option<(u16, &'a str)>;

/// What the server answers next, by call. `None` for an answer that never comes.
#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Option<(u16, String)>>>,
    calls: Mutex<Vec<String>>,
    bodies: Mutex<Vec<String>>,
    traces: Mutex<Vec<Option<String>>>,
    tokens: Mutex<u32>,
    token_answer: Mutex<Option<(u16, String)>>,
}

struct Server {
    script: Arc<Script>,
    client: Client,
    now: Timestamp,
}

async fn answer(
    State(script): State<Arc<Script>>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    if uri.path() == "/v1/oauth2/token" {
        let number = {
            let mut tokens = script.tokens.lock().unwrap();
            *tokens += 1;
            *tokens
        };
        let (status, body) = script.token_answer.lock().unwrap().clone().unwrap_or_else(|| {
            let expires = Timestamp::now().as_millisecond() + 600_000;
            (200, format!(r#"{{"accessToken":"t{number}","expires":{expires},"success":true}}"#))
        });
        return (StatusCode::from_u16(status).unwrap(), body);
    }
    let bearer = headers["authorization"].to_str().unwrap().to_owned();
    script.calls.lock().unwrap().push(format!("{uri} {bearer}"));
    script.bodies.lock().unwrap().push(body);
    let trace = headers.get("x-trace").map(|trace| trace.to_str().unwrap().to_owned());
    script.traces.lock().unwrap().push(trace);
    let next = script.answers.lock().unwrap().pop_front().expect("a call more than the test expects");
    match next {
        Some((status, body)) => (StatusCode::from_u16(status).unwrap(), body),
        None => std::future::pending().await,
    }
}

async fn server<'a>(answers: impl IntoIterator<Item = Next<'a>>) -> Server {
    server_that_is_told(None, answers).await
}

async fn server_that_is_told<'a>(
    trace_header: Option<&str>,
    answers: impl IntoIterator<Item = Next<'a>>,
) -> Server {
    let script = Arc::new(Script::default());
    *script.answers.lock().unwrap() =
        answers.into_iter().map(|answer| answer.map(|(status, body)| (status, body.to_owned()))).collect();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(script.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let config = ClientConfig {
        sandbox_url: url,
        production_url: "http://127.0.0.1:9/v1/".into(),
        timeout: Duration::from_millis(300),
        amounts: Some(AmountNames {
            captured: "amount".to_owned(),
            refunded: "refundedAmount".to_owned(),
            unit: AmountUnit::Decimal,
        }),
        trace_header: trace_header.map(str::to_owned),
    };
    Server { script, client: Client::new(&config).unwrap(), now: Timestamp::now() }
}

fn account() -> Account {
    Account {
        merchant: "acme".parse().unwrap(),
        environment: Environment::Sandbox,
        credentials: Credentials { app_key: "key".to_owned().into(), app_secret: "secret".to_owned().into() },
    }
}

impl Server {
    async fn evaluate(&self) -> Outcome<EvaluateAnswer> {
        let decline: models::decline::Decline =
            serde_json::from_str(include_str!("../../../events/decline.json")).unwrap();
        let merchant: Merchant = serde_json::from_str(
            r#"{"enabled":true,"mode":"managed","environment":"sandbox","mid":"m","sites":{"plans":{}}}"#,
        )
        .unwrap();
        let site = merchant.site(Some("plans")).unwrap();
        let key = IdempotencyKey::from_random([1; 16]);
        let request = flexfactor::evaluate_request(&decline, &merchant, &site, key, self.now).unwrap();
        self.client.evaluate(&account(), &request, self.now).await
    }

    async fn transmit(&self) -> Outcome<TransmitAnswer> {
        let transmission: models::transmission::Transmission =
            serde_json::from_str(include_str!("../../../events/transmission.json")).unwrap();
        let merchant: Merchant = serde_json::from_str(
            r#"{"enabled":true,"mode":"managed","environment":"sandbox","mid":"m","sites":{"plans":{}}}"#,
        )
        .unwrap();
        let site = merchant.site(Some("plans")).unwrap();
        let request = flexfactor::transmit_request(&transmission, &merchant, &site).unwrap();
        self.client.transmit(&account(), &request, self.now).await
    }

    fn calls(&self) -> Vec<String> {
        self.script.calls.lock().unwrap().clone()
    }
}

const SUBMITTED: &str = r#"{"orderSessionKey":"ca7bb327-a750-412d-a9c3-050d72b3f0c5","senseKey":null,
    "orderId":"ca7bb327-a750-412d-a9c3-050d72b3f0c5","success":true,"result":"Success","status":"SUBMITTED",
    "statusCode":null,"errors":[],"customProperties":{},"somethingNew":1}"#;

#[tokio::test]
async fn a_recorded_answer_is_read() {
    let server = server([Some((200, SUBMITTED))]).await;
    let Outcome::Done(answer) = server.evaluate().await else { panic!() };
    assert_eq!(answer.status, EvaluateStatus::Submitted);
    assert_eq!(answer.provider_order.as_str(), "ca7bb327-a750-412d-a9c3-050d72b3f0c5");
}

#[tokio::test]
async fn a_transmission_is_taken_refused_or_not_known_to_have_arrived() {
    let taken = r#"{"success":true,"result":"success","status":200,"statusCode":null,"errors":[],
        "customProperties":{},"transmitId":"5e0f7a3c-1b7e-4d56-9a8c-2f4e6d8b0c1a"}"#;
    let refused = r#"{"Transaction.Id":["The Id field is required."]}"#;
    let server = server([
        Some((200, taken)),
        Some((400, refused)),
        Some((409, "")),
        Some((503, "")),
        Some((200, "{}")),
        None,
    ])
    .await;
    let id = "5e0f7a3c-1b7e-4d56-9a8c-2f4e6d8b0c1a".parse().ok();
    assert_eq!(server.transmit().await, Outcome::Done(TransmitAnswer { transmit_id: id }));
    let words = "Transaction.Id: The Id field is required.".to_owned();
    assert_eq!(server.transmit().await, Outcome::Refused(Refused { http: 400, words }));
    for lost in [Lost::Busy(409), Lost::ServerFailed(503), Lost::Malformed, Lost::TimedOut] {
        assert_eq!(server.transmit().await, Outcome::Unknown(lost));
    }
    assert_eq!(server.calls()[0], "/v1/transmit Bearer t1");
}

#[tokio::test]
async fn each_answer_becomes_what_it_is() {
    let bare = r#"{"TraceId":["00-1-01"],"OrderId":["Merchant's orderId is required"]}"#;
    let cases: [(Next<'_>, Outcome<EvaluateAnswer>); 11] = [
        (
            Some((400, bare)),
            Outcome::Refused(Refused { http: 400, words: "OrderId: Merchant's orderId is required".into() }),
        ),
        (
            Some((403, "")),
            Outcome::Refused(Refused { http: 403, words: "FlexFactor gave no reason.".into() }),
        ),
        (Some((409, "")), Outcome::Unknown(Lost::Busy(409))),
        (Some((429, "")), Outcome::Unknown(Lost::Busy(429))),
        (Some((500, "oops")), Outcome::Unknown(Lost::ServerFailed(500))),
        (Some((503, "")), Outcome::Unknown(Lost::ServerFailed(503))),
        (Some((302, "")), Outcome::Unknown(Lost::ServerFailed(302))),
        (Some((200, "<html>")), Outcome::Unknown(Lost::Malformed)),
        (Some((200, r#"{"status":"SUBMITTED"}"#)), Outcome::Unknown(Lost::Malformed)),
        (Some((200, r#"{"orderId":"x"}"#)), Outcome::Unknown(Lost::Malformed)),
        (None, Outcome::Unknown(Lost::TimedOut)),
    ];
    for (given, expected) in cases {
        assert_eq!(server([given]).await.evaluate().await, expected, "{given:?}");
    }
}

#[tokio::test]
async fn a_token_is_used_again_and_replaced_once_when_refused() {
    let server = server([Some((200, SUBMITTED)), Some((401, "")), Some((200, SUBMITTED))]).await;
    assert!(matches!(server.evaluate().await, Outcome::Done(_)));
    assert!(matches!(server.evaluate().await, Outcome::Done(_)));
    assert_eq!(
        server.calls(),
        ["/v1/evaluate Bearer t1", "/v1/evaluate Bearer t1", "/v1/evaluate Bearer t2"]
    );
}

#[tokio::test]
async fn a_token_refused_twice_is_not_tried_a_third_time() {
    let server = server([Some((401, "")), Some((401, ""))]).await;
    assert_eq!(server.evaluate().await, Outcome::Unknown(Lost::Unauthorized));
    assert_eq!(*server.script.tokens.lock().unwrap(), 2);
}

#[tokio::test]
async fn the_trace_is_told_where_a_header_is_configured_and_nowhere_else() {
    let told = server_that_is_told(Some("X-Trace"), [Some((200, SUBMITTED)), Some((200, SUBMITTED))]).await;
    assert!(matches!(flexfactor::traced(Some("1-a-b".to_owned()), told.evaluate()).await, Outcome::Done(_)));
    assert!(matches!(told.evaluate().await, Outcome::Done(_)));
    assert_eq!(*told.script.traces.lock().unwrap(), [Some("1-a-b".to_owned()), None]);
    let silent = server([Some((200, SUBMITTED))]).await;
    assert!(matches!(
        flexfactor::traced(Some("1-a-b".to_owned()), silent.evaluate()).await,
        Outcome::Done(_)
    ));
    assert_eq!(*silent.script.traces.lock().unwrap(), [None]);
    let config = ClientConfig {
        sandbox_url: "http://localhost/v1".into(),
        production_url: "http://localhost/v1".into(),
        timeout: Duration::from_secs(1),
        amounts: None,
        trace_header: Some("no header".into()),
    };
    assert!(Client::new(&config).is_err());
}

#[tokio::test]
async fn wrong_credentials_send_nothing_on() {
    let server = server([]).await;
    *server.script.token_answer.lock().unwrap() = Some((400, String::new()));
    assert_eq!(server.evaluate().await, Outcome::Unknown(Lost::Unauthorized));
    assert!(server.calls().is_empty());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unknown() {
    let server = server([]).await;
    let account = Account { environment: Environment::Production, ..account() };
    let id = "x".parse().unwrap();
    let outcome = server.client.read_order(&account, &id, server.now).await;
    assert_eq!(outcome, Outcome::Unknown(Lost::Disconnected));
}

#[tokio::test]
async fn an_order_is_read_by_name_or_by_number_and_its_id_is_escaped() {
    let named = r#"{"id":"x","status":5,"statusName":"CAPTUREREQUIRED","currencyCode":"USD"}"#;
    let server = server([Some((200, named)), Some((200, r#"{"status":7}"#)), Some((200, "{}"))]).await;
    let mut statuses = Vec::new();
    for id in ["a/../b", "x", "x"] {
        let outcome = server.client.read_order(&account(), &id.parse().unwrap(), server.now).await;
        statuses.push(outcome.understood(|answer| Some(answer.status)));
    }
    assert_eq!(
        statuses,
        [
            Outcome::Done(OrderStatus::CaptureRequired),
            Outcome::Done(OrderStatus::Completed),
            Outcome::Unknown(Lost::Malformed)
        ]
    );
    assert_eq!(server.calls()[0], "/v1/orders/a%2F..%2Fb Bearer t1");
}

#[tokio::test]
async fn an_outcome_is_read_in_the_words_of_evaluate() {
    let answer = r#"{"status":"expired","confirmationId":"382AB3","success":true,"errors":[]}"#;
    let server = server([Some((200, answer)), Some((200, r#"{"success":true}"#))]).await;
    let mut statuses = Vec::new();
    for _ in 0..2 {
        let outcome = server.client.read_outcome(&account(), &"x".parse().unwrap(), server.now).await;
        statuses.push(outcome.understood(|answer| Some(answer.status)));
    }
    assert_eq!(statuses, [Outcome::Done(EvaluateStatus::Expired), Outcome::Unknown(Lost::Malformed)]);
    assert_eq!(server.calls()[0], "/v1/outcome Bearer t1");
}

/// Whatever the body says: the documented one is empty, the documentation's sample an empty object.
#[tokio::test]
async fn an_external_cancel_is_done_when_it_is_answered() {
    let server = server([Some((200, "")), Some((200, "{}")), Some((404, "")), Some((500, ""))]).await;
    let mut outcomes = Vec::new();
    for _ in 0..4 {
        outcomes.push(server.client.cancel_externally(&account(), &"a/1".parse().unwrap(), server.now).await);
    }
    let refused = Refused { http: 404, words: "FlexFactor gave no reason.".into() };
    assert_eq!(
        outcomes,
        [
            Outcome::Done(()),
            Outcome::Done(()),
            Outcome::Refused(refused),
            Outcome::Unknown(Lost::ServerFailed(500))
        ]
    );
    assert_eq!(server.calls()[0], "/v1/orders/a%2F1/external-cancel Bearer t1");
}

impl Server {
    async fn find(&self, order_id: &str) -> Outcome<Vec<ProviderOrderId>> {
        let names = ListNames { orders: "items".to_owned(), reference: "reference".to_owned() };
        let order_id = order_id.parse().unwrap();
        let since = "2026-11-21T10:00:00Z".parse().unwrap();
        let lookup = Lookup { order_id: &order_id, mid: "m 1", since, names: &names };
        self.client.find_order(&account(), lookup, self.now).await
    }
}

#[tokio::test]
async fn an_order_is_found_by_our_id_to_the_letter_on_whichever_page() {
    let first = r#"{"items":[{"id":"p-1","status":4,"reference":"INV-10"},{"id":"p-2","status":4,"reference":"inv-1"},
                    {"id":"p-3","status":4}],"hasNextPage":true}"#;
    let second = r#"{"items":[{"id":"p-4","status":7,"reference":"INV-1"}],"hasNextPage":false}"#;
    let server = server([Some((200, first)), Some((200, second))]).await;
    let Outcome::Done(found) = server.find("INV-1").await else { panic!() };
    assert_eq!(found.iter().map(ProviderOrderId::as_str).collect::<Vec<_>>(), ["p-4"]);
    assert_eq!(
        server.calls()[1],
        "/v1/orders?query=INV-1&mid=m+1&from=2026-11-21T10%3A00%3A00Z&orderBy=createdOn&sort=asc&pageSize=100&\
         pageNumber=2 Bearer t1"
    );
}

/// That nothing was found may only be said of a list that was understood to its end.
#[tokio::test]
async fn a_list_that_is_not_understood_is_no_answer() {
    for unclear in [
        r#"{"orders":[]}"#,
        r#"{"items":{}}"#,
        "[]",
        r#"{"items":[{"reference":"INV-1","status":4}]}"#,
        r#"{"items":[{"reference":"INV-1","id":7}]}"#,
    ] {
        let server = server([Some((200, unclear))]).await;
        assert_eq!(server.find("INV-1").await, Outcome::Unknown(Lost::Malformed), "{unclear}");
    }
    let endless = r#"{"items":[],"hasNextPage":true}"#;
    let server = server([Some((200, endless)); 10]).await;
    assert_eq!(server.find("INV-1").await, Outcome::Unknown(Lost::Malformed));
}

fn usd(minor: u64) -> Money {
    Money::new(minor, Currency::USD)
}

/// A refund speaks decimal dollars, and never as a float; its refusal comes as a normal answer (recorded).
#[tokio::test]
async fn a_refund_is_told_in_decimal_dollars_and_refused_in_a_normal_answer() {
    let made =
        r#"{"status":"SUCCESS","success":true,"responseMessage":"APPROVED","transactionId":"t","errors":[]}"#;
    let refused = r#"{"responseCode":"2001","responseMessage":"Amount to refund (1.00) is greater than maximum refund amount in (0.00))","transactionId":null,"success":false,"result":null,"status":"FAILED","statusCode":null,
        "errors":[{"item1":"Amount to refund (1.00) is greater than maximum refund amount in (0.00))","item2":"2001","item3":"2001","item4":true}],"customProperties":{}}"#;
    let unclear = [r#"{"status":"PENDING","success":true}"#, r#"{"success":true}"#, "", "[]"];
    let answers = [made, refused].into_iter().chain(unclear).map(|body| Some((200, body)));
    let server = server(answers.chain([Some((500, "")), None])).await;
    let order = "p-1".parse().unwrap();
    let mut outcomes = Vec::new();
    for _ in 0..8 {
        let refund = Refunding { order: &order, amount: usd(1205), message: Some("asked for") };
        outcomes.push(server.client.refund_order(&account(), refund, server.now).await);
    }
    assert_eq!(outcomes[0], Outcome::Done(()));
    let Outcome::Refused(refused) = &outcomes[1] else { panic!("{:?}", outcomes[1]) };
    assert!(refused.is_more_than_refundable() && refused.http == 200, "{refused:?}");
    for unclear in &outcomes[2..6] {
        assert_eq!(*unclear, Outcome::Unknown(Lost::Malformed), "it may have been made");
    }
    assert_eq!(outcomes[6..], [Outcome::Unknown(Lost::ServerFailed(500)), Outcome::Unknown(Lost::TimedOut)]);
    assert_eq!(server.calls()[0], "/v1/orders/p-1/refund Bearer t1");
    let body = &server.script.bodies.lock().unwrap()[0];
    assert_eq!(body, r#"{"amountToRefund":12.05,"refundMessage":"asked for"}"#);
}

/// A capture speaks cents, and says what came of it by one of two names.
#[tokio::test]
async fn a_capture_is_told_in_cents_with_its_key() {
    let answers = [
        r#"{"status":"SUCCESS"}"#,
        r#"{"captureStatus":"success"}"#,
        r#"{"status":"FAILED","success":false}"#,
    ];
    let server = server(answers.map(|body| Some((200, body)))).await;
    let order = "p-1".parse().unwrap();
    let key = IdempotencyKey::from_random([1; 16]);
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        let capture = Capturing { key, order: &order, amount: usd(1999) };
        outcomes.push(server.client.capture_order(&account(), capture, server.now).await);
    }
    assert_eq!(outcomes[..2], [Outcome::Done(()), Outcome::Done(())]);
    assert!(matches!(&outcomes[2], Outcome::Refused(Refused { http: 200, .. })));
    let body = format!(r#"{{"idempotencyKey":"{key}","orderId":"p-1","amount":1999,"currency":"USD"}}"#);
    assert_eq!(server.script.bodies.lock().unwrap()[0], body);
    assert_eq!(server.calls()[0], "/v1/capture Bearer t1");
}

#[tokio::test]
async fn a_cancel_by_id_is_done_when_it_is_answered() {
    let server = server([Some((200, "")), Some((400, r#"{"title":"The order can't be cancelled"}"#))]).await;
    let id = "p-1".parse().unwrap();
    assert_eq!(server.client.cancel_order(&account(), &id, server.now).await, Outcome::Done(()));
    let refused = Refused { http: 400, words: "The order can't be cancelled".into() };
    assert_eq!(server.client.cancel_order(&account(), &id, server.now).await, Outcome::Refused(refused));
    assert_eq!(server.calls()[0], "/v1/orders/p-1/cancel Bearer t1");
}

/// What a refused cancel looks like is not known; a refused refund is a normal answer.
#[tokio::test]
async fn a_cancel_whose_answer_tells_of_a_refusal_is_refused_and_one_that_cannot_be_read_is_unknown() {
    let refusals =
        [r#"{"success":false}"#, r#"{"status":"FAILED"}"#, r#"{"success":true,"errors":[{"item1":"no"}]}"#];
    let done = [" ", "{}", r#"{"success":true,"errors":[],"status":null}"#];
    let unclear = ["<html>", "[1]"];
    let answers = refusals.into_iter().chain(done).chain(unclear).map(|body| Some((200, body)));
    let server = server(answers).await;
    let id = "p-1".parse().unwrap();
    let mut outcomes = Vec::new();
    for _ in 0..8 {
        outcomes.push(server.client.cancel_order(&account(), &id, server.now).await);
    }
    assert!(outcomes[..3].iter().all(|outcome| matches!(outcome, Outcome::Refused(_))), "{outcomes:?}");
    assert!(outcomes[3..6].iter().all(|outcome| *outcome == Outcome::Done(())), "{outcomes:?}");
    assert!(
        outcomes[6..].iter().all(|outcome| *outcome == Outcome::Unknown(Lost::Malformed)),
        "{outcomes:?}"
    );
}

/// Amounts are read by their own text; where one is missing, finer than the currency, or no amount, none are told.
#[tokio::test]
async fn totals_are_read_exactly_or_not_at_all() {
    let order = |amounts: &str| format!(r#"{{"statusName":"Completed","currencyCode":"USD",{amounts}}}"#);
    let cases = [
        (r#""amount":19.99,"refundedAmount":0.1"#, Some((1999, 10))),
        (r#""amount":"19.9","refundedAmount":0"#, Some((1990, 0))),
        (r#""amount":19.99"#, None),
        (r#""amount":19.99,"refundedAmount":null"#, None),
        (r#""amount":19.999,"refundedAmount":0"#, None),
        (r#""amount":-1,"refundedAmount":0"#, None),
        (r#""amount":1e3,"refundedAmount":0"#, None),
    ];
    for (amounts, expected) in cases {
        let body = order(amounts);
        let server = server([Some((200, body.as_str()))]).await;
        let Outcome::Done(answer) =
            server.client.read_order(&account(), &"x".parse().unwrap(), server.now).await
        else {
            panic!("{amounts}")
        };
        let totals = answer.totals.map(|totals| (totals.captured.get(), totals.refunded.get()));
        assert_eq!((totals, answer.status), (expected, OrderStatus::Completed), "{amounts}");
    }
}

#[tokio::test]
async fn all_orders_are_listed_page_by_page_and_a_list_that_is_not_understood_is_no_answer() {
    let first = r#"{"hasNextPage":true,"orders":[{"id":"a","referenceNumber":"INV-1"},{"id":"b"}]}"#;
    let last = r#"{"hasNextPage":false,"orders":[{"id":"c","referenceNumber":"INV-1"}]}"#;
    let names = ListNames { orders: "orders".to_owned(), reference: "referenceNumber".to_owned() };
    let since = "2026-11-21T10:00:00Z".parse().unwrap();
    let listing = Listing { mid: "m", since, names: &names };
    let server = server([Some((200, first)), Some((200, last)), Some((200, first)), Some((200, "{}"))]).await;
    let listed = |id: &str, reference: Option<&str>| Listed {
        id: id.parse().unwrap(),
        reference: reference.map(str::to_owned),
    };
    let all = vec![listed("a", Some("INV-1")), listed("b", None), listed("c", Some("INV-1"))];
    assert_eq!(server.client.list_orders(&account(), listing, server.now).await, Outcome::Done(all));
    let half = server.client.list_orders(&account(), listing, server.now).await;
    assert_eq!(half, Outcome::Unknown(Lost::Malformed), "half a list is none");
    let calls = server.script.calls.lock().unwrap().clone();
    assert!(calls[1].contains("pageNumber=2") && calls[1].contains("mid=m"), "{calls:?}");
}
