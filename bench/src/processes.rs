//! Processor time of the local stack and of the functions that it runs: what of the time is whose.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Serialize;

/// What the kernel counts processor time in, on every architecture that Lambda has.
const TICKS_PER_SECOND: f64 = 100.0;
/// What MiniStack's command line is recognised by.
const LAUNCHER: &str = "ministack_launcher.py";

/// Processor time used so far, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Used {
    /// By MiniStack: queues, table, HTTP API and Lambda.
    pub(crate) stack: f64,
    /// By the functions' processes.
    pub(crate) functions: f64,
}

impl Used {
    /// What was used since `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self { stack: self.stack - before.stack, functions: self.functions - before.functions }
    }
}

#[derive(Debug, PartialEq)]
struct Process {
    parent: u32,
    seconds: f64,
}

/// What the one stack that this process has started, and its functions, have used.
///
/// # Errors
/// There is no such stack.
pub(crate) fn used() -> Result<Used> {
    let processes = all()?;
    let own = std::process::id();
    let (&root, stack) = processes
        .iter()
        .find(|(pid, process)| process.parent == own && is_launcher(**pid))
        .context("this process has no MiniStack")?;
    let is_below = |mut pid: u32| {
        while let Some(process) = processes.get(&pid) {
            if process.parent == root {
                return true;
            }
            pid = process.parent;
        }
        false
    };
    let functions =
        processes.iter().filter(|(pid, _)| is_below(**pid)).map(|(_, process)| process.seconds).sum();
    Ok(Used { stack: stack.seconds, functions })
}

fn is_launcher(pid: u32) -> bool {
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&command).contains(LAUNCHER)
}

/// A process that ends meanwhile is not there, which is no error.
fn all() -> Result<BTreeMap<u32, Process>> {
    let mut processes = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let Ok(pid) = entry?.file_name().to_string_lossy().parse() else { continue };
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        processes.extend(parse(&stat).map(|process| (pid, process)));
    }
    Ok(processes)
}

/// Reads /proc/PID/stat; a program's name may hold anything, so that the fields are counted from behind it.
fn parse(stat: &str) -> Option<Process> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u32>().ok();
    let ticks = f64::from(number(11)?) + f64::from(number(12)?);
    Some(Process { parent: number(1)?, seconds: ticks / TICKS_PER_SECOND })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_s_name_may_hold_anything() {
        let stat = "77 (a) b (c) S 7 77 77 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 1 1 1";
        assert_eq!(parse(stat), Some(Process { parent: 7, seconds: 3.0 }));
        assert_eq!(parse(""), None);
    }

    #[test]
    fn a_stack_that_is_not_there_is_told() {
        assert!(used().is_err());
    }
}
