//! The order of things for one HTTP destination: read, batch, send, judge, checkpoint.
//!
//! Unlike a syslog link, requests have answers: an event is confirmed by one, and requests overtake
//! each other. What is read and not yet stored is held in memory, up to [`HELD_BYTES_MAX`], so that
//! each event can be sent again by itself; the cursors of files move over events without a gap
//! (`window`), what is sent next and what an answer means is decided in `queue`. Both are pure;
//! here and in `client` and `credentials` is what touches the world.
//!
//! Diagnostics: as for syslog, one line when the receiver goes down, one when it is up again, one
//! when somebody has to mend something.

pub mod acknowledge;
pub mod answer;
pub mod batch;
pub mod client;
pub mod credentials;
mod exchange;
mod intake;
pub mod once;
pub mod queue;
pub mod size;
pub mod window;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use self::acknowledge::Unacknowledged;
use self::answer::{Settled, Trouble};
use self::batch::uuid;
use self::client::Client;
use self::credentials::{Credentials, Sources};
use self::exchange::Done;
use self::intake::Dead;
use self::queue::{Queue, QueueSettings};
use self::window::Window;
use super::in_flight::InFlight;
use super::rate::Rate;
use super::settings::Settings;
use super::stages::Stages;
use super::status::{State, Status};
use crate::checkpoint::{Checkpoint, DeadLetter, Progress};
use crate::http::{self, Limits};
use crate::model::egress::Policy;
use crate::model::outcome::Cause;
use crate::spool::{Reader, Spool};
use crate::transport;

/// Memory that events may hold which are read and not yet stored; beyond it nothing is read. One
/// read of the spool (256 KiB) may go over it.
pub const HELD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long delivery pauses when the dead letter or the spool cannot be used.
const HOLD: Duration = Duration::from_secs(1);

/// One HTTP destination and everything it needs.
pub struct HttpDelivery {
    settings: Settings,
    http: http::settings::Settings,
    /// Its word in the configuration, for dead letters.
    kind: &'static str,
    hostname: String,
    connector: Box<dyn http::Connector>,
    client: Arc<Client>,
    sources: Sources,
    credentials: Credentials,
    /// At most one of each is under way.
    is_reading_secrets: bool,
    is_fetching_token: bool,
    stages: Stages,
    spool: Spool,
    reader: Reader,
    checkpoint: Checkpoint,
    dead_letter: DeadLetter,
    window: Window,
    queue: Queue,
    unacknowledged: Unacknowledged,
    /// Channels whose connection is in use by a batch.
    busy_channels: HashSet<String>,
    /// For the dead letter, and not yet there.
    dead: Vec<Dead>,
    tasks: JoinSet<Done>,
    rate: Option<Rate>,
    /// The rate allows no request before then.
    rate_until: Option<Instant>,
    /// This machine could not go on, and tries again then.
    held_until: Option<Instant>,
    /// There was nothing to read the last time.
    is_idle: bool,
    status: Status,
    down_since: Option<Instant>,
    renewal: Arc<Notify>,
}

/// The parts that [`HttpDelivery::new`] puts together.
pub struct HttpParts {
    /// The loop's own settings.
    pub settings: Settings,
    /// The connector and how requests are made.
    pub http: http::settings::Settings,
    /// HOSTNAME of this outpost.
    pub hostname: String,
    /// How links are made.
    pub transport: transport::settings::Settings,
    /// Which hosts may be reached; how HTTP is judged is seen to here.
    pub egress: Policy,
    /// decode, map, filter.
    pub stages: Stages,
    /// For the identities of files.
    pub spool: Spool,
    /// This destination's own place in the spool.
    pub reader: Reader,
    /// Durable progress.
    pub checkpoint: Checkpoint,
    /// Events that can never be delivered.
    pub dead_letter: DeadLetter,
    /// Where the last run left off.
    pub in_flight: InFlight,
    /// Shown by `status`.
    pub status: Status,
    /// Rung when secrets are to be read anew.
    pub renewal: Arc<Notify>,
}

/// What woke the loop.
enum Woken {
    Stop,
    Done(Done),
    Renewal,
    /// The spool, or a time.
    Other,
}

impl HttpDelivery {
    /// Puts a destination together; nothing happens before [`HttpDelivery::run`].
    pub fn new(parts: HttpParts) -> HttpDelivery {
        let HttpParts { settings, http, transport, .. } = parts;
        let connector = http::connector(&http);
        let link = transport::Connector::new(transport, parts.egress.for_http());
        let client = Client::new(link, http.proxy.as_ref(), http.request_timeout);
        let queue = Queue::new(QueueSettings {
            limits: limits(connector.limits(), &http),
            linger: http.batch.linger,
            requests_max: http.requests_in_flight.max(1),
            retry: http.retry,
        });
        let now = Instant::now();
        HttpDelivery {
            kind: http.connector.word(),
            hostname: parts.hostname,
            sources: Sources::new(connector.secrets(), http.credentials_dir.clone()),
            connector,
            client: Arc::new(client),
            credentials: Credentials::default(),
            is_reading_secrets: false,
            is_fetching_token: false,
            stages: parts.stages,
            spool: parts.spool,
            reader: parts.reader,
            checkpoint: parts.checkpoint,
            dead_letter: parts.dead_letter,
            window: Window::new(&parts.in_flight),
            queue,
            unacknowledged: Unacknowledged::default(),
            busy_channels: HashSet::new(),
            dead: Vec::new(),
            tasks: JoinSet::new(),
            rate: settings.max_eps.map(|rate| Rate::new(rate, settings.slow_start, now)),
            rate_until: None,
            held_until: None,
            is_idle: false,
            status: parts.status,
            down_since: None,
            renewal: parts.renewal,
            http,
            settings,
        }
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Delivers until `stop` turns true, then sends what was read and waits for answers, within
    /// `stop_timeout`. Answers where a later run goes on; what had no answer is sent again then.
    pub async fn run(self, stop: watch::Receiver<bool>) -> InFlight {
        let beat = self.status.beat().clone();
        super::beating(beat, self.deliver(stop)).await
    }

    async fn deliver(mut self, mut stop: watch::Receiver<bool>) -> InFlight {
        let endpoint = self.connector.endpoint();
        let shown = endpoint.to_string();
        self.status.update(|status| status.address = shown);
        self.enter(State::Connecting);
        self.show_ledger();
        let mut stop_until = None;
        loop {
            let now = Instant::now();
            if stop_until.is_none() {
                self.take_in(now);
            }
            self.bury(now);
            let next = self.start_requests(now, stop_until.is_some());
            if stop_until.is_some_and(|until| now >= until || self.is_finished()) {
                break;
            }
            match self.wait(&mut stop, stop_until, next).await {
                Woken::Stop => stop_until = Some(Instant::now() + self.settings.stop_timeout),
                Woken::Done(done) => self.done(done, Instant::now()),
                Woken::Renewal => {
                    self.credentials.renew();
                    self.queue.hurry(Instant::now());
                }
                Woken::Other => {}
            }
        }
        // What is in memory is in the spool as well, behind the cursors.
        self.tasks.abort_all();
        self.enter(State::Stopped);
        self.window.into_in_flight()
    }

    /// After a stop was asked for: everything is stored, or cannot be now.
    fn is_finished(&self) -> bool {
        let is_all_stored =
            self.queue.is_empty() && self.unacknowledged.is_empty() && self.dead.is_empty();
        self.queue.in_flight() == 0 && (is_all_stored || self.queue.is_failing())
    }

    async fn wait(
        &mut self,
        stop: &mut watch::Receiver<bool>,
        stop_until: Option<Instant>,
        next: Option<Instant>,
    ) -> Woken {
        let until = [next, self.held_until, stop_until].into_iter().flatten().min();
        let can_read = self.is_idle && self.held_until.is_none() && stop_until.is_none();
        let (reader, tasks, renewal) = (&mut self.reader, &mut self.tasks, &self.renewal);
        tokio::select! {
            biased;
            () = super::stopped(stop), if stop_until.is_none() => Woken::Stop,
            Some(done) = tasks.join_next(), if !tasks.is_empty() => match done {
                Ok(done) => Woken::Done(done),
                // A bug in a task ends the program; an aborted one is not awaited.
                Err(_) => Woken::Other,
            },
            () = renewal.notified() => Woken::Renewal,
            () = reader.changed(), if can_read => Woken::Other,
            () = sleep_until(until) => Woken::Other,
        }
    }

    /// Moves what an answer brought to where it belongs.
    fn settled(&mut self, settled: Settled, channel: &str, now: Instant) {
        let Settled { delivered, dead, unacknowledged, trouble, is_success, renew } = settled;
        for segment in delivered {
            self.window.delivered(segment);
        }
        self.dead.extend(dead.into_iter().map(|(event, cause)| Dead::from_event(event, cause)));
        if let Some((number, batch)) = unacknowledged {
            for batch in self.unacknowledged.push(channel.to_owned(), number, batch, now) {
                self.queue.unacknowledged(batch, now);
            }
        }
        if renew {
            self.credentials.renew();
        }
        if is_success {
            self.went_up();
        }
        match trouble {
            Some(Trouble::Down(cause)) => self.went_down(&cause),
            Some(Trouble::Held(cause)) => self.held(&cause),
            None => {}
        }
        self.record();
    }

    /// Cursors moved: to the checkpoint, together with the identities they refer to.
    fn record(&mut self) {
        if let Some(passed) = self.window.pass() {
            let changed = self.spool.changed_records();
            if !changed.is_empty() {
                for file in &changed.gone {
                    self.window.forget(*file);
                }
                self.checkpoint.record_files(changed.upserts, changed.gone);
            }
            let super::in_flight::Passed { cursors, ledger, sequence } = passed;
            self.checkpoint.record(&self.settings.name, Progress { cursors, ledger, sequence });
        }
        self.show_ledger();
    }

    fn show_ledger(&self) {
        let ledger = self.window.ledger();
        debug_assert!(ledger.adds_up(), "{ledger:?}");
        let connections = self.client.connections();
        self.status.update(|status| {
            status.ledger = ledger;
            status.connections = connections;
        });
    }

    fn enter(&self, state: State) {
        let since = jiff::Timestamp::now().to_string();
        self.status.update(|status| {
            if status.state != state {
                status.since = since;
            }
            status.state = state;
            status.confirm = "answered".to_owned();
        });
    }

    fn went_up(&mut self) {
        let destination = self.settings.name.as_str();
        let was = self.status.snapshot().state;
        if was == State::Up {
            return;
        }
        match self.down_since.take() {
            Some(since) => {
                if let Some(rate) = &mut self.rate {
                    rate.restart(Instant::now());
                }
                info!(destination, down_seconds = since.elapsed().as_secs(), "delivering again");
            }
            None => info!(destination, "delivering"),
        }
        self.enter(State::Up);
    }

    fn went_down(&mut self, cause: &Cause) {
        let destination = self.settings.name.as_str();
        let is_new = self.status.note_error(cause);
        if self.down_since.is_none() || is_new {
            warn!(destination, code = cause.code, "cannot deliver, will try again: {cause}");
        }
        self.down_since.get_or_insert_with(Instant::now);
        self.enter(State::Down);
    }

    fn held(&mut self, cause: &Cause) {
        let destination = self.settings.name.as_str();
        let was = self.status.snapshot().state;
        let is_new = self.status.note_error(cause);
        if was != State::Held || is_new {
            error!(destination, code = cause.code, "delivery is held: {cause}");
        }
        self.down_since.get_or_insert_with(Instant::now);
        self.enter(State::Held);
    }
}

/// The API's limits within those of the configuration.
fn limits(api: Limits, http: &http::settings::Settings) -> Limits {
    let body_bytes_max = http.batch.bytes_max.unwrap_or(usize::MAX).min(api.body_bytes_max);
    let events_max = http.batch.events_max.min(api.events_max);
    Limits { events_max, body_bytes_max, ..api }
}

/// A UUID of version 4; nothing depends on that nobody can guess it.
fn random_uuid() -> String {
    let mut octets = [0; 16];
    fastrand::fill(&mut octets);
    uuid(&octets, 0x40)
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}
