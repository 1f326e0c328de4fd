//! The sandbox: inside this process, or as a process of its own that can outlive it.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use local_stack::Process;
use sandbox::{Config, Running, Sandbox};
use serde::Deserialize;

/// A started sandbox.
pub(crate) enum Provider {
    Inside(Running),
    Outside { about: Ready, process: Process },
}

/// The line that the sandbox's program prints when it is ready.
#[derive(Debug, Deserialize)]
pub(crate) struct Ready {
    base_url: String,
    control_url: String,
}

impl Provider {
    pub(crate) async fn start(seed: u64, keep: bool) -> Result<Self> {
        if keep {
            return tokio::task::spawn_blocking(move || start_outside(seed)).await?;
        }
        let running =
            Sandbox::start(Config { seed, ..Config::default() }).await.context("starting the sandbox")?;
        Ok(Self::Inside(running))
    }

    pub(crate) fn base_url(&self) -> &str {
        match self {
            Self::Inside(running) => &running.base_url,
            Self::Outside { about, .. } => &about.base_url,
        }
    }

    pub(crate) fn control_url(&self) -> &str {
        match self {
            Self::Inside(running) => &running.control_url,
            Self::Outside { about, .. } => &about.control_url,
        }
    }

    /// The process that must end with a kept stack.
    pub(crate) fn process(&self) -> Option<&Process> {
        match self {
            Self::Inside(_) => None,
            Self::Outside { process, .. } => Some(process),
        }
    }
}

/// Starts the program beside this one, leading a process group of its own.
fn start_outside(seed: u64) -> Result<Provider> {
    let program = std::env::current_exe()?.with_file_name("sandbox");
    let mut child = Command::new(&program)
        .args(["--port", "0", "--seed", &seed.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .with_context(|| format!("starting {}", program.display()))?;
    let output = child.stdout.take().context("the sandbox has no output")?;
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line)?;
    let about = serde_json::from_str(&line).context("the sandbox's first line is not as expected")?;
    let process = Process { pid: child.id(), command: "sandbox".to_owned() };
    Ok(Provider::Outside { about, process })
}
