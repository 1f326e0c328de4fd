//! Crash points: every call of a capability in every story is a point at which the process dies, before and after the
//! call has its effect. What then happens is what always happens (redelivery, resends, sweeps), and the end must be the
//! clean run's.

mod end;
mod story;

use anyhow::{Result, anyhow};
use serde::Serialize;

use crate::breaking::Rule;
use crate::env::{Chance, Env, Point, Script};
use crate::fault::Fault;
use crate::log::Log;
use crate::random::Random;
use crate::world::World;
use end::end_of;
use story::{ASKED, STORIES, Story};

/// What was run, and what came out otherwise than in the clean run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Crashes {
    /// How many stories were told.
    pub stories: usize,
    /// How many calls there are in them at which a process can die.
    pub points: usize,
    /// How many processes died, before or after the effect of a call.
    pub deaths: usize,
    /// How many steps were done twice: requests to the store one by one, messages and webhooks all in one run.
    pub repeated: usize,
    /// Every difference.
    pub differences: Vec<Difference>,
}

/// An end that is not the clean run's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The story.
    pub story: String,
    /// Where the process died.
    pub point: String,
    /// The clean run's end.
    pub expected: String,
    /// This run's.
    pub found: String,
}

/// Runs every story with a death at every `stride`-th point, and with its steps done twice.
/// With the protection `broken` switched off there must be differences.
///
/// # Errors
/// A story can't be set up, or does not end as it says.
pub fn crashes(seed: u64, stride: usize, broken: Option<Rule>) -> Result<Crashes> {
    let mut crashes = Crashes { stories: STORIES.len() + ASKED.len(), ..Crashes::default() };
    for (index, story) in STORIES.iter().chain(ASKED).enumerate() {
        let clean = tell(story, seed, broken, Script::default())?;
        if !clean.end.starts_with(story.ends) {
            return Err(anyhow!("{} ends as {} and not as {}", story.name, clean.end, story.ends));
        }
        let twice = tell(story, seed, broken, Script { is_repeating: true, ..Script::default() })?;
        crashes.repeated += 1;
        crashes.compare(story, "every message and webhook twice", &clean.end, twice.end);
        // Another part of the points in each story, so that a stride leaves out no kind of them.
        let chosen = clean.points.iter().enumerate().skip(index % stride.max(1)).step_by(stride.max(1));
        for (number, point) in chosen {
            crashes.points += 1;
            let faults = [Fault::DiesBefore, Fault::DiesAfter, Fault::StoreRepeats];
            for fault in faults.into_iter().filter(|fault| point.kinds.contains(fault)) {
                let script = Script { death: Some((number + 1, fault)), ..Script::default() };
                let told = tell(story, seed, broken, script)?;
                let counter =
                    if fault == Fault::StoreRepeats { &mut crashes.repeated } else { &mut crashes.deaths };
                *counter += 1;
                let point = format!("{} {number}: {}", fault.words(), point.call);
                crashes.compare(story, &point, &clean.end, told.end);
            }
        }
    }
    Ok(crashes)
}

impl Crashes {
    fn compare(&mut self, story: &Story, point: &str, expected: &str, found: String) {
        let is_allowed = |status: &&str| found.strip_prefix(status) == expected.strip_prefix(story.ends);
        let is_known = |whole: &&str| found.starts_with(whole);
        let is_right =
            found == expected || story.also.iter().any(is_allowed) || story.also_whole.iter().any(is_known);
        if !is_right {
            self.differences.push(Difference {
                story: story.name.to_owned(),
                point: point.to_owned(),
                expected: expected.to_owned(),
                found,
            });
        }
    }
}

struct Telling {
    points: Vec<Point>,
    end: String,
}

fn tell(story: &Story, seed: u64, broken: Option<Rule>, mut script: Script) -> Result<Telling> {
    script.told = story.told.to_vec();
    let mut random = Random::new(seed);
    let traffic = story.traffic(&mut random)?;
    let env = Env::new(random, Chance::Scripted(script), Log::new(None), broken);
    let mut world = World::new(env.clone(), seed, vec![story.rule()], traffic, story.tells_totals)?;
    world.let_people_act(story.people()?);
    if story.has_stranger {
        world.let_a_stranger_order("orphan-0");
    }
    let ended = world.live();
    Ok(Telling { points: env.calls(), end: end_of(&ended) })
}
