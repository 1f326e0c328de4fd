//! The sandbox: inside this process, or as a process of its own that can outlive it.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use local_stack::{Process, Stack, stop_group};
use sandbox::{Config, Running, Sandbox};
use serde::Deserialize;

/// How long the program may take to end when it is not to be kept after all.
const PATIENCE: Duration = Duration::from_secs(3);

/// A started sandbox.
pub(crate) enum Provider {
    Inside(Running),
    Outside(Outside),
}

/// A sandbox that is a process of its own. It ends with this value until it was handed over to a kept stack.
pub(crate) struct Outside {
    program: PathBuf,
    about: Ready,
    child: Child,
    is_handed_over: bool,
}

/// The line that the sandbox's program prints when it is ready.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Ready {
    base_url: String,
    control_url: String,
}

impl Provider {
    /// `log` takes what the program prints.
    pub(crate) async fn start(seed: u64, keep: bool, log: PathBuf) -> Result<Self> {
        if keep {
            return tokio::task::spawn_blocking(move || start_outside(seed, &log).map(Self::Outside)).await?;
        }
        let running =
            Sandbox::start(Config { seed, ..Config::default() }).await.context("starting the sandbox")?;
        Ok(Self::Inside(running))
    }

    pub(crate) fn base_url(&self) -> &str {
        match self {
            Self::Inside(running) => &running.base_url,
            Self::Outside(outside) => &outside.about.base_url,
        }
    }

    pub(crate) fn control_url(&self) -> &str {
        match self {
            Self::Inside(running) => &running.control_url,
            Self::Outside(outside) => &outside.about.control_url,
        }
    }

    /// Hands the process over to a stack that is kept: from then on it ends with that.
    pub(crate) fn hand_over(&mut self, stack: &Stack) -> Result<()> {
        if let Self::Outside(outside) = self {
            let command = outside.program.display().to_string();
            stack.keep_also(Process { pid: outside.child.id(), command })?;
            outside.is_handed_over = true;
        }
        Ok(())
    }
}

/// Starts the program beside this one, leading a process group of its own.
fn start_outside(seed: u64, log: &Path) -> Result<Outside> {
    let program = std::env::current_exe()?.with_file_name("sandbox");
    log.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    let mut child = Command::new(&program)
        .args(["--port", "0", "--seed", &seed.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(log)?)
        .process_group(0)
        .spawn()
        .with_context(|| format!("starting {}", program.display()))?;
    let output = child.stdout.take().context("the sandbox has no output")?;
    let mut outside = Outside { program, about: Ready::default(), child, is_handed_over: false };
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    outside.about = serde_json::from_str(&line).context("the sandbox's first line is not as expected")?;
    Ok(outside)
}

impl Drop for Outside {
    fn drop(&mut self) {
        if self.is_handed_over {
            return;
        }
        let (pid, child) = (self.child.id(), &mut self.child);
        // Collected here, as nobody else will; that it is still running is no error but the reason to ask again.
        let stopped = stop_group(pid, PATIENCE, || drop(child.try_wait()));
        if let Err(error) = stopped {
            eprintln!("the sandbox did not stop: {error:#}");
        }
    }
}
