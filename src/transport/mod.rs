//! Bytes to the receiver, and what it has proven to have.

pub mod settings;
