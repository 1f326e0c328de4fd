//! Finding what is kept of a person.

use models::ids::MerchantId;
use models::parked::{Parked, ParkedKey};
use order_store::dynamo::orders;
use serde_json::Value;

use super::person::{Match, Person};
use super::{EraseArgs, Told};
use crate::deployment::Deployment;
use crate::outcome::Failure;
use crate::parked::{all as parked_things, name_of};
use crate::queues::depth;
use crate::redrive::{DeadLetters, LETTERS_MAX, Letter};

/// A queue whose messages hold personal data, its dead letters, and the stack's outputs with their addresses.
struct Queue {
    name: &'static str,
    address: &'static str,
    dead_letters: &'static str,
    dead_address: &'static str,
}

/// All others carry ids alone.
const QUEUES: [Queue; 2] = [
    Queue {
        name: "declines",
        address: "DeclinesQueueUrl",
        dead_letters: "declines-dlq",
        dead_address: "DeclinesDlqUrl",
    },
    Queue {
        name: "transmissions",
        address: "TransmissionsQueueUrl",
        dead_letters: "transmissions-dlq",
        dead_address: "TransmissionsDlqUrl",
    },
];
/// How long dead letters are hidden from others while they are looked through, in seconds.
const HOLD_SECONDS: i32 = 900;

/// The copy of something parked.
pub(super) struct Copied {
    pub(super) key: ParkedKey,
    pub(super) name: String,
    pub(super) copy: String,
}

/// A queue's dead letters that are the customer's, held.
pub(super) struct Held {
    name: &'static str,
    pub(super) queue: DeadLetters,
    pub(super) letters: Vec<Letter>,
}

impl Held {
    pub(super) fn name_of(&self, letter: &Letter) -> String {
        format!("{}/{}", self.name, letter.id)
    }
}

/// What there is. Its dead letters are held until they are released.
#[derive(Default)]
pub(super) struct Search {
    pub(super) copies: Vec<Copied>,
    pub(super) held: Vec<Held>,
    pub(super) orders: Vec<String>,
    pub(super) left: Vec<String>,
}

impl Search {
    /// Looks everywhere.
    pub(super) async fn run(args: &EraseArgs, deployment: &Deployment) -> Result<Self, Failure> {
        let (person, mut search) = (args.person(), Self::default());
        search.orders(&person, deployment).await?;
        search.copies(&person, args, deployment).await?;
        for queue in &QUEUES {
            if let Err(failure) = search.letters(&person, args, deployment, queue).await {
                search.release().await;
                return Err(failure);
            }
        }
        let is_held =
            |id: &String| search.held.iter().flat_map(|held| &held.letters).any(|letter| letter.id == *id);
        let missing: Vec<_> = args.messages.iter().filter(|id| !is_held(id)).collect();
        search.left.extend(missing.iter().map(|id| format!("no dead letter with the id {id} was found")));
        Ok(search)
    }

    /// Lets others see the dead letters again.
    pub(super) async fn release(&self) {
        for held in &self.held {
            held.queue.release_all(&held.letters).await;
        }
    }

    /// What would be told if all of it were erased.
    pub(super) fn foreseen(&self) -> Told {
        let letters =
            |held: &Held| held.letters.iter().map(|letter| held.name_of(letter)).collect::<Vec<_>>();
        Told {
            copies: self.copies.iter().map(|copied| copied.name.clone()).collect(),
            dead_letters: self.held.iter().flat_map(letters).collect(),
            orders: self.orders.clone(),
            left: self.left.clone(),
        }
    }

    /// Orders that hold the customer's decline still.
    async fn orders(&mut self, person: &Person, deployment: &Deployment) -> Result<(), Failure> {
        for order in orders(&deployment.dynamodb(), deployment.table_name()?).await? {
            match order {
                Ok(order) if order.request.as_ref().is_some_and(|decline| person.has(decline)) => {
                    self.orders.push(format!("{} ({})", order.key, order.status));
                }
                Ok(_) => {}
                Err(error) => self.left.push(format!("not looked into: {error}")),
            }
        }
        Ok(())
    }

    async fn copies(
        &mut self,
        person: &Person,
        args: &EraseArgs,
        deployment: &Deployment,
    ) -> Result<(), Failure> {
        let (parked, unreadable) = parked_things(deployment).await?;
        self.left.extend(unreadable.iter().map(|error| format!("not looked into: {error}")));
        let missing =
            args.parked.iter().filter(|name| !parked.iter().any(|thing| name_of(&thing.key) == **name));
        self.left.extend(missing.map(|name| format!("nothing is parked under {name}")));
        for thing in parked.into_iter().filter(|thing| !is_erased(&thing.copy)) {
            let name = name_of(&thing.key);
            let found = if args.parked.contains(&name) { Match::Theirs } else { whose(person, &thing) };
            match found {
                Match::Theirs => self.copies.push(Copied { key: thing.key, name, copy: thing.copy }),
                Match::Perhaps => self.left.push(format!(
                    "perhaps the customer's: {name}; see `rescue parked show`, then `--parked` with this name"
                )),
                Match::No => {}
            }
        }
        Ok(())
    }

    async fn letters(
        &mut self,
        person: &Person,
        args: &EraseArgs,
        deployment: &Deployment,
        queue: &Queue,
    ) -> Result<(), Failure> {
        let under_way = depth(deployment, queue.name, queue.address).await?;
        self.pass_over(under_way.waiting + under_way.in_flight, queue.name);
        let name = queue.dead_letters;
        // Those that somebody else holds come back to be seen.
        self.pass_over(depth(deployment, name, queue.dead_address).await?.in_flight, name);
        let (live, dead) = (deployment.output(queue.address)?, deployment.output(queue.dead_address)?);
        let queue = DeadLetters::new(deployment.sqs(), live, dead, HOLD_SECONDS);
        let (mut letters, mut others) = (Vec::new(), Vec::new());
        let received = queue.receive_all().await?;
        if received.len() >= LETTERS_MAX {
            self.left.push(format!("not looked into: dead letters of {name} beyond the first {LETTERS_MAX}"));
        }
        for letter in received {
            let found =
                if args.messages.contains(&letter.id) { Match::Theirs } else { person.is_in(&letter.body) };
            match found {
                Match::Theirs => letters.push(letter),
                Match::Perhaps => {
                    let id = &letter.id;
                    self.left.push(format!(
                        "perhaps the customer's: {name}/{id}; look at it in SQS, then `--message` with this id"
                    ));
                    others.push(letter);
                }
                Match::No => others.push(letter),
            }
        }
        queue.release_all(&others).await;
        self.held.push(Held { name, queue, letters });
        Ok(())
    }

    fn pass_over(&mut self, count: u64, queue: &str) {
        if count > 0 {
            self.left.push(format!(
                "not looked into: {count} messages of {queue} that a function or somebody has in hand; ask again later"
            ));
        }
    }
}

fn whose(person: &Person, thing: &Parked) -> Match {
    let is_merchant = |merchant: &MerchantId| *merchant == person.merchant;
    let is_order = thing.order_id.as_ref().is_some_and(|id| person.orders.contains(id));
    match &thing.key.merchant {
        Some(merchant) if !is_merchant(merchant) => Match::No,
        Some(_) if is_order => Match::Theirs,
        Some(_) | None => person.is_in(&thing.copy),
    }
}

fn is_erased(copy: &str) -> bool {
    serde_json::from_str::<Value>(copy).is_ok_and(|copy| copy.get("erased_at").is_some())
}
