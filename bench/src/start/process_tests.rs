//! Processes that are functions, in a few lines each, and some that are none.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::*;

/// Answers each event with its field `say`, and takes memory and time for it where it is told so.
const ECHO: &str = r#"#!/usr/bin/env python3
import http.client, json, os
print("echo has started", flush=True)
connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
base = "/2018-06-01/runtime/invocation/"
kept = []
while True:
    connection.request("GET", base + "next")
    response = connection.getresponse()
    event, request = json.loads(response.read()), response.headers["lambda-runtime-aws-request-id"]
    kept.append(bytes(event.get("take", 0)).replace(b"\0", b"x"))
    connection.request("POST", f"{base}{request}/response", json.dumps(event["say"]))
    connection.getresponse().read()
"#;

/// A program that is removed with this.
struct Staged(Program);

impl Staged {
    fn new(name: &str, bootstrap: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("bench-process-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("bootstrap");
        std::fs::write(&path, bootstrap).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let environment = [("PATH".to_owned(), std::env::var("PATH").unwrap())].into();
        let log = directory.join("log");
        Self(Program { directory, log, environment })
    }

    async fn measure(&self, events: &[Value]) -> Result<Measured> {
        let (first, warm) = events.split_first().unwrap();
        let load = Load::of(first.clone(), warm.to_vec());
        measure(&self.0, &load, |answer| {
            ensure!(answer == "well", "not well");
            Ok(())
        })
        .await
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0.directory).unwrap();
    }
}

#[tokio::test]
async fn a_function_is_watched_from_its_start_to_its_last_event() {
    let echo = Staged::new("echo", ECHO);
    let say = |take: usize| json!({ "say": "well", "take": take });
    let measured = echo.measure(&[say(0), say(0), say(50_000_000)]).await.unwrap();
    let Measured { ready, answered, warm, full, peak_bytes } = measured;
    assert!(ready.ms > 0.0 && answered.ms > ready.ms, "{ready:?} {answered:?}");
    assert!(ready.cpu_ms > 0.0 && answered.cpu_ms > ready.cpu_ms, "{ready:?} {answered:?}");
    assert!(peak_bytes > answered.peak_bytes + 50_000_000, "{peak_bytes} {answered:?}");
    let warm = warm.unwrap();
    assert!(warm.ms.quantile(0.0) > 0.0 && warm.cpu_ms > 0.0, "{warm:?}");
    assert!(full.is_none());
}

#[tokio::test]
async fn nothing_is_measured_of_a_function_that_does_not_work() {
    let failed = async |name: &str, bootstrap: &str, events: &[Value]| {
        format!("{:#}", Staged::new(name, bootstrap).measure(events).await.unwrap_err())
    };
    let well = json!({ "say": "well" });
    let error = failed("bad", ECHO, &[well.clone(), json!({ "say": "bad" })]).await;
    assert!(error.contains("not well") && error.contains("echo has started"), "{error}");
    let error = failed("ends", "#!/bin/sh\necho no; exit 3\n", std::slice::from_ref(&well)).await;
    assert!(error.contains("exit status: 3"), "{error}");
    // It ends at its second event: nobody waits for its answer in vain.
    let once = ECHO.replace("    kept.append", "    if kept: os._exit(4)\n    kept.append");
    let error = failed("once", &once, &[well.clone(), well]).await;
    assert!(error.contains("exit status: 4"), "{error}");
}
