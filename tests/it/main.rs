//! The one integration crate: the real program against real receivers. `tests/run` runs it: it
//! brings what the tests talk to.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says on standard output what it measured"
)]

mod after_delivery;
mod agent;
#[cfg(feature = "http")]
mod clouds;
mod commands;
mod confirm;
mod confirm_rsyslog;
mod dead_letter;
mod delivery;
mod egress;
mod faults;
#[cfg(feature = "http")]
mod http;
mod installed;
mod judged;
mod judges;
mod kits;
mod privacy;
mod process;
mod receive;
mod receivers;
mod sandbox;
mod service;
mod sink;
mod stalled;
mod static_binary;
mod systemd;
mod tidy;
mod verify;
mod wire;
