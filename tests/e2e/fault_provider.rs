//! FlexFactor is down for a while, and back.

use models::status::Status;
use rig::{Books, Fault, MANAGED, RigOptions, UNMANAGED};
use serde_json::json;

use crate::support::{LIMIT, decline, find};
use crate::trouble::{all_is_well, troubled};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn orders_wait_while_flexfactor_is_down_and_are_submitted_once_it_is_back() {
    let mut rig = troubled(RigOptions::new("fault-provider"), json!([])).await;
    let sent: Vec<_> = (1..=8)
        .map(|number| {
            ((if number % 2 == 0 { MANAGED } else { UNMANAGED }).to_owned(), format!("down-{number}"))
        })
        .collect();
    let bodies: Vec<_> = sent.iter().map(|(merchant, id)| decline(merchant, id).body()).collect();

    // Nobody listens; then somebody does, and can't help.
    rig.proxies().unwrap().provider.go_away();
    rig.send(&bodies).await.unwrap();
    let tried = |times: u32| {
        let sent = sent.clone();
        move |books: &Books| {
            for (_, id) in &sent {
                match find(books, id) {
                    Some(order) if order.submission.attempts >= times && order.status == Status::Unknown => {}
                    other => return Err(format!("{id} is not yet tried {times} times: {other:?}")),
                }
            }
            Ok(())
        }
    };
    rig.until(LIMIT, tried(1)).await.unwrap();
    let unavailable = Fault::Answer { status: 503, body: json!({ "message": "Service Unavailable" }) };
    rig.proxies().unwrap().provider.fail("/", unavailable);
    rig.proxies().unwrap().provider.come_back().unwrap();
    rig.until(LIMIT, tried(3)).await.unwrap();
    assert!(rig.ledger().await.unwrap().orders.is_empty(), "nothing has reached FlexFactor");

    assert!(rig.proxies().unwrap().provider.heal() >= 8);
    all_is_well(&mut rig, &sent).await;
    rig.down().unwrap();
}
