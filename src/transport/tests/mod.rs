//! Links against real sockets on loopback.

mod acknowledge;
mod cause;
mod connecting;
mod draining;
mod makes;
mod receiver;
mod sending;
mod trusting;
