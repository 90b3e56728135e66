#![doc = include_str!("ARCHITECTURE.md")]

/// Nouns: event, fields, position, id, outcome, ledger.
pub mod model;

/// 1. Spool files to raw lines with their positions.
pub mod spool;

/// 2. Raw line to event.
pub mod decode;

/// 3. Event to CEF fields, by the schema's plan; privacy guard; filter.
pub mod map;

/// 4. Fields to bytes on the wire.
pub mod encode;

/// 5. Bytes to the receiver, and what it has proven to have.
pub mod transport;

/// Batches to requests, responses to outcomes: one file for each HTTP connector.
#[cfg(feature = "http")]
pub mod http;

/// 6. Outcome to durable progress.
pub mod checkpoint;

/// The order of things, for one destination.
pub mod deliver;

/// The status socket.
pub mod admin;

/// Text to checked settings.
pub mod config;

/// The running program: threads, signals.
pub mod service;

/// One file for each command.
pub mod cli;
