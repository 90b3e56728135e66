//! HTTP destinations: the real program against strict servers, one file for each API.
//!
//! An API is a [`server::Api`]; what every connector has to show is in [`trials`].

mod azure_data_collector;
mod datadog;
mod elastic;
mod probes;
mod sentinel;
mod server;
mod splunk_hec;
mod trials;
