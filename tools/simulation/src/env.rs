//! What every part of the simulated world shares: time, chance, faults, the log.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use jiff::Timestamp;
use lambda_kit::clock::{Clock, Random as Randomness};

use crate::breaking::Rule;
use crate::fault::Fault;
use crate::log::Log;
use crate::random::Random;
use crate::runtime::{Runtime, lock};

/// A part of the world that can be out of order for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum System {
    Store,
    Queue,
    Secrets,
    FlexFactor,
    Webhook,
}

/// A time during which no call of a system is answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outage {
    pub(crate) of: System,
    pub(crate) from: i64,
    pub(crate) until: i64,
}

/// Who decides about faults.
#[derive(Debug)]
pub(crate) enum Chance {
    /// Each call has a fault with this chance, and systems are out of order now and then.
    Seeded { per_cent: u32, outages: Vec<Outage> },
    /// These faults and no others.
    Scripted(Script),
}

/// Faults by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    /// Faults that belong to the story that is told.
    pub(crate) told: Vec<Told>,
    /// What happens at which call, counted over all calls at which a process can die.
    pub(crate) death: Option<(usize, Fault)>,
    /// Whether every message and every webhook comes twice.
    pub(crate) is_repeating: bool,
}

/// A fault of some of the calls whose names begin with a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub(crate) call: &'static str,
    /// The first this many of them.
    pub(crate) times: usize,
    pub(crate) fault: Fault,
}

/// Time, chance, faults and log. Clones share them.
#[derive(Clone)]
pub(crate) struct Env(Arc<Inner>);

struct Inner {
    runtime: Arc<Runtime>,
    random: Mutex<Random>,
    chance: Mutex<Chance>,
    calls: Mutex<Calls>,
    counts: Mutex<BTreeMap<Fault, u64>>,
    log: Mutex<Log>,
    broken: Option<Rule>,
    /// The process whose future is being polled: what is set to end it.
    process: Mutex<Option<Arc<AtomicBool>>>,
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Env({})", self.now())
    }
}

impl Env {
    pub(crate) fn new(random: Random, chance: Chance, log: Log, broken: Option<Rule>) -> Self {
        Self(Arc::new(Inner {
            runtime: Arc::default(),
            random: Mutex::new(random),
            chance: Mutex::new(chance),
            calls: Mutex::default(),
            counts: Mutex::default(),
            log: Mutex::new(log),
            broken,
            process: Mutex::default(),
        }))
    }

    pub(crate) fn runtime(&self) -> &Arc<Runtime> {
        &self.0.runtime
    }

    pub(crate) fn millis(&self) -> i64 {
        self.0.runtime.millis()
    }

    pub(crate) fn is_broken(&self, rule: Rule) -> bool {
        self.0.broken == Some(rule)
    }

    pub(crate) fn random<T>(&self, draw: impl FnOnce(&mut Random) -> T) -> T {
        draw(&mut lock(&self.0.random))
    }

    pub(crate) fn log(&self, line: fmt::Arguments<'_>) {
        lock(&self.0.log).write(self.millis(), line);
    }

    /// Lets virtual time pass: between `least` and `most` milliseconds.
    pub(crate) async fn pass(&self, least: i64, most: i64) {
        let millis = self.random(|random| random.between(least, most));
        self.0.runtime.sleep(millis).await;
    }

    /// The fault, if any, of the call `what` of a system.
    pub(crate) fn fault(&self, of: System, kinds: &[Fault], what: &str) -> Option<Fault> {
        let fault = self.decide(of, kinds, what);
        match fault {
            Some(fault) => {
                *lock(&self.0.counts).entry(fault).or_insert(0) += 1;
                self.log(format_args!("{what}: {}", fault.words()));
            }
            None => self.log(format_args!("{what}")),
        }
        fault
    }

    fn decide(&self, of: System, kinds: &[Fault], what: &str) -> Option<Fault> {
        match &mut *lock(&self.0.chance) {
            Chance::Seeded { per_cent, outages } => {
                let now = self.millis();
                let is_down = outages
                    .iter()
                    .any(|outage| outage.of == of && (outage.from..outage.until).contains(&now));
                let random = &mut *lock(&self.0.random);
                if is_down {
                    return outage_fault(of, kinds, random);
                }
                if random.happens(*per_cent) { random.pick(kinds).copied() } else { None }
            }
            Chance::Scripted(script) => script.fault(kinds, what, &mut lock(&self.0.calls)),
        }
    }

    /// The calls at which a process could have died, by name; kept where faults are scripted.
    pub(crate) fn calls(&self) -> Vec<Point> {
        lock(&self.0.calls).points.clone()
    }

    /// No more faults from now on.
    pub(crate) fn calm(&self) {
        if let Chance::Seeded { per_cent, outages } = &mut *lock(&self.0.chance) {
            *per_cent = 0;
            outages.clear();
        }
    }

    pub(crate) fn counts(&self) -> BTreeMap<Fault, u64> {
        lock(&self.0.counts).clone()
    }

    pub(crate) fn finish_log(&self) -> ([u8; 32], Vec<String>) {
        lock(&self.0.log).finish()
    }

    /// Runs a process that may die: then its future is dropped where it stands.
    pub(crate) fn process<F: Future>(&self, life: F) -> Process<F> {
        Process { env: self.clone(), life: Some(Box::pin(life)), is_dead: Arc::default() }
    }

    /// The process that is running ends here.
    pub(crate) async fn die<T>(&self) -> T {
        if let Some(process) = &*lock(&self.0.process) {
            process.store(true, Ordering::Relaxed);
        }
        std::future::pending().await
    }
}

/// A call at which a process can die.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) call: String,
    /// What else can happen to it.
    pub(crate) kinds: Vec<Fault>,
}

/// The calls made so far.
#[derive(Debug, Default)]
struct Calls {
    points: Vec<Point>,
    told: BTreeMap<&'static str, usize>,
}

impl Script {
    fn fault(&self, kinds: &[Fault], what: &str, calls: &mut Calls) -> Option<Fault> {
        let told = self.told.iter().find(|told| what.starts_with(told.call) && kinds.contains(&told.fault));
        let told = told.and_then(|told| {
            let count = calls.told.entry(told.call).or_insert(0);
            *count += 1;
            (*count <= told.times).then_some(told.fault)
        });
        if kinds.contains(&Fault::DiesBefore) {
            calls.points.push(Point { call: what.to_owned(), kinds: kinds.to_vec() });
            match self.death.filter(|(point, _)| *point == calls.points.len()) {
                // There is no effect after which it could die.
                Some((_, Fault::DiesAfter)) if told.is_some_and(Fault::prevents) => {
                    return Some(Fault::DiesBefore);
                }
                Some((_, fault)) => return Some(fault),
                None => {}
            }
        }
        if told.is_some() {
            return told;
        }
        let repeats = [Fault::DeliveredTwice, Fault::WebhookRepeated, Fault::AskedTwice];
        repeats.into_iter().find(|fault| self.is_repeating && kinds.contains(fault))
    }
}

/// In an outage nothing is answered; now and then what was asked for is done all the same.
fn outage_fault(of: System, kinds: &[Fault], random: &mut Random) -> Option<Fault> {
    let fault = match of {
        System::Store => Fault::StoreRefuses,
        System::Queue => Fault::SendFails,
        System::Secrets => Fault::SecretRefused,
        System::Webhook => Fault::WebhookCut,
        System::FlexFactor if random.happens(30) => Fault::TimeoutAfter,
        System::FlexFactor => Fault::CutBefore,
    };
    kinds.contains(&fault).then_some(fault)
}

impl Clock for Env {
    fn now(&self) -> Timestamp {
        self.0.runtime.now()
    }
}

impl Randomness for Env {
    fn bytes(&self) -> [u8; 16] {
        self.random(Random::bytes)
    }
}

/// The process died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Died;

/// A process that may die. What it was doing is dropped then, as the memory of a process is.
pub(crate) struct Process<F> {
    env: Env,
    life: Option<Pin<Box<F>>>,
    is_dead: Arc<AtomicBool>,
}

impl<F: Future> Future for Process<F> {
    type Output = Result<F::Output, Died>;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(mut life) = self.life.take() else { return Poll::Ready(Err(Died)) };
        let outer = lock(&self.env.0.process).replace(self.is_dead.clone());
        let polled = life.as_mut().poll(context);
        *lock(&self.env.0.process) = outer;
        match polled {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending if self.is_dead.load(Ordering::Relaxed) => Poll::Ready(Err(Died)),
            Poll::Pending => {
                self.life = Some(life);
                Poll::Pending
            }
        }
    }
}
