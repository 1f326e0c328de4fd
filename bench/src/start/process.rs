//! One process, from its start through its first event to the last.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::Serialize;
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use super::load::Load;
use super::runtime_api::RuntimeApi;
use super::usage::Usage;
use crate::figures::Figures;

/// Lines of a function's log that an error tells.
const LOG_LINES: usize = 20;

/// A moment in a process's life.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Moment {
    /// Milliseconds since the process was started.
    pub(crate) ms: f64,
    /// Processor time used until then, in milliseconds.
    pub(crate) cpu_ms: f64,
    /// Most memory that was resident until then, in bytes.
    pub(crate) peak_bytes: u64,
}

/// Events one after the other.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Events {
    /// Milliseconds from handing each over to its answer.
    pub(crate) ms: Figures,
    /// Processor time for each on average, in milliseconds.
    pub(crate) cpu_ms: f64,
}

/// What one process showed.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Measured {
    /// It asks for its first event.
    pub(crate) ready: Moment,
    /// It has answered it.
    pub(crate) answered: Moment,
    /// Events like the first, where there were any.
    pub(crate) warm: Option<Events>,
    /// The largest events, where there were any.
    pub(crate) full: Option<Events>,
    /// Most memory that was resident at any time, in bytes.
    pub(crate) peak_bytes: u64,
}

/// What is started.
#[derive(Debug)]
pub(crate) struct Program {
    /// Where its bootstrap is.
    pub(crate) directory: PathBuf,
    /// Where its output goes.
    pub(crate) log: PathBuf,
    /// Its environment.
    pub(crate) environment: BTreeMap<String, String>,
}

/// A function that waits for an event. It ends, with all that it started, when this is dropped.
struct Session {
    child: Child,
    pid: i32,
    started: Instant,
    api: RuntimeApi,
    /// What hands it its next event; none while it is at one.
    next: Option<oneshot::Sender<String>>,
}

impl Drop for Session {
    fn drop(&mut self) {
        end(self.pid);
    }
}

/// Starts a program, gives it the events one after the other, and watches. `check` fails for an answer that is not as it
/// should be.
///
/// # Errors
/// Anything failed: nothing is measured of a function that does not work.
pub(crate) async fn measure(
    program: &Program,
    load: &Load,
    check: impl Fn(&Value) -> Result<()>,
) -> Result<Measured> {
    let measured = run(program, load, &check).await;
    measured.with_context(|| format!("{}: {}", program.directory.display(), last_lines(&program.log)))
}

async fn run(program: &Program, load: &Load, check: &impl Fn(&Value) -> Result<()>) -> Result<Measured> {
    let (mut session, ready) = Session::start(program).await?;
    let (answered, _) = session.give(&load.first, check).await?;
    let warm = session.give_all(&load.warm, check).await?;
    let full = session.give_all(&load.full, check).await?;
    let peak_bytes = Usage::of(session.pid)?.peak_bytes;
    ensure!(session.child.try_wait()?.is_none(), "it has ended");
    Ok(Measured { ready, answered, warm, full, peak_bytes })
}

impl Session {
    /// Starts the program and waits until it asks for an event.
    async fn start(program: &Program) -> Result<(Self, Moment)> {
        let mut api = RuntimeApi::start().await?;
        let log = File::create(&program.log).with_context(|| program.log.display().to_string())?;
        let mut command = Command::new(program.directory.join("bootstrap"));
        command
            .current_dir(&program.directory)
            .env_clear()
            .envs(&program.environment)
            .env("AWS_LAMBDA_RUNTIME_API", api.address.to_string())
            .env("LAMBDA_TASK_ROOT", &program.directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true);
        let started = Instant::now();
        let mut child = command.spawn().context("starting it")?;
        let pid = i32::try_from(child.id().context("it has ended")?)?;
        let asked = tokio::select! {
            asked = api.next() => asked,
            ended = child.wait() => Err(anyhow!("it ended before its first event: {}", ended?)),
        };
        match asked {
            Ok((at, next)) => {
                let session = Self { child, pid, started, api, next: Some(next) };
                let ready = session.moment(at)?;
                Ok((session, ready))
            }
            Err(error) => {
                end(pid);
                Err(error)
            }
        }
    }

    /// Gives it an event and waits until it asks for another: the moment of its answer, and how long that took.
    async fn give(&mut self, event: &Value, check: &impl Fn(&Value) -> Result<()>) -> Result<(Moment, f64)> {
        let event = event.to_string();
        let next = self.next.take().context("it is at another event")?;
        let given = Instant::now();
        ensure!(next.send(event).is_ok(), "it hung up");
        let (at, answer, go_on) = tokio::select! {
            answered = self.api.answer() => answered?,
            ended = self.child.wait() => bail!("it ended at an event: {}", ended?),
        };
        check(&answer).with_context(|| format!("its answer: {answer}"))?;
        // It waits for us meanwhile, so that this is what it had used when it answered.
        let moment = self.moment(at)?;
        ensure!(go_on.send(String::new()).is_ok(), "it hung up");
        self.next = Some(self.api.next().await?.1);
        Ok((moment, millis(at - given)))
    }

    async fn give_all(
        &mut self,
        events: &[Value],
        check: &impl Fn(&Value) -> Result<()>,
    ) -> Result<Option<Events>> {
        if events.is_empty() {
            return Ok(None);
        }
        let before = Usage::of(self.pid)?;
        let mut ms = Figures::default();
        for event in events {
            ms.add(self.give(event, check).await?.1);
        }
        let used = Usage::of(self.pid)?.cpu_ms - before.cpu_ms;
        #[expect(clippy::cast_precision_loss)]
        let count = events.len() as f64;
        Ok(Some(Events { ms, cpu_ms: used / count }))
    }

    fn moment(&self, at: Instant) -> Result<Moment> {
        let Usage { cpu_ms, peak_bytes } = Usage::of(self.pid)?;
        Ok(Moment { ms: millis(at - self.started), cpu_ms, peak_bytes })
    }
}

/// It leads a group of its own; that it has ended already is no error.
fn end(pid: i32) {
    killpg(Pid::from_raw(pid), Signal::SIGKILL).ok();
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default();
    format!("its log ends in:\n{}", last.join("\n"))
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod tests;
