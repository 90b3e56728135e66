//! The one integration crate. `tests/run` runs it: it brings what the tests talk to.

mod installed;
mod judges;
mod process;
mod receive;
mod receivers;
mod static_binary;
