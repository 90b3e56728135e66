//! The status socket.

pub mod settings;
