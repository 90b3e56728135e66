//! The one integration crate. `tests/run` runs it: it brings what the tests talk to.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails at once; clippy.toml's allowances reach only functions marked #[test]"
)]

mod installed;
mod judges;
mod process;
mod receive;
mod receivers;
mod static_binary;
mod tidy;
