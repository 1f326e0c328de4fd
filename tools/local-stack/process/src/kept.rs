//! The file that remembers a stack that was left running, `target/local/stack.json`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::stop_group;

const PATIENCE: Duration = Duration::from_secs(10);

/// A process left running. It leads its own process group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id, which is its group's as well.
    pub pid: u32,
    /// What its command line must contain to be ours still: ids are reused.
    pub command: String,
}

/// A stack left running: its processes and whatever its owner wants to find again.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// In the order in which they were started.
    pub processes: Vec<Process>,
    /// Where to reach it, its outputs: not looked at here.
    pub description: Value,
}

impl Kept {
    /// The file's path in the repository at `root`.
    pub fn path(root: &Path) -> PathBuf {
        root.join("target/local/stack.json")
    }

    /// The kept stack, if there is one.
    pub fn load(root: &Path) -> Result<Option<Self>> {
        let path = Self::path(root);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        let value = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
        Self::from_value(&value).map(Some).with_context(|| format!("{} is not as written", path.display()))
    }

    /// Writes the file; a half-written one is never seen.
    pub fn save(&self, root: &Path) -> Result<()> {
        let path = Self::path(root);
        let new = path.with_extension("json.new");
        let text = serde_json::to_string_pretty(&self.to_value())?;
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(&new, text + "\n").with_context(|| format!("writing {}", new.display()))?;
        std::fs::rename(&new, &path).with_context(|| format!("writing {}", path.display()))
    }

    /// Whether any of its processes still runs.
    pub fn is_running(&self) -> bool {
        self.processes.iter().any(Process::is_ours)
    }

    fn to_value(&self) -> Value {
        let process = |process: &Process| json!({ "pid": process.pid, "command": process.command });
        json!({
            "processes": self.processes.iter().map(process).collect::<Vec<_>>(),
            "description": self.description,
        })
    }

    fn from_value(value: &Value) -> Option<Self> {
        let process = |value: &Value| {
            let pid = u32::try_from(value.get("pid")?.as_u64()?).ok()?;
            Some(Process { pid, command: value.get("command")?.as_str()?.to_owned() })
        };
        let processes = value.get("processes")?.as_array()?.iter().map(process).collect::<Option<_>>()?;
        Some(Self { processes, description: value.get("description")?.clone() })
    }
}

impl Process {
    /// Whether the process with this id is still the one that was started.
    pub fn is_ours(&self) -> bool {
        !self.command.is_empty() && command_line(self.pid).is_some_and(|line| line.contains(&self.command))
    }
}

fn command_line(pid: u32) -> Option<String> {
    if let Ok(bytes) = std::fs::read(format!("/proc/{pid}/cmdline")) {
        return Some(String::from_utf8_lossy(&bytes).replace('\0', " "));
    }
    // Systems without /proc.
    let output = std::process::Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output();
    output.ok().map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Stops the kept stack of the repository at `root` and forgets it; says how many processes were stopped.
///
/// Those started last go first. A process whose id now belongs to somebody else is left alone.
pub fn down(root: &Path) -> Result<usize> {
    let Some(kept) = Kept::load(root)? else { return Ok(0) };
    let mut stopped = 0;
    for process in kept.processes.iter().rev().filter(|process| process.is_ours()) {
        stop_group(process.pid, PATIENCE, || ())
            .with_context(|| format!("stopping process {} ({})", process.pid, process.command))?;
        stopped += 1;
    }
    match std::fs::remove_file(Kept::path(root)) {
        // Somebody else has stopped it meanwhile.
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).context("forgetting the stack")
        }
        Ok(()) | Err(_) => Ok(stopped),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use super::*;

    fn root(name: &str) -> PathBuf {
        let root = std::env::temp_dir().join(format!("stack-process-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&root).unwrap();
        root
    }

    fn kept(pid: u32, command: &str) -> Kept {
        let process = Process { pid, command: command.to_owned() };
        Kept { processes: vec![process], description: json!({ "endpoint": "http://127.0.0.1:1" }) }
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let root = root("roundtrip");
        assert_eq!(Kept::load(&root).unwrap(), None);
        kept(7, "server").save(&root).unwrap();
        assert_eq!(Kept::load(&root).unwrap(), Some(kept(7, "server")));
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_process_that_is_not_ours_any_more_is_left_alone() {
        let root = root("stranger");
        let mut stranger = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        kept(stranger.id(), "some-server").save(&root).unwrap();

        assert_eq!(down(&root).unwrap(), 0);

        assert!(stranger.try_wait().unwrap().is_none(), "the stranger was stopped");
        assert_eq!(Kept::load(&root).unwrap(), None);
        stranger.kill().unwrap();
        stranger.wait().unwrap();
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_damaged_file_is_an_error_and_not_an_empty_stack() {
        let root = root("damaged");
        kept(7, "server").save(&root).unwrap();
        std::fs::write(Kept::path(&root), "{}").unwrap();
        assert!(Kept::load(&root).is_err());
        std::fs::remove_dir_all(root).unwrap();
    }
}
