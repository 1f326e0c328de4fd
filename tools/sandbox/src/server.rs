//! Starting and stopping the simulator in the caller's own process.

use std::{
    hash::{BuildHasher, RandomState},
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::timeout};

use crate::{
    app::App,
    control::{self, ClockView, IdleView, clock_view, wait_idle},
    domain::{
        clock::Clock,
        ledger::Ledger,
        merchant::{Merchant, MerchantError},
        scenario::Scenario,
        world::World,
    },
    http,
    webhook::deliver::Courier,
};

/// How long open connections may take to end when the simulator stops.
const SHUTDOWN_MAX: Duration = Duration::from_secs(3);

/// How a simulator is started.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens; port 0 is any free port.
    pub listen: SocketAddr,
    /// Decides fates and faults.
    pub seed: u64,
    /// Makes ids and nonces; a fresh one if missing, so that two runs don't share nonces.
    pub salt: Option<u64>,
    /// Accounts.
    pub merchants: Vec<Merchant>,
    /// Rules and settings.
    pub scenario: Scenario,
    /// Where the virtual clock starts; now if missing.
    pub start_at: Option<Timestamp>,
    /// Virtual seconds per real second; 0 stands still between commands.
    pub time_scale: u32,
    /// How many webhooks are on the way at most.
    pub deliveries_in_flight_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            seed: 0,
            salt: None,
            merchants: vec![],
            scenario: Scenario::default(),
            start_at: None,
            time_scale: 1,
            deliveries_in_flight_max: 32,
        }
    }
}

/// Why a simulator didn't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A merchant is misconfigured.
    #[error("merchant {mid}: {error}")]
    Merchant {
        /// Which.
        mid: String,
        /// Why.
        error: MerchantError,
    },
    /// The address can't be listened on.
    #[error("can't listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// The client for webhooks can't be built.
    #[error("can't build the webhook client: {0}")]
    Client(#[from] reqwest::Error),
}

/// The simulator.
#[derive(Clone, Copy, Debug)]
pub struct Sandbox;

impl Sandbox {
    /// Starts a simulator on the current Tokio runtime. It listens when this returns.
    ///
    /// # Errors
    /// [`StartError`]
    pub async fn start(config: Config) -> Result<Running, StartError> {
        for merchant in &config.merchants {
            let mid = merchant.mid.clone();
            merchant.check().map_err(|error| StartError::Merchant { mid, error })?;
        }
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|error| StartError::Listen(config.listen, error))?;
        let address = listener.local_addr().map_err(|error| StartError::Listen(config.listen, error))?;
        let courier = Courier::new(config.deliveries_in_flight_max)?;
        let scenario = config.scenario;
        let world = World::new(
            config.seed,
            config.salt.unwrap_or_else(salt),
            scenario.settings.unwrap_or_default(),
            scenario.rules.unwrap_or_default(),
            config.merchants,
        );
        let real = Timestamp::now();
        let clock = Clock::new(real, config.start_at.unwrap_or(real), config.time_scale);
        let (stop, stopping) = watch::channel(false);
        let app = App::new(world, clock, courier, stopping.clone());
        let router = http::router().merge(control::router()).with_state(Arc::clone(&app));
        let driver = tokio::spawn(Arc::clone(&app).drive());
        let server = tokio::spawn(async move {
            let mut stopping = stopping;
            let until = async move {
                // An error means that the handle is gone, which is a reason to stop as well.
                stopping.wait_for(|stop| *stop).await.ok();
            };
            axum::serve(listener, router).with_graceful_shutdown(until).await
        });
        Ok(Running {
            address,
            base_url: format!("http://{address}/v1"),
            control_url: format!("http://{address}/_sandbox"),
            app,
            stop,
            server,
            driver,
        })
    }
}

/// A running simulator. It stops when this is dropped; [`Running::shutdown`] also waits for that.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// The provider's API, up to and including `/v1`.
    pub base_url: String,
    /// The control API, up to and including `/_sandbox`.
    pub control_url: String,
    app: Arc<App>,
    stop: watch::Sender<bool>,
    server: JoinHandle<io::Result<()>>,
    driver: JoinHandle<()>,
}

impl Running {
    /// Adds a merchant or replaces the one with its mid.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn put_merchant(&self, merchant: Merchant) -> Result<(), MerchantError> {
        merchant.check()?;
        self.app.with(|world, _| world.put_merchant(merchant));
        Ok(())
    }

    /// Takes over what a scenario has; what it lacks stays.
    pub fn put_scenario(&self, scenario: Scenario) {
        self.app.with(|world, _| world.apply(scenario));
    }

    /// Moves the virtual clock forward. Everything due by then has happened when this returns; webhooks are on their
    /// way.
    pub fn advance(&self, seconds: u64) -> ClockView {
        self.app.advance(seconds);
        self.clock()
    }

    /// The virtual clock.
    #[must_use]
    pub fn clock(&self) -> ClockView {
        clock_view(&self.app)
    }

    /// Waits until no webhook is under way. Those scheduled for a later instant are counted, not waited for.
    pub async fn idle(&self, limit: Duration) -> IdleView {
        wait_idle(&self.app, false, limit).await
    }

    /// Revokes all tokens, or all of one merchant; says how many.
    #[must_use]
    pub fn revoke_tokens(&self, mid: Option<&str>) -> usize {
        self.app.with(|world, _| world.tokens.revoke_all(mid))
    }

    /// The truth.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.app.with(|world, now| world.ledger(now))
    }

    /// Runs `f` on the simulated FlexFactor itself, at the virtual clock's now.
    pub fn with_world<R>(&self, f: impl FnOnce(&mut World, Timestamp) -> R) -> R {
        self.app.with(f)
    }

    /// Waits until the server ends by itself, which it does only by an error.
    pub async fn wait(&mut self) {
        if let Ok(Err(error)) = (&mut self.server).await {
            tracing::error!(%error, "the server ended");
        }
    }

    /// Stops it and waits until it has stopped.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        // A handle that was awaited to its end must not be awaited again.
        if self.server.is_finished() {
            return;
        }
        if timeout(SHUTDOWN_MAX, &mut self.server).await.is_err() {
            self.server.abort();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.driver.abort();
    }
}

/// A number no other run has.
pub(crate) fn salt() -> u64 {
    // The standard library's hasher state is random in each instance: enough to keep two runs apart.
    RandomState::new().hash_one(Timestamp::now().as_nanosecond())
}
