//! Spool files to raw lines with their positions.

pub mod settings;
