//! The ways to fail of servers in general.

use super::server::{Event, Reply};

/// A documented way to fail.
#[derive(Clone)]
pub enum Failure {
    /// Stores nothing and answers so.
    Refuse(Reply),
    /// Answers so, but stores everything: the client cannot know.
    StoreAndRefuse(Reply),
    /// Refuses so whatever has more than one event.
    RefuseMany(Reply),
    /// Stores some and says which: (stored, answer).
    Partly(fn(&[Event]) -> (Vec<usize>, Reply)),
    /// RST with nothing stored.
    Reset,
    /// Stores everything, then RST.
    StoreAndReset,
    /// Stores everything, and never answers.
    Stall,
    /// Stores everything, and ends in the middle of the answer.
    CutShort,
}

/// What any server can do to a client.
pub fn common_failures() -> Vec<Failure> {
    let mut all: Vec<Failure> = [408, 429, 500, 502, 503, 504]
        .map(|status| Failure::Refuse(Reply::new(status, "<html>not JSON</html>")))
        .to_vec();
    all.extend([
        Failure::Refuse(Reply::new(429, "").with("Retry-After", "0")),
        Failure::Refuse(Reply::new(503, "").with("Retry-After", "Thu, 01 Jan 1970 00:00:00 GMT")),
        Failure::StoreAndRefuse(Reply::new(504, "")),
        Failure::RefuseMany(Reply::new(413, "")),
        Failure::Reset,
        Failure::StoreAndReset,
        Failure::Stall,
        Failure::CutShort,
    ]);
    all
}
