//! What an order costs on AWS, counted on the deployed local stack and compared with `golden/bill.txt`, so that no request and no
//! write unit comes in unseen. `UPDATE_BILL=1` writes that file anew.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use meter::page::{Sizes, text};
use meter::{Life, Meter, MeterOptions, Scenario};

/// The file's beginning.
const ABOUT: &str = "\
# What an order costs, request by request

Counted by `cargo test --workspace --test meter -- --ignored` on the deployed local stack, one record a batch; UPDATE_BILL=1 writes
it anew.
`table` and the indexes `due` and `listed` are write units.

";

async fn lives() -> Vec<Life> {
    let options = MeterOptions { name: "meter".to_owned(), functions: None, records: true };
    let mut meter = Meter::up(&options).await.unwrap();
    let mut lives = Vec::new();
    for scenario in Scenario::ALL {
        lives.extend(meter.run(scenario).await.unwrap());
    }
    meter.down().unwrap();
    lives
}

fn page(lives: &[Life], sizes: Sizes) -> String {
    lives.iter().fold(ABOUT.to_owned(), |page, life| page + &text(life.title, &life.bill, sizes))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MiniStack: cargo xtask test"]
async fn an_order_costs_what_is_written_down() {
    let lives = lives().await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sizes = root.join("../target/meter.txt");
    std::fs::write(&sizes, page(&lives, Sizes::Shown)).unwrap();
    let (golden, counted) = (root.join("golden/bill.txt"), page(&lives, Sizes::Hidden));
    if std::env::var_os("UPDATE_BILL").is_some() {
        std::fs::write(&golden, &counted).unwrap();
    }
    let written = std::fs::read_to_string(&golden).unwrap_or_default();
    assert!(
        counted == written,
        "counted, {} with sizes:\n{counted}\nwritten down:\n{written}",
        sizes.display()
    );
}
