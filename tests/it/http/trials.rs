//! What every connector has to show, with the real program against a strict server.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use super::server::{Api, Server, id};
use crate::agent::{Agent, Outpost, count, wait_until};

/// An outpost with one HTTP destination.
pub struct Trial {
    pub outpost: Outpost,
    pub server: Server,
}

impl Trial {
    /// A server of that API, and a configuration that names it. `keys` are further keys of the
    /// destination; the waits are short.
    pub fn new(api: impl Api, keys: &str) -> Trial {
        let outpost = Outpost::new();
        let server = Server::start(api, &outpost.path(""));
        let destination = destination(&server, "cloud", &outpost, keys);
        outpost.configure(&format!("{EGRESS}{destination}"));
        Trial { outpost, server }
    }

    /// Writes events `0..count` into the spool.
    pub fn spool(&self, count: usize) {
        let lines: String = (0..count).map(|n| self.server.api().line(n)).collect();
        self.outpost.append("events.jsonl", lines.as_bytes());
    }

    /// Nothing that the program left behind shows a secret.
    #[track_caller]
    pub fn assert_secrets_are_kept(&self, agent: Option<&Agent<'_>>) {
        let mut places = vec![self.outpost.log()];
        places.extend(agent.map(|agent| format!("{:?}", agent.status())));
        places.extend(fs::read_to_string(self.outpost.path("state/dead-letter.jsonl")));
        for secret in self.server.api().secrets() {
            assert!(secret.len() >= 8, "too short to be told from other text");
            let shown = places.iter().find(|place| place.contains(&secret));
            assert!(shown.is_none(), "a secret is shown: {shown:?}");
        }
    }

    /// Events that are stored, by their number.
    #[track_caller]
    fn assert_stored(&self, wanted: impl Iterator<Item = usize>) {
        let stored: BTreeSet<String> = self.server.stored().into_keys().collect();
        let wanted: BTreeSet<String> = wanted.map(id).collect();
        let lost: Vec<_> = wanted.difference(&stored).take(5).collect();
        let extra: Vec<_> = stored.difference(&wanted).take(5).collect();
        assert!(lost.is_empty() && extra.is_empty(), "lost {lost:?}, not asked for {extra:?}");
    }
}

/// What an HTTP destination on loopback needs beside itself.
pub const EGRESS: &str = "[egress]\nallow = true\nhosts = [\"127.0.0.1\"]\n";

/// A destination that reaches `server`, quick in everything.
pub fn destination(server: &Server, name: &str, outpost: &Outpost, keys: &str) -> String {
    format!(
        "[[destination]]\nname = \"{name}\"\nrequest_timeout = \"400ms\"\n\
         batch = {{ linger = \"50ms\" }}\n\
         retry = {{ initial_backoff = \"10ms\", max_backoff = \"50ms\" }}\n\
         tls = {{ ca_file = {:?} }}\n{keys}{}",
        server.ca_file(),
        server.api().keys(&server.url(), &outpost.path("")),
    )
}

/// 10,000 events arrive exactly once where nothing fails.
pub fn exactly_once(api: impl Api) {
    const EVENTS: usize = 10_000;
    let trial = Trial::new(api, "");
    trial.spool(EVENTS);
    let mut agent = trial.outpost.start();
    let status = agent.wait_confirmed(EVENTS as u64);
    trial.server.assert_content();
    trial.assert_stored(0..EVENTS);
    let twice = trial.server.stored().into_iter().find(|(_, values)| values.len() > 1);
    assert_eq!(twice, None);
    assert_eq!((count(&status, "resent"), count(&status, "dead_lettered")), (0, 0));
    assert_eq!(count(&status, "in_flight"), 0);
    trial.assert_secrets_are_kept(Some(&agent));
    assert!(agent.stop().success());
}

/// None of 10,000 is lost although 30 of 100 requests fail in every documented way.
pub fn none_lost(api: impl Api) {
    const EVENTS: usize = 10_000;
    let trial = Trial::new(api, "");
    trial.server.fail(30);
    trial.spool(EVENTS);
    let mut agent = trial.outpost.start();
    let status = agent.wait_confirmed(EVENTS as u64);
    trial.server.assert_content();
    trial.assert_stored(0..EVENTS);
    assert_eq!(count(&status, "dead_lettered"), 0);
    assert!(trial.server.failed() > 20, "{} failures", trial.server.failed());
    trial.assert_secrets_are_kept(Some(&agent));
    assert!(agent.stop().success());
    println!("{} of {} failed", trial.server.failed(), trial.server.requests().len());
}

/// Events that the receiver refuses are in the dead letter, with the API's word; the rest arrives.
pub fn rejects(api: impl Api, kind: &str) {
    const EVENTS: usize = 500;
    const EVERY: usize = 50;
    let is_bad = |n: usize| n % EVERY == 7;
    let trial = Trial::new(api, "");
    trial.server.reject(|event| event.id.ends_with("07") || event.id.ends_with("57"));
    trial.spool(EVENTS);
    let mut agent = trial.outpost.start();
    let bad = (0..EVENTS).filter(|n| is_bad(*n)).count() as u64;
    let status = agent.wait_confirmed(EVENTS as u64 - bad);
    assert_eq!(count(&status, "dead_lettered"), bad);
    assert_eq!(count(&status, "in_flight"), 0);
    trial.server.assert_content();
    trial.assert_stored((0..EVENTS).filter(|n| !is_bad(*n)));
    trial.assert_secrets_are_kept(Some(&agent));
    assert!(agent.stop().success());
    let letter = fs::read_to_string(trial.outpost.path("state/dead-letter.jsonl")).unwrap();
    let buried: BTreeSet<String> = letter
        .lines()
        .map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(record["destination"], "cloud");
            assert_eq!(record["connector"], kind);
            assert!(record["error"].as_str().is_some_and(|error| !error.is_empty()));
            record["event"]["id"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(buried, (0..EVENTS).filter(|n| is_bad(*n)).map(id).collect());
    assert_eq!(letter.lines().count() as u64, bad, "each once");
}

/// What holds a destination is told, loses nothing, and ends by itself when it was mended.
pub fn held(api: impl Api, reply: super::server::Reply) {
    const EVENTS: usize = 300;
    let trial = Trial::new(api, "");
    trial.server.answer_always(Some(reply));
    trial.spool(EVENTS);
    let mut agent = trial.outpost.start();
    agent.wait_for("the destination to be held", |status| status["state"] == "held");
    wait_until("more tries", || (trial.server.requests().len() > 3).then_some(()));
    assert_eq!(trial.server.count(), 0);
    trial.server.answer_always(None);
    agent.wait_confirmed(EVENTS as u64);
    trial.assert_stored(0..EVENTS);
    trial.server.assert_content();
    trial.assert_secrets_are_kept(Some(&agent));
    assert!(agent.stop_within(Duration::from_secs(10)).success());
}
