//! What criterion wrote down: one directory for each benchmark.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A median of one operation on one body.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Estimate {
    group: String,
    operation: String,
    body_bytes: u64,
    pub(crate) median_nanos: f64,
    /// The ends of the median's 95 % interval.
    pub(crate) low_nanos: f64,
    pub(crate) high_nanos: f64,
}

/// All that was measured, the smaller bodies first.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Estimates(Vec<Estimate>);

/// `benchmark.json`, as far as it is read.
#[derive(Deserialize)]
struct Benchmark {
    group_id: String,
    function_id: String,
    value_str: String,
}

/// `estimates.json`, as far as it is read.
#[derive(Deserialize)]
struct Measured {
    median: Median,
}

#[derive(Deserialize)]
struct Median {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

impl Estimates {
    /// Reads all below criterion's directory.
    pub(crate) fn read(home: &Path) -> Result<Self> {
        let mut found = Vec::new();
        collect(home, &mut found)?;
        found.sort_by_key(|estimate| estimate.body_bytes);
        Ok(Self(found))
    }

    /// The sizes of a group's bodies, in order.
    pub(crate) fn sizes(&self, group: &str) -> impl Iterator<Item = u64> {
        let mut sizes: Vec<_> =
            self.0.iter().filter(|of| of.group == group).map(|of| of.body_bytes).collect();
        sizes.dedup();
        sizes.into_iter()
    }

    pub(crate) fn of(&self, group: &str, operation: &str, body_bytes: u64) -> Result<&Estimate> {
        let is_it =
            |of: &&Estimate| of.group == group && of.operation == operation && of.body_bytes == body_bytes;
        self.0
            .iter()
            .find(is_it)
            .with_context(|| format!("{group}/{operation}/{body_bytes} was not measured"))
    }
}

fn collect(directory: &Path, found: &mut Vec<Estimate>) -> Result<()> {
    for entry in std::fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        if path.join("benchmark.json").is_file() && path.ends_with("new") {
            found.push(estimate(&path)?);
        } else if path.is_dir() {
            collect(&path, found)?;
        }
    }
    Ok(())
}

fn estimate(directory: &Path) -> Result<Estimate> {
    let Benchmark { group_id, function_id, value_str } = json(&directory.join("benchmark.json"))?;
    let Measured { median } = json(&directory.join("estimates.json"))?;
    Ok(Estimate {
        group: group_id,
        operation: function_id,
        body_bytes: value_str.parse()?,
        median_nanos: median.point_estimate,
        low_nanos: median.confidence_interval.lower_bound,
        high_nanos: median.confidence_interval.upper_bound,
    })
}

fn json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read(path).with_context(|| path.display().to_string())?;
    serde_json::from_slice(&text).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_criterion_wrote_is_read() {
        let home = std::env::temp_dir().join(format!("estimates-{}", std::process::id()));
        for (bytes, nanos) in [("20480", 9.5), ("2048", 1.5)] {
            let directory = home.join("webhook/verify").join(bytes).join("new");
            std::fs::create_dir_all(&directory).unwrap();
            let benchmark =
                serde_json::json!({ "group_id": "webhook", "function_id": "verify", "value_str": bytes });
            std::fs::write(directory.join("benchmark.json"), benchmark.to_string()).unwrap();
            let interval = serde_json::json!({ "lower_bound": nanos - 0.5, "upper_bound": nanos + 0.5 });
            let median = serde_json::json!({ "point_estimate": nanos, "confidence_interval": interval });
            let estimates = serde_json::json!({ "median": median }).to_string();
            std::fs::write(directory.join("estimates.json"), estimates).unwrap();
        }
        let estimates = Estimates::read(&home).unwrap();
        std::fs::remove_dir_all(&home).unwrap();
        assert_eq!(estimates.sizes("webhook").collect::<Vec<_>>(), [2_048, 20_480]);
        let larger = estimates.of("webhook", "verify", 20_480).unwrap();
        assert_eq!((larger.low_nanos, larger.median_nanos, larger.high_nanos), (9.0, 9.5, 10.0));
        assert!(estimates.of("webhook", "parse", 2_048).is_err());
    }
}
