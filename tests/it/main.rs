//! The one integration crate. `tests/run` runs it: it brings what the tests talk to.

mod installed;
mod process;
mod receivers;
