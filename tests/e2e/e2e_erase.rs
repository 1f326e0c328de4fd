//! A customer's data is erased, wherever the deployed stack keeps it, and nobody else's.

use jiff::{SignedDuration, Timestamp};
use models::status::Status;
use models::time::to_text;
use rig::{Decline, MANAGED, Rig, RigOptions};
use serde_json::{Value, json};

use crate::e2e_cli::{Rescue, put_letter};
use crate::e2e_webhook::webhook;
use crate::sensitive::{drained, items};
use crate::support::{LIMIT, decline, find, rig, until_parked, until_status};

const LEAVES: &str = "leaving99@example.com";
const STAYS: &str = "stays@example.com";
/// What is left of the first where the digits of a text are masked.
const LEAVES_MASKED: &str = "leaving##@example.com";

fn of(email: &str, order_id: &str) -> Decline {
    decline(MANAGED, order_id).with("/customer/email", email).with("/customer/id", "cus-4711")
}

/// A decline that is refused for its age, and so is parked with a copy.
fn stale(email: &str, order_id: &str) -> String {
    let then = Timestamp::now() - SignedDuration::from_hours(30);
    of(email, order_id).with("/declined_at", to_text(then)).body()
}

/// The names of items that hold an address, be it packed or masked.
async fn holding(rig: &Rig, email: &str) -> Vec<String> {
    let is_held = |text: &str| text.contains(email) || (email == LEAVES && text.contains(LEAVES_MASKED));
    let texts = items(rig).await.into_iter().map(|item| (item["sk"]["S"].to_string(), item.to_string()));
    let books = rig.books().await.unwrap();
    let requests = books
        .orders
        .iter()
        .map(|order| (order.key.to_string(), serde_json::to_string(&order.request).unwrap()));
    texts.chain(requests).filter(|(_, text)| is_held(text)).map(|(name, _)| name).collect()
}

fn counts(document: &Value) -> [usize; 4] {
    ["copies", "dead_letters", "orders", "left"].map(|part| document["found"][part].as_array().unwrap().len())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn a_customer_s_data_is_erased_and_nobody_else_s() {
    // FlexFactor fails until the queue gives up: the order may have to be submitted again and keeps its decline.
    let fails = json!([{
        "when": { "order_id": "gone-open" }, "fate": { "kind": "stay_pending" },
        "calls": [{ "kind": "error_before", "on": ["evaluate"], "times": 8 }]
    }]);
    let mut rig = rig(RigOptions::new("e2e-erase").parameter("SubmissionRetrySeconds", "0"), fails).await;
    let rescue = Rescue::at(&rig);
    let dead = rig.stack().outputs().declines_dlq_url.clone();
    let broken = format!("order of {LEAVES}, not JSON");
    let messages = [stale(LEAVES, "gone-1"), stale(STAYS, "kept-1"), broken, of(LEAVES, "gone-open").body()];
    rig.send(&messages).await.unwrap();
    let event =
        webhook("order.expired", "nobody-s", "b3f0c1de-5d0f-4a57-9a1e-0c6c2f7d8e90", 1).with(|hook| {
            hook.body =
                hook.body.replace("\"EventData\":null", &format!("\"EventData\":{{\"Mail\":\"{LEAVES}\"}}"));
        });
    assert_eq!(event.send(&rig).await, 200);
    let parked = until_parked(&rig, 4).await.parked;
    for body in [of(LEAVES, "gone-2").body(), of(STAYS, "kept-2").with("/customer/id", "cus-4712").body()] {
        put_letter(&rig, &dead, &body).await;
    }
    let wanted = |books: &rig::Books| match find(books, "gone-open") {
        Some(order) if order.submission.attempts == 8 && order.status == Status::Unknown => Ok(()),
        other => Err(format!("{other:?}")),
    };
    rig.until(LIMIT, wanted).await.unwrap();
    assert_eq!(holding(&rig, LEAVES).await.len(), 4);
    let erase = ["erase", "--merchant", MANAGED, "--email", "Leaving99@example.com"];

    // Somebody holds a dead letter: it is not looked into, and that is told.
    let sqs = rig.stack().sqs();
    let held = sqs.receive_message().queue_url(&dead).visibility_timeout(60).send().await.unwrap();
    let receipt = held.messages()[0].receipt_handle().unwrap();
    let seen = rescue.run(&[&erase[..], &["--dry-run"]].concat());
    let [copies, letters, orders, left] = counts(&seen.document);
    assert_eq!((seen.code, copies, orders, left), (1, 2, 1, 2), "{}", seen.all);
    assert!(letters <= 1 && seen.all.contains("1 messages of declines-dlq"), "{}", seen.all);
    let release = sqs.change_message_visibility().queue_url(&dead).receipt_handle(receipt);
    release.visibility_timeout(0).send().await.unwrap();

    assert_eq!(rescue.run(&erase).code, 2, "it must be confirmed");
    assert_eq!(holding(&rig, LEAVES).await.len(), 4, "nothing was erased");

    // In the copy of what is not JSON the digits are masked: whose it is, somebody must say.
    let done = rescue.run(&[&erase[..], &["--yes"]].concat());
    assert_eq!((done.code, counts(&done.document)), (1, [2, 1, 1, 1]), "{}", done.all);
    assert!(!done.all.contains(LEAVES), "{}", done.all);
    let told = done.document["found"]["left"][0].as_str().unwrap().to_owned();
    let name = told.split([' ', ';']).find(|word| word.contains("/unparseable/")).unwrap();
    let named = rescue.run(&["erase", "--merchant", MANAGED, "--parked", name, "--yes"]);
    assert_eq!((named.code, counts(&named.document)), (0, [1, 0, 0, 0]), "{}", named.all);

    let order = format!("{MANAGED}/gone-open");
    assert_eq!(holding(&rig, LEAVES).await, [order.as_str()], "what may be submitted again");
    assert_eq!(holding(&rig, STAYS).await.len(), 1);
    // Why and about what each was parked stays.
    let reasons = |parked: &[rig::ParkedItem]| {
        let mut reasons: Vec<_> =
            parked.iter().map(|item| (item.kind.clone(), item.sentence.clone())).collect();
        reasons.sort();
        reasons
    };
    assert_eq!(reasons(&rig.books().await.unwrap().parked), reasons(&parked));

    // FlexFactor answers: the rest goes by itself.
    rig.pass_seconds(16 * 60).await.unwrap();
    rig.sweep().await.unwrap();
    until_status(&rig, "gone-open", Status::Pending).await;
    let last = rescue.run(&erase);
    assert_eq!((last.code, counts(&last.document)), (0, [0; 4]), "{}", last.all);
    assert_eq!(holding(&rig, LEAVES).await, [""; 0]);

    // What was refused still counts in the balance, with its amount.
    let refused = rescue.run(&["balance", "--merchant", MANAGED]).document["rows"][0]["refused"].clone();
    assert!(refused["count"] == 2 && refused["amount"] != "0.00", "{refused}");

    let nobody = rescue.run(&["erase", "--merchant", MANAGED, "--message", "m-404", "--dry-run"]);
    assert_eq!((nobody.code, counts(&nobody.document)), (1, [0, 0, 0, 1]), "{}", nobody.all);

    // By the merchant's id of the customer: the other one's copy has it, the other dead letter has another.
    let by_id = rescue.run(&["erase", "--merchant", MANAGED, "--customer", "cus-4711", "--yes"]);
    assert_eq!((by_id.code, counts(&by_id.document)), (0, [1, 0, 0, 0]), "{}", by_id.all);
    assert_eq!(holding(&rig, STAYS).await, [""; 0]);
    let left = drained(&rig, &dead).await;
    assert!(left.len() == 1 && left[0].contains("cus-4712"), "{left:?}");
    rig.down().unwrap();
}
