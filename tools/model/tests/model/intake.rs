//! decline-intake: put, then hand on.

use std::sync::Arc;

use models::decline::Decline;
use models::ids::ContentHash;
use models::intake::{Repeat, compare, open};
use models::screening::Screened;

use crate::rules::Rules;
use crate::steps::Step;
use crate::world::World;

pub(crate) fn possible(world: &World, steps: &mut Vec<Step>) {
    if world.has_decline {
        steps.extend([Step::TakeDecline, Step::DieAfterPut, Step::DieAfterHandOn]);
    }
}

pub(crate) fn take(rules: &Rules, world: &mut World, step: Step) {
    let content = ContentHash::of(&serde_json::Value::Null);
    let waits = match &world.order {
        Some(stored) => match compare(stored, &content) {
            Repeat::SameToHandOn => true,
            Repeat::Same => false,
            Repeat::Conflict => panic!("the decline is the same"),
        },
        None => {
            let screened = Screened { decline: decline(), window_days: 21 };
            let order = open(screened, content, rules.times().submission_overdue, world.now);
            world.order = Some(Arc::new(order));
            true
        }
    };
    if waits && step != Step::DieAfterPut {
        world.evaluations += 1;
    }
    world.has_decline = step != Step::TakeDecline;
}

fn decline() -> Decline {
    serde_json::from_str(include_str!("../../../../events/decline.json")).unwrap()
}
