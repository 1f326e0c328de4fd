//! What the fault tests share: making trouble on a running rig, and the judgement after it.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::QueueAttributeName;
use jiff::Timestamp;
use models::status::Status;
use models::time::to_text;
use rig::{Books, MANAGED, Rig, RigOptions, compare};
use serde_json::{Value, json};

use crate::support::{DAY_SECONDS, LIMIT, find, rig};

/// A rig whose surroundings can be made to fail, with redelivery after seconds instead of minutes. Every order is approved
/// after a day unless `rules` say otherwise.
pub(crate) async fn troubled(options: RigOptions, rules: Value) -> Rig {
    let mut all = rules.as_array().cloned().unwrap_or_default();
    all.push(json!({ "when": {}, "fate": { "kind": "approve", "after_seconds": DAY_SECONDS } }));
    let rig = rig(options.faults(), all.into()).await;
    let outputs = rig.stack().outputs().clone();
    for queue in [
        &outputs.declines_queue_url,
        &outputs.evaluations_queue_url,
        &outputs.reconciliations_queue_url,
        &outputs.transmissions_queue_url,
    ] {
        set(&rig, queue, QueueAttributeName::VisibilityTimeout, "2").await;
    }
    rig
}

/// Sets an attribute of a queue.
pub(crate) async fn set(rig: &Rig, queue: &str, name: QueueAttributeName, value: &str) {
    let request = rig.stack().sqs().set_queue_attributes().queue_url(queue).attributes(name, value);
    request.send().await.unwrap();
}

/// Waits until `is_so`, and says what for otherwise.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !is_so().await {
        assert!(Instant::now() < deadline, "{what}: not within {LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How often the functions have counted a metric so far.
pub(crate) fn counted(rig: &Rig, metric: &str) -> u64 {
    let log = std::fs::read_to_string(rig.stack().functions_log()).unwrap();
    let of_line = |line: &str| {
        let line: Value = serde_json::from_str(line.get(line.find('{')?..)?).ok()?;
        let value = &line[metric];
        // One value, or the values of a batch.
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        Some(values.iter().filter_map(Value::as_u64).sum::<u64>())
    };
    log.lines().filter_map(of_line).sum()
}

/// Kills the processes of a function where they stand, as a crash of their machine would; says how many there were.
pub(crate) fn kill(rig: &Rig, function: &str) -> usize {
    let run_directory = rig.stack().functions_log().parent().unwrap().to_owned();
    let pids: Vec<_> = processes(&run_directory, function).collect();
    for pid in &pids {
        assert!(Command::new("kill").args(["-KILL", pid]).status().unwrap().success());
    }
    pids.len()
}

/// The stack's processes of this function: programs below its run directory that were told this name.
fn processes(run_directory: &Path, function: &str) -> impl Iterator<Item = String> {
    let (run_directory, end) = (run_directory.to_owned(), format!("-{function}"));
    std::fs::read_dir("/proc").unwrap().filter_map(move |entry| {
        let process = entry.ok()?;
        let program = std::fs::read_link(process.path().join("exe")).ok()?;
        let environment = std::fs::read(process.path().join("environ")).ok()?;
        let environment = String::from_utf8_lossy(&environment).into_owned();
        let name = environment.split('\0').find_map(|line| line.strip_prefix("AWS_LAMBDA_FUNCTION_NAME="))?;
        let is_it = program.starts_with(&run_directory) && name.ends_with(&end);
        is_it.then(|| process.file_name().to_string_lossy().into_owned())
    })
}

/// Lets the lease of every claim be over now, which takes up to 90 s otherwise.
pub(crate) async fn end_leases(rig: &Rig) {
    for order in rig.books().await.unwrap().orders.iter().filter(|order| order.status == Status::Submitting) {
        let request = rig.stack().dynamodb().update_item();
        request
            .table_name(&rig.stack().outputs().orders_table_name)
            .key("pk", AttributeValue::S(format!("ORDER#{}#{}", order.key.merchant, order.key.order_id)))
            .key("sk", AttributeValue::S("ORDER".to_owned()))
            .condition_expression("attribute_exists(lease_until)")
            .update_expression("SET lease_until = :past")
            .expression_attribute_values(":past", AttributeValue::S(to_text(Timestamp::now())))
            .send()
            .await
            // The answer may have come meanwhile: then there is no lease to end.
            .map_or_else(
                |error| assert!(error.into_service_error().is_conditional_check_failed_exception()),
                drop,
            );
    }
}

/// What was sent of the managed merchant.
pub(crate) fn of_managed(ids: &[impl ToString]) -> Vec<(String, String)> {
    ids.iter().map(|id| (MANAGED.to_owned(), id.to_string())).collect()
}

/// Puts every dead letter back on its queue, as `StartMessageMoveTask` does on AWS; says how many there were.
pub(crate) async fn redrive(rig: &Rig) -> usize {
    let outputs = rig.stack().outputs();
    let queues = [
        (&outputs.declines_dlq_url, &outputs.declines_queue_url),
        (&outputs.evaluations_dlq_url, &outputs.evaluations_queue_url),
        (&outputs.reconciliations_dlq_url, &outputs.reconciliations_queue_url),
        (&outputs.transmissions_dlq_url, &outputs.transmissions_queue_url),
    ];
    let (sqs, mut moved) = (rig.stack().sqs(), 0);
    for (dead, live) in queues {
        loop {
            let received = sqs.receive_message().queue_url(dead).max_number_of_messages(10).send().await;
            let messages = received.unwrap().messages.unwrap_or_default();
            if messages.is_empty() {
                break;
            }
            for message in messages {
                let body = message.body.unwrap();
                sqs.send_message().queue_url(live).message_body(body).send().await.unwrap();
                let receipt = message.receipt_handle.unwrap();
                sqs.delete_message().queue_url(dead).receipt_handle(receipt).send().await.unwrap();
                moved += 1;
            }
        }
    }
    moved
}

/// Whether FlexFactor's answer about every one of these orders is known.
pub(crate) fn answered(books: &Books, sent: &[(String, String)]) -> Result<(), String> {
    for (_, id) in sent {
        match find(books, id) {
            Some(order) if order.status >= Status::Pending => {}
            Some(order) => return Err(format!("{id} is {}", order.status)),
            None => return Err(format!("{id} is not there")),
        }
    }
    Ok(())
}

/// Waits until it is.
pub(crate) async fn until_answered(rig: &Rig, sent: &[(String, String)]) {
    rig.until(LIMIT, |books| answered(books, sent)).await.unwrap();
}

/// What operators and time do after an outage: dead letters are redriven, leases end, and the sweep hands on again what was
/// not submitted within a quarter of an hour.
pub(crate) async fn recover(rig: &mut Rig, sent: &[(String, String)]) {
    rig.pass_seconds(16 * 60).await.unwrap();
    until("every order is answered for", async || {
        redrive(rig).await;
        end_leases(rig).await;
        // Without waiting for what it finds, as a copy of a submission may wait for a lease.
        let event = json!({ "scheduled_at": rig.now().to_string() });
        rig.stack().invoke(&rig.stack().outputs().expiry_sweep_function_name, &event).await.unwrap();
        answered(&rig.books().await.unwrap(), sent).is_ok()
    })
    .await;
}

/// The trouble is over: everything comes to its end, and then the table and FlexFactor's ledger agree, nothing is lost and
/// nothing was submitted twice.
pub(crate) async fn all_is_well(rig: &mut Rig, sent: &[(String, String)]) {
    until_answered(rig, sent).await;
    rig.pass_seconds(DAY_SECONDS + 1).await.unwrap();
    // What was refused meanwhile is sent again: the sandbox's last wait is two minutes.
    rig.pass_seconds(200).await.unwrap();
    let ended = |books: &Books| match books.orders.iter().find(|order| !order.status.is_terminal()) {
        None => Ok(()),
        Some(open) => Err(format!("{} is {}", open.key, open.status)),
    };
    let books = rig.until(LIMIT, ended).await.unwrap();
    let ledger = rig.ledger().await.unwrap();
    assert_eq!(compare(sent, &books, &ledger), []);
    assert_eq!(books.orders.len(), sent.len());
    assert_eq!(ledger.orders.len(), sent.len());
    assert_eq!((ledger.summary.submitted_twice, ledger.summary.charged_twice), (0, 0));
    // Trouble is when errors quote what they should not.
    let search = crate::sensitive::search(rig).await;
    assert_eq!(search.found, []);
    assert!(search.items >= sent.len() && search.log_lines > 0);
}
