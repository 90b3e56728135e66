//! `check --connect`: the credentials are proven by a question that stores nothing.

use std::path::Path;

use super::server::{Accepted, Api, Event, Reply, Request};
use super::trials::Trial;

/// An API that answers the question in its own way, or so.
struct Asked<A> {
    api: A,
    answer: Option<Reply>,
}

impl<A: Api> Api for Asked<A> {
    fn keys(&self, url: &str, dir: &Path) -> String {
        self.api.keys(url, dir)
    }

    fn secrets(&self) -> Vec<String> {
        self.api.secrets()
    }

    fn accept(&self, request: &Request) -> Result<Accepted, String> {
        let accepted = self.api.accept(request)?;
        let is_token = request.target.ends_with("/token");
        Ok(match (accepted, &self.answer) {
            (Accepted::Other(_), Some(answer)) if !is_token => Accepted::Other(answer.clone()),
            (accepted, _) => accepted,
        })
    }

    fn stored(&self, request: &Request, events: &[Event]) -> Reply {
        self.api.stored(request, events)
    }
}

/// What `check --connect` ends with (its exit code) and says.
fn asked(api: impl Api, answer: Option<Reply>) -> (i32, String) {
    let trial = Trial::new(Asked { api, answer }, "");
    let output = trial.outpost.command(&["check", "--connect"]);
    trial.server.assert_content();
    assert_eq!(trial.server.count(), 0, "the question stored something");
    assert!(!trial.server.requests().is_empty(), "nothing was asked");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    for secret in trial.server.api().secrets() {
        assert!(!said.contains(&secret), "a secret is shown: {said}");
    }
    (output.status.code().unwrap(), said)
}

/// The API's own answer is a proof; each of these is none, and the operator reads why.
pub fn proven<A: Api>(api: impl Fn() -> A, refusals: &[(Reply, &str)]) {
    let (code, said) = asked(api(), None);
    assert_eq!(code, 0, "{said}");
    for (reply, word) in refusals {
        let (code, said) = asked(api(), Some(reply.clone()));
        assert!(code == 69 && said.contains(word), "{} ends with {code}: {said}", reply.status);
    }
}
