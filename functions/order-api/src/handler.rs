//! One call: route it, see that the caller may, do what it asks, answer. What can't be done is a problem with a stable code.

use flexfactor::{ReadOrder, RefundOrder};
use intake::Intake;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt as _};
use lambda_kit::clock::{Clock, Random};
use lambda_kit::queue::{FanOut, HandOn};
use lambda_kit::secrets::FindSecret;
use models::ids::{MerchantId, OrderId, OrderKey};
use models::view::ProblemCode;
use models::wish;
use order_store::capability::{AskOf, FindMerchant, ListOrders, Park, ReadHistory, TakeDecline};

pub use crate::access::Authorization;
pub use crate::answer::Answer;
use crate::answer::Failure;
pub use crate::ask::{RefundRules, RepeatedRefund};
use crate::route::{Act, Misrouted, Target, is_same_path, route};

/// What the function does its work with.
#[derive(Debug)]
pub struct Api<S, Q, M, F, K, P, C> {
    /// The orders.
    pub store: S,
    /// What takes declines, from the queue or from here, and knows merchants and the clock.
    pub intake: Intake<S, Q, M, C>,
    /// The reconciliations queue.
    pub reconciliations: F,
    /// Merchants' credentials.
    pub secrets: K,
    /// FlexFactor.
    pub provider: P,
    /// How refunds are made.
    pub refunds: RefundRules,
    /// How callers are authorized.
    pub authorization: Authorization,
}

impl<S, Q, M, F, K, P, C> Api<S, Q, M, F, K, P, C>
where
    S: AskOf + ReadHistory + ListOrders + TakeDecline + Park,
    Q: HandOn,
    M: FindMerchant,
    F: FanOut,
    K: FindSecret,
    P: RefundOrder + ReadOrder,
    C: Clock + Random,
{
    /// Answers one request.
    pub async fn answer(&self, request: &Request) -> Answer {
        let path = request.raw_http_path();
        let path = if path.is_empty() { request.uri().path() } else { path };
        let routed =
            if agrees(request, path) { route(request.method(), path) } else { Err(Misrouted::NotFound) };
        let answer = match routed {
            Ok(route) => match self.permit(request, &route.merchant) {
                Ok(()) => self.serve(request, &route.merchant, route.target).await,
                Err(failure) => Err(failure),
            },
            Err(Misrouted::NotFound) => {
                Err(Failure::new(ProblemCode::NotFound, "Nothing is at this address."))
            }
            Err(Misrouted::Method(merchant, allowed)) => {
                self.permit(request, &merchant).map(|()| Answer::method_not_allowed(allowed))
            }
        };
        answer.unwrap_or_else(|failure| {
            let problem = failure.into_problem();
            tracing::info!(
                status = problem.status,
                code = problem.code,
                "a call was answered with a problem"
            );
            problem.into()
        })
    }

    fn permit(&self, request: &Request, merchant: &MerchantId) -> Result<(), Failure> {
        if self.authorization.permits(request, merchant) {
            return Ok(());
        }
        tracing::warn!(%merchant, "a call was refused: its token does not name the merchant");
        Err(Failure::new(ProblemCode::NotYourMerchant, "The token does not name this merchant."))
    }

    async fn serve(
        &self,
        request: &Request,
        merchant: &MerchantId,
        target: Target,
    ) -> Result<Answer, Failure> {
        match target {
            Target::List => self.list(request, merchant).await,
            Target::Submit => self.submit(request, merchant).await,
            Target::Read { order_id, otherwise } => match (self.read(merchant, order_id).await, otherwise) {
                (Ok(None), Some(allowed)) => Ok(Answer::method_not_allowed(allowed)),
                (Ok(None), None) => Err(no_order()),
                (Ok(Some(answer)), _) => Ok(answer),
                (Err(failure), _) => Err(failure),
            },
            Target::Do(act, order_id) => {
                let order_id: OrderId = order_id.ok_or_else(no_order)?;
                let key = OrderKey { merchant: merchant.clone(), order_id };
                match act {
                    Act::Cancel => self.wish(request, &key, wish::cancel).await,
                    Act::Capture => self.wish(request, &key, wish::capture).await,
                    Act::Refund => self.refund(request, &key).await,
                    Act::Resolve(refund) => self.resolve(request, &key, &refund).await,
                }
            }
        }
    }
}

/// Whether API Gateway tells one path wherever it tells one. Where it cut an escaped `?` or `#` in one place, the caller's
/// policy may have been held against another path than the one that would be served.
fn agrees(request: &Request, path: &str) -> bool {
    let context = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.path.as_deref(),
        // Lambda's HTTP events have other kinds, which this function is not called with.
        Some(_) | None => None,
    };
    let matched = request.path_parameters_ref().and_then(|parameters| {
        let (merchant, rest) = (parameters.first("merchant")?, parameters.first("proxy")?);
        Some(format!("/merchants/{merchant}/{rest}"))
    });
    let others = [context, matched.as_deref()];
    others.into_iter().flatten().filter(|other| !other.is_empty()).all(|other| is_same_path(path, other))
}

/// The merchant has no such order.
pub(crate) fn no_order() -> Failure {
    Failure::new(ProblemCode::OrderNotFound, "The merchant has no order with this id.")
}

#[cfg(test)]
#[path = "handler_tests/mod.rs"]
mod tests;
