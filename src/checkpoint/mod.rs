//! Outcome to durable progress.

pub mod settings;
