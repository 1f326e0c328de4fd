//! The short forms of `cargo xtask simulate` and `cargo xtask prove crashes`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use simulation::{Plan, Report, Rule, crashes, crowd, simulate};

/// Not more than one world holds, so that each run is one thread of a few seconds.
const ORDERS: u64 = 300;

fn plan(seed: u64, broken: Option<Rule>) -> Plan {
    Plan { orders: ORDERS, seed, faults_per_cent: 10, broken }
}

fn run(plan: &Plan) -> Report {
    println!("{plan:?}");
    simulate(plan).unwrap()
}

#[test]
fn nothing_is_lost_doubled_left_or_untrue_under_any_fault_and_the_seed_tells_all() {
    let first = run(&plan(7, None));
    assert_eq!(first.damage(), 0, "{first}");
    assert_eq!(first.orders, ORDERS);
    ends_as_it_should(&first, 8);
    assert!(first.faults.len() >= 25, "a kind of fault was never injected: {first}");
    assert!(first.held_minutes_longest > 0, "how long personal data is held was not seen: {first}");
    assert_eq!(run(&plan(7, None)), first);
    assert_ne!(
        run(&Plan { orders: 50, ..plan(8, None) }).hash,
        run(&Plan { orders: 50, ..plan(9, None) }).hash
    );
}

/// Parking, rejecting or handing back everything would also be no damage.
fn ends_as_it_should(report: &Report, in_doubt_per_cent_max: u64) {
    let of = |status: &str| report.statuses.get(status).copied().unwrap_or_default();
    assert!(of("approved") * 2 > report.orders, "most of what FlexFactor rescues is rescued: {report}");
    for status in ["expired", "cancelled", "declined", "rejected"] {
        assert!(of(status) > 0, "no order is {status}: {report}");
    }
    let in_doubt = report.handed_back + report.too_old + report.untold;
    assert!(in_doubt * 100 <= report.orders * in_doubt_per_cent_max, "{report}");
}

#[test]
fn without_faults_nothing_is_injected() {
    let report = run(&Plan { faults_per_cent: 0, ..plan(7, None) });
    println!("{report}");
    assert_eq!((report.damage(), report.faults.len()), (0, 0), "{report}");
    assert_eq!((report.too_old, report.untold), (0, 0), "{report}");
    ends_as_it_should(&report, 2);
}

/// The first seeds' reports with a protection switched off, until one of them names the damage.
fn damage(rule: Rule, of: impl Fn(&Report) -> u64) {
    let found = (1..=8).any(|seed| of(&run(&plan(seed, Some(rule)))) > 0);
    assert!(found, "without {rule} no damage was reported");
}

#[test]
fn without_the_claim_orders_are_submitted_twice() {
    damage(Rule::Claim, |report| report.submitted_twice);
}

#[test]
fn without_the_reuse_of_the_key_orders_are_submitted_twice() {
    damage(Rule::KeyReuse, |report| report.submitted_twice);
}

#[test]
fn without_the_replay_window_orders_are_submitted_twice() {
    damage(Rule::ReplayWindow, |report| report.submitted_twice);
}

#[test]
fn without_the_event_memory_events_are_applied_twice() {
    damage(Rule::EventMemory, |report| report.applied_twice);
}

#[test]
fn without_the_condition_on_the_status_the_books_differ() {
    damage(Rule::Condition, |report| report.mismatches);
}

#[test]
fn without_the_guard_of_the_provider_s_id_the_books_differ() {
    damage(Rule::ProviderId, |report| report.mismatches);
}

#[test]
fn without_the_write_before_the_answer_webhooks_are_lost() {
    damage(Rule::WriteBeforeAnswer, |report| report.lost);
}

#[test]
fn without_the_due_clock_orders_never_end() {
    damage(Rule::DueClock, |report| report.not_terminal);
}

#[test]
fn without_the_due_clock_personal_data_stays() {
    damage(Rule::DueClock, |report| report.held_too_long);
}

#[test]
fn wherever_a_process_dies_the_story_ends_as_if_it_had_not() {
    let crashes = crashes(7, 29, None).unwrap();
    println!("{} points, {} deaths, {} repeats", crashes.points, crashes.deaths, crashes.repeated);
    assert!(crashes.points > 100 && crashes.deaths > crashes.points, "{crashes:?}");
    assert!(crashes.differences.is_empty(), "{:#?}", crashes.differences);
}

#[test]
fn without_the_reuse_of_the_key_a_death_is_seen_in_the_end() {
    let crashes = crashes(7, 29, Some(Rule::KeyReuse)).unwrap();
    assert!(!crashes.differences.is_empty());
}

#[test]
fn without_the_reservation_refunds_are_not_what_they_are_said_to_be() {
    damage(Rule::RefundReserve, |report| report.refunds_untrue);
}

#[test]
fn where_a_lost_refund_is_repeated_it_is_made_twice() {
    damage(Rule::RefundRepeat, |report| report.refunds_untrue);
}

#[test]
fn where_claims_ignore_the_wish_what_is_to_be_cancelled_is_submitted() {
    damage(Rule::NoWish, |report| report.wishes_untrue);
}

#[test]
fn where_steps_clear_the_look_of_something_else_it_is_left_open() {
    damage(Rule::Errand, |report| report.left_open);
}

/// How many people refund one order at once.
const CROWD: u64 = 50;

#[test]
fn however_many_refund_an_order_at_once_never_more_is_paid_back_than_was_captured() {
    let (mut refunds, mut used_up) = (0, 0);
    for seed in 1..=100 {
        // With and without faults: a lost answer blocks the others until it is known what became of it.
        let crowd = crowd(seed, CROWD, if seed % 2 == 0 { 10 } else { 0 }, None).unwrap();
        assert!(crowd.captured > 0 && crowd.refunded <= crowd.captured, "seed {seed}: {crowd:?}");
        assert_eq!((crowd.made, crowd.wrong), (crowd.refunded, 0), "seed {seed}: {crowd:?}");
        refunds += crowd.refunds;
        used_up += u64::from(crowd.captured - crowd.refunded < crowd.captured / 20);
    }
    println!("{refunds} refunds of 100 orders, {used_up} of which are refunded but for a rest");
    assert!(refunds > 1_000 && used_up > 20, "{refunds} refunds, {used_up} used up");
}

#[test]
fn without_the_reservation_a_crowd_asks_for_more_than_there_is() {
    let asked = crowd(1, CROWD, 0, Some(Rule::RefundReserve)).unwrap();
    assert!(asked.wrong > 0, "{asked:?}");
}
