//! Event source mappings, otherwise than the template has them. Two calls: see `invoke.rs` for why there is no client.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::invoke::authorization;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    event_source_mappings: Vec<Mapping>,
}

#[derive(Deserialize)]
struct Mapping {
    #[serde(rename = "UUID")]
    id: String,
    #[serde(rename = "EventSourceArn")]
    source: String,
}

/// Changes every mapping whose source is chosen.
pub(crate) async fn set(
    http: &reqwest::Client,
    endpoint: &str,
    is_chosen: impl Fn(&str) -> bool,
    change: &Value,
) -> Result<()> {
    let url = format!("{endpoint}/2015-03-31/event-source-mappings");
    let request = http.get(format!("{url}/")).header("authorization", authorization("lambda"));
    let answer = request.send().await.context("listing the event source mappings")?;
    ensure!(answer.status().is_success(), "listing the event source mappings: {}", answer.status());
    let listed: Listed = answer.json().await.context("the event source mappings are not as expected")?;
    for Mapping { id, .. } in listed.event_source_mappings.iter().filter(|mapping| is_chosen(&mapping.source))
    {
        let request = http.put(format!("{url}/{id}")).header("authorization", authorization("lambda"));
        let answer = request.json(change).send().await?;
        ensure!(answer.status().is_success(), "changing an event source mapping: {}", answer.status());
    }
    Ok(())
}
