//! Upgrades keep orders that are under way: items as every schema wrote them, read and carried on by the present functions.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod beside;
mod carry;
mod flexfactor;
mod functions;
mod golden;
mod lives;
mod newer;
mod read;
mod table;

#[test]
fn what_earlier_schemas_wrote_stays_as_it_was() {
    golden::hold_earlier();
}

/// So that what is written can't change unnoticed: see `golden::hold`.
#[tokio::test]
async fn the_items_are_written_as_they_were() {
    let store = table::Store::new().await;
    lives::write(&store).await;
    beside::write(&store).await;
    golden::hold(golden::PRESENT, &store.dump());
}
