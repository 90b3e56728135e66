//! Fields to bytes on the wire.

pub mod settings;
