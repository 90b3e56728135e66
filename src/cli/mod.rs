//! The commands (design, section 8). The only folder that prints.

pub mod receive;
