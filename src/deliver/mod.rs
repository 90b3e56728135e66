//! The order of things, for one destination.

pub mod settings;
