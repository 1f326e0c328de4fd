//! A function with another environment than the template gives it: a new version, and the alias on it. Three calls: see
//! `invoke.rs` for why there is no client.

use anyhow::{Context, Result, ensure};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::invoke::authorization;

/// The alias that everything calls.
const ALIAS: &str = "live";

pub(crate) async fn set_variable(
    http: &reqwest::Client,
    endpoint: &str,
    function: &str,
    name: &str,
    value: &str,
) -> Result<()> {
    let url = format!("{endpoint}/2015-03-31/functions/{function}");
    let request = |method: Method, path: &str| http.request(method, format!("{url}/{path}"));
    let configuration = call(request(Method::GET, "configuration")).await?;
    let mut variables = configuration["Environment"]["Variables"].clone();
    let set = variables.as_object_mut().context("the function has no environment")?;
    set.insert(name.to_owned(), value.into());
    let changed = json!({ "Environment": { "Variables": variables } });
    call(request(Method::PUT, "configuration").json(&changed)).await?;
    let version = call(request(Method::POST, "versions").json(&json!({}))).await?;
    let alias = request(Method::PUT, &format!("aliases/{ALIAS}"));
    call(alias.json(&json!({ "FunctionVersion": version["Version"] }))).await.map(drop)
}

async fn call(request: RequestBuilder) -> Result<Value> {
    let answer = request.header("authorization", authorization("lambda")).send().await?;
    let status = answer.status();
    let body = answer.text().await?;
    ensure!(status.is_success(), "changing a function: {status}: {body}");
    serde_json::from_str(&body).context("the function's configuration is not as expected")
}
