//! The running program: state, spool, one thread for each destination, the status socket, signals.
//!
//! In: a checked configuration and a way to load it again. Out: an exit when SIGTERM or SIGINT
//! asked for it and everything that could be proven is durable. SIGHUP loads the configuration
//! again; destinations that did not change are not touched. Diagnostics: start, stop, reload.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::time::MissedTickBehavior;
use tracing::{error, info, warn};

use crate::admin::{Admin, Report};
use crate::checkpoint::{Checkpoint, DeadLetter, DestinationState, contains_panics_of};
use crate::config::{Config, ConfigError, Destination};
#[cfg(feature = "http")]
use crate::deliver::http::{HttpDelivery, HttpParts};
use crate::deliver::in_flight::InFlight;
use crate::deliver::links::Links;
use crate::deliver::status::{DestinationStatus, Status};
use crate::deliver::{Delivery, Parts};
use crate::map::schema::Schema;
use crate::model::ledger::Ledger;
use crate::model::position::FileKey;
use crate::spool::Spool;
use crate::transport::Connector;

mod error;
pub mod sandbox;
pub mod settings;
mod stages;
pub mod systemd;

pub use error::ServiceError;
use sandbox::Sandbox;
use stages::{make_replay_dirs, pair};
pub use stages::{pipeline, replay_dir, replay_suffix, spool_settings};
use systemd::Systemd;

/// How often delivered files are let go of, and deleted or archived where that is wanted; and how
/// often systemd is told, unless its watchdog wants to hear more often.
const SETTLE_INTERVAL: Duration = Duration::from_secs(10);

/// How errors of the configuration say that a file or directory is closed to this process.
const DENIED: [&str; 2] = ["cannot be read by this user", "ermission denied"];

/// Runs until a signal ends it; returns when everything that could be proven is durable. `config`
/// was read from `file`, and `load` reads it again.
pub fn run(
    mut config: Config,
    file: &Path,
    load: impl Fn() -> Result<Config, ConfigError>,
) -> Result<(), ServiceError> {
    abort_on_panic();
    let mut systemd = Systemd::from_environment();
    // Before there is any thread or any input.
    let sandbox = sandbox::enter(&config, file)?;
    if let Some(user) = config.service.user.clone() {
        config = load().map_err(|source| ServiceError::Config { user, source })?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| ServiceError::System { what: "the reactor", source })?;
    runtime.block_on(async {
        let mut signals = Signals::install()?;
        let mut service = Service::start(config, sandbox)?;
        systemd.ready();
        service.until_stopped(&mut signals, &mut systemd, load).await;
        systemd.stopping();
        service.stop().map(|_| ())
    })
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn install() -> Result<Signals, ServiceError> {
        let on = |kind| {
            signal(kind).map_err(|source| ServiceError::System { what: "a signal handler", source })
        };
        Ok(Signals {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hangup: on(SignalKind::hangup())?,
        })
    }
}

/// One destination's thread.
struct Running {
    destination: Destination,
    stop: watch::Sender<bool>,
    status: Status,
    /// Rung when secrets are to be read anew.
    renewal: Arc<Notify>,
    thread: JoinHandle<InFlight>,
}

/// What one destination's thread drives.
type Deliver = Box<dyn FnOnce(&Runtime, watch::Receiver<bool>) -> InFlight + Send>;

/// Everything that runs.
pub struct Service {
    config: Config,
    since: String,
    checkpoint: Checkpoint,
    dead_letter: DeadLetter,
    spool: Spool,
    schemas: Vec<Schema>,
    running: BTreeMap<String, Running>,
    /// Progress of destinations that the configuration does not name now; should it name them
    /// again, they go on where they were.
    dormant: BTreeMap<String, InFlight>,
    admin: Option<Admin>,
    sandbox: Sandbox,
}

impl Service {
    /// Opens state, spool and status socket and starts every destination. `sandbox` is what this
    /// process has entered; the default is none.
    pub fn start(config: Config, sandbox: Sandbox) -> Result<Service, ServiceError> {
        let (checkpoint, restored) = Checkpoint::open(config.state.clone())?;
        let dead_letter = DeadLetter::open(&config.state.dir)?;
        let schemas = crate::map::schema::load(&config.map)?;
        make_replay_dirs(&config);
        let spool = Spool::open(spool_settings(&config), restored.files)?;
        let admin = config.admin.socket.as_deref().and_then(|path| {
            Admin::bind(path)
                .inspect_err(|source| {
                    warn!("status socket {}: {source}; status will not be served", path.display());
                })
                .ok()
        });
        let mut service = Service {
            since: jiff::Timestamp::now().to_string(),
            checkpoint,
            dead_letter,
            spool,
            schemas,
            running: BTreeMap::new(),
            dormant: restored
                .destinations
                .into_iter()
                .map(|(name, state)| (name, continued(state)))
                .collect(),
            admin,
            sandbox,
            config,
        };
        service.launch_missing()?;
        info!(
            version = env!("CARGO_PKG_VERSION"),
            destinations = service.running.len(),
            hostname = service.config.hostname.as_str(),
            "started"
        );
        Ok(service)
    }

    async fn until_stopped(
        &mut self,
        signals: &mut Signals,
        systemd: &mut Systemd,
        load: impl Fn() -> Result<Config, ConfigError>,
    ) {
        // Three times before the watchdog barks, and one timer for everything: an idle program
        // hardly wakes.
        let often = systemd.watchdog().map_or(SETTLE_INTERVAL, |barks| barks / 3);
        let mut ticks = tokio::time::interval(often.min(SETTLE_INTERVAL));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut was_stalled = false;
        loop {
            let event = {
                let serve = async {
                    match &self.admin {
                        Some(admin) => admin.serve(|| self.report()).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    _ = signals.terminate.recv() => Event::Stop,
                    _ = signals.interrupt.recv() => Event::Stop,
                    _ = signals.hangup.recv() => Event::Reload,
                    _ = ticks.tick() => Event::Tick,
                    () = serve => Event::Tick,
                }
            };
            match event {
                Event::Stop => return,
                Event::Reload => {
                    systemd.reloading();
                    self.reload(load(), systemd);
                    systemd.ready();
                }
                Event::Tick => {
                    self.settle();
                    for path in self.sandbox.out_of_reach() {
                        warn!(
                            path = %path.display(),
                            "was replaced, and the sandbox gives the old one alone; restart"
                        );
                    }
                    was_stalled = self.tell(systemd, was_stalled);
                }
            }
        }
    }

    /// Ends every destination, all at once, and makes durable what they proved; answers the sum
    /// of their ledgers.
    pub fn stop(mut self) -> Result<Ledger, ServiceError> {
        info!("stopping");
        for running in self.running.values() {
            running.stop.send_replace(true);
        }
        let mut sum = Ledger::default();
        for (_, running) in std::mem::take(&mut self.running) {
            sum = sum + joined(running).ledger();
        }
        self.checkpoint.flush()?;
        info!("stopped");
        Ok(sum)
    }

    /// The line for `systemctl status`, and the watchdog's food unless a loop is stalled; answers
    /// whether one is.
    fn tell(&self, systemd: &mut Systemd, was_stalled: bool) -> bool {
        let stalled = systemd.watchdog().and_then(|limit| self.stalled(limit));
        match &stalled {
            Some(who) if !was_stalled => {
                error!("{who} makes no progress; the watchdog is not fed until it does");
            }
            None if was_stalled => info!("everything makes progress again"),
            _ => {}
        }
        if let Some(who) = &stalled {
            systemd.show(format!("STALLED: {who} makes no progress"));
            return true;
        }
        let destinations = self.destinations();
        let trouble = self.checkpoint.trouble().map(|cause| cause.text);
        systemd.show(systemd::line(&destinations, trouble.as_deref()));
        systemd.feed();
        false
    }

    /// Who has worked for longer than `limit` without a sign of progress.
    fn stalled(&self, limit: Duration) -> Option<String> {
        let now = Instant::now();
        let stalled = |running: &&Running| running.status.beat().is_stalled(now, limit);
        if let Some(running) = self.running.values().find(stalled) {
            return Some(format!("destination {}", running.destination.deliver.name));
        }
        let is_stalled = self.spool.beat().is_stalled(now, limit);
        is_stalled.then(|| "the watch of the spool's directories".to_owned())
    }

    fn reload(&mut self, loaded: Result<Config, ConfigError>, systemd: &Systemd) {
        let result = match loaded {
            Ok(config) => self.apply(config, systemd),
            Err(error) => {
                let text = error.to_string();
                let is_denied = DENIED.iter().any(|denied| text.contains(denied));
                let remark = match self.sandbox.has_files() && is_denied {
                    true => {
                        "; the sandbox allows files and directories as they were at the start, and \
                         a restart gives new ones"
                    }
                    false => "",
                };
                error!("reload refused, the old configuration stays in force: {text}{remark}");
                return;
            }
        };
        match result {
            Ok(()) => info!(destinations = self.running.len(), "reloaded"),
            Err(ServiceError::Sandbox(error)) => {
                error!("reload refused, the old configuration stays in force: {error}");
            }
            Err(error) => error!("reload: {error}"),
        }
    }

    fn apply(&mut self, config: Config, systemd: &Systemd) -> Result<(), ServiceError> {
        let fixed =
            |config: &Config| (config.state.clone(), config.admin.clone(), config.service.clone());
        if fixed(&config) != fixed(&self.config) {
            warn!("[state], [admin], user and sandbox take effect at the next start, not now");
        }
        let (state, admin, service) = fixed(&self.config);
        let config = Config { state, admin, service, ..config };
        // Everything that can fail comes before anything is stopped.
        self.sandbox.admits(&config)?;
        let schemas = crate::map::schema::load(&config.map)?;
        for destination in &config.destinations {
            pipeline(&config, &schemas, destination)?;
        }
        make_replay_dirs(&config);
        let shared_changed = spool_settings(&config) != spool_settings(&self.config)
            || schemas != self.schemas
            || config.egress != self.config.egress
            || config.map != self.config.map;
        let keep = |running: &Running| {
            !shared_changed && config.destinations.contains(&running.destination)
        };
        for running in self.running.values().filter(|running| !keep(running)) {
            running.stop.send_replace(true);
        }
        for (name, running) in std::mem::take(&mut self.running) {
            if keep(&running) {
                self.running.insert(name, running);
            } else {
                self.dormant.insert(name, joined(running));
                // Each may have taken its whole `stop_timeout` to prove its tail.
                systemd.feed();
            }
        }
        for running in self.running.values() {
            running.renewal.notify_one();
        }
        if shared_changed {
            self.spool = Spool::open(spool_settings(&config), self.spool.records())?;
            self.schemas = schemas;
        }
        self.config = config;
        self.launch_missing()
    }

    fn launch_missing(&mut self) -> Result<(), ServiceError> {
        for destination in self.config.destinations.clone() {
            let name = &destination.deliver.name;
            if !self.running.contains_key(name) {
                let in_flight = self.dormant.remove(name);
                let in_flight = in_flight.unwrap_or_else(|| continued(DestinationState::default()));
                self.launch(destination, in_flight)?;
            }
        }
        Ok(())
    }

    fn launch(
        &mut self,
        destination: Destination,
        in_flight: InFlight,
    ) -> Result<(), ServiceError> {
        let name = destination.deliver.name.clone();
        let status = Status::new(&name);
        let renewal = Arc::new(Notify::new());
        let deliver = self.delivery(&destination, in_flight, &status, &renewal)?;
        let (stop, stopping) = watch::channel(false);
        let thread = thread::Builder::new()
            .name(format!("to-{name}"))
            .spawn(move || drive(&name, deliver, stopping))
            .map_err(|source| ServiceError::System { what: "a thread", source })?;
        let running = Running { destination, stop, status, renewal, thread };
        self.running.insert(running.destination.deliver.name.clone(), running);
        Ok(())
    }

    /// The loop of a destination, ready to run.
    fn delivery(
        &self,
        destination: &Destination,
        in_flight: InFlight,
        status: &Status,
        renewal: &Arc<Notify>,
    ) -> Result<Deliver, ServiceError> {
        let reader = self.spool.reader(&destination.deliver.name, in_flight.cursors());
        #[cfg(feature = "http")]
        if let Some(http) = destination.http.clone() {
            let delivery = HttpDelivery::new(HttpParts {
                settings: destination.deliver.clone(),
                http,
                hostname: self.config.hostname.clone(),
                transport: destination.transport.clone(),
                egress: self.config.egress.clone(),
                stages: pipeline(&self.config, &self.schemas, destination)?.into_stages(),
                spool: self.spool.clone(),
                reader,
                checkpoint: self.checkpoint.clone(),
                dead_letter: self.dead_letter.clone(),
                in_flight,
                status: status.clone(),
                renewal: Arc::clone(renewal),
            });
            return Ok(Box::new(|runtime, stop| runtime.block_on(delivery.run(stop))));
        }
        #[cfg(not(feature = "http"))]
        let _ = renewal;
        let delivery = Delivery::new(Parts {
            links: Links::new(
                Connector::new(destination.transport.clone(), self.config.egress.clone()),
                destination.transport.addresses.clone(),
                destination.deliver.fail_back_after,
            ),
            pipeline: pair(&self.config, &self.schemas, destination)?,
            spool: self.spool.clone(),
            reader,
            checkpoint: self.checkpoint.clone(),
            dead_letter: self.dead_letter.clone(),
            in_flight,
            status: status.clone(),
            settings: destination.deliver.clone(),
        });
        Ok(Box::new(|runtime, stop| runtime.block_on(delivery.run(stop))))
    }

    /// What `status` shows.
    pub fn report(&self) -> Report {
        Report {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            since: self.since.clone(),
            hostname: self.config.hostname.clone(),
            sandbox: self.sandbox.confinement().clone(),
            state_trouble: self.checkpoint.trouble().map(|cause| cause.text),
            destinations: self.destinations(),
        }
    }

    /// What each destination says of itself, and what it has before it.
    fn destinations(&self) -> Vec<DestinationStatus> {
        let status = |(name, running): (&String, &Running)| {
            // First what is not read: what is read in between counts twice, and not never.
            let waiting = self.spool.backlog_bytes(name);
            let mut status = running.status.snapshot();
            status.backlog_bytes += waiting;
            status
        };
        self.running.iter().map(status).collect()
    }

    /// Deletes or archives the closed files that every destination has durably passed.
    fn settle(&self) {
        self.spool.settle(&|file: FileKey, only: Option<&str>| {
            let readers = self.running.keys().filter(|name| only.is_none_or(|only| only == *name));
            let offsets = readers.map(|name| self.checkpoint.durable_offset(name, file));
            offsets.collect::<Option<Vec<u64>>>()?.into_iter().min()
        });
    }
}

enum Event {
    Stop,
    Reload,
    Tick,
}

/// A bug ends the program, and systemd starts it again: that loses nothing, while a program whose
/// threads end one by one would look alive. Panics of the state store are contained where they
/// happen.
fn abort_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        if !contains_panics_of(&thread::current()) {
            error!("a bug ends the program: {panic}");
            std::process::abort();
        }
    }));
}

/// A destination's thread: a reactor of its own, so that nothing can stall another destination.
fn drive(name: &str, deliver: Deliver, stopping: watch::Receiver<bool>) -> InFlight {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let in_flight = deliver(&runtime, stopping);
            // A program that prints a secret may still be waited for.
            runtime.shutdown_background();
            in_flight
        }
        // One destination that silently stopped would be worse than a restart, which loses nothing.
        Err(source) => {
            error!(destination = name, "no reactor: {source}; ending the program");
            std::process::abort()
        }
    }
}

fn joined(running: Running) -> InFlight {
    // The thread aborts the program rather than panic, so there is always a result.
    running.thread.join().unwrap_or_else(|_| std::process::abort())
}

fn continued(state: DestinationState) -> InFlight {
    InFlight::new(state.cursors, state.ledger, state.sequence)
}
