//! Invoking a function directly. One POST: the SDK's Lambda client would double what this crate takes to build.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::server::{DUMMY_KEY, REGION};

/// MiniStack reads the key id and does not check the signature.
pub(crate) fn authorization(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={DUMMY_KEY}/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

pub(crate) async fn invoke(
    http: &reqwest::Client,
    endpoint: &str,
    function: &str,
    event: &Value,
) -> Result<Value> {
    let answer = http
        .post(format!("{endpoint}/2015-03-31/functions/{function}/invocations"))
        .header("authorization", authorization("lambda"))
        .json(event)
        .send()
        .await
        .with_context(|| format!("invoking {function}"))?;
    let status = answer.status();
    let failed = answer.headers().contains_key("x-amz-function-error");
    let body = answer.text().await?;
    if failed || !status.is_success() {
        bail!("{function} answered {status}: {body}");
    }
    serde_json::from_str(&body).with_context(|| format!("{function} answered something other than JSON"))
}
