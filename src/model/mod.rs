//! Nouns that every stage speaks of: plain values, no I/O, no clock, no settings.

pub mod address;
pub mod beat;
pub mod cef;
pub mod egress;
pub mod event;
pub mod fields;
pub mod format;
pub mod head;
pub mod id;
pub mod ledger;
pub mod outcome;
pub mod position;
pub mod text;
pub mod texts;
pub mod time;
