//! Events to CEF fields: privacy guard, detection, the schema's plan, and the filter.
//!
//! In: a tape that a decoder filled. Out: [`Fields`](crate::model::fields::Fields), or a
//! [`MapError`] for an event that no schema can map. What becomes what is said in
//! `config/schemas/*.toml`; this code knows no product. Pure but for `schema/load.rs`, which reads
//! the directory of schemas at start.
//!
//! Diagnostics: errors only; nothing is logged.

mod detection;
mod emit;
mod filter;
mod guard;
mod json;
mod keys;
mod lookup;
mod mapper;
mod path;
mod plan;
mod program;
pub mod schema;
pub mod settings;
mod shapes;
mod time;
mod trie;
mod values;

#[cfg(test)]
mod tests;

pub use filter::Filter;
pub use guard::{BUILT_IN as GUARDED_KEYS, Guard};
pub use mapper::{MapError, Mapper};
