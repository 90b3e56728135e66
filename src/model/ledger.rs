//! The account of one destination (design, section 2).

use std::ops::Add;

use serde::{Deserialize, Serialize};

/// Counts of events since the state directory was made. At all times
/// `read = confirmed + in_flight + filtered + dead_lettered`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Lines taken from the spool, each once, however often it was sent.
    pub read: u64,
    /// Proven delivered.
    pub confirmed: u64,
    /// Encoded, perhaps written, not yet proven.
    pub in_flight: u64,
    /// Kept back by the destination's filter.
    pub filtered: u64,
    /// In the dead letter.
    pub dead_lettered: u64,
    /// Sent again after a connection ended: possible duplicates at the receiver.
    pub resent: u64,
    /// Messages cut to the size limit.
    pub truncated: u64,
}

impl Ledger {
    /// True when the account adds up.
    pub fn adds_up(&self) -> bool {
        self.read == self.confirmed + self.in_flight + self.filtered + self.dead_lettered
    }
}

impl Add for Ledger {
    type Output = Ledger;

    fn add(self, other: Ledger) -> Ledger {
        Ledger {
            read: self.read + other.read,
            confirmed: self.confirmed + other.confirmed,
            in_flight: self.in_flight + other.in_flight,
            filtered: self.filtered + other.filtered,
            dead_lettered: self.dead_lettered + other.dead_lettered,
            resent: self.resent + other.resent,
            truncated: self.truncated + other.truncated,
        }
    }
}
