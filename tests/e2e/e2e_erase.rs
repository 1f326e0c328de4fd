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

const LEAVES: &str = "leaves@example.com";
const STAYS: &str = "stays@example.com";

fn of(email: &str, order_id: &str) -> Decline {
    decline(MANAGED, order_id).with("/customer/email", email).with("/customer/id", "cus-4711")
}

/// A decline that is refused for its age, and so is parked with a copy.
fn stale(email: &str, order_id: &str) -> String {
    let then = Timestamp::now() - SignedDuration::from_hours(30);
    of(email, order_id).with("/declined_at", to_text(then)).body()
}

/// The names of items that hold an address, be it packed.
async fn holding(rig: &Rig, email: &str) -> Vec<String> {
    let texts = items(rig).await.into_iter().map(|item| (item["sk"]["S"].to_string(), item.to_string()));
    let books = rig.books().await.unwrap();
    let requests = books
        .orders
        .iter()
        .map(|order| (order.key.to_string(), serde_json::to_string(&order.request).unwrap()));
    texts.chain(requests).filter(|(_, text)| text.contains(email)).map(|(name, _)| name).collect()
}

fn counts(document: &Value) -> [usize; 4] {
    ["copies", "dead_letters", "orders", "left"].map(|part| document["found"][part].as_array().unwrap().len())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn a_customer_s_data_is_erased_and_nobody_else_s() {
    // FlexFactor fails until the queue gives up: the order may have to be submitted again and keeps its decline.
    let fails = json!([{
        "when": { "order_id": "leaves-open" }, "fate": { "kind": "stay_pending" },
        "calls": [{ "kind": "error_before", "on": ["evaluate"], "times": 8 }]
    }]);
    let mut rig = rig(RigOptions::new("e2e-erase").parameter("SubmissionRetrySeconds", "0"), fails).await;
    let rescue = Rescue::at(&rig);
    let dead = rig.stack().outputs().declines_dlq_url.clone();
    let broken = format!("order of {LEAVES}, not JSON");
    let messages =
        [stale(LEAVES, "leaves-1"), stale(STAYS, "stays-1"), broken, of(LEAVES, "leaves-open").body()];
    rig.send(&messages).await.unwrap();
    let event =
        webhook("order.expired", "nobody-s", "b3f0c1de-5d0f-4a57-9a1e-0c6c2f7d8e90", 1).with(|hook| {
            hook.body =
                hook.body.replace("\"EventData\":null", &format!("\"EventData\":{{\"Mail\":\"{LEAVES}\"}}"));
        });
    assert_eq!(event.send(&rig).await, 200);
    let parked = until_parked(&rig, 4).await.parked;
    for body in [of(LEAVES, "leaves-2").body(), of(STAYS, "stays-2").with("/customer/id", "cus-4712").body()]
    {
        put_letter(&rig, &dead, &body).await;
    }
    let wanted = |books: &rig::Books| match find(books, "leaves-open") {
        Some(order) if order.submission.attempts == 8 && order.status == Status::Unknown => Ok(()),
        other => Err(format!("{other:?}")),
    };
    rig.until(LIMIT, wanted).await.unwrap();
    assert_eq!(holding(&rig, LEAVES).await.len(), 4);
    let erase = ["erase", "--merchant", MANAGED, "--email", "Leaves@example.com"];

    let seen = rescue.run(&[&erase[..], &["--dry-run"]].concat());
    assert_eq!((seen.code, counts(&seen.document)), (1, [3, 1, 1, 0]), "{}", seen.all);
    assert_eq!(rescue.run(&erase).code, 2, "it must be confirmed");
    assert_eq!(holding(&rig, LEAVES).await.len(), 4, "nothing was erased");

    let done = rescue.run(&[&erase[..], &["--yes"]].concat());
    assert_eq!((done.code, counts(&done.document)), (1, [3, 1, 1, 0]), "{}", done.all);
    assert!(!done.all.contains(LEAVES), "{}", done.all);
    let order = format!("{MANAGED}/leaves-open");
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
    until_status(&rig, "leaves-open", Status::Pending).await;
    let last = rescue.run(&erase);
    assert_eq!((last.code, counts(&last.document)), (0, [0; 4]), "{}", last.all);
    assert_eq!(holding(&rig, LEAVES).await, [""; 0]);

    // By the merchant's id of the customer: the other one's copy has it, the other dead letter has another.
    let by_id = rescue.run(&["erase", "--merchant", MANAGED, "--customer", "cus-4711", "--yes"]);
    assert_eq!((by_id.code, counts(&by_id.document)), (0, [1, 0, 0, 0]), "{}", by_id.all);
    assert_eq!(holding(&rig, STAYS).await, [""; 0]);
    let left = drained(&rig, &dead).await;
    assert!(left.len() == 1 && left[0].contains("cus-4712"), "{left:?}");
    rig.down().unwrap();
}
