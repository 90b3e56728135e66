//! One link from its first message to its end.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::{info, warn};

use crate::model::outcome::Cause;
use crate::transport::acknowledge::{Acknowledged, Hold};
use crate::transport::{Drained, Link};

use super::settings::Confirm;
use super::{Delivery, HOLD, SessionEnd, stopped};

/// How often acknowledgements are looked for while bytes are outstanding and nothing else happens.
const ACKNOWLEDGED_POLL: Duration = Duration::from_millis(20);
/// How often certificate files are looked at.
const TRUST_POLL: Duration = Duration::from_secs(30);
/// A datagram counts as taken when no ICMP error came back for so long.
const DATAGRAM_SETTLE: Duration = Duration::from_millis(200);
/// No datagram is confirmed by those that follow it, only by time.
const DATAGRAM_WINDOW: u64 = u64::MAX / 4;
/// How long a peer may take to answer a half-close that is not part of a stop.
const HALF_CLOSE_DEADLINE: Duration = Duration::from_secs(5);
/// A receiver that never answered a half-close, and left this many unanswered, is taken for one
/// that cannot: `drained` falls back to `settled`. One that did answer once is waited for.
pub(super) const UNANSWERED_MAX: u32 = 3;
/// A link that lasted this long and then ended idle is renewed without a wait.
const IDLE_END: Duration = Duration::from_secs(1);

type Probe = Pin<Box<dyn Future<Output = Result<Link, Cause>>>>;

/// What the loop knows about the link in use.
struct Session {
    tracker: Acknowledged,
    opened: Instant,
    /// Wire offset behind the last byte handed to the kernel.
    wire: u64,
    /// A connection to the preferred receiver in the making.
    probe: Option<Probe>,
    trust_checked: Instant,
    /// Delivery pauses until then, because this machine could not go on.
    held_until: Option<Instant>,
}

/// What to do next.
enum Step {
    /// Send the next portion of the batch.
    Send,
    /// Prove the tail by a half-close and connect again.
    Renew(&'static str),
    /// Nothing to do before this time or an event.
    Wait(Option<Instant>),
}

impl Delivery {
    /// Uses `link` until it ends, a stop is asked for, or it has to be renewed.
    pub(super) async fn session(
        &mut self,
        mut link: Link,
        stop: &mut watch::Receiver<bool>,
    ) -> SessionEnd {
        let mut session = self.begin_session();
        loop {
            if let Err(cause) = self.collect(&mut link, &mut session) {
                return SessionEnd::Lost(cause);
            }
            if *stop.borrow() {
                let deadline = self.settings.stop_timeout;
                if let Err(cause) = self.prove_tail(link, deadline, stop).await {
                    warn!(
                        destination = self.settings.name.as_str(),
                        code = cause.code,
                        "stopped with an unproven tail, which will be sent again: {cause}"
                    );
                }
                return SessionEnd::Stopped;
            }
            let ended = match self.next_step(&mut session) {
                Step::Send => self.send_next(&mut link, &mut session, stop).await,
                Step::Wait(until) => self.wait(&mut link, &mut session, until, stop).await,
                Step::Renew(why) => {
                    info!(destination = self.settings.name.as_str(), "renewing the link: {why}");
                    return match self.prove_tail(link, HALF_CLOSE_DEADLINE, stop).await {
                        Ok(()) => SessionEnd::Renewed,
                        Err(cause) => SessionEnd::Lost(cause),
                    };
                }
            };
            match ended {
                None => {}
                Some(SessionEnd::Switched(preferred)) => {
                    return match self.prove_tail(link, HALF_CLOSE_DEADLINE, stop).await {
                        Ok(()) => self.switched(preferred),
                        Err(cause) => SessionEnd::Lost(cause),
                    };
                }
                Some(end) => return end,
            }
        }
    }

    fn begin_session(&self) -> Session {
        let settle = self.settings.settle;
        let (settle, hold) = if self.links.is_datagram() {
            (DATAGRAM_SETTLE, Hold::Settled)
        } else {
            match self.confirm_in_force() {
                Confirm::Acked => (settle, Hold::Acked),
                Confirm::Settled => (settle, Hold::Settled),
                Confirm::Drained => (settle, Hold::Drained),
            }
        };
        let now = Instant::now();
        Session {
            tracker: Acknowledged::new(settle, hold),
            opened: now,
            wire: 0,
            probe: None,
            trust_checked: now,
            held_until: None,
        }
    }

    /// The rule in force: `drained` gives way where the receiver cannot answer a half-close.
    pub(super) fn confirm_in_force(&self) -> Confirm {
        match self.settings.confirm {
            Confirm::Drained
                if !self.answers_half_close && self.unanswered_half_closes >= UNANSWERED_MAX =>
            {
                Confirm::Settled
            }
            confirm => confirm,
        }
    }

    /// Asks the kernel what was acknowledged and moves the cursors over what that confirms.
    fn collect(&mut self, link: &mut Link, session: &mut Session) -> Result<(), Cause> {
        if self.in_flight.is_empty() && !session.tracker.outstanding() {
            return Ok(());
        }
        let progress = link.progress()?;
        let now = Instant::now();
        let window = if self.links.is_datagram() { DATAGRAM_WINDOW } else { progress.window_max };
        session.tracker.observe(now, progress.acked, window);
        self.pass(session.tracker.confirmed(now));
        Ok(())
    }

    fn pass(&mut self, wire: u64) {
        let confirmed = self.in_flight.ledger().confirmed;
        if let Some(passed) = self.in_flight.confirm(wire) {
            if passed.ledger.confirmed > confirmed {
                self.backoff.reset();
            }
            self.record(passed);
        }
    }

    /// Decides; the only I/O is reading the spool for the next batch.
    fn next_step(&mut self, session: &mut Session) -> Step {
        let now = Instant::now();
        if let Some(why) = self.renewal_due(session, now) {
            return Step::Renew(why);
        }
        if session.held_until.is_some_and(|until| now < until) {
            return Step::Wait(session.held_until);
        }
        if self.next_portion < self.batch.len() {
            return Step::Send;
        }
        if !self.in_flight.is_full() {
            match self.fill() {
                Ok(true) => {
                    self.released();
                    session.held_until = None;
                    return Step::Send;
                }
                Ok(false) => self.released(),
                Err(cause) => {
                    self.held(&cause);
                    session.held_until = Some(now + HOLD);
                }
            }
        }
        Step::Wait(self.wake_at(session, now))
    }

    fn renewal_due(&self, session: &mut Session, now: Instant) -> Option<&'static str> {
        if self.confirm_in_force() == Confirm::Drained
            && !self.links.is_datagram()
            && !self.in_flight.is_empty()
            && self.tail_drain_at(session).is_some_and(|at| now >= at)
        {
            return Some("to prove its tail");
        }
        if self.links.has_trust() && now >= session.trust_checked + TRUST_POLL {
            session.trust_checked = now;
            if self.links.trust_changed() {
                return Some("its certificates changed on disk");
            }
        }
        None
    }

    /// When a tail has waited long enough to be drained.
    fn tail_drain_at(&self, session: &Session) -> Option<Instant> {
        let since = session.tracker.tail_waits_since()?;
        (!session.tracker.outstanding()).then(|| since + self.settings.settle)
    }

    /// The next time something has to be looked at without an event.
    fn wake_at(&self, session: &Session, now: Instant) -> Option<Instant> {
        let waits = !self.in_flight.is_empty();
        let poll = session.tracker.outstanding().then(|| now + ACKNOWLEDGED_POLL);
        let settles = session.tracker.next_change().filter(|_| waits);
        let drains = match self.confirm_in_force() {
            Confirm::Drained if waits => self.tail_drain_at(session),
            _ => None,
        };
        let trust = self.links.has_trust().then(|| session.trust_checked + TRUST_POLL);
        let fail_back = self.links.fail_back_at().filter(|_| session.probe.is_none());
        [poll, settles, drains, trust, fail_back, session.held_until].into_iter().flatten().min()
    }

    async fn send_next(
        &mut self,
        link: &mut Link,
        session: &mut Session,
        stop: &mut watch::Receiver<bool>,
    ) -> Option<SessionEnd> {
        let (bytes, ends, mut portion) = self.batch.portion(self.next_portion)?;
        if let Some(rate) = &mut self.rate {
            let wait = rate.take(portion.counts.messages as usize, Instant::now());
            if !wait.is_zero() {
                tokio::select! {
                    biased;
                    // The batch stays as it is: what was not sent is read again after a restart.
                    () = stopped(stop) => return None,
                    cause = link.ended() => return Some(SessionEnd::Lost(cause)),
                    () = tokio::time::sleep(wait) => {}
                }
            }
        }
        if !bytes.is_empty() {
            let grace = self.settings.stop_timeout / 2;
            let sent = tokio::select! {
                biased;
                sent = link.send(bytes, ends) => sent,
                () = stop_overdue(stop, &mut self.stop_seen, grace) => {
                    return Some(SessionEnd::Stopped);
                }
            };
            match sent {
                Ok(wire) => session.wire = wire,
                Err(cause) => {
                    // Part of it may have arrived: it counts as sent when it is sent again.
                    portion.wire_end = u64::MAX;
                    self.in_flight.push(portion);
                    self.next_portion += 1;
                    return Some(SessionEnd::Lost(cause));
                }
            }
            session.tracker.written(session.wire);
        }
        portion.wire_end = session.wire;
        let is_unsent = bytes.is_empty();
        self.in_flight.push(portion);
        self.next_portion += 1;
        if is_unsent {
            self.pass(session.tracker.confirmed(Instant::now()));
        }
        self.show_ledger();
        None
    }

    async fn wait(
        &mut self,
        link: &mut Link,
        session: &mut Session,
        until: Option<Instant>,
        stop: &mut watch::Receiver<bool>,
    ) -> Option<SessionEnd> {
        if session.probe.is_none()
            && self.links.fail_back_at().is_some_and(|at| Instant::now() >= at)
        {
            session.probe = Some(Box::pin(self.links.probe_preferred()));
        }
        let probe = &mut session.probe;
        let is_held = session.held_until.is_some();
        let can_read = !self.in_flight.is_full() && !is_held;
        let reader = &mut self.reader;
        let probed = tokio::select! {
            biased;
            () = stopped(stop) => return None,
            cause = link.ended() => return Some(self.ended(session, cause)),
            () = reader.changed(), if can_read => return None,
            probed = async {
                match probe {
                    Some(probe) => probe.await,
                    None => std::future::pending().await,
                }
            } => probed,
            () = sleep_until(until) => return None,
        };
        session.probe = None;
        match probed {
            Ok(preferred) => Some(SessionEnd::Switched(Box::new(preferred))),
            Err(_) => {
                self.links.plan_fail_back();
                None
            }
        }
    }

    /// A receiver that closes an idle link is not an outage, unless it does nothing else.
    fn ended(&self, session: &Session, cause: Cause) -> SessionEnd {
        let is_idle = self.in_flight.is_empty() && self.next_portion >= self.batch.len();
        if is_idle && session.opened.elapsed() >= IDLE_END {
            return SessionEnd::Renewed;
        }
        SessionEnd::Lost(cause)
    }

    fn switched(&mut self, preferred: Box<Link>) -> SessionEnd {
        self.links.failed_back();
        info!(
            destination = self.settings.name.as_str(),
            peer = preferred.describe(),
            "back on the preferred receiver"
        );
        let address = self.links.describe_current();
        self.status.update(|status| {
            status.connections += 1;
            status.address = address;
        });
        SessionEnd::Switched(preferred)
    }

    /// Half-closes `link` and confirms everything that was sent when the peer answers with its FIN:
    /// within `deadline`, and within what is left of `stop_timeout`.
    async fn prove_tail(
        &mut self,
        link: Link,
        deadline: Duration,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), Cause> {
        let was = self.confirm_in_force();
        let asked = Instant::now();
        let drained = tokio::select! {
            biased;
            drained = self.links.prove(link, deadline) => drained,
            () = stop_overdue(stop, &mut self.stop_seen, self.settings.stop_timeout) => {
                Drained::NoAnswer
            }
        };
        match drained {
            Drained::Proven => {
                self.answers_half_close = true;
                self.unanswered_half_closes = 0;
                self.pass(u64::MAX);
                Ok(())
            }
            Drained::Refuted(cause) => Err(cause),
            Drained::NoAnswer | Drained::Closed => {
                self.unanswered_half_closes += 1;
                if was == Confirm::Drained && self.confirm_in_force() == Confirm::Settled {
                    warn!(
                        destination = self.settings.name.as_str(),
                        "the receiver never answers a half-close: `confirm = \"drained\"` falls \
                         back to \"settled\""
                    );
                }
                Err(Cause::new(
                    "half_close_unanswered",
                    format!(
                        "the receiver did not close its side within {:.1} s of ours; what it has \
                         read is not proven",
                        asked.elapsed().as_secs_f32()
                    ),
                ))
            }
        }
    }
}

/// Resolves when a stop was asked for and `limit` has passed since it was first `seen`.
async fn stop_overdue(
    stop: &mut watch::Receiver<bool>,
    seen: &mut Option<Instant>,
    limit: Duration,
) {
    stopped(stop).await;
    let seen = *seen.get_or_insert_with(Instant::now);
    tokio::time::sleep_until((seen + limit).into()).await;
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}
