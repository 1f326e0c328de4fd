//! Calling order-api: signed with the caller's AWS credentials, or with a bearer token where the API takes those.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use models::ids::{MerchantId, OrderId};
use models::view::Problem;
use reqwest::{Method, Request, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::deployment::Deployment;
use crate::outcome::Failure;

/// Longer than API Gateway's 30 seconds: what it knows is waited for.
const TIMEOUT: Duration = Duration::from_secs(35);
/// Where a bearer token is found, for an API with a JWT authorizer. Never an argument: others see those.
const TOKEN_VARIABLE: &str = "RESCUE_API_TOKEN";

/// order-api, as one merchant's.
#[derive(Debug)]
pub(super) struct Api<'a> {
    deployment: &'a Deployment,
    http: reqwest::Client,
    base: Url,
}

/// An answer that is no problem.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) status: StatusCode,
    pub(super) body: T,
}

impl<'a> Api<'a> {
    pub(super) fn new(deployment: &'a Deployment, merchant: &MerchantId) -> Result<Self, Failure> {
        // The local stack is reached by path, as no resolver knows the API's own host there.
        let base = match deployment.endpoint() {
            Some(endpoint) => {
                let api = deployment.output("OrderApiId")?;
                format!("{}/_aws/execute-api/{api}/$default", endpoint.trim_end_matches('/'))
            }
            None => deployment.output("OrderApiUrl")?.to_owned(),
        };
        let base = Url::parse(&format!("{base}/merchants/{merchant}"))
            .map_err(|_| Failure::refused("the stack's OrderApiUrl is no address"))?;
        let http = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none());
        let http = if deployment.endpoint().is_some() { http.no_proxy() } else { http };
        let http = http.build().map_err(|_| Failure::unreachable("the HTTP client could not be set up"))?;
        Ok(Self { deployment, http, base })
    }

    /// The address of an order, or of what is below it.
    pub(super) fn order(&self, order_id: &OrderId, below: &[&str]) -> Result<Url, Failure> {
        // The gateway cuts the path there (docs/order-api.md).
        if order_id.as_str().contains('?') {
            return Err(Failure::refused("an order id with a question mark can't be addressed over HTTP"));
        }
        let mut url = self.orders();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push(order_id.as_str()).extend(below);
        }
        Ok(url)
    }

    /// The address of the merchant's orders.
    pub(super) fn orders(&self) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push("orders");
        }
        url
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, url: Url) -> Result<Answer<T>, Failure> {
        let request = self.http.get(url).build();
        self.call(request.map_err(|_| Failure::refused("the request can't be built"))?).await
    }

    /// Posts. Nothing is repeated by itself: whoever asked repeats it, with the same key.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        url: Url,
        key: &str,
        body: Option<&impl Serialize>,
    ) -> Result<Answer<T>, Failure> {
        let request = self.http.request(Method::POST, url).header("idempotency-key", key);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        self.call(request.build().map_err(|_| Failure::refused("the request can't be built"))?).await
    }

    async fn call<T: DeserializeOwned>(&self, mut request: Request) -> Result<Answer<T>, Failure> {
        self.authorize(&mut request).await?;
        let answer = self.http.execute(request).await.map_err(|error| {
            let why = if error.is_timeout() { "did not answer in time" } else { "could not be reached" };
            Failure::unreachable(format!("order-api {why}"))
        })?;
        let status = answer.status();
        let text = answer.bytes().await.map_err(|_| Failure::unreachable("order-api's answer broke off"))?;
        if status.is_success() {
            let body = serde_json::from_slice(&text)
                .map_err(|_| Failure::refused("order-api answers what this version can't read"))?;
            return Ok(Answer { status, body });
        }
        Err(failure(status, &text))
    }

    async fn authorize(&self, request: &mut Request) -> Result<(), Failure> {
        let header = |text: &str| {
            let value = reqwest::header::HeaderValue::from_str(text);
            value.map_err(|_| Failure::usage("the credentials can't be put into a header"))
        };
        if let Some(token) = std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty()) {
            let mut bearer = header(&format!("Bearer {token}"))?;
            bearer.set_sensitive(true);
            request.headers_mut().insert("authorization", bearer);
            return Ok(());
        }
        for (name, text) in self.signature(request).await? {
            let mut value = header(&text)?;
            value.set_sensitive(true);
            request.headers_mut().insert(name, value);
        }
        Ok(())
    }

    /// The headers that sign a request by Signature Version 4, for the service `execute-api`.
    async fn signature(&self, request: &Request) -> Result<Vec<(&'static str, String)>, Failure> {
        let aws = self.deployment.aws();
        let missing =
            |what: &str| Failure::usage(format!("there are no {what} to sign with: see `rescue doctor`"));
        let provider = aws.credentials_provider().ok_or_else(|| missing("credentials"))?;
        let region = aws.region().ok_or_else(|| missing("region"))?;
        let credentials = provider.provide_credentials().await.map_err(|_| missing("credentials"))?;
        let identity = credentials.into();
        let unsigned = |_| Failure::refused("the request can't be signed");
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(region.as_ref())
            .name("execute-api")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|_| Failure::refused("the request can't be signed"))?;
        let headers = request.headers().iter();
        let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        let signable = SignableRequest::new(
            request.method().as_str(),
            request.url().as_str(),
            headers,
            SignableBody::Bytes(body),
        )
        .map_err(unsigned)?;
        let (instructions, _) = sign(signable, &parameters.into()).map_err(unsigned)?.into_parts();
        let (headers, _) = instructions.into_parts();
        Ok(headers.into_iter().map(|header| (header.name(), header.value().to_owned())).collect())
    }
}

/// What an answer that is none means: order-api's own problem, or the gateway's.
fn failure(status: StatusCode, text: &[u8]) -> Failure {
    let http = status.as_u16();
    let is_passing = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    let message = match serde_json::from_slice::<Problem>(text) {
        Ok(problem) => {
            let path = problem.path.map(|path| format!(" ({path})")).unwrap_or_default();
            let mut message = format!("{}{path}: {}", problem.code, problem.detail);
            if let Some(left) = problem.refundable_minor {
                message.push_str(&format!(" {} minor units can be refunded.", left.get()));
            }
            if let Some(refund) = problem.proposed_refund {
                message.push_str(&format!(" Proposed refund: {refund}."));
            }
            message
        }
        Err(_) if http == 401 || http == 403 => {
            format!(
                "the API's gateway answered {http}: these credentials may not do this (execute-api:Invoke)"
            )
        }
        Err(_) => format!("the API's gateway answered {http}"),
    };
    if is_passing { Failure::unreachable(message) } else { Failure::refused(message) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Exit;
    use models::view::ProblemCode;

    #[test]
    fn a_problem_is_told_with_its_code_and_what_may_pass_is_told_apart() {
        let told = |code: ProblemCode| {
            let problem = Problem::new(code, "So it is.");
            let text = serde_json::to_vec(&problem).unwrap();
            failure(StatusCode::from_u16(problem.status).unwrap(), &text)
        };
        let refused = told(ProblemCode::OrderApproved);
        assert_eq!((refused.exit, refused.message.as_str()), (Exit::Refused, "order_approved: So it is."));
        assert_eq!(told(ProblemCode::StoreUnavailable).exit, Exit::Unreachable);
        let gateway = failure(StatusCode::FORBIDDEN, br#"{"message":"Forbidden"}"#);
        assert!(gateway.exit == Exit::Refused && gateway.message.contains("execute-api:Invoke"));
        assert_eq!(failure(StatusCode::TOO_MANY_REQUESTS, b"").exit, Exit::Unreachable);
    }
}
