//! The local stack itself: what the template wires together is wired, and nothing is left behind.
//!
//! In place of our functions it deploys a script, so that a failure here is the stack's and not theirs.
//! Run with the other tests that need MiniStack: `cargo xtask test`, or `cargo test -p local-stack -- --ignored`.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aws_sdk_sqs::types::QueueAttributeName;
use local_stack::{FUNCTIONS, MerchantSetup, Options, Stack};
use serde_json::json;

const DEADLINE: Duration = Duration::from_secs(30);

fn scripts(run: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("local-stack-{run}-{}", std::process::id()));
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/python/bin/python");
    let script = format!("#!{}\n{}", python.display(), include_str!("fixtures/bootstrap.py"));
    for function in FUNCTIONS {
        std::fs::create_dir_all(directory.join(function)).unwrap();
        std::fs::write(directory.join(function).join("bootstrap"), &script).unwrap();
    }
    directory
}

async fn send(stack: &Stack, queue: &str, body: &str) {
    stack.sqs().send_message().queue_url(queue).message_body(body).send().await.unwrap();
}

async fn logged(stack: &Stack, function: &str, text: &str) -> String {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let log = std::fs::read_to_string(stack.functions_log()).unwrap();
        if let Some(line) = log.lines().find(|line| line.starts_with(function) && line.contains(text)) {
            return line.to_owned();
        }
        assert!(Instant::now() < deadline, "{function} did not log {text:?}:\n{log}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn messages_in(stack: &Stack, queue: &str) -> String {
    let count = QueueAttributeName::ApproximateNumberOfMessages;
    let attributes = stack.sqs().get_queue_attributes().queue_url(queue).attribute_names(count.clone());
    attributes.send().await.unwrap().attributes.unwrap().remove(&count).unwrap()
}

fn processes_in(log: &Path) -> Vec<u32> {
    let log = std::fs::read_to_string(log).unwrap();
    log.lines().filter_map(|line| line.split(" pid ").nth(1)?.split(' ').next()?.parse().ok()).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn messages_webhooks_and_merchants_reach_their_functions_and_nothing_is_left() {
    let functions = scripts("wiring");
    let stack = Stack::up(Options::new("test-wiring").functions(&functions)).await.unwrap();
    let outputs = stack.outputs().clone();
    let (intake, evaluate) =
        (&outputs.decline_intake_function_name, &outputs.evaluate_submission_function_name);

    send(&stack, &outputs.declines_queue_url, "forward").await;
    logged(&stack, evaluate, "forwarded").await;

    // The template's roles are enforced: decline-intake may put and get, and no more.
    send(&stack, &outputs.declines_queue_url, "scan").await;
    logged(&stack, intake, "scan refused An error occurred (AccessDeniedException)").await;

    let visible = QueueAttributeName::VisibilityTimeout;
    let hidden = stack.sqs().set_queue_attributes().queue_url(&outputs.declines_queue_url);
    hidden.attributes(visible, "0").send().await.unwrap();
    send(&stack, &outputs.declines_queue_url, "fail").await;
    let deadline = Instant::now() + DEADLINE;
    while messages_in(&stack, &outputs.declines_dlq_url).await != "1" {
        assert!(Instant::now() < deadline, "the failing message did not become a dead letter");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let answer = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = answer.post(stack.webhook_url("acme")).body("{}").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(answer, json!({ "path": "/webhooks/acme", "of": { "merchant": "acme" } }));

    let event = json!({ "scheduled_at": "2030-01-22T06:00:00Z" });
    assert_eq!(stack.invoke(&outputs.expiry_sweep_function_name, &event).await.unwrap(), event);
    assert!(stack.invoke("no-such-function", &event).await.is_err());

    let id = "first".to_owned();
    for key in ["old", "new"] {
        let (config, secret) = (json!({ "enabled": true }), json!({ "app_key": key }));
        stack.put_merchant(&MerchantSetup { id: id.clone(), config, secret }).await.unwrap();
    }
    let secret = stack.secrets().get_secret_value().secret_id(outputs.merchant_secret_prefix.clone() + &id);
    assert_eq!(secret.send().await.unwrap().secret_string(), Some(r#"{"app_key":"new"}"#));

    let processes = processes_in(&stack.functions_log());
    assert!(processes.len() > 3);
    stack.down().unwrap();
    for process in processes {
        assert!(!Path::new(&format!("/proc/{process}")).exists(), "function process {process} is left");
    }
    std::fs::remove_dir_all(functions).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn a_template_that_cannot_be_created_says_why_and_stops_the_server() {
    let functions = scripts("refused");
    let options = Options::new("test-refused").functions(&functions).parameter("Stage", "no-such-stage");
    let error = format!("{:#}", Stack::up(options).await.unwrap_err());
    assert!(error.contains("Stage"), "{error}");
    std::fs::remove_dir_all(functions).unwrap();
}
