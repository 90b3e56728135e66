//! The one integration crate: the real program against real receivers.
//!
//! Run it by `tests/run`, which brings the receivers and judges that these tests need.

mod agent;
mod confirm;
mod sink;
