//! Event source mappings, as the template does not set them. Two calls: see `invoke.rs` for why there is no client.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::json;

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
}

/// Gives every mapping this batch size.
pub(crate) async fn set_batch_size(http: &reqwest::Client, endpoint: &str, size: u32) -> Result<()> {
    let url = format!("{endpoint}/2015-03-31/event-source-mappings");
    let request = http.get(format!("{url}/")).header("authorization", authorization("lambda"));
    let answer = request.send().await.context("listing the event source mappings")?;
    ensure!(answer.status().is_success(), "listing the event source mappings: {}", answer.status());
    let listed: Listed = answer.json().await.context("the event source mappings are not as expected")?;
    for Mapping { id } in listed.event_source_mappings {
        let request = http.put(format!("{url}/{id}")).header("authorization", authorization("lambda"));
        let answer = request.json(&json!({ "BatchSize": size })).send().await?;
        ensure!(answer.status().is_success(), "setting a batch size: {}", answer.status());
    }
    Ok(())
}
