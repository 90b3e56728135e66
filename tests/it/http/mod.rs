//! HTTP destinations: the real program against strict servers, one file for each API.
//!
//! An API is a [`server::Api`]; what every connector has to show is in [`trials`].

mod azure_data_collector;
mod body;
mod datadog;
mod elastic;
mod engine;
mod failures;
mod payload;
mod probes;
mod qradar_http;
mod sentinel;
mod server;
mod splunk_hec;
mod sumo;
mod trials;
mod webhook;
mod xsiam;
