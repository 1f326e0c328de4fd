//! Signals to a process group that is led by the process that was started.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};

const POLL: Duration = Duration::from_millis(20);
/// After the last signal a process has only to be collected by its parent.
const KILLED_SECONDS_MAX: u64 = 5;

/// Asks the group's leader to end, and after `patience` ends the whole group; returns when no process of it is left.
///
/// `reap` is called while waiting: whoever is the leader's parent collects it there, as an uncollected process never
/// leaves its group.
pub fn stop_group(leader: u32, patience: Duration, mut reap: impl FnMut()) -> Result<()> {
    let group = pid(leader)?;
    ignore_gone(kill_process(group, Signal::TERM)).context("asking the process to end")?;
    if empty_within(group, patience, &mut reap) {
        return Ok(());
    }
    ignore_gone(kill_process_group(group, Signal::KILL)).context("ending the process group")?;
    if empty_within(group, Duration::from_secs(KILLED_SECONDS_MAX), &mut reap) {
        return Ok(());
    }
    bail!("processes of group {leader} are still there after SIGKILL")
}

fn pid(number: u32) -> Result<Pid> {
    // 0 and 1 would address our own group and every process there is.
    let number = i32::try_from(number).ok().filter(|number| *number > 1).context("not a process id")?;
    Pid::from_raw(number).context("not a process id")
}

fn ignore_gone(sent: rustix::io::Result<()>) -> rustix::io::Result<()> {
    match sent {
        Err(Errno::SRCH) => Ok(()),
        sent => sent,
    }
}

fn empty_within(group: Pid, patience: Duration, reap: &mut impl FnMut()) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        reap();
        if test_kill_process_group(group) == Err(Errno::SRCH) {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_leader_that_ignores_the_request_and_its_children_end_all_the_same() {
        let script = "trap '' TERM; sleep 600 & echo up; wait; sleep 600";
        let mut leader =
            Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).process_group(0).spawn().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(leader.stdout.take().unwrap()), &mut line)
            .unwrap();

        let id = leader.id();
        stop_group(id, Duration::from_millis(100), || drop(leader.try_wait())).unwrap();

        assert_eq!(test_kill_process_group(pid(id).unwrap()), Err(Errno::SRCH));
    }

    #[test]
    fn our_own_group_and_everybody_are_no_targets() {
        assert!(stop_group(0, Duration::ZERO, || ()).is_err());
        assert!(stop_group(1, Duration::ZERO, || ()).is_err());
    }
}
