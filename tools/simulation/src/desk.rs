//! What people ask for an order, over order-api's own paths.

use jiff::SignedDuration;
use lambda_http::http::Method;
use lambda_http::{Body, Request};
use models::ids::{IdempotencyKey, OrderKey};
use models::money::{Currency, MinorUnits};
use models::refund::{RefundId, RefundState};
use models::view::Problem;
use order_api::handler::{Answer, Api, Authorization, RefundRules, RepeatedRefund};
use serde_json::{Value, json};

use crate::env::Env;
use crate::functions::{Functions, OurMerchants, OurSecrets};
use crate::provider::Provider;
use crate::queue::Queue;
use crate::store::Store;

/// How long order-api's call of FlexFactor may take, with all that belongs to it (infra/template.yaml: 6 s and a half of it).
const CALL_TIME: SignedDuration = SignedDuration::from_secs(9);

/// order-api as it is deployed here.
pub(crate) type OurApi = Api<Store, Queue, OurMerchants, Queue, OurSecrets, Provider, Env>;

/// What is asked for an order, and the key under which it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) what: What,
    pub(crate) key: IdempotencyKey,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    Cancel,
    Capture,
    Refund(MinorUnits, Currency),
    /// People looked up what became of a refund: whether it was made.
    Resolve(RefundId, bool),
}

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// The wish is taken, or was before.
    Taken,
    /// The refund is known, and this is how far it got.
    Refund(RefundState),
    /// It can't be done.
    Refused,
    /// Not now: ask again with the same key.
    Later,
}

impl Functions {
    /// One request to the API; `None` where it was not answered, or with a 5xx.
    pub(crate) async fn ask(&self, order: &OrderKey, ask: &Ask) -> Option<Said> {
        let request = request(order, ask)?;
        let life = async {
            let api = self.containers.api.take(|| self.api());
            let answer = api.answer(&request).await;
            (api, answer)
        };
        let (api, answer) = self.env.process(life).await.ok()?;
        self.containers.api.put_back(api);
        self.env.log(format_args!("{order} {:?} is answered {}", ask.what, answer.status));
        said(&ask.what, &answer)
    }

    fn api(&self) -> OurApi {
        Api {
            store: self.store.clone(),
            intake: self.intake(),
            reconciliations: self.reconciliations.clone(),
            secrets: self.secrets(),
            provider: self.provider.clone(),
            refunds: RefundRules {
                repeated: RepeatedRefund::Confirm,
                reads_totals: self.provider.tells_totals(),
                call_time: CALL_TIME,
            },
            authorization: Authorization::Iam,
        }
    }
}

fn request(order: &OrderKey, ask: &Ask) -> Option<Request> {
    let (path, body) = match &ask.what {
        What::Cancel => ("cancel".to_owned(), None),
        What::Capture => ("capture".to_owned(), None),
        What::Refund(minor, currency) => {
            let amount = json!({ "minor": minor.get(), "currency": currency.code() });
            ("refunds".to_owned(), Some(json!({ "amount": amount })))
        }
        What::Resolve(id, made) => (format!("refunds/{id}/resolution"), Some(json!({ "made": made }))),
    };
    let OrderKey { merchant, order_id } = order;
    let request = lambda_http::http::Request::builder()
        .method(Method::POST)
        .uri(format!("https://api.rebill-rescue.test/merchants/{merchant}/orders/{order_id}/{path}"))
        .header("content-type", "application/json")
        .header("idempotency-key", ask.key.to_string());
    request.body(body.map_or(Body::Empty, |body: Value| Body::Text(body.to_string()))).ok()
}

fn said(what: &What, answer: &Answer) -> Option<Said> {
    let code = serde_json::from_str(&answer.body).ok().map(|problem: Problem| problem.code);
    match (what, answer.status, code.as_deref()) {
        (_, 500.., _) => None,
        (What::Refund(..), 201, _) => Some(Said::Refund(RefundState::Made)),
        (What::Refund(..), 202, _) => Some(Said::Refund(RefundState::Reserved)),
        (_, 200..300, _) => Some(Said::Taken),
        // Its decline is still on its way, or another refund is.
        (_, _, Some("order_not_found" | "refund_in_flight")) => Some(Said::Later),
        (What::Refund(..), _, Some("refund_refused_by_provider")) => Some(Said::Refund(RefundState::Refused)),
        (What::Refund(..), _, Some("refund_not_made")) => Some(Said::Refund(RefundState::NotMade)),
        (_, _, _) => Some(Said::Refused),
    }
}
