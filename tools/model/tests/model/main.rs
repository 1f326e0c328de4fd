//! One order under every fault within bounds: crashes between any two steps, messages and webhooks that are lost, repeated
//! and reordered, answers lost before and after their effect, and a clock that passes every limit.
//!
//! The order in the model is the shipped `Order`, opened, changed and judged by the shipped rules alone; the model adds
//! the queues, the provider and the clock around it. `cargo xtask prove model [--full]` runs it, the short form is part of
//! the tests. Not in the model: a second account, and workers that outlive the lease, which is set longer than they may run.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod check;
mod ending;
mod intake;
mod looks;
mod properties;
mod provider;
mod rules;
mod steps;
mod submission;
mod webhooks;
mod world;

use std::collections::BTreeSet;

use check::OneOrder;
use models::status::Status;
use rules::Mutation;
use stateright::{Checker as _, HasDiscoveries, Model as _};

/// As many as the smallest runner has cores.
const THREADS: usize = 2;

#[test]
fn every_property_holds_in_every_state_within_the_bounds() {
    let mut reached = BTreeSet::new();
    for bounds in check::bounds() {
        let model = OneOrder::new(*bounds, None);
        let checker =
            model.checker().threads(THREADS).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
        if let Some(name) = checker.discoveries().keys().next() {
            let path = check::counterexample(&checker, name);
            panic!("{name}: this does not hold after {}", path.unwrap_or_default());
        }
        let (states, played) = (checker.unique_state_count(), checker.model().ends.played());
        println!(
            "model: all {states} states within {} faults, {} waits and {} signals (depth {}), played on to the end by \
             way of {played} more",
            bounds.faults,
            bounds.waits,
            bounds.signals,
            checker.max_depth()
        );
        assert!(states >= bounds.states_min, "{states} states are fewer than {}", bounds.states_min);
        reached.extend(checker.model().reached.lock().unwrap().iter().copied());
    }
    let missing: Vec<_> = Status::ALL.iter().filter(|status| !reached.contains(status)).collect();
    assert!(missing.is_empty(), "no state of the model has {missing:?}");
}

/// That leaving out a guard is found, by the property that it is for.
fn assert_found(mutation: Mutation, expected: &'static str) {
    let model = OneOrder::new(check::MUTATED, Some(mutation));
    let found = HasDiscoveries::AnyOf([expected].into());
    let checker = model.checker().threads(THREADS).finish_when(found).spawn_bfs().join();
    let path = check::counterexample(&checker, expected);
    println!(
        "{mutation:?}: {} states until: {}",
        checker.unique_state_count(),
        path.as_deref().unwrap_or("-")
    );
    assert!(path.is_some(), "{mutation:?} was not found: {:?}", checker.discoveries().keys());
}

#[test]
fn a_claim_while_another_holds_is_found() {
    assert_found(Mutation::LeaseOver, "no two attempts are under way at once");
}

#[test]
fn a_claim_of_what_the_provider_has_is_found() {
    assert_found(Mutation::NoProviderOrder, "nothing is submitted whose id at the provider is known");
}

#[test]
fn a_claim_past_the_replay_window_is_found() {
    assert_found(Mutation::FirstAttemptAfter, "no submission arrives past the replay window");
}

#[test]
fn an_event_applied_twice_is_found() {
    assert_found(Mutation::Unseen, "an event has its effect once");
}

#[test]
fn an_end_that_forgets_an_open_money_signal_is_found() {
    assert_found(Mutation::NoErrand, "an open money signal is due, or was left to people");
}

#[test]
fn a_look_that_overwrites_what_came_meanwhile_is_found() {
    assert_found(Mutation::Version, "an open order is due, and an ended one only for an open money signal");
}

#[test]
fn a_key_of_its_own_for_each_attempt_is_found() {
    assert_found(Mutation::FreshKeys, "at most one submission takes effect");
}
