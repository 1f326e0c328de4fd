//! Webhooks on their way: signed as FlexFactor signs, sent as API Gateway hands them on, answered or not.

use lambda_http::Request;
use lambda_kit::clock::Clock as _;
use sandbox::domain::delivery::{Answer, Send};
use sandbox::webhook::sign;
use serde_json::{Map, Value, json};

use crate::breaking::Rule;
use crate::env::System;
use crate::fault::Fault;
use crate::functions::Functions;

/// Sends one webhook and tells FlexFactor what came of it.
pub(crate) async fn deliver(functions: Functions, send: Send) {
    let env = functions.env.clone();
    let (date, headers) = sign::headers(&send.signing, &send.body, env.now());
    let fault = env.fault(System::Webhook, Fault::OF_WEBHOOKS, &format!("webhook {} {}", send.id, send.body));
    env.pass(20, 400).await;
    let failed = |why: &str| Answer::Failed(why.to_owned());
    let answer = match (fault, request(&send, &headers)) {
        (Some(Fault::WebhookCut), _) => failed("no connection"),
        (_, Err(error)) => failed(&error.to_string()),
        (Some(Fault::WebhookRepeated), Ok(request)) => {
            let first = receive(&functions, &request).await;
            receive(&functions, &request).await;
            first
        }
        (Some(_), Ok(request)) => {
            receive(&functions, &request).await;
            failed("timeout")
        }
        (None, Ok(request)) => receive(&functions, &request).await,
    };
    env.log(format_args!("webhook {} answered {answer:?}", send.id));
    functions.provider.world().sent(env.now(), send.id, answer, &date);
}

async fn receive(functions: &Functions, request: &Request) -> Answer {
    let status = functions.receive(request).await;
    match status {
        Some(503) if functions.env.is_broken(Rule::WriteBeforeAnswer) => Answer::Status(200),
        Some(status) => Answer::Status(status),
        // API Gateway answers for a function that died.
        None => Answer::Status(500),
    }
}

/// The request as API Gateway hands it to the function.
fn request(send: &Send, headers: &[(&str, String)]) -> anyhow::Result<Request> {
    let path = send.url.split_once("//").and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..)));
    let path = path.unwrap_or("/");
    let mut all = Map::new();
    all.insert("content-type".to_owned(), send.content_type.clone().into());
    all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))));
    let event = json!({
        "version": "2.0", "routeKey": "POST /webhooks/{merchant}", "rawPath": path, "rawQueryString": "",
        "headers": all,
        "requestContext": {
            "accountId": "1", "apiId": "abc", "domainName": "abc", "domainPrefix": "abc", "requestId": "r",
            "routeKey": "POST /webhooks/{merchant}", "stage": "$default", "time": "t", "timeEpoch": 1,
            "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "x"}
        },
        "body": send.body, "isBase64Encoded": false
    });
    Ok(lambda_http::request::from_str(&event.to_string())?)
}
