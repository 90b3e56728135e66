//! The stage against real sockets on loopback.

mod acknowledge;
mod links;
