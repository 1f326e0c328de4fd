//! `cargo xtask prove`: one proof alone, from a seed, in its short form or whole.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::project::Project;

/// A proof: a test that reads its seed and size from `PROVE_SEED` and `PROVE_FULL`.
struct Proof {
    name: &'static str,
    /// The test binary, a name that no other package's has.
    binary: &'static str,
    /// Which of its tests.
    tests: &'static str,
    /// Whether it starts from a seed: the model is walked through whole, and the fuzzer prints the seed of what failed.
    has_seed: bool,
}

const PROOFS: [Proof; 4] = [
    // No forged webhook is accepted and no genuine one refused: a million seeded mutations.
    Proof { name: "forgery", binary: "proof", tests: "forgery::", has_seed: true },
    // Verifier, screening and card guard under random and mutated input, and on the kept corpus.
    Proof { name: "fuzz", binary: "proof", tests: "fuzz::", has_seed: false },
    // One order under crashes, lost answers and redelivery, every way within bounds; it has no seed.
    Proof { name: "model", binary: "model", tests: "", has_seed: false },
    // Every permutation and duplication of an order's events ends in the same state.
    Proof { name: "permutations", binary: "proof", tests: "permutations::", has_seed: true },
];

/// Runs the proof that is named first. Every package is selected, as in `cargo xtask test`: with a single one, cargo would
/// choose other features and build the AWS SDK again.
pub(crate) fn run(project: &Project, arguments: &[&str]) -> Result<ExitCode> {
    let names: Vec<_> = PROOFS.iter().map(|proof| proof.name).chain(["crashes"]).collect();
    let [name, options @ ..] = arguments else { bail!("name a proof: {}", names.join(", ")) };
    let proof = PROOFS.iter().find(|proof| proof.name == *name);
    let proof =
        proof.with_context(|| format!("there is no proof {name}; there are: {}", names.join(", ")))?;
    let Options { seed, is_full } = Options::read(options)?;
    if seed.is_some() && !proof.has_seed {
        bail!("{} takes no seed", proof.name);
    }
    let mut command = project.cargo(&["test", "--workspace", "--test", proof.binary, "--", proof.tests]);
    // Without threads of the test runner, so that the output is in order; the proofs have their own.
    command.args(["--nocapture", "--test-threads", "1"]);
    if let Some(seed) = seed {
        command.env("PROVE_SEED", seed.to_string());
    }
    command.env("PROVE_FULL", if is_full { "1" } else { "0" });
    let status = command.status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    seed: Option<u64>,
    is_full: bool,
}

impl Options {
    fn read(arguments: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        let mut rest = arguments;
        loop {
            rest = match rest {
                [] => return Ok(options),
                ["--full", rest @ ..] => {
                    options.is_full = true;
                    rest
                }
                ["--seed", seed, rest @ ..] => {
                    options.seed = Some(seed.parse().with_context(|| format!("--seed {seed} is no number"))?);
                    rest
                }
                [other, ..] => bail!("prove takes --seed S and --full, not {other}"),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_in_any_order_and_nothing_else_is_taken() {
        let read = |arguments: &[&str]| Options::read(arguments).ok();
        let both = Options { seed: Some(7), is_full: true };
        assert_eq!(read(&["--seed", "7", "--full"]), read(&["--full", "--seed", "7"]));
        assert_eq!(read(&["--seed", "7", "--full"]), Some(both));
        assert_eq!(read(&[]), Some(Options::default()));
        for wrong in [&["--seed"][..], &["--seed", "x"], &["--fast"]] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
