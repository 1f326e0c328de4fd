//! One world: its declines, its clock, its deployment, from the first message until nothing is left to happen.

use jiff::Timestamp;
use models::ids::{OrderId, OrderKey};
use order_store::Table as _;
use sandbox::Ledger;
use serde_json::json;

use crate::breaking::Rule;
use crate::env::{Chance, Env, Outage, System};
use crate::functions::Functions;
use crate::log::Log;
use crate::merchants::{ACCOUNTS, STRANGER_MINOR, account};
use crate::people::{self, Person, people};
use crate::provider::{self, Provider};
use crate::random::Random;
use crate::runtime::Tasks;
use crate::traffic::{Good, Traffic};
use crate::webhooks;

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;
/// When a world begins: 2026-11-21T00:00:00Z.
pub(crate) const START: i64 = 1_795_219_200_000;
/// Until when there are faults: declines arrive for three days, windows last for 21, the bounds after them for some more.
const FAULTS_UNTIL: i64 = START + 36 * DAY;
/// Until when everything must have come to rest after that.
const END: i64 = FAULTS_UNTIL + 4 * DAY;

/// What a world is made from.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    pub(crate) seed: u64,
    pub(crate) index: u64,
    pub(crate) orders: u64,
    pub(crate) per_cent: u32,
    pub(crate) broken: Option<Rule>,
    pub(crate) watched: Option<String>,
}

/// A world that has come to its end.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) functions: Functions,
    pub(crate) good: Vec<Good>,
    pub(crate) bad: u64,
    pub(crate) ledger: Ledger,
}

pub(crate) struct World {
    functions: Functions,
    tasks: Tasks,
    traffic: Traffic,
    swept_at: i64,
    redriven_at: i64,
}

/// Lets a world happen.
pub(crate) fn run(recipe: &Recipe) -> anyhow::Result<Ended> {
    let mut random = Random::stream(recipe.seed, recipe.index);
    let traffic = Traffic::new(recipe.orders, START, recipe.per_cent, &mut random)?;
    let outages = outages(recipe.per_cent, &mut random);
    let provider_seed = random.next();
    let chance = Chance::Seeded { per_cent: recipe.per_cent, outages };
    let env = Env::new(random, chance, Log::new(recipe.watched.clone()), recipe.broken);
    let good: Vec<Good> = traffic.good.iter().cloned().collect();
    // Chance of their own: what people do changes nothing of what merchants send.
    let people = people(&good, &mut Random::stream(recipe.seed, !recipe.index))?;
    // In one world of eight, nobody can learn from FlexFactor what was refunded.
    let tells_totals = recipe.index % 8 != 7;
    let rules = provider::rules(recipe.per_cent);
    let mut world = World::new(env, provider_seed, rules, traffic, tells_totals)?;
    world.let_people_act(people);
    world.let_strangers_act()?;
    Ok(world.live())
}

/// Times in which a system does not answer at all; among them one of FlexFactor's that may outlast its memory of keys.
fn outages(per_cent: u32, random: &mut Random) -> Vec<Outage> {
    if per_cent == 0 {
        return Vec::new();
    }
    let mut outage = |of, latest: i64, least: i64, most: i64| {
        let from = START + random.between(0, latest);
        Outage { of, from, until: from + random.between(least, most) }
    };
    let mut outages = vec![
        outage(System::FlexFactor, 25 * DAY, 10 * MINUTE, 2 * HOUR),
        outage(System::Store, 3 * DAY, MINUTE, 15 * MINUTE),
        outage(System::Store, 25 * DAY, MINUTE, 15 * MINUTE),
        outage(System::Queue, 3 * DAY, MINUTE, 10 * MINUTE),
        outage(System::Secrets, 3 * DAY, HOUR, 3 * HOUR),
        outage(System::Webhook, 25 * DAY, HOUR, 6 * HOUR),
        outage(System::FlexFactor, 2 * DAY, 22 * HOUR, 34 * HOUR),
    ];
    if random.happens(50) {
        outages.pop();
    }
    outages
}

impl World {
    /// A world at its beginning, in which FlexFactor goes by `rules`.
    pub(crate) fn new(
        env: Env,
        seed: u64,
        rules: Vec<sandbox::Rule>,
        traffic: Traffic,
        tells_totals: bool,
    ) -> anyhow::Result<Self> {
        env.runtime().advance_to(START);
        let provider = Provider::new(env.clone(), seed, rules, tells_totals);
        let functions = Functions::new(env, provider);
        for account in &ACCOUNTS {
            let (id, config) = account.config()?;
            functions.store.table().put_merchant(id, config);
        }
        Ok(Self { functions, tasks: Tasks::default(), traffic, swept_at: START, redriven_at: START })
    }

    /// Lets everything happen.
    pub(crate) fn live(mut self) -> Ended {
        while let Some(at) = self.next().filter(|at| *at <= END) {
            if at > FAULTS_UNTIL {
                self.functions.env.calm();
            }
            self.functions.env.runtime().advance_to(at);
            self.begin();
            self.tasks.run(self.functions.env.runtime());
        }
        let Traffic { good, bad, .. } = self.traffic;
        let ledger = self.functions.provider.ledger();
        Ended { functions: self.functions, good: good.into_iter().collect(), bad, ledger }
    }

    /// When something happens next.
    fn next(&self) -> Option<i64> {
        let functions = &self.functions;
        [
            functions.env.runtime().next_timer(),
            functions.queues().iter().filter_map(|queue| queue.next_visible()).min(),
            functions.provider.next_due().map(Timestamp::as_millisecond),
            self.traffic.messages.last().map(|message| message.at),
            self.next_sweep(),
            self.next_redrive(),
        ]
        .into_iter()
        .flatten()
        .min()
        .map(|at| at.max(functions.env.millis()))
    }

    /// The first full minute at which a sweep finds something: those that find nothing change nothing.
    fn next_sweep(&self) -> Option<i64> {
        let due =
            self.functions.store.next_due().filter(|_| !self.functions.env.is_broken(Rule::DueClock))?;
        let at = due.as_millisecond().max(self.swept_at + 1);
        Some(at.div_euclid(MINUTE).saturating_add(i64::from(at.rem_euclid(MINUTE) > 0)) * MINUTE)
    }

    /// Once a day somebody brings dead letters back.
    fn next_redrive(&self) -> Option<i64> {
        let has_dead = self.functions.queues().iter().any(|queue| queue.lengths().1 > 0);
        has_dead.then_some(self.redriven_at + DAY)
    }

    /// Begins what is due at this instant.
    fn begin(&mut self) {
        let functions = self.functions.clone();
        let now = functions.env.millis();
        while let Some(message) = self.traffic.messages.pop_if(|message| message.at <= now) {
            functions.env.log(format_args!("decline {}", message.body));
            functions.declines.put(message.body, 0);
        }
        if self.next_redrive().is_some_and(|at| at <= now) {
            let count: usize = functions.queues().iter().map(|queue| queue.redrive()).sum();
            functions.env.log(format_args!("{count} dead letters redriven"));
            self.redriven_at = now;
        }
        while let Some(event) = functions.declines.receive() {
            self.tasks.begin(functions.clone().take(event));
        }
        while let Some(event) = functions.evaluations.receive() {
            self.tasks.begin(functions.clone().submit(event));
        }
        while let Some(event) = functions.reconciliations.receive() {
            self.tasks.begin(functions.clone().reconcile(event));
        }
        if self.next_sweep().is_some_and(|at| at <= now) {
            self.swept_at = now;
            self.tasks.begin(functions.clone().sweep());
        }
        for send in functions.provider.take_outbox() {
            self.tasks.begin(webhooks::deliver(functions.clone(), send));
        }
    }

    /// People and what they want, each at a moment of his own.
    pub(crate) fn let_people_act(&mut self, people: Vec<Person>) {
        for person in people {
            self.tasks.begin(people::live(self.functions.clone(), person));
        }
    }

    /// Somebody who uses our merchants' accounts too: some of our order ids twice, and some that we never had.
    fn let_strangers_act(&mut self) -> anyhow::Result<()> {
        let functions = self.functions.clone();
        for good in self.traffic.good.iter().filter(|good| good.order_id.starts_with("namesake-")) {
            let order_id: OrderId = good.order_id.parse()?;
            let key = OrderKey { merchant: good.merchant.parse()?, order_id };
            self.tasks.begin(place_namesake(functions.clone(), key));
        }
        self.let_a_stranger_order("orphan-0");
        self.let_a_stranger_order("orphan-1");
        Ok(())
    }

    /// An order that we have never heard of, in our merchant's account.
    pub(crate) fn let_a_stranger_order(&mut self, order_id: &'static str) {
        let functions = self.functions.clone();
        self.tasks.begin(async move {
            functions.env.pass(0, 10 * DAY).await;
            let [account, ..] = &ACCOUNTS;
            place(&functions, account.mid, order_id);
        });
    }
}

/// Once FlexFactor's id of our order is known, a second order appears under our id and is called off.
async fn place_namesake(functions: Functions, key: OrderKey) {
    functions.env.pass(4 * DAY, 10 * DAY).await;
    let stored = functions.store.table().read(&key).await;
    let is_known = stored.is_ok_and(|order| {
        order.is_some_and(|order| order.provider_order.is_some() && !order.status.is_terminal())
    });
    if let Some(account) = account(key.merchant.as_str()).filter(|_| is_known) {
        place(&functions, account.mid, key.order_id.as_str());
    }
}

fn place(functions: &Functions, mid: &str, order_id: &str) {
    let env = &functions.env;
    let key = uuid::Builder::from_random_bytes(env.random(Random::bytes)).into_uuid();
    let request = json!({
        "isDeclined": true, "orderId": order_id, "idempotencyKey": key.to_string(), "isMIT": true,
        "expiryDateUtc": "2027-06-01T00:00:00Z",
        "transaction": {
            "id": "stranger", "responseCode": "51", "responseCodeSource": "NMI", "avsResultCode": "M",
            "cvvResultCode": "NA", "cavvResultCode": "NA", "amount": STRANGER_MINOR, "currency": "USD"
        },
        "paymentMethod": { "cardNumber": "d3e10716-6aac-4eb8-a74d-c1a3027f1d96" }
    });
    let placed = functions.provider.place_namesake(mid, &request);
    env.log(format_args!("a stranger places {order_id}: {}", placed.is_ok()));
}
