//! The deployed order-api and its published OpenAPI document, held against one another by schemathesis.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use models::status::Status;
use rig::{MANAGED, RigOptions};
use serde_json::json;

use crate::support::{decline, rig, until_status};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn the_deployed_api_is_as_its_document_says() {
    let rules = json!([
        { "when": { "order_id": "schema-1" }, "fate": { "kind": "approve", "after_seconds": 0 } },
        { "when": {}, "fate": { "kind": "stay_pending" } },
    ]);
    let rig = rig(RigOptions::new("e2e-api-schema"), rules).await;
    let bodies = ["schema-1", "schema-2", "schema-3"].map(|id| decline(MANAGED, id).body());
    rig.send(&bodies).await.unwrap();
    until_status(&rig, "schema-1", Status::Approved).await;
    until_status(&rig, "schema-2", Status::Pending).await;
    until_status(&rig, "schema-3", Status::Pending).await;

    let base = rig.stack().api_url(MANAGED);
    let base = base.strip_suffix("/merchants/acme").unwrap().to_owned();
    let authorization = format!("Authorization: {}", rig.stack().api_authorization());
    // It keeps what it found beside where it runs.
    let directory = root().join("target/local/e2e-api-schema/schemathesis");
    std::fs::create_dir_all(&directory).unwrap();
    let run = move || {
        Command::new(root().join(".tools/python/bin/schemathesis"))
            .current_dir(&directory)
            .env("NO_PROXY", "127.0.0.1,localhost")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg("--config-file")
            .arg(root().join("tests/e2e/schemathesis.toml"))
            .args(["--no-color", "run"])
            .arg(root().join("docs/order-api.openapi.json"))
            .args(["--url", &base, "--header", &authorization])
            .args(["--report", "junit", "--report-dir"])
            .arg(&directory)
            .stdin(Stdio::null())
            .output()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "schemathesis found something:\n{told}\n{wrong}");
    // A run that tried little has shown little.
    let tried = told.lines().find_map(|line| line.trim().split_once(" generated")?.0.parse::<u32>().ok());
    assert!(told.contains("Tested: 7") && tried.is_some_and(|tried| tried >= 500), "{told}");
    rig.down().unwrap();
}
