//! The model as the checker takes it, and its bounds.

use std::collections::BTreeSet;
use std::sync::{Mutex, Once};

use models::status::Status;
use stateright::{Checker, Model, Property};

use crate::ending::{Ends, Provider};
use crate::properties::ALWAYS;
use crate::rules::{Mutation, Rules};
use crate::steps::{self, Step};
use crate::world::{History, Left, World};

/// How much is explored: everything that needs no more than this.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Crashes, losses, repetitions and failures.
    pub(crate) faults: u8,
    /// Waits for a moment, each as long as it takes.
    pub(crate) waits: u8,
    /// Progress, refunds and disputes that are told of.
    pub(crate) signals: u8,
    /// Fewer states than this are not all of them.
    pub(crate) states_min: usize,
}

/// The short form: explored apart, since all of it at once is too much.
const SHORT: [Bounds; 3] = [
    Bounds { faults: 2, waits: 0, signals: 0, states_min: 17_000 },
    Bounds { faults: 1, waits: 0, signals: 1, states_min: 30_000 },
    Bounds { faults: 1, waits: 1, signals: 0, states_min: 350_000 },
];
/// The whole: a step further in each direction.
const FULL: [Bounds; 4] = [
    Bounds { faults: 3, waits: 0, signals: 0, states_min: 80_000 },
    Bounds { faults: 2, waits: 0, signals: 1, states_min: 300_000 },
    Bounds { faults: 1, waits: 1, signals: 0, states_min: 350_000 },
    Bounds { faults: 0, waits: 1, signals: 1, states_min: 150_000 },
];
/// In these a mutation must be found.
pub(crate) const MUTATED: Bounds = Bounds { faults: 1, waits: 1, signals: 1, states_min: 0 };

/// The bounds that `cargo xtask prove` asks for.
pub(crate) fn bounds() -> &'static [Bounds] {
    if std::env::var_os("PROVE_FULL").is_some_and(|value| value == "1") { &FULL } else { &SHORT }
}

#[derive(Debug)]
pub(crate) struct OneOrder {
    rules: Rules,
    bounds: Bounds,
    pub(crate) ends: Ends,
    /// The statuses that some state has.
    pub(crate) reached: Mutex<BTreeSet<Status>>,
    /// The first way that does not end well was told.
    told: Once,
}

impl OneOrder {
    pub(crate) fn new(bounds: Bounds, mutation: Option<Mutation>) -> Self {
        Self {
            rules: Rules::new(mutation),
            bounds,
            ends: Ends::default(),
            told: Once::new(),
            reached: Mutex::default(),
        }
    }

    fn ends(&self, world: &World, provider: Provider) -> bool {
        let why_not = self.ends.why_not(&self.rules, world, provider);
        if let Some(why) = &why_not {
            self.told
                .call_once(|| println!("with the provider {provider:?} the order does not end well: {why}"));
        }
        why_not.is_none()
    }
}

impl Model for OneOrder {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let Bounds { faults, waits, signals, .. } = self.bounds;
        vec![World {
            now: "2026-11-21T10:00:00Z".parse().unwrap(),
            has_decline: true,
            order: None,
            evaluations: 0,
            attempts: Vec::new(),
            requests: Vec::new(),
            looks: Vec::new(),
            look: None,
            theirs: Vec::new(),
            hooks: BTreeSet::new(),
            history: History::default(),
            left: Left { faults, waits, signals },
        }]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        self.reached.lock().unwrap().extend(world.order.as_ref().map(|order| order.status));
        steps::possible(&self.rules, world, steps);
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        Some(steps::take(&self.rules, world, step))
    }

    fn within_boundary(&self, world: &World) -> bool {
        // Past a second effective submission, which is a counterexample, nothing is looked at.
        world.theirs.len() <= 2
    }

    fn properties(&self) -> Vec<Property<Self>> {
        // The checker takes plain functions, so each property is found by its place.
        macro_rules! always { ($($index:literal)*) => { [$(
            Property::<Self>::always(ALWAYS[$index].0, |_, world| ALWAYS[$index].1(world))
        ),*] } }
        let mut properties = Vec::new();
        properties.extend(always!(0 1 2 3 4 5 6 7 8 9 10));
        assert_eq!(properties.len(), ALWAYS.len());
        properties.push(Property::always("it ends though the provider never decides", |model, world| {
            model.ends(world, Provider::Undecided)
        }));
        properties.push(Property::always(
            "it ends though the provider never says anything again",
            |model, world| model.ends(world, Provider::Silent),
        ));
        properties
    }
}

/// The steps that lead to a state in which the property does not hold, if there is one.
pub(crate) fn counterexample(checker: &impl Checker<OneOrder>, name: &str) -> Option<String> {
    let path = checker.discoveries().remove(name)?;
    let mut end = path.last_state().clone();
    if let Some(order) = &mut end.order {
        // Long, and the same in all.
        std::sync::Arc::make_mut(order).request = None;
    }
    Some(format!("{:?}\nthe order then: {:?}", path.into_actions(), end.order))
}
