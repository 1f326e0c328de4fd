//! What is seen: a table of counts by status that moves; where there is no terminal, a line now and then.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use models::status::Status;
use rig::Books;

/// The statuses shown, in the order of an order's way.
const SHOWN: [Status; 10] = [
    Status::Received,
    Status::Submitting,
    Status::Unknown,
    Status::Pending,
    Status::Approved,
    Status::Expired,
    Status::Declined,
    Status::Cancelled,
    Status::Rejected,
    Status::Escalated,
];

/// The screen.
pub(crate) enum Screen {
    Live { title: ProgressBar, bars: Vec<(Status, ProgressBar)> },
    Lines { last: Option<(String, BTreeMap<Status, usize>)>, is_headed: bool },
}

/// How many orders stand where.
pub(crate) fn counts(books: &Books) -> BTreeMap<Status, usize> {
    let mut counts = BTreeMap::new();
    for order in &books.orders {
        *counts.entry(order.status).or_default() += 1;
    }
    counts
}

impl Screen {
    pub(crate) fn new(orders: usize) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines { last: None, is_headed: false };
        }
        let all = MultiProgress::new();
        let style = |template: &str| {
            ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("█▌ ")
        };
        let title = all.add(ProgressBar::new_spinner().with_style(style("{msg}")));
        let bars = SHOWN.map(|status| {
            let bar = ProgressBar::new(u64::try_from(orders).unwrap_or(u64::MAX)).with_prefix(status.word());
            (status, all.add(bar.with_style(style("  {prefix:<11} {pos:>5} {bar:60}"))))
        });
        Self::Live { title, bars: bars.into() }
    }

    /// Shows how things stand.
    pub(crate) fn show(&mut self, when: &str, books: &Books) {
        let counts = counts(books);
        let count = |status: Status| counts.get(&status).copied().unwrap_or_default();
        match self {
            Self::Live { title, bars } => {
                title.set_message(format!(
                    "{when}, {} orders, {} parked messages",
                    books.orders.len(),
                    books.parked.len()
                ));
                for (status, bar) in bars {
                    bar.set_position(u64::try_from(count(*status)).unwrap_or(u64::MAX));
                }
            }
            Self::Lines { last, is_headed } => {
                if last.as_ref().is_some_and(|(_, shown)| *shown == counts) {
                    return;
                }
                if !*is_headed {
                    let words: Vec<_> = SHOWN.iter().map(|status| format!("{:>10}", status.word())).collect();
                    println!("{:<12}{}", "", words.join(" "));
                    *is_headed = true;
                }
                let row: Vec<_> = SHOWN.iter().map(|status| format!("{:>10}", count(*status))).collect();
                println!("{when:<12}{}", row.join(" "));
                *last = Some((when.to_owned(), counts));
            }
        }
    }

    /// Leaves the last state standing.
    pub(crate) fn finish(&self) {
        if let Self::Live { title, bars } = self {
            title.abandon();
            for (_, bar) in bars {
                bar.abandon();
            }
        }
    }
}
