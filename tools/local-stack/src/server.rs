//! MiniStack as a child process that cannot outlive its owner by accident.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::Options;

const READY_SECONDS_MAX: u64 = 60;
const POLL: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(10);
/// Between choosing a port and listening on it somebody else may take it.
const PORTS_TRIED_MAX: u32 = 3;
/// What MiniStack's command line is recognised by.
pub(crate) const LAUNCHER: &str = "ministack_launcher.py";

/// The file with a line for each invocation.
pub(crate) const INVOCATIONS_LOG: &str = "invocations.log";
/// The file with a line for each kind of call that our functions make to AWS.
const CALLS_LOG: &str = "calls.log";

#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    endpoint: String,
}

impl Server {
    /// Starts MiniStack on a free loopback port and waits until it answers.
    pub(crate) async fn start(options: &Options, http: &reqwest::Client) -> Result<Self> {
        ensure!(
            options.python().is_file(),
            "there is no {}: run `cargo xtask setup`",
            options.python().display()
        );
        std::fs::create_dir_all(options.run_directory())?;
        let mut tried = 1;
        loop {
            let mut server = Self::spawn(options)?;
            match server.wait_until_ready(http).await {
                Ok(()) => return Ok(server),
                Err(_) if tried < PORTS_TRIED_MAX && server.has_ended() => tried += 1,
                Err(error) => {
                    server.stop()?;
                    let log = options.run_directory().join("ministack.log");
                    return Err(error).with_context(|| format!("its log is {}", log.display()));
                }
            }
        }
    }

    fn spawn(options: &Options) -> Result<Self> {
        let port = free_port()?;
        let run = options.run_directory();
        let log = File::create(run.join("ministack.log"))?;
        File::create(run.join("functions.log"))?;
        File::create(run.join(INVOCATIONS_LOG))?;
        let end_with_us = !options.keep;
        let mut command = Command::new(options.python());
        // What the template grants is held against our own functions' calls, and not against a stand-in's.
        if options.functions.is_none() {
            File::create(run.join(CALLS_LOG))?;
            command.env("CALLS_LOG", run.join(CALLS_LOG));
        }
        let child = command
            .arg(options.script(LAUNCHER))
            .env("GATEWAY_PORT", port.to_string())
            .env("FUNCTIONS_LOG", run.join("functions.log"))
            .env("INVOCATIONS_LOG", run.join(INVOCATIONS_LOG))
            .env("TMPDIR", run.join("tmp"))
            // Enforces the template's roles: a permission that is missing there fails here, too.
            .env("AUTH", "true")
            .env("END_WITH_PARENT", if end_with_us { "1" } else { "0" })
            .envs(ENVIRONMENT)
            .envs(&options.environment)
            .env_remove("AWS_PROFILE")
            .env_remove("AWS_SESSION_TOKEN")
            .stdin(if end_with_us { Stdio::piped() } else { Stdio::null() })
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .context("starting MiniStack")?;
        Ok(Self { child, endpoint: format!("http://127.0.0.1:{port}") })
    }

    async fn wait_until_ready(&mut self, http: &reqwest::Client) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(READY_SECONDS_MAX);
        let health = format!("{}/_ministack/health", self.endpoint);
        loop {
            // In this order: an answer counts only if it can be from our own process.
            let answer = http.get(&health).send().await;
            if self.has_ended() {
                bail!("MiniStack ended while it started");
            }
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("MiniStack did not answer within {READY_SECONDS_MAX} s");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Also collects the process, so that it is not left as a zombie.
    fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends MiniStack and the functions it runs; returns when no process of them is left.
    pub(crate) fn stop(&mut self) -> Result<()> {
        let pid = self.pid();
        stack_process::stop_group(pid, PATIENCE, || {
            self.has_ended();
        })
    }
}

/// MiniStack treats this key as the account's root; the functions get keys of their own roles.
pub(crate) const DUMMY_KEY: &str = "test";
pub(crate) const REGION: &str = "us-east-1";
/// For MiniStack and, as it hands its environment on, for the functions.
const ENVIRONMENT: [(&str, &str); 6] = [
    ("AWS_ACCESS_KEY_ID", DUMMY_KEY),
    ("AWS_SECRET_ACCESS_KEY", DUMMY_KEY),
    ("AWS_REGION", REGION),
    ("AWS_EC2_METADATA_DISABLED", "true"),
    // All that a function calls here is on loopback, which a proxy cannot reach.
    ("NO_PROXY", "127.0.0.1,localhost"),
    ("no_proxy", "127.0.0.1,localhost"),
];

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The last lines of a log, for an error message.
pub(crate) fn tail(log: &Path, lines: usize) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let from = text.lines().count().saturating_sub(lines);
    text.lines().skip(from).collect::<Vec<_>>().join("\n")
}
