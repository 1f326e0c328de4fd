//! The state machine alone, with virtual time and no network.

use jiff::Timestamp;
use sandbox::{
    Action, Rule, Settings, Step,
    domain::{clock::after, delivery::Answer, request, world::World},
    examples,
};

use crate::support::{approve, evaluate, target};

fn at(seconds: u64) -> Timestamp {
    after("2030-01-01T00:00:00Z".parse().unwrap(), seconds)
}

/// A world with one order that is approved and then has two events, all of them due at 100.
fn world(settings: Settings) -> World {
    let emit = |event: &str| Step { after_seconds: 100, action: Action::Emit { event: event.to_owned() } };
    let rule = Rule { fate: Some(approve(100)), steps: vec![emit("b"), emit("c")], ..Rule::default() };
    let mut merchants = examples::merchants();
    merchants[0].webhook = Some(target("http://127.0.0.1:9/"));
    let mut world = World::new(7, 1, settings, vec![rule], merchants);
    let merchant = examples::merchants().remove(0);
    let settings = world.settings().evaluate.clone();
    let request =
        request::read(&evaluate("order", "order"), &merchant, &settings, &world.vault, at(0)).unwrap();
    world.evaluate(at(0), &merchant.mid, request).unwrap();
    world
}

fn events(world: &mut World) -> Vec<(u64, String)> {
    let event = |body: &str| {
        serde_json::from_str::<serde_json::Value>(body).unwrap()["Event"].as_str().unwrap().to_owned()
    };
    world.take_outbox().iter().map(|send| (send.id, event(&send.body))).collect()
}

#[test]
fn an_orders_next_event_waits_for_the_answer_to_the_last() {
    let mut world = world(Settings::default());
    assert_eq!(world.next_due(), Some(at(60)));
    world.advance_to(at(99));
    assert!(events(&mut world).is_empty());
    world.advance_to(at(100));
    for (expected, answer) in [
        ("order.completed", Answer::Status(200)),
        ("b", Answer::Failed("timeout".to_owned())),
        ("c", Answer::Status(200)),
    ] {
        let sent = events(&mut world);
        assert_eq!(sent.len(), 1, "one at a time");
        assert_eq!(sent[0].1, expected);
        world.sent(at(100), sent[0].0, answer, "date");
    }
    assert!(events(&mut world).is_empty());
    assert_eq!(world.scheduled_sends(), (1, Some(at(101))), "the failed one is tried again");
}

#[test]
fn without_that_setting_they_go_out_together() {
    let mut settings = Settings::default();
    settings.webhooks.in_order = false;
    let mut world = world(settings);
    world.advance_to(at(100));
    assert_eq!(events(&mut world).len(), 3);
}

#[test]
fn an_answer_from_before_a_reset_changes_nothing() {
    let mut world = world(Settings::default());
    world.advance_to(at(100));
    let old = events(&mut world)[0].0;
    world.reset(2);
    assert_eq!((world.open_sends(), world.summary().orders), (0, 0));
    world.sent(at(101), old, Answer::Status(200), "date");
    assert_eq!(world.summary().webhooks.delivered, 0);
}
