//! Links against real sockets on loopback.

mod connecting;
mod draining;
mod makes;
mod receiver;
mod sending;
mod trusting;
