//! The command line as a process, against the deployed stack.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use local_stack::MerchantSetup;
use models::status::Status;
use models::time::to_text;
use rig::{MANAGED, Rig, RigOptions, WEBHOOK_HOST, account};
use serde_json::{Value, json};

use crate::e2e_webhook::webhook;
use crate::support::{LIMIT, decline, find, rig, until_parked, until_status};
use crate::trouble::until;

const CANARY: &str = "4000002760003184";

/// The program, pointed at a rig.
pub(crate) struct Rescue {
    program: PathBuf,
    endpoint: String,
    directory: PathBuf,
}

/// What a run of it came to.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) document: Value,
    pub(crate) all: String,
}

impl Rescue {
    pub(crate) fn at(rig: &Rig) -> Self {
        let test = std::env::current_exe().unwrap();
        // target/debug/deps/<test> has the programs above it.
        let program =
            test.ancestors().skip(1).map(|directory| directory.join("rescue")).find(|path| path.is_file());
        let program = program.expect("rescue is built: cargo build --workspace --bins");
        // Apart from the logs, which are searched for what these files must hold.
        let run = rig.stack().functions_log().parent().and_then(Path::file_name).unwrap().to_owned();
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(run);
        std::fs::create_dir_all(&directory).unwrap();
        Self { program, endpoint: rig.stack().endpoint().to_owned(), directory }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .arg("--json")
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("NO_PROXY", "127.0.0.1,localhost")
            .env_remove("RESCUE_STACK")
            .env_remove("AWS_PROFILE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it to its end. Nothing that it says may hold what the tests plant as secrets or card numbers.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
        let all = format!("{stdout}{stderr}");
        for key in [account(MANAGED).unwrap().webhook_key, CANARY] {
            assert!(!all.contains(key), "{arguments:?} shows what it must not: {all}");
        }
        let document = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{arguments:?}: {all}"));
        Ran { code: status.code().unwrap(), document, all }
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.directory.join(name);
        std::fs::write(&path, text).unwrap();
        let journal = self.directory.join(format!("{name}.rescue-journal"));
        if journal.exists() {
            std::fs::remove_file(journal).unwrap();
        }
        path.to_str().unwrap().to_owned()
    }
}

fn stay_pending() -> Value {
    json!([{ "when": {}, "fate": { "kind": "stay_pending" } }])
}

/// How many batches a journal has as acknowledged.
fn acknowledged(journal: &Path) -> usize {
    let text = std::fs::read_to_string(journal).unwrap_or_default();
    text.lines().filter(|line| line.starts_with("{\"sent\"")).count()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn a_file_is_checked_and_sent_once_however_often_its_run_is_killed() {
    let rig = rig(RigOptions::new("e2e-cli-send"), stay_pending()).await;
    let rescue = Rescue::at(&rig);
    let mut lines: Vec<_> =
        (1..=200).map(|number| decline(MANAGED, &format!("line-{number}")).body()).collect();
    let stale = Timestamp::now() - SignedDuration::from_hours(30);
    lines.insert(50, decline(MANAGED, "card").with("/customer/email", CANARY).body());
    lines.insert(120, decline(MANAGED, "stale").with("/declined_at", to_text(stale)).body());
    lines.push("no json".to_owned());
    let file = rescue.write("declines.jsonl", &lines.join("\n"));

    let dry = rescue.run(&["send", &file, "--dry-run"]);
    assert_eq!((dry.code, &dry.document["valid"], &dry.document["left"]), (1, &json!(200), &json!(200)));
    assert_eq!(rig.books().await.unwrap().orders.len(), 0, "a dry run sends nothing");

    // Killed where it stands, between two batches or in one.
    let mut child = rescue.command(&["send", &file]).spawn().unwrap();
    let journal = PathBuf::from(format!("{file}.rescue-journal"));
    let deadline = Instant::now() + LIMIT;
    while acknowledged(&journal) < 3 {
        assert!(
            Instant::now() < deadline && child.try_wait().unwrap().is_none(),
            "it sends, and is not done yet"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let before = acknowledged(&journal);
    assert!(before < 20, "it was killed before its end");

    let second = rescue.run(&["send", &file]);
    assert_eq!(second.code, 1, "{}", second.all);
    let told: Vec<_> = second.document["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            (line["line"].as_u64().unwrap(), line["rule"].as_str().unwrap(), line["path"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        told,
        [(51, "card_number", "customer.email"), (121, "stale", "declined_at"), (203, "not_json", "")]
    );
    let count = |ran: &Ran, field: &str| ran.document[field].as_u64().unwrap();
    assert!(count(&second, "sent_before") >= 30, "{}", second.all);
    assert_eq!(count(&second, "sent") + count(&second, "sent_before"), 200);

    let third = rescue.run(&["send", &file]);
    assert_eq!((count(&third, "sent"), count(&third, "sent_before")), (0, 200), "nothing is sent again");
    rig.until(LIMIT, |books| match books.orders.len() {
        200 => Ok(()),
        orders => Err(format!("{orders} of 200 orders")),
    })
    .await
    .unwrap();
    assert_eq!(rig.books().await.unwrap().parked.len(), 0, "what was refused never got to the queue");

    // Another content under the same name is not gone on with.
    std::fs::write(&file, lines[..3].join("\n")).unwrap();
    let changed = rescue.run(&["send", &file]);
    assert_eq!(changed.code, 2, "{}", changed.all);
    rig.down().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn a_table_is_sent_and_what_is_refused_of_it_is_told_by_line() {
    let rig = rig(RigOptions::new("e2e-cli-csv"), stay_pending()).await;
    let rescue = Rescue::at(&rig);
    let now = to_text(Timestamp::now());
    let header = "merchant,order_id,declined_at,merchant_initiated,recurring,amount.minor,amount.currency,site,transaction.id,\
                  transaction.response_code,transaction.response_code_source,transaction.avs_result,transaction.cvv_result,\
                  transaction.cavv_result,transaction.descriptor,subscription.id,subscription.interval,\
                  subscription.price.minor,subscription.price.currency,customer.email,billing_address.first_name,\
                  billing_address.last_name,billing_address.line1,billing_address.city,billing_address.postal_code,\
                  billing_address.country_code,card.token,metadata.plan";
    let row = |id: &str, site: &str, email: &str, minor: &str| {
        format!(
            "{MANAGED},{id},{now},true,true,{minor},USD,{site},txn-{id},51,NMI,M,NA,NA,ACME*PLAN,SUB-1,monthly,1999,USD,{email},\
             Pat,Doe,\"1, Main St\",Austin,78701,US,d3e10716-6aac-4eb8-a74d-c1a3027f1d96,plus"
        )
    };
    let rows = [
        header.to_owned(),
        row("csv-1", "plans", "p@example.com", "1999"),
        row("csv-2", "nowhere", "p@example.com", "1999"),
        row("csv-3", "", CANARY, "1999"),
        row("csv-4", "", "p@example.com", "19.99"),
        row("csv-5", "", "p@example.com", "1999"),
    ];
    let file = rescue.write("declines.csv", &rows.join("\n"));
    let sent = rescue.run(&["send", &file]);
    assert_eq!((sent.code, &sent.document["sent"]), (1, &json!(2)), "{}", sent.all);
    let rules: Vec<_> =
        sent.document["refused"].as_array().unwrap().iter().map(|line| &line["rule"]).collect();
    assert_eq!(rules, ["site_unknown", "card_number", "schema"]);
    for id in ["csv-1", "csv-5"] {
        until_status(&rig, id, Status::Pending).await;
    }

    // What is kept of a decline says where rescues work, when its personal data is gone.
    let order = find(&rig.books().await.unwrap(), "csv-1").unwrap().clone();
    assert!(order.request.is_none());
    let report = rescue.run(&["report", "--by", "site"]);
    let groups: Vec<_> =
        report.document["rows"].as_array().unwrap().iter().map(|row| &row["group"]).collect();
    assert_eq!(groups, ["(none)", "plans"], "{}", report.all);
    let by_code = rescue.run(&["report", "--by", "decline-code"]);
    assert_eq!(by_code.document["rows"][0]["group"], "NMI 51");
    assert_eq!(by_code.document["rows"][0]["amount"], "39.98");
    let watched = rescue.run(&["watch", "--once"]);
    assert_eq!(watched.document["orders"]["pending"], 2);
    rig.down().unwrap();
}

pub(crate) async fn put_letter(rig: &Rig, queue: &str, body: &str) {
    rig.stack().sqs().send_message().queue_url(queue).message_body(body).send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn dead_letters_are_shown_before_they_move_and_each_ends_in_one_way() {
    let rig = rig(RigOptions::new("e2e-cli-redrive"), stay_pending()).await;
    let rescue = Rescue::at(&rig);
    let outputs = rig.stack().outputs().clone();
    let here = decline(MANAGED, "here").body();
    rig.send(std::slice::from_ref(&here)).await.unwrap();
    until_status(&rig, "here", Status::Pending).await;
    let stale = to_text(Timestamp::now() - SignedDuration::from_hours(30));
    let letters = [
        decline(MANAGED, "new").body(),
        here,
        decline(MANAGED, "here").with("/amount/minor", decline(MANAGED, "here").minor() + 1).body(),
        decline(MANAGED, "old").with("/declined_at", stale).body(),
        decline(MANAGED, "card").with("/customer/email", CANARY).body(),
    ];
    for letter in &letters {
        put_letter(&rig, &outputs.declines_dlq_url, letter).await;
    }
    let ends = |ran: &Ran| {
        let counts = &ran.document["counts"];
        let count = |name: &str| counts[name].as_u64().unwrap();
        assert_eq!(
            count("applied") + count("still_parked") + count("rejected"),
            count("received"),
            "the counts add up: {counts}"
        );
        [count("received"), count("applied"), count("still_parked"), count("rejected")]
    };

    let dry = rescue.run(&["redrive", "declines", "--dry-run"]);
    assert_eq!((dry.code, ends(&dry)), (1, [5, 2, 0, 3]), "{}", dry.all);
    let planned = |ran: &Ran, about: &str| {
        let messages = ran.document["messages"].as_array().unwrap().clone();
        messages.into_iter().find(|message| message["about"] == format!("{MANAGED}/{about}")).unwrap()
    };
    assert_eq!(
        (&planned(&dry, "new")["from"], &planned(&dry, "new")["to"]),
        (&json!(null), &json!("received"))
    );
    assert_eq!(planned(&dry, "old")["end"], "rejected");
    assert_eq!(rig.messages().await.unwrap(), (0, 5), "nothing moved");

    let asked = rescue.run(&["redrive", "declines"]);
    assert_eq!((asked.code, rig.messages().await.unwrap()), (2, (0, 5)), "nobody said yes");

    // One alone, by its id; the others lie where they lay.
    let id = planned(&dry, "new")["id"].as_str().unwrap().to_owned();
    let one = rescue.run(&["redrive", "declines", "--message", &id, "--yes"]);
    assert_eq!((one.code, ends(&one)), (1, [5, 1, 4, 0]), "{}", one.all);
    until_status(&rig, "new", Status::Pending).await;
    let rest = rescue.run(&["redrive", "declines", "--yes"]);
    assert_eq!(ends(&rest), [4, 1, 0, 3], "{}", rest.all);
    until("the repeat is acknowledged", async || rig.messages().await.unwrap() == (0, 3)).await;
    assert_eq!(rig.books().await.unwrap().orders.len(), 2);
    assert_eq!(rig.books().await.unwrap().parked.len(), 0, "what would only be parked was not moved");

    // The other queues.
    put_letter(
        &rig,
        &outputs.evaluations_dlq_url,
        &json!({"merchant": MANAGED, "order_id": "new"}).to_string(),
    )
    .await;
    put_letter(&rig, &outputs.evaluations_dlq_url, "{}").await;
    let submissions = rescue.run(&["redrive", "evaluations", "--yes"]);
    assert_eq!(ends(&submissions), [2, 1, 0, 1], "{}", submissions.all);
    let nothing = rescue.run(&["redrive", "reconciliations", "--yes"]);
    assert_eq!((nothing.code, ends(&nothing)), (0, [0, 0, 0, 0]));
    rig.down().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn an_event_is_replayed_once_its_order_is_there_and_a_forged_one_never() {
    let rules = json!([
        // It gets no answer, so that FlexFactor's id of it is learnt by the webhook alone.
        { "when": { "order_id": "late-*" }, "fate": { "kind": "stay_pending" },
          "calls": [{ "kind": "error_before", "on": ["evaluate"], "times": 1_000 }] },
        { "when": {}, "fate": { "kind": "stay_pending" } },
    ]);
    let rig = rig(RigOptions::new("e2e-cli-webhook"), rules).await;
    let rescue = Rescue::at(&rig);
    let early = webhook("order.completed", "late-1", "c0ffee00-0000-4000-8000-000000000001", 1);
    assert_eq!(early.send(&rig).await, 200);
    until_parked(&rig, 1).await;
    let listed = rescue.run(&["parked", "list"]);
    let parked = &listed.document["parked"][0];
    assert_eq!((&parked["kind"], &parked["event"]), (&json!("orphan_event"), &json!("order.completed")));
    let name = parked["name"].as_str().unwrap().to_owned();
    let shown = rescue.run(&["parked", "show", &name]);
    assert_eq!(shown.document["copy"]["ExternalOrderId"], "late-1");
    let none = rescue.run(&["parked", "show", "nothing"]);
    assert_eq!(none.code, 4);

    let early = rescue.run(&["webhook", "replay", "--parked", &name, "--yes"]);
    assert_eq!(early.code, 1, "its order is not there: {}", early.all);
    rig.send(&[decline(MANAGED, "late-1").body()]).await.unwrap();
    rig.until(LIMIT, |books| find(books, "late-1").map(drop).ok_or_else(|| "not there".to_owned()))
        .await
        .unwrap();
    let dry = rescue.run(&["webhook", "replay", "--parked", &name, "--dry-run"]);
    assert_eq!((dry.code, &dry.document["to"]), (0, &json!("approved")), "{}", dry.all);
    let replayed = rescue.run(&["webhook", "replay", "--parked", &name, "--yes"]);
    assert_eq!(replayed.code, 0, "{}", replayed.all);
    until_status(&rig, "late-1", Status::Approved).await;
    until("the event is matched", async || {
        rescue.run(&["parked", "list"]).document["parked"].as_array().unwrap().is_empty()
    })
    .await;

    // A recorded one, days old; only FlexFactor's own.
    rig.send(&[decline(MANAGED, "recorded").body()]).await.unwrap();
    let order = until_status(&rig, "recorded", Status::Pending).await;
    let genuine = webhook("order.completed", "recorded", order.provider_order.unwrap().as_str(), 2)
        .aged(SignedDuration::from_hours(50));
    let mut forged = genuine.recorded(MANAGED);
    let file = rescue.write("genuine.json", &forged.to_string());
    forged["body"] = json!(genuine.body.replace("order.completed", "order.cancelled"));
    let refused = rescue.run(&[
        "webhook",
        "replay",
        "--recorded",
        &rescue.write("forged.json", &forged.to_string()),
        "--yes",
    ]);
    assert_eq!(refused.code, 4, "{}", refused.all);
    let unsure = rescue.run(&["webhook", "replay", "--recorded", &file]);
    assert_eq!(unsure.code, 2, "nobody said yes");
    until_status(&rig, "recorded", Status::Pending).await;
    let applied = rescue.run(&["webhook", "replay", "--recorded", &file, "--yes"]);
    assert_eq!((applied.code, &applied.document["result"]), (0, &json!("applied")), "{}", applied.all);
    until_status(&rig, "recorded", Status::Approved).await;
    let again = rescue.run(&["webhook", "replay", "--recorded", &file, "--yes"]);
    assert_eq!((again.code, &again.document["verdict"]), (0, &json!("repeats")), "{}", again.all);
    rig.down().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn the_books_balance_until_an_order_is_deleted_and_the_doctor_finds_what_is_broken() {
    let rules = json!([
        { "when": { "order_id": "paid-*" }, "fate": { "kind": "approve", "after_seconds": 3_600 } },
        { "when": {}, "fate": { "kind": "stay_pending" } },
    ]);
    let mut rig = rig(RigOptions::new("e2e-cli-balance"), rules).await;
    let rescue = Rescue::at(&rig);
    let ids = ["paid-1", "paid-2", "open-1"];
    let mut bodies: Vec<_> = ids.iter().map(|id| decline(MANAGED, id).body()).collect();
    bodies.push(decline(MANAGED, "bad").with("/site", "nowhere").body());
    rig.send(&bodies).await.unwrap();
    for id in ids {
        until_status(&rig, id, Status::Pending).await;
    }
    rig.pass_seconds(3_700).await.unwrap();
    for id in ["paid-1", "paid-2"] {
        until_status(&rig, id, Status::Approved).await;
    }
    until_parked(&rig, 1).await;
    rig.until_histories_verify(LIMIT).await.unwrap();

    let balanced = rescue.run(&["balance"]);
    assert_eq!((balanced.code, &balanced.document["gaps"]), (0, &json!([])), "{}", balanced.all);
    let row = &balanced.document["rows"][0];
    let minor: u64 = ids.iter().map(|id| decline(MANAGED, id).minor()).sum();
    assert_eq!((&row["held"]["count"], &row["held"]["minor"]), (&json!(3), &json!(minor)));
    assert_eq!((&row["known"]["count"], &row["refused"]["count"]), (&json!(3), &json!(1)));
    assert_eq!(row["accepted"]["count"], 4);

    // Somebody deletes an order by hand.
    let key = |name: &str, value: String| (name.to_owned(), AttributeValue::S(value));
    let deleted = rig.stack().dynamodb().delete_item().table_name(&rig.stack().outputs().orders_table_name);
    let (pk, sk) = (key("pk", format!("ORDER#{MANAGED}#open-1")), key("sk", "ORDER".to_owned()));
    deleted.key(pk.0, pk.1).key(sk.0, sk.1).send().await.unwrap();
    let gaps = rescue.run(&["balance", "--merchant", MANAGED]);
    let told: Vec<_> = gaps.document["gaps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gap| (gap["kind"].as_str().unwrap(), gap["order"].as_str().unwrap()))
        .collect();
    assert_eq!(gaps.code, 1);
    assert_eq!(told, [("lost_here", "acme/open-1"), ("unknown_here", "acme/open-1")], "{}", gaps.all);

    doctor_finds(&rig, &rescue).await;
    rig.down().unwrap();
}

async fn doctor_finds(rig: &Rig, rescue: &Rescue) {
    let states = |ran: &Ran| -> Vec<(String, String)> {
        let checks = ran.document["checks"].as_array().unwrap().clone();
        let text = |check: &Value, field: &str| check[field].as_str().unwrap().to_owned();
        checks.iter().map(|check| (text(check, "name"), text(check, "state"))).collect()
    };
    let well = rescue.run(&["doctor"]);
    assert!(states(&well).iter().all(|(_, state)| state == "ok"), "{}", well.all);
    assert!(well.all.contains(WEBHOOK_HOST));
    assert_eq!(well.code, 0);

    let merchant = account(MANAGED).unwrap();
    let secret = json!({ "app_key": "k", "app_secret": "s", "webhook_keys": ["short"] });
    let broken = MerchantSetup { id: MANAGED.to_owned(), config: merchant.config(), secret };
    rig.stack().put_merchant(&broken).await.unwrap();
    put_letter(rig, &rig.stack().outputs().declines_dlq_url, "{}").await;
    let ill = rescue.run(&["doctor"]);
    let found: Vec<_> = states(&ill).into_iter().filter(|(_, state)| state != "ok").collect();
    let expected = [("secret of acme", "fail"), ("dead letters declines-dlq", "warn")];
    assert_eq!(found, expected.map(|(name, state)| (name.to_owned(), state.to_owned())));
    assert_eq!(ill.code, 1);

    let nowhere = rescue.run(&["doctor", "--stack", "no-such-stack"]);
    assert_eq!(nowhere.code, 1);
    assert_eq!(rescue.run(&["watch", "--once", "--stack", "no-such-stack"]).code, 4);
    let mut unreachable = rescue.command(&["watch", "--once"]);
    unreachable.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    assert_eq!(unreachable.output().unwrap().status.code(), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn orders_are_shown_listed_cancelled_and_refunded_through_the_api() {
    let rules = json!([
        { "when": { "order_id": "paid-*" }, "fate": { "kind": "approve", "after_seconds": 0 } },
        { "when": {}, "fate": { "kind": "stay_pending" } },
    ]);
    let rig = rig(RigOptions::new("e2e-cli-orders"), rules).await;
    let rescue = Rescue::at(&rig);
    // An id that has to be escaped in an address, and is signed so.
    let (paid, open) = ("paid-1", "open/1 +%".replace(' ', "_"));
    let total = decline(MANAGED, paid).minor();
    rig.send(&[decline(MANAGED, paid).body(), decline(MANAGED, &open).body()]).await.unwrap();
    until_status(&rig, paid, Status::Approved).await;
    until_status(&rig, &open, Status::Pending).await;
    let order = |arguments: &[&str]| rescue.run(&[&["order", "--merchant", MANAGED], arguments].concat());

    until("both orders are listed", async || {
        order(&["list"]).document["orders"].as_array().is_some_and(|orders| orders.len() == 2)
    })
    .await;
    let pending = order(&["list", "--status", "pending"]);
    assert_eq!(pending.document["orders"][0]["order_id"], json!(open), "{}", pending.all);
    let shown = order(&["show", paid]);
    assert_eq!((shown.code, &shown.document["order"]["status"]), (0, &json!("approved")), "{}", shown.all);
    assert_eq!(order(&["show", "nobody"]).code, 4);
    assert_eq!(rescue.run(&["order", "show", paid]).code, 2, "whose order?");

    assert_eq!(order(&["cancel", &open]).code, 2, "nobody said yes");
    let cancelled = order(&["cancel", &open, "--yes"]);
    assert_eq!(cancelled.code, 0, "{}", cancelled.all);
    until_status(&rig, &open, Status::Cancelled).await;
    let late = order(&["cancel", paid, "--yes"]);
    assert!(late.code == 4 && late.all.contains("order_approved"), "{}", late.all);

    let part = order(&["refund", paid, "--amount", "1.00", "--yes", "--idempotency-key", "ticket-1"]);
    assert_eq!((part.code, &part.document["state"]), (0, &json!("made")), "{}", part.all);
    assert_eq!(part.document["idempotency_key"], "ticket-1");
    let again = order(&["refund", paid, "--amount", "1.00", "--yes", "--idempotency-key", "ticket-1"]);
    assert_eq!(again.document["order"]["money"]["refunded_minor"], 100, "the same call is the same refund");
    let too_much = order(&["refund", paid, "--minor", &total.to_string(), "--yes"]);
    assert!(too_much.code == 4 && too_much.all.contains("refund_too_large"), "{}", too_much.all);
    let rest = order(&["refund", paid, "--all", "--yes"]);
    assert_eq!(
        (rest.code, &rest.document["order"]["money"]["refunded_minor"]),
        (0, &json!(total)),
        "{}",
        rest.all
    );
    let balanced = rescue.run(&["balance"]);
    assert_eq!((balanced.code, &balanced.document["gaps"]), (0, &json!([])), "{}", balanced.all);
    rig.down().unwrap();
}
