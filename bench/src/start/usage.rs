//! What a process has used so far: processor time and memory, its children's with it.

use anyhow::{Context, Result};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// Processor time and memory of a process and of all its children.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// Processor time of all threads, ended ones included, in milliseconds.
    pub(crate) cpu_ms: f64,
    /// Most memory that was resident at any time, in bytes.
    pub(crate) peak_bytes: u64,
}

impl Usage {
    /// Reads it from the kernel.
    ///
    /// # Errors
    /// The process has ended.
    pub(crate) fn of(pid: i32) -> Result<Self> {
        let mut usage = Self { cpu_ms: cpu_ms(pid)?, peak_bytes: peak_bytes(pid)? };
        for child in children(pid)? {
            let of_child = Self::of(child)?;
            usage.cpu_ms += of_child.cpu_ms;
            usage.peak_bytes += of_child.peak_bytes;
        }
        Ok(usage)
    }
}

/// The kernel's own clock of the process, which counts in nanoseconds; /proc/PID/stat counts in hundredths of a second.
fn cpu_ms(pid: i32) -> Result<f64> {
    let clock = clock_getcpuclockid(Pid::from_raw(pid)).with_context(|| format!("process {pid}"))?;
    let used = std::time::Duration::from(clock_gettime(clock).with_context(|| format!("process {pid}"))?);
    Ok(used.as_secs_f64() * 1_000.0)
}

/// VmHWM, which begins anew with exec: what the starting process held does not count.
fn peak_bytes(pid: i32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("the process has ended")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM is missing")?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().context("VmHWM")?;
    Ok(kibibytes * 1_024)
}

fn children(pid: i32) -> Result<Vec<i32>> {
    let mut children = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).context("the process has ended")? {
        // A thread may end while we look; its children are then another thread's.
        let of_task = std::fs::read_to_string(task?.path().join("children")).unwrap_or_default();
        children.extend(of_task.split_whitespace().filter_map(|child| child.parse::<i32>().ok()));
    }
    Ok(children)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    /// A shell that has done `work` and then waits for its input to end.
    fn after(work: &str) -> Child {
        let script = format!("{work}; echo done; read -r line");
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = child.stdout.as_mut().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line).unwrap();
        assert_eq!(line, "done\n");
        child
    }

    fn usage_after(work: &str) -> Usage {
        let mut child = after(work);
        let usage = Usage::of(i32::try_from(child.id()).unwrap()).unwrap();
        drop(child.stdin.take());
        child.wait().unwrap();
        usage
    }

    #[test]
    fn work_and_children_are_counted() {
        let idle = usage_after(":");
        let busy = usage_after("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done");
        assert!(busy.cpu_ms > idle.cpu_ms + 1.0, "{busy:?} {idle:?}");
        let with_child = usage_after("sleep 60 & child=$!; trap \"kill $child\" EXIT");
        assert!(with_child.peak_bytes > idle.peak_bytes, "{with_child:?} {idle:?}");
        assert!((100_000..100_000_000).contains(&idle.peak_bytes), "{idle:?}");
    }
}
