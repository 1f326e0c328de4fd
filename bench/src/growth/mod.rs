//! Whether the sweep's and the API's work grows with what is stored. It must grow with what is due or listed, and with nothing
//! else.

mod count;
mod orders;
mod table;
mod work;

use std::time::Instant;

use anyhow::Result;
use serde_json::json;

use crate::Bench;
use crate::section::{Goal, Section, Table};
use table::Stored;
use work::{Done, Work};

/// How many orders are stored that are not due.
const STORED: [usize; 3] = [100, 10_000, 1_000_000];

const METHOD: &str = "\
The handlers of expiry-sweep and order-api run over the store that they have on AWS, whose table is a local one (dynoxide, in \
memory), made as the template declares it. In it are pending orders that are not due, each with the line that lists show \
of it; on top of them always the same 1,000 that become due, the first 100 earlier. One order has a history. The first order \
is written by the store itself, the others are copies of its items. Requests are counted as the SDK sends them, repeated ones \
again; items read and read units are what the table's answers say. Calls to SQS are counted and not made. \
The times are those of one run against SQLite and say nothing about DynamoDB. A million orders take about a minute to load, \
and 3 GB of memory.";

/// What was done over a store of one size.
struct Grown {
    stored: usize,
    load_seconds: f64,
    done: Vec<Done>,
}

async fn measured(stored: usize) -> Result<Grown> {
    let began = Instant::now();
    let table = Stored::with(stored).await?;
    let load_seconds = began.elapsed().as_secs_f64();
    Ok(Grown { stored, load_seconds, done: Work::on(&table)?.all().await? })
}

pub(crate) async fn run(_bench: &Bench) -> Result<Section> {
    let mut grown = Vec::new();
    for stored in STORED {
        println!("growth: a store with {stored} orders");
        grown.push(measured(stored).await?);
    }
    let data: Vec<_> = grown
        .iter()
        .map(|of| json!({ "stored": of.stored, "load_seconds": of.load_seconds, "operations": of.done }))
        .collect();
    Ok(Section {
        title: "Growth".to_owned(),
        method: METHOD.to_owned(),
        tables: vec![table(&grown)],
        goals: vec![goal(&grown)],
        data: data.into(),
    })
}

fn table(grown: &[Grown]) -> Table {
    let columns =
        ["operation", "due or listed", "stored", "requests", "items read", "read units", "time in ms"];
    let mut table = Table::new("Work by what is stored", &columns);
    let operations = grown.first().map_or(0, |first| first.done.len());
    for operation in 0..operations {
        for of in grown {
            let Some(done) = of.done.get(operation) else { continue };
            table.row([
                done.what.to_owned(),
                done.found.to_string(),
                of.stored.to_string(),
                done.counts.requests(),
                done.counts.items_read.to_string(),
                format!("{:.1}", done.counts.read_units),
                format!("{:.1}", done.millis),
            ]);
        }
    }
    table
}

/// The operations whose counts are not the same at each size.
fn grows(grown: &[Grown]) -> Vec<String> {
    let counts = |of: &Grown| of.done.iter().map(|done| done.counts.clone()).collect::<Vec<_>>();
    let first = grown.first().map(counts).unwrap_or_default();
    let differs = |of: &Grown| {
        let differing = of.done.iter().zip(&first).filter(|(done, first)| done.counts != **first);
        differing.map(|(done, _)| format!("{} ({} found)", done.what, done.found)).collect::<Vec<_>>()
    };
    let mut names: Vec<String> = grown.iter().flat_map(differs).collect();
    names.dedup();
    names
}

fn goal(grown: &[Grown]) -> Goal {
    let differing = grows(grown);
    let operations = grown.first().map_or(0, |first| first.done.len());
    let found = match differing.as_slice() {
        [] => format!("the same, in all {operations} operations"),
        names => format!("not the same: {}", names.join(", ")),
    };
    Goal {
        what: "requests, items read and read units with 10², 10⁴ and 10⁶ orders stored".to_owned(),
        wanted: "the same".to_owned(),
        met: differing.is_empty() && operations > 0,
        found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_work_grows_with_what_is_due_or_listed_and_not_with_what_is_stored() {
        let grown = [measured(100).await.unwrap(), measured(5_000).await.unwrap()];
        assert_eq!(grows(&grown), [""; 0]);
        for Done { what, found, counts, .. } in &grown[1].done {
            // A page is read with one order more, which says whether another page comes; an order with its line and history.
            let read = match *what {
                "sweep" => *found..=*found,
                "read an order with its history" => 5..=5,
                _ => *found..=*found + 1,
            };
            assert!(read.contains(&usize::try_from(counts.items_read).unwrap()), "{what}: {counts:?}");
            assert!(counts.requests.keys().all(|kind| kind == "Query" || kind == "SendMessageBatch"));
        }
    }
}
