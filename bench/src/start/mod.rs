//! From the start of a process to its first answer, and on: time, processor time and memory, of our functions, of a function
//! that does nothing, of one that makes the one write, and of the peers.

mod events;
mod load;
mod orders;
mod process;
mod runtime_api;
mod services;
mod table;
mod template;
mod tls;
mod usage;
mod world;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::{Value, json};

use self::load::{Amount, Load};
use self::process::{Measured, Program, measure};
use self::template::Template;
use self::tls::Authority;
use self::world::World;
use crate::Bench;
use crate::section::Section;
use crate::staging::stage;
use crate::variant::Variant;

/// The functions that there are peers of.
const WITH_PEERS: [&str; 2] = ["webhook-receiver", "decline-intake"];
/// What the function that does nothing is called.
const NOTHING: &str = "nothing";
/// Rounds in which a process goes on after its first event: what it needs then differs little from round to round.
const WARM_ROUNDS: usize = 3;
/// What it gets then.
const WARM: Amount = Amount { warm: 200, full: 20 };

/// What is measured: a function as somebody has written it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Subject {
    /// The function, named as ours is.
    pub(crate) function: String,
    /// Who has written it.
    pub(crate) variant: Variant,
}

/// What the processes of a subject showed.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    /// Whose they are.
    pub(crate) subject: Subject,
    /// One for each round.
    pub(crate) processes: Vec<Measured>,
}

/// What is measured, and where its bootstrap is; what is not, and why.
type Programs = (Vec<(Subject, PathBuf)>, Vec<String>);

/// All that is needed to start processes.
struct Laboratory<'a> {
    bench: &'a Bench,
    template: Template,
    authority: Authority,
}

/// Measures.
pub(crate) async fn run(bench: &Bench) -> Result<Section> {
    let output = bench.output.join("start");
    std::fs::create_dir_all(&output)?;
    let template = Template::read(&bench.root)?;
    let laboratory = Laboratory { bench, template, authority: Authority::new(&output)? };
    let (programs, missing) = laboratory.programs()?;
    let mut found: BTreeMap<&Subject, Vec<Measured>> = BTreeMap::new();
    // The first round is not counted: it reads the programs from the disk, and Python writes its compiled modules.
    for round in 0..=bench.runs {
        println!("round {round} of {}", bench.runs);
        let amount = if (1..=WARM_ROUNDS).contains(&round) { WARM } else { Amount::default() };
        for (subject, directory) in &programs {
            let measured = laboratory.measure(subject, directory, amount).await;
            let measured =
                measured.with_context(|| format!("{} ({})", subject.function, subject.variant.name()))?;
            if round > 0 {
                found.entry(subject).or_default().push(measured);
            }
        }
    }
    let found = found.into_iter().map(|(subject, processes)| Found { subject: subject.clone(), processes });
    let conditions = table::Conditions {
        roots: laboratory.authority.roots_count(),
        memory_mb: laboratory.template.memory_mb()?,
        missing,
        warm: WARM,
        warm_rounds: WARM_ROUNDS.min(bench.runs),
    };
    table::section(&found.collect::<Vec<_>>(), &conditions)
}

impl Laboratory<'_> {
    /// Finds out what there is to start.
    fn programs(&self) -> Result<Programs> {
        let mut subjects = vec![Subject { function: NOTHING.to_owned(), variant: Variant::Bare }];
        for function in self.bench.functions()? {
            let has_peers = WITH_PEERS.contains(&function.as_str());
            let variants = Variant::ALL.into_iter().filter(|variant| has_peers || *variant == Variant::Ours);
            subjects.extend(variants.map(|variant| Subject { function: function.clone(), variant }));
        }
        let (mut programs, mut missing) = (Vec::new(), Vec::new());
        for subject in subjects {
            match stage(self.bench, subject.variant, &subject.function) {
                Ok(directory) => programs.push((subject, directory)),
                // Without our own there is nothing to measure.
                Err(error) if subject.variant == Variant::Ours => return Err(error),
                Err(error) => missing.push(format!(
                    "{} as {} was not measured: {error:#}",
                    subject.function,
                    subject.variant.name()
                )),
            }
        }
        Ok((programs, missing))
    }

    async fn measure(&self, subject: &Subject, directory: &Path, amount: Amount) -> Result<Measured> {
        let world = World::new(&self.template, &self.authority).await?;
        let does_nothing = subject.function == NOTHING;
        let (settings_of, load) = if does_nothing {
            (WITH_PEERS[0], Load::of(json!({}), vec![json!({}); amount.warm]))
        } else {
            let function = subject.function.as_str();
            let batch = self.template.batch_size(function)?;
            (function, Load::new(function, batch, amount, &world).await?)
        };
        let environment = world.environment(settings_of, &self.template, &self.authority)?;
        let log = format!("{}-{}.log", subject.variant.directory(), subject.function);
        let log = self.bench.output.join("start").join(log);
        let program = Program { directory: directory.to_owned(), log, environment };
        let measured = measure(&program, &load, |answer| is_fine(&subject.function, answer)).await?;
        // The others' items are not ours to read.
        if subject.variant == Variant::Ours {
            load.check(&world).await?;
        }
        Ok(measured)
    }
}

/// Fails for an answer that says that something was not done.
fn is_fine(function: &str, answer: &Value) -> Result<()> {
    match function {
        NOTHING => {}
        "webhook-receiver" | "order-api" => ensure!(answer["statusCode"] == 200, "its status is not 200"),
        "expiry-sweep" => ensure!(
            answer["due"] == answer["sent"] && answer["more"] == false,
            "it has not sent all that is due"
        ),
        _ => ensure!(
            answer["batchItemFailures"].as_array().is_some_and(Vec::is_empty),
            "it says that records failed, or not that none did"
        ),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_tells_of_a_failure_is_never_measured() {
        for (function, answer) in [
            ("webhook-receiver", json!({ "statusCode": 503 })),
            ("webhook-receiver", json!({})),
            ("decline-intake", json!({ "batchItemFailures": [{ "itemIdentifier": "m" }] })),
            ("decline-intake", json!({})),
            ("decline-intake", Value::Null),
            ("expiry-sweep", json!({ "due": 3, "sent": 2, "more": false })),
            ("expiry-sweep", json!({ "due": 3, "sent": 3, "more": true })),
        ] {
            assert!(is_fine(function, &answer).is_err(), "{function} {answer}");
        }
        assert!(is_fine("webhook-receiver", &json!({ "statusCode": 200 })).is_ok());
        assert!(is_fine("order-history", &json!({ "batchItemFailures": [] })).is_ok());
        assert!(is_fine("expiry-sweep", &json!({ "due": 3, "sent": 3, "more": false })).is_ok());
    }
}
