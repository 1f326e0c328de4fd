//! Which of our metrics which program counts, from its own source and that of the shared crates whose code it runs. That a
//! metric is counted when its thing happens, the programs' own tests assert; that there is such a test, this one does.

use std::collections::{BTreeMap, BTreeSet};

use lambda_kit::telemetry::Metric;

use crate::{parts, read, root, sources};

/// Programs by name, and what each counts.
pub(crate) type Emitted = BTreeMap<String, BTreeSet<Metric>>;

/// Metrics that are named behind one of these words.
fn named(text: &str, before: &[&str]) -> BTreeSet<Metric> {
    let mut found = BTreeSet::new();
    for word in before {
        for rest in text.split(&format!("{word}Metric::")).skip(1) {
            let name: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
            found.insert(metric(&name));
        }
    }
    found
}

pub(crate) fn metric(name: &str) -> Metric {
    let found = Metric::ALL.into_iter().find(|metric| metric.name() == name);
    found.unwrap_or_else(|| panic!("{name} is no metric of lambda-kit's"))
}

/// What a folder's code counts, and what its tests assert to be counted.
fn of_folder(folder: &str, is_asserted: &mut BTreeSet<Metric>) -> BTreeSet<Metric> {
    let mut counted = BTreeSet::new();
    for (path, text) in sources(folder) {
        let (shipped, tests) = parts(&path, &text);
        counted.extend(named(&shipped, &["count(", "count_many(", "note_seconds("]));
        is_asserted.extend(named(&tests, &["tally.of(", "tally.noted("]));
    }
    counted
}

/// The client that counts calls without an answer maps them to metrics, and its tests try each.
fn of_provider() -> BTreeSet<Metric> {
    let shipped = named(&read("shared/lambda-kit/src/provider.rs"), &[" "]);
    let tried = named(&read("shared/lambda-kit/src/provider_tests.rs"), &[" "]);
    assert!(!shipped.is_empty() && shipped == tried, "{shipped:?} are counted, {tried:?} are tried");
    shipped
}

/// What each function counts, and the scheduled balance.
pub(crate) fn emitted() -> Emitted {
    let mut emitted = Emitted::new();
    for entry in std::fs::read_dir(root().join("functions")).unwrap() {
        let function = entry.unwrap().file_name().into_string().unwrap();
        let mut asserted = BTreeSet::new();
        let mut counted = of_folder(&format!("functions/{function}"), &mut asserted);
        let manifest = read(&format!("functions/{function}/Cargo.toml"));
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap();
        if dependencies.contains("\nintake.workspace") {
            counted.extend(of_folder("shared/intake", &mut asserted));
        }
        assert_eq!(counted.difference(&asserted).next(), None, "{function} counts it and no test asserts it");
        let main = read(&format!("functions/{function}/src/main.rs"));
        if dependencies.contains("\nflexfactor.workspace") && main.contains("provider") {
            assert!(main.contains("provider::client(&"), "{function} calls FlexFactor uncounted");
            assert!(!main.contains("flexfactor::"), "{function} calls FlexFactor uncounted");
            counted.extend(of_provider());
        }
        emitted.insert(function, counted);
    }
    let balance = named(&read("tools/rescue/src/balance/metric.rs"), &[" "]);
    emitted.insert("rescue-balance".to_owned(), balance);
    emitted
}

#[test]
fn every_metric_is_counted_by_something_and_the_expected_ones_are_found() {
    let emitted = emitted();
    for metric in Metric::ALL {
        assert!(emitted.values().any(|metrics| metrics.contains(&metric)), "nothing counts {metric:?}");
    }
    // The scan itself: what a function counts itself, what it runs of others, and what it does not.
    assert!(emitted["webhook-receiver"].contains(&Metric::ForgedWebhooks));
    assert!(emitted["order-api"].contains(&Metric::RejectedDeclines));
    assert!(emitted["order-api"].contains(&Metric::ProviderErrors));
    assert!(emitted["expiry-sweep"].contains(&Metric::SweepLag));
    assert!(!emitted["decline-intake"].contains(&Metric::ProviderErrors));
    assert!(!emitted["webhook-receiver"].contains(&Metric::EscalatedOrders));
    assert_eq!(emitted["rescue-balance"], [Metric::UnbalancedOrders].into());
}
