//! `cargo run -p sandbox`: a FlexFactor simulator on a loopback port.

use std::{
    io::{Write, stderr, stdout},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::Parser;
use jiff::Timestamp;
use sandbox::{Config, Merchant, Sandbox, Scenario, examples};
use serde::de::DeserializeOwned;
use serde_json::json;
use tracing_subscriber::EnvFilter;

/// A simulator of FlexFactor's merchant API. Prints one line of JSON with its addresses when it is ready.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Port to listen on; 0 is any free port.
    #[arg(long, default_value_t = 0, env = "SANDBOX_PORT")]
    port: u16,
    /// Address to listen on. The control API has no authentication: leave it on loopback.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,
    /// Decides fates and faults: the same seed, the same decisions.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// File with a JSON array of merchants; without it there are two examples.
    #[arg(long)]
    merchants: Option<PathBuf>,
    /// File with rules and settings.
    #[arg(long)]
    scenario: Option<PathBuf>,
    /// Where the virtual clock starts, such as 2030-01-01T00:00:00Z; now if missing.
    #[arg(long)]
    start_at: Option<Timestamp>,
    /// Virtual seconds per real second; 0 stands still between commands.
    #[arg(long, default_value_t = 1)]
    time_scale: u32,
    /// How many webhooks are on the way at most.
    #[arg(long, default_value_t = 32)]
    deliveries_in_flight_max: usize,
    /// What is logged to the standard error output.
    #[arg(long, default_value = "info", env = "LOG_LEVEL")]
    log: String,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt().with_env_filter(EnvFilter::new(&arguments.log)).with_writer(stderr).init();
    let merchants: Vec<Merchant> =
        arguments.merchants.as_deref().map(read).transpose()?.unwrap_or_else(examples::merchants);
    let scenario: Scenario = arguments.scenario.as_deref().map(read).transpose()?.unwrap_or_default();
    let mids: Vec<String> = merchants.iter().map(|merchant| merchant.mid.clone()).collect();
    let config = Config {
        listen: SocketAddr::new(arguments.bind, arguments.port),
        seed: arguments.seed,
        salt: None,
        merchants,
        scenario,
        start_at: arguments.start_at,
        time_scale: arguments.time_scale,
        deliveries_in_flight_max: arguments.deliveries_in_flight_max,
    };
    let mut running = Sandbox::start(config).await?;
    let ready = json!({
        "ready": true, "base_url": running.base_url, "control_url": running.control_url, "merchants": mids,
        "seed": arguments.seed,
    });
    writeln!(stdout(), "{ready}")?;
    stdout().flush()?;
    tokio::select! {
        () = running.wait() => {}
        stopped = stop_signal() => stopped?,
    }
    running.shutdown().await;
    Ok(())
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not as expected", path.display()))
}

/// Waits for an interrupt or, where there is such a thing, a request to terminate.
async fn stop_signal() -> Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted?,
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}
