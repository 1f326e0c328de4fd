//! Copies of transactions on their way to FlexFactor's risk model, with its own ledger as witness.

use aws_sdk_sqs::types::QueueAttributeName;
use jiff::Timestamp;
use models::transmission::{Relayed, Stage};
use rig::{Books, Fault, MANAGED, Rig, RigOptions, Transmission, TransmittedEntry, UNMANAGED};
use serde_json::json;

use crate::sensitive::search;
use crate::support::{LIMIT, rig, until_parked};
use crate::trouble::{set, troubled, until};

const CARD: &str = "4000002760003184";

fn transmission(merchant: &str, id: &str, approved: bool) -> Transmission {
    Transmission::new(merchant, id, approved, Timestamp::now()).unwrap()
}

fn find<'a>(books: &'a Books, id: &str) -> Option<&'a Relayed> {
    books.transmissions.iter().find(|relayed| relayed.key.transaction.as_str() == id)
}

/// Waits until FlexFactor's keys of these are kept.
async fn until_transmitted(rig: &Rig, ids: &[&str]) -> Books {
    let wanted = |books: &Books| match ids
        .iter()
        .find(|id| !find(books, id).is_some_and(|relayed| matches!(relayed.stage, Stage::Transmitted { .. })))
    {
        None => Ok(()),
        Some(id) => Err(format!("{id} is not transmitted: {:?}", find(books, id))),
    };
    rig.until(LIMIT, wanted).await.unwrap()
}

/// What FlexFactor got, by transaction.
async fn at_provider(rig: &Rig) -> Vec<TransmittedEntry> {
    let ledger = rig.ledger().await.unwrap();
    assert_eq!(ledger.summary.card_numbers_seen, 0);
    let mut entries = ledger.transmitted;
    assert!(entries.iter().all(|entry| !entry.has_card_number), "{entries:?}");
    entries.sort_by(|a, b| a.transaction_id.cmp(&b.transaction_id));
    entries
}

fn names(entries: &[TransmittedEntry]) -> Vec<(&str, bool)> {
    entries.iter().map(|entry| (entry.transaction_id.as_deref().unwrap_or("-"), entry.declined)).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn transactions_reach_flexfactor_once_and_what_may_not_is_parked() {
    let rig = rig(RigOptions::new("e2e-transmit"), json!([])).await;
    let approved = transmission(MANAGED, "txn-approved", true);
    let declined = transmission(MANAGED, "txn-declined", false);
    let other = transmission(UNMANAGED, "txn-other", true);
    let card = transmission(MANAGED, "txn-card", true).with("/customer/email", CARD);
    let unwanted = transmission(UNMANAGED, "txn-unwanted", false);
    let good = [&approved, &declined, &other].map(Transmission::body);
    rig.transmit(&[good.as_slice(), &[card.body(), unwanted.body(), format!("no JSON, {CARD}")]].concat())
        .await
        .unwrap();
    let books = until_transmitted(&rig, &["txn-approved", "txn-declined", "txn-other"]).await;
    until_parked(&rig, 3).await;

    // What comes again is known, and another one under the same id is not taken for it.
    rig.transmit(&good).await.unwrap();
    let conflict = transmission(MANAGED, "txn-approved", false).body();
    rig.transmit(&[conflict]).await.unwrap();
    let parked = until_parked(&rig, 4).await.parked;
    rig.until_quiet(LIMIT).await.unwrap();

    let entries = at_provider(&rig).await;
    let expected = [("txn-approved", false), ("txn-declined", true), ("txn-other", false)];
    assert_eq!(names(&entries), expected);
    for entry in &entries {
        let kept = find(&books, entry.transaction_id.as_deref().unwrap()).unwrap();
        let Stage::Transmitted { id: Some(id), account, .. } = &kept.stage else { panic!("{kept:?}") };
        assert_eq!(id.as_str(), entry.transmit_id);
        assert_eq!(*account, format!("sandbox/{}", entry.mid));
    }
    let mut kinds: Vec<_> = parked
        .iter()
        .map(|item| (item.kind.as_str(), item.rule.as_deref().unwrap_or("-"), item.merchant.as_str()))
        .collect();
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        [
            ("transmission_conflict", "-", MANAGED),
            ("transmission_refused", "card_number", MANAGED),
            ("transmission_refused", "declines_not_wanted", UNMANAGED),
            ("transmission_refused", "not_json", "-"),
        ]
    );
    assert!(!format!("{parked:?}").contains(CARD), "copies are redacted");
    assert!(!std::fs::read_to_string(rig.stack().functions_log()).unwrap().contains(CARD));
    assert_eq!(rig.messages().await.unwrap(), (0, 0), "nothing waits, and nothing is a dead letter");
    assert_eq!(search(&rig).await.found, []);
    rig.down().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn transactions_wait_while_flexfactor_is_away_and_none_is_dropped_when_it_stays_away() {
    let rig = troubled(RigOptions::new("e2e-transmit-away"), json!([])).await;
    // A message that is not postponed would come back within seconds: it must not, so that the waits are seen to be ours.
    let queue = rig.stack().outputs().transmissions_queue_url.clone();
    set(&rig, &queue, QueueAttributeName::VisibilityTimeout, "540").await;
    let provider = &rig.proxies().unwrap().provider;
    provider.go_away();
    let ids = ["txn-1", "txn-2", "txn-3"];
    let bodies = ids.map(|id| transmission(MANAGED, id, true).body());
    // This one has half a minute left, less than a last try needs.
    let occurred_at = Timestamp::now() - jiff::SignedDuration::from_secs(86_400 - 30);
    let late = Transmission::new(MANAGED, "txn-late", true, occurred_at).unwrap();
    rig.transmit(&bodies).await.unwrap();
    rig.transmit(&[late.body()]).await.unwrap();
    let parked = until_parked(&rig, 1).await.parked;
    assert_eq!((parked[0].kind.as_str(), parked[0].rule.as_deref()), ("transmission_undelivered", None));
    assert!(parked[0].sentence.contains("the connection failed"), "{}", parked[0].sentence);
    until("each was tried twice and more", async || {
        let log = std::fs::read_to_string(rig.stack().functions_log()).unwrap();
        log.matches("not transmitted yet").count() >= 2 * ids.len()
    })
    .await;
    let books = rig.books().await.unwrap();
    assert!(ids.iter().all(|id| find(&books, id).unwrap().stage == Stage::Taken));
    assert_eq!(at_provider(&rig).await, []);

    rig.proxies().unwrap().provider.come_back().unwrap();
    let books = until_transmitted(&rig, &ids).await;
    assert!(matches!(find(&books, "txn-late").unwrap().stage, Stage::Undelivered { .. }));
    rig.until_quiet(LIMIT).await.unwrap();
    assert_eq!(names(&at_provider(&rig).await), ids.map(|id| (id, false)));

    // An answer that is lost on its way: FlexFactor gets a second copy, whose key is kept.
    let provider = &rig.proxies().unwrap().provider;
    provider.fail_times("/transmit", Fault::CutAfter, 1);
    rig.transmit(&[transmission(MANAGED, "txn-lost", true).body()]).await.unwrap();
    let books = until_transmitted(&rig, &["txn-lost"]).await;
    let Stage::Transmitted { id: Some(id), .. } = &find(&books, "txn-lost").unwrap().stage else { panic!() };
    let copies = at_provider(&rig).await;
    let copies: Vec<_> =
        copies.iter().filter(|entry| entry.transaction_id.as_deref() == Some("txn-lost")).collect();
    assert_eq!(copies.len(), 2);
    assert!(copies.iter().any(|entry| entry.transmit_id == id.as_str()));
    rig.until_quiet(LIMIT).await.unwrap();

    // A refusal is FlexFactor's last word: kept, redacted, and not tried again until somebody sends it anew.
    let words = json!({ "PaymentMethod.CardNumber": [format!("{CARD} is not allowed")] });
    provider.fail_times("/transmit", Fault::Answer { status: 400, body: words }, 1);
    let refused = transmission(MANAGED, "txn-refused", true).body();
    rig.transmit(std::slice::from_ref(&refused)).await.unwrap();
    let books = until_parked(&rig, 2).await;
    let parked = books.parked.iter().find(|item| item.kind == "transmission_refused").unwrap();
    assert_eq!(parked.sentence, "FlexFactor refused it, HTTP 400: [redacted]");
    rig.until_quiet(LIMIT).await.unwrap();
    assert_eq!(at_provider(&rig).await.len(), ids.len() + 2);
    rig.transmit(&[refused]).await.unwrap();
    until_transmitted(&rig, &["txn-refused"]).await;
    assert_eq!(rig.messages().await.unwrap().1, 0);
    assert_eq!(search(&rig).await.found, []);
    rig.down().unwrap();
}
