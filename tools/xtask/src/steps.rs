//! Running a program as one step of a task: its output is shown, its time taken and its tests counted.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};

/// Tests, or checks that count as one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// A step that counts nothing itself is one check; a failed step has at least one failure.
    fn of_step(self, success: bool) -> Self {
        match (success, self) {
            (true, Self { passed: 0, failed: 0 }) => Self { passed: 1, failed: 0 },
            (false, Self { passed, failed: 0 }) => Self { passed, failed: 1 },
            (_, counted) => counted,
        }
    }
}

pub(crate) fn heading(title: &str) {
    println!("\n== {title}");
}

/// Runs a step; its counts, and whether it succeeded.
pub(crate) fn run(title: &str, mut command: Command) -> Result<(Counts, bool)> {
    heading(title);
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {:?}", command.get_program()))?;
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let mut counts = std::thread::scope(|threads| {
        let errors =
            threads.spawn(|| errors.map_or(Ok(Counts::default()), |it| pass_on(it, std::io::stderr())));
        let mut counts = output.map_or(Ok(Counts::default()), |it| pass_on(it, std::io::stdout()))?;
        counts.add(errors.join().map_err(|_| anyhow::anyhow!("reading a step's output failed"))??);
        anyhow::Ok(counts)
    })?;
    let success = child.wait()?.success();
    counts = counts.of_step(success);
    let verdict = if success { "ok" } else { "FAILED" };
    println!("-- {title}: {verdict}, {} s", started.elapsed().as_secs());
    Ok((counts, success))
}

/// Shows the output line by line and counts the tests it speaks of.
fn pass_on(from: impl Read, mut to: impl Write) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        counts.add(counted(&String::from_utf8_lossy(&line)));
        line.clear();
    }
    Ok(counts)
}

/// The counts in a line that cargo's or Python's test runner ends with.
fn counted(line: &str) -> Counts {
    let number_before = |word: &str| {
        let before = line.split(word).next().filter(|before| before.len() < line.len())?;
        before.split_whitespace().next_back()?.parse::<u64>().ok()
    };
    if line.starts_with("test result: ") {
        let (passed, failed) = (number_before(" passed;"), number_before(" failed;"));
        return Counts { passed: passed.unwrap_or(0), failed: failed.unwrap_or(0) };
    }
    if line.starts_with("Ran ") {
        return Counts { passed: number_before(" test").unwrap_or(0), failed: 0 };
    }
    Counts::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_runners_are_understood() {
        let cargo = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        assert_eq!(counted(cargo), Counts { passed: 12, failed: 3 });
        assert_eq!(counted("Ran 16 tests in 0.109s\n"), Counts { passed: 16, failed: 0 });
        assert_eq!(counted("Ran 1 test in 0.1s\n"), Counts { passed: 1, failed: 0 });
        assert_eq!(counted("test it_works ... ok"), Counts::default());
    }

    #[test]
    fn a_step_that_counts_nothing_is_one_check() {
        assert_eq!(Counts::default().of_step(true), Counts { passed: 1, failed: 0 });
        assert_eq!(Counts::default().of_step(false), Counts { passed: 0, failed: 1 });
        assert_eq!(Counts { passed: 5, failed: 0 }.of_step(false), Counts { passed: 5, failed: 1 });
        assert_eq!(Counts { passed: 5, failed: 2 }.of_step(false), Counts { passed: 5, failed: 2 });
    }
}
