//! The one integration crate.

fn main() {}
