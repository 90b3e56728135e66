//! HTTP destinations: the real program against strict servers, one file for each API.
//!
//! An API is a [`server::Api`]; what every connector has to show is in [`trials`].

mod engine;
mod failures;
mod server;
mod splunk_hec;
mod trials;
