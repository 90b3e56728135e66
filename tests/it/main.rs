//! The one integration crate: the real program against real receivers. `tests/run` runs it: it
//! brings what the tests talk to.

mod agent;
mod confirm;
mod installed;
mod judges;
mod process;
mod receive;
mod receivers;
mod sink;
mod static_binary;
