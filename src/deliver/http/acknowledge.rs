//! Batches that the receiver took and has not yet acknowledged as stored. Pure.
//!
//! In: batches with their number and channel, and answers about them. Out: what to ask, what is
//! stored, and what waited too long and is to be sent again.

use std::time::{Duration, Instant};

use super::batch::Batch;

/// How often is asked.
const ASK_INTERVAL: Duration = Duration::from_secs(1);
/// The most numbers of a question.
const NUMBERS_MAX: usize = 1000;

/// See the module's text.
#[derive(Debug, Default)]
pub struct Unacknowledged {
    waiting: Vec<Waiting>,
    asked_at: Option<Instant>,
    is_asking: bool,
    /// Channels take turns.
    last_channel: String,
}

#[derive(Debug)]
struct Waiting {
    channel: String,
    number: u64,
    batch: Batch,
    since: Instant,
}

/// What to ask the receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The channel of all numbers.
    pub channel: String,
    /// Numbers.
    pub numbers: Vec<u64>,
}

impl Unacknowledged {
    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// A batch begins to wait. One that waits under the same number is handed back: of the two,
    /// nobody could tell which is meant.
    pub fn push(&mut self, channel: String, number: u64, batch: Batch, now: Instant) -> Vec<Batch> {
        let same = self.remove(|waiting| waiting.channel == channel && waiting.number == number);
        self.waiting.push(Waiting { channel, number, batch, since: now });
        same
    }

    /// What to ask now, if it is time, of channels that are free. No other question is asked before
    /// [`Self::answered`].
    pub fn ask(&mut self, now: Instant, is_free: impl Fn(&str) -> bool) -> Option<Question> {
        if self.is_asking || self.ask_at()? > now {
            return None;
        }
        // The channel behind the last one, or the first.
        let channels = || {
            let all = self.waiting.iter().map(|waiting| &waiting.channel);
            all.filter(|channel| is_free(channel))
        };
        let next = channels().filter(|channel| **channel > self.last_channel).min();
        let channel = next.or_else(|| channels().min())?.clone();
        let of_it = self.waiting.iter().filter(|waiting| waiting.channel == channel);
        let numbers = of_it.map(|waiting| waiting.number).take(NUMBERS_MAX).collect();
        self.is_asking = true;
        self.last_channel.clone_from(&channel);
        Some(Question { channel, numbers })
    }

    /// When to ask next.
    pub fn ask_at(&self) -> Option<Instant> {
        let first = self.waiting.iter().map(|waiting| waiting.since).min()?;
        let channels = self.waiting.iter().map(|waiting| &waiting.channel);
        let count = channels.collect::<std::collections::BTreeSet<_>>().len().max(1);
        let interval = ASK_INTERVAL / u32::try_from(count).unwrap_or(1);
        (!self.is_asking).then(|| self.asked_at.map_or(first, |asked| asked + interval))
    }

    /// The answer to `question`: these numbers are stored. Hands their batches back.
    pub fn answered(&mut self, question: &Question, stored: &[u64], now: Instant) -> Vec<Batch> {
        self.is_asking = false;
        self.asked_at = Some(now);
        self.remove(|waiting| {
            waiting.channel == question.channel && stored.contains(&waiting.number)
        })
    }

    /// Hands back what has waited for `limit`.
    pub fn overdue(&mut self, now: Instant, limit: Duration) -> Vec<Batch> {
        self.remove(|waiting| now >= waiting.since + limit)
    }

    /// When the first will be overdue.
    pub fn overdue_at(&self, limit: Duration) -> Option<Instant> {
        self.waiting.iter().map(|waiting| waiting.since + limit).min()
    }

    fn remove(&mut self, mut is_meant: impl FnMut(&Waiting) -> bool) -> Vec<Batch> {
        let (gone, kept) = self.waiting.drain(..).partition::<Vec<_>, _>(|it| is_meant(it));
        self.waiting = kept;
        gone.into_iter().map(|waiting| waiting.batch).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(now: Instant) -> Batch {
        Batch { events: Vec::new(), due: now }
    }

    #[test]
    fn asks_channel_by_channel_and_tells_numbers_of_two_channels_apart() {
        let now = Instant::now();
        let mut waiting = Unacknowledged::default();
        for (channel, number) in [("a", 0), ("b", 0), ("a", 1)] {
            assert!(waiting.push(channel.to_owned(), number, batch(now), now).is_empty());
        }
        let free = |_: &str| true;
        let first = waiting.ask(now, free).unwrap();
        assert_eq!((first.channel.as_str(), first.numbers.as_slice()), ("a", &[0, 1][..]));
        assert_eq!(waiting.ask(now + ASK_INTERVAL, free), None, "one question at a time");
        assert_eq!(waiting.answered(&first, &[0], now).len(), 1);
        assert_eq!(waiting.ask(now, free), None, "not at once");
        assert_eq!(waiting.ask(now + ASK_INTERVAL, |_| false), None, "all are busy");
        let second = waiting.ask(now + ASK_INTERVAL, free).unwrap();
        assert_eq!((second.channel.as_str(), second.numbers.as_slice()), ("b", &[0][..]));
        assert_eq!(waiting.answered(&second, &[0], now).len(), 1);
        assert_eq!(waiting.ask(now + ASK_INTERVAL, free).unwrap().numbers, [1]);
    }

    #[test]
    fn what_nobody_can_be_sure_of_is_handed_back() {
        let now = Instant::now();
        let mut waiting = Unacknowledged::default();
        waiting.push("a".to_owned(), 7, batch(now), now);
        assert_eq!(waiting.push("a".to_owned(), 7, batch(now), now).len(), 1);
        let limit = Duration::from_secs(300);
        assert!(waiting.overdue(now, limit).is_empty());
        assert_eq!(waiting.overdue_at(limit), Some(now + limit));
        assert_eq!(waiting.overdue(now + limit, limit).len(), 1);
        assert!(waiting.is_empty());
    }
}
